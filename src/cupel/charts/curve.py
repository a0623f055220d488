"""Curves over one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.charts.parts import COLOURS, TICK, chart, threshold_layers, x_axis
from cupel.units import write_number


def line(
    x: Sequence[float],
    y: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    title: str,
    x_title: str = "",
    y_title: str = "",
    thresholds: Sequence[tuple[float, str]] = (),
    log: bool = False,
) -> dict[str, Any]:
    """A curve, or several named ones, with vertical thresholds: the S-curve of MinHash, a sweep.

    Examples
    --------
    >>> spec = line([0, 0.5, 1], [0, 0.5, 1], title="S-curve", thresholds=[(0.72, "0.72")])
    >>> len(spec["datasets"]["points"])
    3
    """
    curves = y if isinstance(y, Mapping) else {"": y}
    colours = ["kept", "blue", "olive", "plum", "second", "soft"]
    rows = [
        {"curve": name, "x": float(at), "y": float(height)}
        for name, heights in curves.items()
        for at, height in zip(x, heights, strict=True)
    ]
    low, high = (float(min(x)), float(max(x))) if len(x) else (0.0, 1.0)
    tall = 240
    across = {**x_axis(low, high, log), "field": "x", "title": x_title or None}
    up = {
        "field": "y",
        "type": "quantitative",
        "title": y_title or None,
        "axis": {"tickCount": 4, "labelExpr": TICK, "domain": False, "ticks": False},
    }
    colour = {
        "field": "curve",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(curves), "range": [COLOURS[colours[i % 6]] for i in range(len(curves))]},
    }
    layers = [
        {
            "data": {"name": "points"},
            "mark": {"type": "line", "strokeWidth": 2.25, "strokeJoin": "round", "aria": False},
            "encoding": {"x": across, "y": up, "color": colour},
        },
        *threshold_layers(thresholds, low, high, log, tall),
    ]
    marks = "; ".join(f"{label} at {write_number(value)}" for value, label in thresholds)
    return chart(
        "line",
        layers,
        {"points": rows, "thresholds": [{"value": v, "label": t} for v, t in thresholds]},
        title=title,
        height=tall,
        about=f"Curve of {title}: {y_title} over {x_title}. {marks}",
        legend=[(name, colours[i % 6]) for i, name in enumerate(curves)] if len(curves) > 1 else [],
    )
