"""Learning rate over the steps of a trial."""

from __future__ import annotations

import math
from typing import Literal

__all__ = ["Kind", "learning_rate_factor"]

Kind = Literal["wsd", "cosine", "constant"]


def learning_rate_factor(
    kind: Kind, step: int, steps: int, *, warmup: float, decay: float, floor: float
) -> float:
    """The factor on the peak learning rate at a step.

    Parameters
    ----------
    kind
        `wsd`: warm-up, stable, then a fall as 1 − √ of the decay's share (Hägele et al., "Scaling Laws
        and Compute-Optimal Training Beyond Fixed Training Durations", 2024); `cosine` (Loshchilov and
        Hutter, 2017); `constant` after the warm-up.
    step, steps
        From 0; how many there are.
    warmup, decay
        Shares of all steps: the linear rise, and the fall at the end (wsd only).
    floor
        What is left of the peak at the end.

    Examples
    --------
    >>> [round(learning_rate_factor("wsd", s, 10, warmup=0.2, decay=0.4, floor=0.0), 2) for s in range(10)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.29, 0.13]
    """
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    if kind == "cosine":
        share = (step - rise) / max(1, steps - rise)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share))
    if kind == "wsd":
        fall = max(1, round(decay * steps))
        share = (step - (steps - fall)) / fall
        return 1.0 if share <= 0 else floor + (1 - floor) * (1 - math.sqrt(share))
    return 1.0
