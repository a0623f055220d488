"""What differs between two arms, how surely, and what it would take to know more.

The error of a difference has two parts, drawn apart and added:

- **items**: the bootstrap of `cupel.verdict.bootstrap`, its spread cleared of what seeds and items do
  together (that is in the spread over seeds already; left in, it would count twice, and for accuracies
  it is most of all there is);
- **seeds**: a t distribution around zero with the standard error over seeds. Seeds are not resampled:
  three of them have ten resamples, whose variance is (n−1)/n of the true one and whose tails end at
  the data. The t distribution has the right variance and the tails that so few seeds call for.

With a recorded noise floor the variance over seeds is moderated as in Smyth, "Linear models and
empirical Bayes methods for assessing differential expression in microarray experiments", 2004,
section 3: s̃² = (d₀·s₀² + d·s²) / (d₀ + d) with d₀ + d degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cupel.verdict.bootstrap import Resampled
from cupel.verdict.exact import least_p, unseen_share
from cupel.verdict.floor import Floor
from cupel.verdict.special import special

__all__ = [
    "Estimate",
    "centered",
    "holm",
    "paired_difference",
    "single_value",
]

LEVEL = 0.95
TAIL, GROUPS = 200, 200
CONTRADICTED = 0.001
"""Below this p of an F test, the seeds scatter so much more than the floor that it is set aside."""

Source = Literal["nothing", "seeds", "floor", "seeds and floor", "seeds, floor set aside"]


@dataclass(frozen=True)
class Estimate:
    """A value with its error: a difference of two arms, or one arm's distance from a fixed value.

    Attributes
    ----------
    value
        The estimate itself, the mean over seeds.
    seeds, seed_deviation, degrees
        How many seeds; the standard deviation from one to the next, moderated by the floor where there
        is one; its degrees of freedom, 0 where nothing is known of it.
    item_error
        Standard error through the choice of items alone. More seeds do not lessen it.
    source
        What `seed_deviation` comes from.
    draws, weights
        float64: errors through the choice of items, centered and sorted, and how many replicates each
        stands for. Those in the tails stand for themselves.
    differences, shares
        What each item adds to the value, and its share of all items; empty where that is not known.
    unseen
        How far below and above items of a kind that was not drawn could move the value, per unit of their
        share.
    items
        Effective number of items; infinite where they are not known.
    bounds
        What the value can be at all.
    """

    value: float
    seeds: int
    seed_deviation: float
    degrees: float
    item_error: float
    source: Source
    draws: NDArray[np.float64] = field(repr=False)
    weights: NDArray[np.float64] = field(repr=False)
    differences: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False)
    shares: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False)
    unseen: tuple[float, float] = (0.0, 0.0)
    items: float = float("inf")
    bounds: tuple[float, float] = (float("-inf"), float("inf"))

    @cached_property
    def least_p(self) -> float:
        """The smallest p that the items can show (`cupel.verdict.exact`); 0 where they are not known."""
        return least_p(self.differences) if self.differences.size else 0.0

    @property
    def telling_items(self) -> int:
        """How many items tell the arms apart."""
        return int(np.count_nonzero(self.differences))

    def moved(self, by: float) -> Estimate:
        """The estimate as it would be were every item, and so the value, larger by so much."""
        return replace(self, value=self.value + by, differences=self.differences + by * self.shares)

    @property
    def seed_error(self) -> float:
        """Standard error through the choice of seeds."""
        return self.seed_deviation / self.seeds**0.5

    def tails(self, at: float) -> tuple[float, float]:
        """The probability of a true value ≤ `at`, and of one ≥ `at`."""
        gap = at - self.value - self.draws
        if self.seed_error == 0:
            below, above = (gap >= 0).astype(float), (gap <= 0).astype(float)
        else:
            below = special().stdtr(self.degrees, gap / self.seed_error)
            above = 1 - below
        return float(np.average(below, weights=self.weights)), float(np.average(above, weights=self.weights))

    def p_value(self) -> float:
        """Two-sided p of a true value of zero; never below 2/(replicates + 1), nor below what the items can show.

        Source: Phipson and Smyth, "Permutation p-values should never be zero", 2010. A value whose
        error nothing is known of has p = 1.
        """
        if not self.degrees:
            return 1.0
        count = float(self.weights.sum())
        return max(min(1.0, 2 * (count * min(self.tails(0.0)) + 1) / (count + 1)), self.least_p)

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """The values that the data do not speak against; None where nothing is known of the error.

        Never a point: it reaches as far as items that were not drawn could move the value. It holds zero
        where the items are too few to tell it from zero, and nothing that the value cannot be.
        """
        if not self.degrees:
            return None
        low, high = self._of_draws(level)
        share = unseen_share(self.items, level)
        low, high = (
            min(low, self.value - share * self.unseen[0]),
            max(high, self.value + share * self.unseen[1]),
        )
        if self.least_p > 1 - level:
            low, high = min(low, 0.0), max(high, 0.0)
        return max(low, self.bounds[0]), min(high, self.bounds[1])

    def _of_draws(self, level: float) -> tuple[float, float]:
        """The interval by seeds and resampled items alone."""
        tail = (1 - level) / 2
        if self.seed_error == 0:
            every = np.repeat(self.draws, self.weights.astype(np.intp))
            low, high = np.quantile(every, [tail, 1 - tail])
            return self.value + float(low), self.value + float(high)
        from scipy.optimize import brentq

        reach = float(np.abs(self.draws).max()) + self.seed_error * float(
            special().stdtrit(self.degrees, 1 - tail / 2)
        )
        ends = [
            brentq(lambda at, share: self.tails(at)[0] - share, self.value - reach, self.value + reach, share)
            for share in (tail, 1 - tail)
        ]
        return float(ends[0]), float(ends[1])


def paired_difference(arm: Resampled, baseline: Resampled, floor: Floor | None = None) -> Estimate:
    """Arm minus baseline; trial i of the one has the seed of trial i of the other.

    The floor's variance counts twice, because two independent trials differ. A common seed shares the
    initial weights and the order of positions, which makes two trials alike at most a little: where it
    does, the prior is somewhat too wide, which errs on the side of "undecided".

    Examples
    --------
    >>> values, none = np.array([1.91, 1.90, 1.92]), np.zeros((1000, 3))
    >>> raw = Resampled(values, none + values, 500.0)
    >>> refined = Resampled(values - [0.05, 0.06, 0.07], none + values - [0.05, 0.06, 0.07], 500.0)
    >>> difference = paired_difference(refined, raw)
    >>> round(difference.value, 3), [round(end, 3) for end in difference.interval()]
    (-0.06, [-0.085, -0.035])
    """
    level = (abs(arm.values.mean()) + abs(baseline.values.mean())) / 2
    known = arm.parts.size > 0
    return _bounded(
        _estimate(
            arm.values - baseline.values,
            arm.replicates - baseline.replicates,
            min(arm.items, baseline.items),
            (2 * (floor.relative * float(level)) ** 2, floor.seeds - 1) if floor else (0.0, 0),
        ),
        (arm.parts - baseline.parts).mean(axis=0) if known else None,
        arm.shares,
        min(arm.items, baseline.items),
        level=float(level),
        bounds=(-1.0, 1.0) if known and arm.binary and baseline.binary else None,
    )


def single_value(trials: Resampled, minus: float = 0.0, floor: Floor | None = None) -> Estimate:
    """One arm's value, less a fixed one such as the level of chance."""
    level = abs(float(trials.values.mean()))
    known = trials.parts.size > 0
    return _bounded(
        _estimate(
            trials.values - minus,
            trials.replicates - minus,
            trials.items,
            ((floor.relative * level) ** 2, floor.seeds - 1) if floor else (0.0, 0),
        ),
        trials.parts.mean(axis=0) - minus * trials.shares if known else None,
        trials.shares,
        trials.items,
        level=level,
        bounds=(-minus, 1 - minus) if known and trials.binary else None,
    )


def _bounded(
    estimate: Estimate,
    differences: NDArray[np.float64] | None,
    shares: NDArray[np.float64],
    items: float,
    *,
    level: float,
    bounds: tuple[float, float] | None,
) -> Estimate:
    """With what the items can show; `differences` is what each adds to the value, None where not known.

    Items that were not drawn may say anything a share allows; of other measures, they may differ as much as
    those that differ most, either way.
    """
    if differences is None:
        return estimate
    value = estimate.value
    if bounds is not None:
        unseen = (value - bounds[0], bounds[1] - value)
    else:
        largest = float(np.abs(differences / shares).max()) or level
        unseen = (value + largest, largest - value)
    # An error of seeds is told apart from zero by the seeds; the items have to bear it out as well.
    return replace(
        estimate,
        differences=differences,
        shares=shares,
        unseen=unseen,
        items=items,
        bounds=bounds or estimate.bounds,
    )


def _estimate(
    values: NDArray[np.float64], replicates: NDArray[np.float64], items: float, prior: tuple[float, int]
) -> Estimate:
    """Both parts of the error; `prior` is the floor's variance for one of `values`, and its degrees."""
    count = len(values)
    deviations = replicates - values
    common = deviations.mean(axis=1)
    common = common - common.mean()
    spread = float(common.var())
    # What is left of each seed's deviation without the one common to all: seeds × items.
    interaction = float(deviations.var(axis=1, ddof=1).mean()) if count > 1 else 0.0
    alone = max(spread - interaction / count, 0.0)
    # Few seeds can agree by luck, though not more closely than their items allow.
    scatter = max(float(values.var(ddof=1)), interaction) if count > 1 else 0.0
    variance, degrees, source = _moderated(scatter, count - 1, *prior)
    scale = _small_sample(items) * (alone / spread) ** 0.5 if spread > 0 else 0.0
    draws, weights = _gathered(np.sort(scale * common))
    return Estimate(
        float(values.mean()), count, variance**0.5, degrees, scale * spread**0.5, source, draws, weights
    )


def _gathered(draws: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sorted draws, those between the tails gathered in groups: the t distribution is slow to compute."""
    middle = draws[TAIL:-TAIL]
    if len(middle) <= GROUPS:
        return draws, np.ones(len(draws))
    starts = np.linspace(0, len(middle), GROUPS, endpoint=False).astype(np.intp)
    sizes = np.diff([*starts, len(middle)]).astype(np.float64)
    means = np.add.reduceat(middle, starts) / sizes
    ends = np.ones(TAIL)
    return np.concatenate([draws[:TAIL], means, draws[-TAIL:]]), np.concatenate([ends, sizes, ends])


def _moderated(
    variance: float, degrees: int, prior: float, prior_degrees: int
) -> tuple[float, float, Source]:
    """The posterior variance over seeds, its degrees of freedom, and what it comes from."""
    if prior <= 0 or prior_degrees < 1:
        return (variance, degrees, "seeds") if degrees else (0.0, 0, "nothing")
    if not degrees:
        return prior, prior_degrees, "floor"
    if special().fdtrc(degrees, prior_degrees, variance / prior) < CONTRADICTED:
        return variance, degrees, "seeds, floor set aside"
    total = prior_degrees + degrees
    return (prior_degrees * prior + degrees * variance) / total, total, "seeds and floor"


def _small_sample(items: float) -> float:
    """By how much a bootstrap over few items is too narrow.

    Source: Hesterberg, "What teachers should know about the bootstrap", 2015, section 4.1: √(n/(n−1))
    for the variance, and the ratio of the t and the normal quantile for the tails.
    """
    if items < 2:
        items = 2.0
    ratio = float(special().stdtrit(items - 1, 0.975) / special().ndtri(0.975))
    return ratio * (items / (items - 1)) ** 0.5


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for their number, in the order given.

    Valid whatever the dependence between them. Source: Holm, "A simple sequentially rejective multiple
    test procedure", 1979.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def centered(value: float, chance: float) -> float:
    """Accuracy with guessing at 0 and all right at 1.

    Source: Li et al., "DataComp-LM", 2024, section 3.5.

    >>> centered(0.625, 0.25)
    0.5
    """
    return (value - chance) / (1 - chance)
