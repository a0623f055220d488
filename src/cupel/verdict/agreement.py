"""How far judges agree: Cohen's kappa with weights, Krippendorff's alpha, and the interval of a rank correlation."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Level", "correlation_interval", "krippendorff_alpha", "weighted_kappa"]

Floats = npt.NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]

Z = 1.959963984540054
"""Of 95 %."""


def weighted_kappa(first: Floats, second: Floats, weights: Level = "interval") -> float:
    """Cohen's kappa of two judges who rated the same items, from -1 to 1.

        κ = 1 - Σ v(aᵢ, bᵢ) / Σ v(aᵢ, bⱼ) · n

    where v is how far two ratings disagree: 0 or 1 for `nominal` (Cohen 1960), the squared difference for `interval`
    (Cohen 1968, quadratic weights). 0 is what two judges agree by chance who give ratings as often as these
    do. With `ordinal`, ratings are replaced by their places in the order of all values that occur, which is what
    quadratic weights by category mean.

    Parameters
    ----------
    first, second
        Ratings of the same items, as numbers; labels as their codes. NaN: that judge did not rate the item, which is
        then left out.

    Returns
    -------
    float
        NaN where no item has two ratings, or where both judges give the same single rating to all.

    References
    ----------
    J. Cohen. Weighted kappa: Nominal scale agreement with provision for scaled disagreement or partial credit.
    Psychological Bulletin 70, 1968.

    Examples
    --------
    >>> a, b = np.array([1.0, 2.0, 3.0, 3.0]), np.array([1.0, 2.0, 3.0, 2.0])
    >>> round(weighted_kappa(a, b), 3), round(weighted_kappa(a, b, "nominal"), 3)
    (0.8, 0.636)
    """
    both = ~(np.isnan(first) | np.isnan(second))
    values, codes = np.unique(np.concatenate([first[both], second[both]]), return_inverse=True)
    if weights == "ordinal":
        values = np.arange(len(values), dtype=np.float64)
    left, right = np.split(codes, 2)
    pairs = np.zeros((len(values), len(values)))
    np.add.at(pairs, (left, right), 1.0)
    distances = _distances(values, "interval" if weights == "ordinal" else weights)
    total = pairs.sum()
    expected = np.outer(pairs.sum(axis=1), pairs.sum(axis=0)) / total if total else pairs
    chance = float((expected * distances).sum())
    return 1 - float((pairs * distances).sum()) / chance if chance > 0 else math.nan


def krippendorff_alpha(ratings: Floats, level: Level = "interval") -> float:
    """Krippendorff's alpha of any number of judges, some of whom may not have rated some items.

        α = 1 - D_observed / D_expected

    over the coincidences of ratings within items; items with a single rating do not count. 1 is agreement, 0 what
    ratings agree that are drawn at random.

    Parameters
    ----------
    ratings
        A row per judge, a column per item; NaN where the judge did not rate the item. Labels as their codes.
    level
        What a difference is: `nominal`, `ordinal` (by how many ratings lie between) or `interval` (squared).

    Returns
    -------
    float
        NaN where no item has two ratings, or all ratings are equal.

    References
    ----------
    K. Krippendorff. Computing Krippendorff's Alpha-Reliability. 2011. https://repository.upenn.edu/asc_papers/43

    Examples
    --------
    >>> krippendorff_alpha(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    1.0
    """
    counted = (~np.isnan(ratings)).sum(axis=0) >= 2
    kept = ratings[:, counted]
    values, codes = np.unique(kept[~np.isnan(kept)], return_inverse=True)
    items = np.broadcast_to(np.arange(kept.shape[1]), kept.shape)[~np.isnan(kept)]
    counts = np.zeros((kept.shape[1], len(values)))
    np.add.at(counts, (items, codes), 1.0)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True) - 1, 1)
    coincidences = counts.T @ shares - np.diag(shares.sum(axis=0))
    totals = coincidences.sum(axis=1)
    distances = _distances(values, level, totals)
    number = float(totals.sum())
    chance = float(totals @ distances @ totals) / (number - 1) if number > 1 else 0.0
    return 1 - float((coincidences * distances).sum()) / chance if chance > 0 else math.nan


def correlation_interval(correlation: float, items: int) -> tuple[float, float]:
    """The 95 % interval of Spearman's rank correlation, on Fisher's scale with the variance of Bonett and Wright.

    D. G. Bonett, T. A. Wright. Sample size requirements for estimating Pearson, Kendall and Spearman correlations.
    Psychometrika 65, 2000: the variance of artanh r is (1 + r²/2) / (n - 3).

    >>> [round(end, 2) for end in correlation_interval(0.7, 100)]
    [0.57, 0.8]
    """
    if items < 4:
        return -1.0, 1.0
    bounded = min(max(correlation, -1 + 1e-12), 1 - 1e-12)
    spread = Z * math.sqrt((1 + bounded * bounded / 2) / (items - 3))
    center = math.atanh(bounded)
    return math.tanh(center - spread), math.tanh(center + spread)


def _distances(values: Floats, level: Level, totals: Floats | None = None) -> Floats:
    """How far each pair of values disagrees."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    places = values
    if level == "ordinal" and totals is not None:
        places = np.cumsum(totals) - totals / 2
    distances: Floats = np.square(places[:, None] - places[None, :])
    return distances
