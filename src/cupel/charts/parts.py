"""What all charts share: colors, the frame, axes and thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "COLORS",
    "chart",
    "distinct",
    "is_whole",
    "label_axis",
    "share",
    "threshold_layers",
    "x_axis",
]

COLORS: Mapping[str, str] = {
    "kept": "#c8743a",
    "dropped": "#bdb6ac",
    "second": "#7a4a2b",
    "ink": "#1c1a17",
    "soft": "#665f57",
    "grid": "#e9e4dc",
    "paper": "#fffefc",
    "blue": "#4f7f93",
    "olive": "#8b8a3d",
    "plum": "#8c6591",
}
"""The colors of all charts, by role, in their light value."""

_WIDTH = 304
SMALL = 10.5
# Vega's own number formats write 0.5 as "500m"; below a thousand plain digits read better.
TICK = "abs(datum.value) >= 1000 ? format(datum.value, '~s') : format(datum.value, '~r')"


def chart(
    chart: str,
    layers: Sequence[Mapping[str, Any]],
    datasets: Mapping[str, list[dict[str, Any]]],
    *,
    title: str,
    height: int,
    about: str,
    legend: Sequence[tuple[str, str]],
    unit: str = "",
) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": title, "subtitle": unit} if unit else {"text": title},
        "description": about.strip(),
        "width": _WIDTH,
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "datasets": dict(datasets),
        "layer": list(layers),
        "usermeta": {"cupel": {"chart": chart, "legend": [[name, COLORS[key]] for name, key in legend]}},
    }


def threshold_layers(
    thresholds: Sequence[tuple[float, str]], low: float, high: float, log: bool, height: int
) -> list[dict[str, Any]]:
    """A rule and a label for each threshold; labels of several stand one below the other."""
    layers: list[dict[str, Any]] = []
    for place, (value, label) in enumerate(sorted(thresholds)):
        inside = min(max(value, low), high)
        label = label if len(label) <= 80 else f"{label[:79]}…"
        words = label if inside == value else f"{label} →" if value > high else f"← {label}"
        right_half = share(inside, low, high, log) > 0.5
        drop = 14 * (place % 4)
        x = {"datum": inside, "type": "quantitative"}
        layers += [
            {
                "data": {"values": [{}]},
                "mark": {
                    "type": "rule",
                    "color": COLORS["ink"],
                    "strokeWidth": 1.25,
                    "strokeDash": [4, 2] if inside == value else [1, 3],
                    "aria": False,
                },
                "encoding": {"x": x, "y": {"value": drop}, "y2": {"value": "height"}},
            },
            {
                "data": {"values": [{}]},
                "mark": {
                    "type": "text",
                    "aria": False,
                    "align": "right" if right_half else "left",
                    "baseline": "top",
                    "dx": -5 if right_half else 5,
                    "color": COLORS["ink"],
                    "fontSize": SMALL,
                    "fontWeight": 600,
                    "limit": 200,
                },
                "encoding": {"x": x, "y": {"value": drop}, "text": {"value": words}},
            },
        ]
    return layers


def is_whole(edges: Sequence[float]) -> bool:
    """Whether each bin holds one whole number: its edges lie half a step on either side.

    >>> is_whole([-0.5, 0.5, 1.5]), is_whole([0, 1, 2])
    (True, False)
    """
    return len(edges) > 1 and all(edge % 1 == 0.5 for edge in edges)


def x_axis(low: float, high: float, log: bool, whole: bool = False) -> dict[str, Any]:
    """The horizontal axis; `whole` puts its ticks on whole numbers, at most seven of them."""
    axis: dict[str, Any] = {"labelExpr": TICK, "grid": False, "tickCount": 5, "labelFlush": True}
    scale: dict[str, Any] = {"domain": [low, high], "nice": False, "zero": False}
    if whole:
        first, last = math.ceil(low), math.floor(high)
        every = math.ceil((last - first + 1) / 7)
        axis |= {"values": list(range(first, last + 1, every)), "labelFlush": False}
    elif log:
        scale["type"] = "log" if low > 0 else "symlog"
        axis["values"] = _log_ticks(low, high)
    return {"field": "low", "type": "quantitative", "scale": scale, "axis": axis, "title": None}


def _log_ticks(low: float, high: float) -> list[float]:
    floor = low if low > 0 else min(1.0, high)
    if floor <= 0 or high <= floor:
        return [low, high]
    first, last = math.floor(math.log10(floor)), math.ceil(math.log10(high))
    for steps in ((1,), (1, 3), (1, 2, 5)):
        ticks = [s * 10.0**e for e in range(first, last + 1) for s in steps]
        ticks = [t for t in ticks if floor <= t <= high]
        if len(ticks) >= 3:
            break
    every = math.ceil(len(ticks) / 6)
    return ([0.0] if low <= 0 else []) + ticks[::every]


def share(value: float, low: float, high: float, log: bool) -> float:
    """How far along the axis a value stands, 0 to 1."""
    if high <= low:
        return 0.0
    if not log:
        return (value - low) / (high - low)

    def turn(v: float) -> float:
        return math.log10(v) if low > 0 else math.copysign(math.log1p(abs(v)), v)

    return (turn(value) - turn(low)) / (turn(high) - turn(low))


def label_axis() -> dict[str, Any]:
    """The vertical axis of charts with one row a label."""
    return {
        "field": "label",
        "type": "ordinal",
        "sort": None,
        "title": None,
        "axis": {
            "labelLimit": 130,
            "labelFontSize": 11.5,
            "labelColor": COLORS["ink"],
            "domain": False,
            "ticks": False,
            "labelPadding": 8,
        },
        "scale": {"paddingInner": 0.3, "paddingOuter": 0.1},
    }


def distinct(labels: Sequence[str]) -> list[str]:
    """The labels, those that come again with a number: one row stays one row."""
    seen: dict[str, int] = {}
    names = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        names.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return names
