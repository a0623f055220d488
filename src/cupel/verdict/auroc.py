"""The area under the ROC curve, with its interval."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["auroc", "midranks", "rank_correlation"]

Z = 1.959963984540054
"""Of 95 %."""


def midranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs.

    >>> midranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: npt.NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return ranks


def auroc(scores: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """The probability that a positive scores higher than a negative, ties counting half, and its 95 % interval.

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988), by the midranks of Sun and Xu (2014); the
    interval is taken on the logit, so that it stays between 0 and 1. Where all pairs agree the variance is 0, and the
    bound is that of the rule of three on the smaller class.

    Raises
    ------
    ValueError
        One of the classes is empty.

    Examples
    --------
    >>> value, low, high = auroc(np.array([0.9, 0.8, 0.4, 0.3, 0.5]), np.array([True, True, True, False, False]))
    >>> round(value, 3), round(low, 2), round(high, 2)
    (0.833, 0.15, 0.99)
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        raise ValueError("a class without items has no ROC curve")
    ranks = midranks(scores)
    value = float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))
    # How often each item is on the right side of those of the other class.
    placed = (ranks[positive] - midranks(scores[positive])) / negatives
    others = 1 - (ranks[~positive] - midranks(scores[~positive])) / positives
    variance = _variance(placed) / positives + _variance(others) / negatives
    if variance == 0 or value in (0.0, 1.0):
        bound = 3 / min(positives, negatives)
        return value, max(0.0, value - bound), min(1.0, value + bound)
    spread = Z * math.sqrt(variance) / (value * (1 - value))
    logit = math.log(value / (1 - value))
    low, high = (1 / (1 + math.exp(-(logit + sign * spread))) for sign in (-1, 1))
    return value, low, high


def rank_correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Spearman's rank correlation; 0 where one of them is constant.

    >>> round(rank_correlation(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 9.0])), 3)
    0.8
    """
    ranks = [midranks(values) for values in (first, second)]
    centered = [rank - rank.mean() for rank in ranks]
    lengths = [float(np.sqrt((rank * rank).sum())) for rank in centered]
    if not all(lengths):
        return 0.0
    return float((centered[0] * centered[1]).sum() / (lengths[0] * lengths[1]))


def _variance(values: npt.NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0
