"""Curves with a band around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.charts.parts import COLORS, TICK, chart, x_axis
from cupel.units import write_number

__all__ = ["band"]

_ROLES = ("kept", "blue", "olive", "plum", "second", "soft")


def band(
    curves: Mapping[str, Sequence[tuple[float, float, float, float]]],
    *,
    title: str,
    x_title: str = "",
    y_title: str = "",
    y_low: float | None = None,
    y_high: float | None = None,
) -> dict[str, Any]:
    """Named curves, each with a band: what is lowest, in the middle and highest at every point.

    Parameters
    ----------
    curves
        (x, low, middle, high) by name, x ascending.
    y_low, y_high
        Ends of the vertical axis; what lies beyond is cut. The curves' own where left out.

    Examples
    --------
    >>> spec = band({"raw": [(0, 3.9, 4.0, 4.1), (1, 2.9, 3.0, 3.1)]}, title="Loss")
    >>> spec["datasets"]["points"][1]["middle"]
    3.0
    """
    rows: list[dict[str, Any]] = [
        {"curve": name, "x": float(x), "low": float(low), "middle": float(middle), "high": float(high)}
        for name, points in curves.items()
        for x, low, middle, high in points
    ]
    xs = [row["x"] for row in rows] or [0.0, 1.0]
    bottom = y_low if y_low is not None else min((row["low"] for row in rows), default=0.0)
    top = y_high if y_high is not None else max((row["high"] for row in rows), default=1.0)
    across = {**x_axis(min(xs), max(xs), False), "field": "x", "title": x_title or None}
    up = {
        "type": "quantitative",
        "title": y_title or None,
        "scale": {"domain": [bottom, top], "nice": True, "zero": False},
        "axis": {"tickCount": 5, "labelExpr": TICK, "domain": False, "ticks": False},
    }
    color = {
        "field": "curve",
        "type": "nominal",
        "legend": None,
        "scale": {
            "domain": list(curves),
            "range": [COLORS[_ROLES[i % len(_ROLES)]] for i in range(len(curves))],
        },
    }
    last = "; ".join(
        f"{name} ends at {write_number(points[-1][2])}" for name, points in curves.items() if points
    )
    return chart(
        "band",
        [
            {
                "data": {"name": "points"},
                "mark": {"type": "area", "opacity": 0.22, "aria": False, "clip": True},
                "encoding": {
                    "x": across,
                    "y": {**up, "field": "low"},
                    "y2": {"field": "high"},
                    "color": color,
                },
            },
            {
                "data": {"name": "points"},
                "mark": {
                    "type": "line",
                    "strokeWidth": 2,
                    "strokeJoin": "round",
                    "aria": False,
                    "clip": True,
                },
                "encoding": {"x": across, "y": {**up, "field": "middle"}, "color": color},
            },
        ],
        {"points": rows},
        title=title,
        height=280,
        about=f"Curves of {title}: {y_title} over {x_title}. {last}",
        legend=[(name, _ROLES[i % len(_ROLES)]) for i, name in enumerate(curves)],
    )
