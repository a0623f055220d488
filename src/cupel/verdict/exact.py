"""The most that a few items can show: an exact test, and how far an interval has to reach.

A bootstrap resamples what was seen. From one question it always draws that question, from two that agree it always
draws agreement: its spread is zero just where there is least evidence. So there are two bounds besides. The sign-flip
test asks how often items that favor neither arm would agree this much (exact for any number of items); and an
interval reaches as far as items that were not drawn could move it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENUMERATED", "least_p", "unseen_share"]

ENUMERATED = 14
"""Up to this many items that distinguish the arms, all patterns of signs are enumerated."""
_FLIPS = 4096


def least_p(differences: NDArray[np.float64], rng: np.random.Generator | None = None) -> float:
    """Two-sided p of the sum of `differences`, one per item, if the sign of each were a coin toss.

    Source: Fisher, "The Design of Experiments", 1935, section 21. Items without a difference do not count.
    Beyond `ENUMERATED` items, patterns of signs are sampled, up to 64 items, where the bootstrap is still
    overconfident; beyond that, 0.

    Examples
    --------
    >>> [least_p(np.ones(items)) for items in (0, 1, 2, 6)]
    [1.0, 1.0, 0.5, 0.03125]
    >>> least_p(np.array([1.0, 1, 1, 1, 1, 1, 1, -1]))
    0.0703125
    """
    telling = differences[differences != 0]
    items = len(telling)
    if items == 0:
        return 1.0
    if items > 64:
        return 0.0
    observed = abs(float(telling.sum())) * (1 - 1e-12)
    if items <= ENUMERATED:
        patterns = (np.arange(1 << items)[:, None] >> np.arange(items)) & 1
        return float((np.abs((2.0 * patterns - 1) @ telling) >= observed).mean())
    if np.ptp(np.abs(telling)) < 1e-12 * np.abs(telling).max():
        from cupel.verdict.special import special

        positive = max(int((telling > 0).sum()), int((telling < 0).sum()))
        return min(1.0, 2 * float(special().bdtrc(positive - 1, items, 0.5)))
    rng = rng or np.random.default_rng(0)
    signs = rng.integers(0, 2, (_FLIPS, items)) * 2.0 - 1
    beyond = int((np.abs(signs @ telling) >= observed).sum())
    # If no pattern was beyond, it would take more of them to say how small p is.
    return (beyond + 1) / (_FLIPS + 1) if beyond else 0.0


def unseen_share(items: float, level: float) -> float:
    """The largest share of items of a kind that may be missing from `items` drawn, at this two-sided level.

    Source: Clopper and Pearson, 1934, for no success among n trials; at 95 % about 3.7/n.

    >>> round(unseen_share(1, 0.95), 3), round(unseen_share(1000, 0.95), 4)
    (0.975, 0.0037)
    """
    return 1 - ((1 - level) / 2) ** (1 / max(items, 1.0))
