"""Curves of several seeds, brought together for a chart: losses in training, and scores on held-out text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupel import charts
from cupel.errors import BadInput

__all__ = ["Curve", "curve_figure"]

POINTS = 120
WARM_UP = 0.15
"""The first part of training, whose loss may leave the chart: it would flatten all that comes after."""


@dataclass(frozen=True)
class Curve:
    """The training loss of one trial, or what it scores on held-out text, after so many tokens each."""

    arm: str
    seed: int
    tokens: Sequence[float]
    loss: Sequence[float]


def curve_figure(
    curves: Sequence[Curve],
    *,
    title: str = "Training loss",
    y_title: str = "nats per token",
    warm_up: float = WARM_UP,
) -> dict[str, Any]:
    """One line per arm, the mean over its seeds, with a band from the lowest to the highest seed.

    Raises
    ------
    BadInput
        A curve with no points, or with fewer losses than tokens.

    Examples
    --------
    >>> spec = curve_figure([Curve("raw", seed, [0, 10, 20], [4, 3 + seed, 2]) for seed in (0, 1)])
    >>> spec["datasets"]["points"][1]
    {'curve': 'raw', 'x': 10.0, 'low': 3.0, 'middle': 3.5, 'high': 4.0}
    """
    bands = {
        arm: _band([curve for curve in curves if curve.arm == arm])
        for arm in dict.fromkeys(curve.arm for curve in curves)
    }
    late = [
        (low, high)
        for points in bands.values()
        for x, low, _, high in points
        if x >= points[0][0] + warm_up * (points[-1][0] - points[0][0])
    ]
    return charts.band(
        bands,
        title=title,
        x_title="tokens",
        y_title=y_title,
        y_low=min((low for low, _ in late), default=None),
        y_high=max((high for _, high in late), default=None),
    )


def _band(curves: Sequence[Curve]) -> list[tuple[float, float, float, float]]:
    """(tokens, lowest, mean, highest) over the seeds, as far as all of them go."""
    reduced = [_reduced(curve) for curve in curves]
    end = min(float(tokens[-1]) for tokens, _ in reduced)
    grid = reduced[0][0]
    grid = grid[grid <= end] if (grid <= end).any() else grid[:1]
    losses = np.stack([np.interp(grid, tokens, loss) for tokens, loss in reduced])
    columns = (grid, losses.min(axis=0), losses.mean(axis=0), losses.max(axis=0))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _reduced(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `POINTS` points: means of runs of steps of equal length."""
    tokens, loss = (np.asarray(points, dtype=np.float64) for points in (curve.tokens, curve.loss))
    if len(tokens) != len(loss) or not len(tokens):
        raise BadInput(
            f"{curve.arm}, seed {curve.seed}: {len(tokens)} points and {len(loss)} losses make no curve; "
            "expected one loss per point"
        )
    if len(tokens) <= POINTS:
        return tokens, loss
    starts = np.linspace(0, len(tokens), POINTS, endpoint=False).astype(np.intp)
    sizes = np.diff([*starts, len(tokens)])
    return np.add.reduceat(tokens, starts) / sizes, np.add.reduceat(loss, starts) / sizes
