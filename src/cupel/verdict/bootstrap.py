"""Items resampled, once for all trials that were scored on them.

Items and seeds are crossed, not nested: every trial answers the same items. One resample of the items
is therefore applied to all arms and all seeds at once. Drawing items anew inside of each seed would
take them for independent, and the part of the item sampling that hits all seeds alike would average
away with more seeds, which it does not in truth.

Source: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007 (crossed random effects);
Bouthillier et al., "Accounting for variance in machine learning benchmarks", MLSys 2021 (which sources
of variance a comparison must resample).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.verdict.measures import Measure

__all__ = ["REPLICATES", "Resampled", "mean_of", "resample_items"]

REPLICATES = 10_000
MAX_GROUPS = 2_000
"""More items than this are resampled in random groups of equal size: the cost stays bounded, and the
error of the estimated standard error is 1/√(2·groups), 1.6 %."""
_CELLS = 4_000_000


@dataclass(frozen=True)
class Resampled:
    """One measure of several trials, and what it would have been on other items.

    Attributes
    ----------
    values
        float64, (trials,): the measure on all items.
    replicates
        float64, (replicates, trials): the measure on resampled items, the same for all trials of a row.
    items
        Effective number of items, (Σw)²/Σw² (Kish 1965): what unequal weights leave of their number.
    parts
        float64, (trials, items): what each item adds to the measure; a row adds up to its value. Empty where
        that is not known.
    shares
        float64, (items,): the weight of each item, adding up to 1.
    binary
        Every item is right or wrong: the measure is a share, from 0 to 1.
    """

    values: NDArray[np.float64]
    replicates: NDArray[np.float64]
    items: float
    parts: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    shares: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False)
    binary: bool = False

    def of(self, trials: Sequence[int] | NDArray[np.intp]) -> Resampled:
        """Only these trials, in this order."""
        chosen = np.asarray(trials, dtype=np.intp)
        return replace(
            self,
            values=self.values[chosen],
            replicates=self.replicates[:, chosen],
            parts=self.parts[chosen] if len(self.parts) else self.parts,
        )


def resample_items(
    measures: Sequence[Measure], rng: np.random.Generator, replicates: int = REPLICATES
) -> Resampled:
    """Draw the items with replacement, `replicates` times, and give the measure of every trial on them.

    Parameters
    ----------
    measures
        The same measure of several trials: the same items in the same order, with the same weights.

    Raises
    ------
    BadInput
        Items that weigh nothing, or numbers that are not finite.

    Examples
    --------
    >>> measure = Measure("accuracy", "qa", "higher", ("a", "b"), np.array([1.0, 0.0]), np.ones(2))
    >>> resampled = resample_items([measure, measure], np.random.default_rng(0), 1000)
    >>> resampled.values, resampled.replicates.shape, sorted(set(resampled.replicates[:, 0]))
    (array([0.5, 0.5]), (1000, 2), [np.float64(0.0), np.float64(0.5), np.float64(1.0)])
    """
    amounts = np.stack([measure.amount for measure in measures])
    weights = measures[0].weight
    _check(measures, amounts, weights)
    amounts, weights = amounts[:, weights > 0], weights[weights > 0]
    values = amounts.sum(axis=1) / weights.sum()
    effective = float(weights.sum() ** 2 / np.square(weights).sum())
    table = _grouped(np.vstack([amounts, weights]), rng)
    groups = table.shape[1]
    drawn = np.empty((replicates, len(measures)))
    rows = max(_CELLS // groups, 1)
    for start in range(0, replicates, rows):
        sums = _counts(min(rows, replicates - start), groups, rng) @ table.T
        drawn[start : start + len(sums)] = sums[:, :-1] / sums[:, -1:]
    binary = bool(((amounts == 0) | (amounts == weights)).all())
    return Resampled(values, drawn, effective, amounts / weights.sum(), weights / weights.sum(), binary)


def mean_of(parts: Sequence[Resampled]) -> Resampled:
    """The plain mean over subsets; each subset's items were resampled on their own.

    The smallest subset's number of items stands for all: that errs on the side of caution.
    """
    return Resampled(
        np.mean([part.values for part in parts], axis=0),
        np.mean([part.replicates for part in parts], axis=0),
        min(part.items for part in parts),
        np.concatenate([part.parts for part in parts], axis=1) / len(parts),
        np.concatenate([part.shares for part in parts]) / len(parts),
        all(part.binary for part in parts),
    )


def _counts(rows: int, groups: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each group was drawn, (rows, groups): a multinomial, drawn five times as fast."""
    drawn = rng.integers(0, groups, (rows, groups))
    drawn += groups * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups).astype(np.float64)


def _grouped(table: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Columns added up in random groups whose sizes differ by at most one."""
    items = table.shape[1]
    if items <= MAX_GROUPS:
        return table
    starts = np.linspace(0, items, MAX_GROUPS, endpoint=False).astype(np.intp)
    return np.add.reduceat(table[:, rng.permutation(items)], starts, axis=1)


def _check(measures: Sequence[Measure], amounts: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
    name = measures[0].name
    finite = np.isfinite(amounts) & np.isfinite(weights)
    if not finite.all():
        row, place = np.argwhere(~finite)[0]
        raise BadInput(
            f"{name}: item '{measures[row].items[place]}' has amount {amounts[row, place]} and weight "
            f"{weights[place]}; finite numbers were expected. Evaluate that trial again"
        )
    if (weights < 0).any() or not weights.sum() > 0:
        raise BadInput(f"{name}: its {len(weights)} items weigh nothing; there is nothing to compare")
