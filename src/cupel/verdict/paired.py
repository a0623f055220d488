"""Two models on the same items: how far apart they are, and how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cupel.errors import BadInput
from cupel.verdict.measures import Measure

__all__ = ["PairedDifference", "paired_difference_of_items"]

_Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class PairedDifference:
    """First minus second, the mean over subsets, with a 95 % interval over items.

    It holds for these two models: it says nothing of models trained with other seeds.
    """

    value: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def paired_difference_of_items(first: Sequence[Measure], second: Sequence[Measure]) -> PairedDifference:
    """The difference of two models' measures on the same subsets, each item paired with itself.

    Of one subset the difference is d = Σ(aᵢ − bᵢ) / Σwᵢ; its error is that of a ratio, from the residuals
    rᵢ = aᵢ − bᵢ − d·wᵢ (Cochran 1977, "Sampling Techniques", equation 6.9). A subset of one item has no error that
    can be told, and counts as if its items scattered as widely as its difference.

    Raises
    ------
    BadInput
        The measures are not of the same items.

    Examples
    --------
    >>> one = Measure("bits_per_byte", "", "lower", ("a", "b", "c"), np.array([10.0, 21.0, 29.0]), np.full(3, 10.0))
    >>> other = Measure("bits_per_byte", "", "lower", ("a", "b", "c"), np.array([13.0, 23.0, 33.0]), np.full(3, 10.0))
    >>> found = paired_difference_of_items([one], [other])
    >>> round(found.value, 3), found.low < -0.3 < found.high, found.decided
    (-0.3, True, True)
    """
    values, variances = [], []
    for own, other in zip(first, second, strict=True):
        if own.name != other.name or own.items != other.items or not np.allclose(own.weight, other.weight):
            raise BadInput(f"{own.name} and {other.name} are not of the same items")
        total, count = float(own.weight.sum()), len(own.items)
        difference = float((own.amount - other.amount).sum()) / total
        residuals = own.amount - other.amount - difference * own.weight
        values.append(difference)
        variances.append(
            count / (count - 1) * float((residuals**2).sum()) / total**2 if count > 1 else difference**2
        )
    value = sum(values) / len(values)
    half = _Z * math.sqrt(sum(variances)) / len(values)
    return PairedDifference(value, value - half, value + half)
