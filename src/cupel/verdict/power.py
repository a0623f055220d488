"""What it would take to decide an undecided comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cupel.verdict.special import special
from cupel.verdict.statistics import Estimate

__all__ = ["MAX_SEEDS", "POWER", "Needed", "seeds_needed"]

POWER = 0.8
MAX_SEEDS = 100


@dataclass(frozen=True)
class Needed:
    """What would decide an undecided comparison, were the true difference the estimated one.

    Attributes
    ----------
    more_seeds
        About so many; None where no number up to 100 would do.
    more_items
        How many times the items are needed, where these alone bar a decision however many seeds.
    """

    more_seeds: int | None
    more_items: float | None = None

    @property
    def text(self) -> str:
        """In words: what is needed."""
        if self.more_items is not None:
            if self.more_items > MAX_SEEDS:
                return "more items than are likely to be had"
            return f"about {self.more_items:.1f} times the items; more seeds would not do"
        if self.more_seeds is None:
            return f"more than {MAX_SEEDS} more seeds"
        return f"about {self.more_seeds} more seed{'s' if self.more_seeds > 1 else ''}"


def seeds_needed(estimate: Estimate, level: float, power: float = POWER) -> Needed:
    """How many more seeds would decide at a two-sided `level`, in a share `power` of all cases.

    Power of the t test with Satterthwaite's degrees of freedom for the sum of both parts. It takes the
    estimated difference for the true one, which is bold: read it as an order of magnitude.

    Examples
    --------
    >>> seeds_needed(Estimate(0.5, 3, 1.0, 2, 0.0, "seeds", np.zeros(1), np.ones(1)), 0.05).more_seeds
    31
    >>> seeds_needed(Estimate(0.5, 3, 1.0, 2, 0.5, "seeds", np.zeros(1), np.ones(1)), 0.05).text
    'about 7.8 times the items; more seeds would not do'
    """
    functions = special()
    effect = abs(estimate.value)
    if estimate.degrees == 0:
        return Needed(max(3 - estimate.seeds, 1))
    if estimate.least_p > level and estimate.telling_items:
        # So many items that agree are the fewest that can decide.
        agreeing = float(np.ceil(1 - np.log2(level)))
        return Needed(None, max(agreeing / estimate.telling_items, 2.0))
    apart = float(functions.ndtri(1 - level / 2) + functions.ndtri(power))
    if estimate.item_error * apart >= effect:
        return Needed(None, (estimate.item_error * apart / effect) ** 2 if effect else float("inf"))
    seeds = np.arange(estimate.seeds + 1, estimate.seeds + MAX_SEEDS + 1)
    through_seeds = estimate.seed_deviation**2 / seeds
    total = through_seeds + estimate.item_error**2
    degrees = estimate.degrees + seeds - estimate.seeds
    if estimate.seed_deviation > 0:
        degrees = degrees * (total / through_seeds) ** 2
    reached = 1 - functions.nctdtr(degrees, effect / total**0.5, functions.stdtrit(degrees, 1 - level / 2))
    enough = np.flatnonzero(reached >= power)
    return Needed(int(enough[0]) + 1 if len(enough) else None)
