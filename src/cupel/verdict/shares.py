"""Shares of a count, with an interval."""

from __future__ import annotations

import math

__all__ = ["share_interval"]

_Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def share_interval(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score (Wilson 1927, "Probable inference"); 0 to 1 where nothing was counted.

    Examples
    --------
    >>> low, high = share_interval(3, 100)
    >>> round(low, 4), round(high, 4)
    (0.0103, 0.0845)
    >>> share_interval(0, 0)
    (0.0, 1.0)
    """
    if not total:
        return 0.0, 1.0
    share, z2 = count / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)
