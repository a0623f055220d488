"""What is said of one arm on one measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cupel.verdict.statistics import Source

__all__ = ["ArmComparison", "Decision"]

Decision = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class ArmComparison:
    """One arm against the baseline on one measure.

    Attributes
    ----------
    better_is
        Whether a lower or a higher value is better.
    value, baseline_value
        Means over the seeds.
    difference, relative
        Arm minus baseline, and its share of the baseline's value (None where that is zero).
    low, high
        95 % interval of `difference`, for this measure alone; None where the error is unknown.
    p, p_holm
        Two-sided; corrected over all comparisons of the assay. The corrected one decides.
    needed
        What would decide an undecided one, in words; empty for a decided one.
    at_chance
        Neither arm is surely above guessing.
    chance, centred, baseline_centred
        Guessing's value, and both values with guessing at 0 and all right at 1; None without chance.
    seeds, items
        How many of each it rests on.
    seed_deviation, degrees, item_error, source
        The error's parts: see `cupel.verdict.statistics.Estimate`.
    parts
        How many subsets it is the mean of; 0 for a subset itself.
    """

    arm: str
    baseline: str
    metric: str
    subset: str
    better_is: Literal["lower", "higher"]
    value: float
    baseline_value: float
    difference: float
    relative: float | None
    low: float | None
    high: float | None
    p: float
    p_holm: float
    verdict: Decision
    needed: str
    at_chance: bool
    chance: float | None
    centred: float | None
    baseline_centred: float | None
    seeds: int
    items: int
    seed_deviation: float
    degrees: float
    item_error: float
    source: Source
    parts: int

    @property
    def name(self) -> str:
        """Metric and subset."""
        return f"{self.metric} {self.subset}"
