"""Curves over one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cupel.charts.parts import COLORS, TICK, chart, threshold_layers, x_axis
from cupel.units import write_number

BAR_OPACITY = 0.75


class Bar(NamedTuple):
    """A bar behind the curves, from `low` to `high` across and from `bottom` to `top` up; `role` names its color."""

    low: float
    high: float
    bottom: float
    top: float
    role: str
    about: str


def line(
    x: Sequence[float],
    y: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    title: str,
    x_title: str = "",
    y_title: str = "",
    thresholds: Sequence[tuple[float, str]] = (),
    log: bool = False,
    bars: Sequence[Bar] = (),
    bars_title: str = "",
    legend: Sequence[tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """A curve, or several named ones, with vertical thresholds: the S-curve of MinHash, a sweep.

    Parameters
    ----------
    bars
        Drawn behind the curves, on an axis of their own to the right, named `bars_title`.
    legend
        (name, role of a color) of each entry; by default the curves, where there are several.

    Examples
    --------
    >>> spec = line([0, 0.5, 1], [0, 0.5, 1], title="S-curve", thresholds=[(0.72, "0.72")])
    >>> len(spec["datasets"]["points"])
    3
    """
    curves = y if isinstance(y, Mapping) else {"": y}
    colors = ["kept", "blue", "olive", "plum", "second", "soft"]
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
    color = {
        "field": "curve",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(curves), "range": [COLORS[colors[i % 6]] for i in range(len(curves))]},
    }
    layers = [
        {
            "data": {"name": "points"},
            "mark": {"type": "line", "strokeWidth": 2.25, "strokeJoin": "round", "aria": False},
            "encoding": {"x": across, "y": up, "color": color},
        },
        *threshold_layers(thresholds, low, high, log, tall),
    ]
    if bars:
        layers.insert(0, _bar_layer(1.2 * max(bar.top for bar in bars), bars_title))
    if legend is None:
        legend = [(name, colors[i % 6]) for i, name in enumerate(curves)] if len(curves) > 1 else []
    marks = "; ".join(f"{label} at {write_number(value)}" for value, label in thresholds)
    spec = chart(
        "line",
        layers,
        {
            "points": rows,
            "thresholds": [{"value": v, "label": t} for v, t in thresholds],
            "bars": [bar._asdict() for bar in bars],
        },
        title=title,
        height=tall,
        about=f"Curve of {title}: {y_title} over {x_title}. {marks}",
        legend=legend,
    )
    return spec | {"resolve": {"scale": {"y": "independent", "color": "independent"}}} if bars else spec


def _bar_layer(ceiling: float, title: str) -> dict[str, Any]:
    """Bars on an axis of their own; above the highest there is room for the name of a threshold."""
    count = {
        "title": title,
        "orient": "right",
        "grid": False,
        "domain": False,
        "ticks": False,
        "tickCount": 4,
    }
    roles = ["dropped", "blue", "olive", "plum", "second", "kept"]
    return {
        "data": {"name": "bars"},
        "mark": {"type": "bar", "opacity": BAR_OPACITY},
        "encoding": {
            "x": {"field": "low", "type": "quantitative"},
            "x2": {"field": "high"},
            "y": {
                "field": "top",
                "type": "quantitative",
                "scale": {"domain": [0, ceiling], "nice": False},
                "axis": count,
            },
            "y2": {"field": "bottom"},
            "color": {
                "field": "role",
                "type": "nominal",
                "scale": {"domain": roles, "range": [COLORS[role] for role in roles]},
                "legend": None,
            },
            "description": {"field": "about", "type": "nominal"},
        },
    }
