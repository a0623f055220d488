"""Whether the verdict can be trusted: simulated assays between trials of the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.findings import Section, Table
from cupel.verdict.bootstrap import REPLICATES, Resampled
from cupel.verdict.floor import Floor, floor_of
from cupel.verdict.measures import Measure
from cupel.verdict.panel import Panel, line_up
from cupel.verdict.statistics import Estimate, holm, paired_difference
from cupel.verdict.verdict import ALPHA

__all__ = ["Calibration", "Shifted", "calibration", "calibration_section"]

LEFT_OUT = 3
"""With so many trials outside of a simulated assay, their scatter is its noise floor."""


@dataclass(frozen=True)
class Shifted:
    """What the assays said when one group was made better by a known share.

    Attributes
    ----------
    shift
        Relative improvement planted in every measure; 0 for equal arms.
    undecided, right, wrong
        Numbers of assays: nothing decided; something, and all of it rightly; something wrongly. With a
        shift of 0 whatever is decided is wrong.
    covered, intervals
        How many of all 95 % intervals hold the planted difference.
    """

    shift: float
    undecided: int
    right: int
    wrong: int
    covered: int
    intervals: int


@dataclass(frozen=True)
class Calibration:
    """Simulated assays: two disjoint groups of `seeds` drawn from `trials` trials of the same data."""

    trials: int
    seeds: int
    assays: int
    measures: int
    shifts: tuple[Shifted, ...]


def calibration(
    trials: Mapping[int, Sequence[Measure]],
    rng: np.random.Generator,
    *,
    seeds: int = 3,
    assays: int = 100,
    shifts: Sequence[float] = (0.0, 0.005, 0.01, 0.02),
    floors: Mapping[str, Floor] | None = None,
    replicates: int = REPLICATES,
) -> Calibration:
    """Draw two groups of trials of one arm again and again, and count what the verdict says of them.

    Assays share trials, so that they are not independent: with few trials the shares scatter more than
    their number suggests. The choice of held-out items is the same in all of them; how the intervals
    do over items is tested on synthetic measures.

    Parameters
    ----------
    trials
        The measures of trials of the same data, by seed; twice `seeds` at least.
    shifts
        Relative improvements to plant, to see what the assay can find. They are added to each item in
        proportion to its weight.
    floors
        The noise floors to use. When left out, each assay takes that of the trials it did not draw.
    replicates
        As many as the verdict uses: with fewer, the smallest p would hide false decisions.

    Raises
    ------
    BadInput
        Too few trials.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> def trial():
    ...     amount = 10 + rng.normal(0, 0.1) + rng.normal(0, 0.1, 50)
    ...     items = tuple(map(str, range(50)))
    ...     return [Measure("bits_per_byte", "wiki", "lower", items, amount, np.full(50, 5.0))]
    >>> result = calibration({seed: trial() for seed in range(12)}, rng, shifts=(0.0, 0.1))
    >>> result.shifts[0].undecided >= 90, result.shifts[1].right
    (True, 100)
    """
    if len(trials) < 2 * seeds:
        raise BadInput(
            f"{len(trials)} trials do not make two groups of {seeds}; train the arm with {2 * seeds} seeds at least"
        )
    panel = line_up({f"seed {seed}": measures for seed, measures in trials.items()})
    resampled = panel.resample(int(rng.integers(2**32)), replicates)
    drawn = []
    for _ in range(assays):
        order = rng.permutation(len(trials))
        drawn.append(_assay(panel, resampled, order, seeds, floors))
    signs = np.array([-1.0 if row.better == "lower" else 1.0 for row in panel.rows])
    level = signs * [abs(float(table.values.mean())) for table in resampled]
    counted = tuple(_count(drawn, shift, shift * level) for shift in shifts)
    return Calibration(len(trials), seeds, assays, len(panel.rows), counted)


def _assay(
    panel: Panel,
    resampled: Sequence[Resampled],
    order: NDArray[np.intp],
    seeds: int,
    floors: Mapping[str, Floor] | None,
) -> list[Estimate]:
    """The estimates of one simulated assay: the first trials against the next ones."""
    first, second, others = order[:seeds], order[seeds : 2 * seeds], order[2 * seeds :]
    estimates = []
    for row, table in zip(panel.rows, resampled, strict=True):
        floor = floors.get(row.name) if floors is not None else None
        if floors is None and len(others) >= LEFT_OUT:
            floor = floor_of(table.values[others])
        estimates.append(paired_difference(table.of(first), table.of(second), floor))
    return estimates


def _count(assays: Sequence[Sequence[Estimate]], shift: float, planted: NDArray[np.float64]) -> Shifted:
    """What the assays say with the differences `planted`, one per measure."""
    undecided = right = wrong = covered = intervals = 0
    for estimates in assays:
        moved = [estimate.moved(float(by)) for estimate, by in zip(estimates, planted, strict=True)]
        p_values = holm([estimate.p_value() for estimate in moved])
        decided = [
            (estimate.value, by)
            for estimate, by, p in zip(moved, planted, p_values, strict=True)
            if p <= ALPHA
        ]
        false = [by == 0 or (value > 0) != (by > 0) for value, by in decided]
        undecided += int(not decided)
        wrong += int(any(false))
        right += int(bool(decided) and not any(false))
        covered += sum(bool(estimate.p_value() > ALPHA) for estimate in estimates)
        intervals += len(estimates)
    return Shifted(shift, undecided, right, wrong, covered, intervals)


def calibration_section(result: Calibration) -> Section:
    """The calibration as a table."""
    rows = [
        (
            "none" if shifted.shift == 0 else f"{100 * shifted.shift:g} %",
            shifted.undecided / result.assays,
            shifted.right / result.assays if shifted.shift else None,
            shifted.wrong / result.assays,
        )
        for shifted in result.shifts
    ]
    first = result.shifts[0]
    return Section(
        title="Calibration",
        lead=f"{result.assays} simulated assays, {result.seeds} seeds against {result.seeds}, drawn from "
        f"{result.trials} trials of the same data, {result.measures} measures each.",
        blocks=(
            Table(
                columns=("planted improvement", "undecided", "decided rightly", "decided wrongly"),
                rows=tuple(rows),
                formats=("text", "percent", "percent", "percent"),
                caption=f"{100 * first.covered / first.intervals:.1f} % of the 95 % intervals hold the true "
                "difference.",
            ),
        ),
    )
