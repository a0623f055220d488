"""Arms compared with a baseline: better, worse or undecided, measure by measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cupel.errors import BadInput, BadOption, UnknownName
from cupel.notebook import facts_html
from cupel.verdict.bootstrap import REPLICATES, Resampled
from cupel.verdict.comparison import ArmComparison, Decision
from cupel.verdict.floor import Floor
from cupel.verdict.measures import Measure
from cupel.verdict.panel import Panel, PanelRow, line_up
from cupel.verdict.power import seeds_needed
from cupel.verdict.statistics import Estimate, centered, holm, paired_difference, single_value
from cupel.verdict.words import sentence

__all__ = ["ALPHA", "Verdict", "compare"]

ALPHA = 0.05
"""In what share of assays of equal arms anything at all may be called better or worse."""
AT_CHANCE = "a larger scale; both arms are no better than guessing"


@dataclass(frozen=True)
class Verdict:
    """All comparisons of an assay.

    Attributes
    ----------
    arms
        All but the baseline, in the order given.
    seeds
        The seeds that every arm was trained with.
    comparisons
        By arm, then measure; the mean of a metric comes before its subsets.
    floors
        The noise floors used, by measure.
    """

    baseline: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    comparisons: tuple[ArmComparison, ...]
    floors: Mapping[str, Floor]

    def of(self, arm: str) -> tuple[ArmComparison, ...]:
        """The comparisons of one arm."""
        if arm not in self.arms:
            raise UnknownName("arm", arm, self.arms)
        return tuple(comparison for comparison in self.comparisons if comparison.arm == arm)

    def headline(self, arm: str) -> ArmComparison:
        """The first metric's mean over its subsets, or its only subset."""
        return self.of(arm)[0]

    def sentence(self, arm: str) -> str:
        """The headline in one sentence."""
        return sentence(self.headline(arm))

    def subsets(self, arm: str, decision: Decision) -> tuple[str, ...]:
        """The measured subsets of the first metric on which the arm is better, worse or undecided."""
        metric = self.headline(arm).metric
        return tuple(
            comparison.subset
            for comparison in self.of(arm)
            if comparison.metric == metric and not comparison.parts and comparison.verdict == decision
        )

    def __repr__(self) -> str:
        return "\n".join(self.sentence(arm) for arm in self.arms)

    def _repr_html_(self) -> str:
        return facts_html(
            "Verdict", [(arm, self.sentence(arm)) for arm in self.arms], subtitle=f"against {self.baseline}"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON; null where unknown."""
        return {
            "baseline": self.baseline,
            "arms": list(self.arms),
            "seeds": list(self.seeds),
            "alpha": ALPHA,
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
            "floors": {name: asdict(floor) for name, floor in self.floors.items()},
        }


def compare(
    trials: Mapping[str, Mapping[int, Sequence[Measure]]],
    baseline: str,
    floors: Mapping[str, Floor] | None = None,
    *,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Verdict:
    """Compare every arm with the baseline on every measure, and on each metric's mean over subsets.

    Parameters
    ----------
    trials
        The measures of each trial, by arm and seed.
    floors
        The scale's noise floors, by measure. Without them, the seeds have to speak for themselves: with a single
        seed everything is undecided. With them, one seed can be enough: its scatter is then assumed to be
        the floor's.
    seed, replicates
        Of the bootstrap over items.

    Raises
    ------
    UnknownName
        A baseline that is no arm.
    BadInput
        Arms trained with other seeds, or measures that do not compare.
    BadOption
        So few replicates that no comparison could be decided.

    Examples
    --------
    >>> def trial(bits):
    ...     names = tuple(map(str, range(400)))
    ...     return [Measure("bits_per_byte", "wiki", "lower", names, np.full(400, bits), np.ones(400))]
    >>> verdict = compare(
    ...     {"raw": {0: trial(1.91), 1: trial(1.90), 2: trial(1.92)},
    ...      "refined": {0: trial(1.86), 1: trial(1.84), 2: trial(1.85)}}, "raw")
    >>> headline = verdict.headline("refined")
    >>> headline.verdict, round(headline.relative, 3), round(headline.low, 3), round(headline.high, 3)
    ('better', -0.031, -0.085, -0.035)
    """
    panel = _line_up(trials, baseline)
    arms = tuple(arm for arm in trials if arm != baseline)
    seeds = tuple(sorted(trials[baseline]))
    tests = len(arms) * len(panel.rows)
    if tests * 2 / (replicates + 1) >= ALPHA:
        raise BadOption(
            f"{replicates:,} replicates are too few for {tests} comparisons: none could be decided; "
            f"more than {int(2 * tests / ALPHA):,} were expected"
        )
    known = {row.name: floors[row.name] for row in panel.rows if floors and row.name in floors}
    resampled = panel.resample(seed, replicates)
    pairs = []
    for place, arm in enumerate(arms, 1):
        own, bases = (range(at * len(seeds), (at + 1) * len(seeds)) for at in (place, 0))
        for number, row in enumerate(panel.rows):
            both = (resampled[number].of(own), resampled[number].of(bases))
            middle = (
                _centered(panel, resampled, number, own),
                _centered(panel, resampled, number, bases),
            )
            pairs.append(_Pair(arm, baseline, row, both, middle, known.get(row.name)))
    estimates = [paired_difference(*pair.both, pair.floor) for pair in pairs]
    corrected = holm([estimate.p_value() for estimate in estimates])
    level = ALPHA / max(sum(p > ALPHA for p in corrected), 1)
    comparisons = tuple(map(_comparison, pairs, estimates, corrected, [level] * len(pairs)))
    return Verdict(baseline, arms, seeds, comparisons, known)


@dataclass(frozen=True)
class _Pair:
    """One arm and the baseline on one row: their trials, seed by seed, and their centered values."""

    arm: str
    baseline: str
    row: PanelRow
    both: tuple[Resampled, Resampled]
    centered: tuple[float | None, float | None]
    floor: Floor | None


def _line_up(trials: Mapping[str, Mapping[int, Sequence[Measure]]], baseline: str) -> Panel:
    """All trials side by side: the baseline's first, then arm by arm, seeds in order."""
    if baseline not in trials:
        raise UnknownName("arm", baseline, trials, where="baseline")
    if len(trials) < 2:
        raise BadInput(f"{baseline}: it is the only arm; a comparison needs a second one")
    seeds = sorted(trials[baseline])
    for arm, measured in trials.items():
        if sorted(measured) != seeds:
            raise BadInput(
                f"{arm}: it has the seeds {_listed(measured)}, and {baseline} has {_listed(seeds)}; arms are "
                "compared seed by seed, so train both with the same seeds"
            )
    if not seeds:
        raise BadInput(f"{baseline}: it has no trials; train it with at least one seed")
    ordered = [baseline, *(arm for arm in trials if arm != baseline)]
    return line_up({f"{arm}, seed {seed}": trials[arm][seed] for arm in ordered for seed in seeds})


def _listed(seeds: Sequence[int] | Mapping[int, Any]) -> str:
    return ", ".join(map(str, sorted(seeds))) or "none"


def _centered(panel: Panel, resampled: Sequence[Resampled], number: int, trials: range) -> float | None:
    """The centered value; of a mean the mean of its parts' centered values."""
    row = panel.rows[number]
    if row.chance is None:
        return None
    if row.parts:
        parts = [_centered(panel, resampled, part, trials) for part in row.parts]
        return float(np.mean([part for part in parts if part is not None]))
    return centered(float(resampled[number].of(trials).values.mean()), row.chance)


def _comparison(pair: _Pair, estimate: Estimate, p_holm: float, level: float) -> ArmComparison:
    """`level` is what an undecided comparison has to reach."""
    row = pair.row
    value, base = (float(trials.values.mean()) for trials in pair.both)
    interval = estimate.interval()
    decision: Decision = "undecided"
    if p_holm <= ALPHA:
        decision = "better" if (estimate.value < 0) == (row.better == "lower") else "worse"
    at_chance = row.chance is not None and all(
        _is_at_chance(trials, row.chance, pair.floor) for trials in pair.both
    )
    needed = ""
    if decision == "undecided":
        needed = AT_CHANCE if at_chance else seeds_needed(estimate, level).text
    return ArmComparison(
        arm=pair.arm,
        baseline=pair.baseline,
        metric=row.metric,
        subset=row.subset,
        better_is=row.better,
        value=value,
        baseline_value=base,
        difference=estimate.value,
        relative=estimate.value / abs(base) if base else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        p=estimate.p_value(),
        p_holm=p_holm,
        verdict=decision,
        needed=needed,
        at_chance=at_chance,
        chance=row.chance,
        centred=pair.centered[0],
        baseline_centred=pair.centered[1],
        seeds=estimate.seeds,
        items=row.items,
        seed_deviation=estimate.seed_deviation,
        degrees=estimate.degrees,
        item_error=estimate.item_error,
        source=estimate.source,
        parts=len(row.parts),
    )


def _is_at_chance(trials: Resampled, chance: float, floor: Floor | None) -> bool:
    """Whether one arm's value is not surely above guessing."""
    interval = single_value(trials, chance, floor).interval()
    return interval[0] <= 0 if interval else float(trials.values.mean()) <= chance
