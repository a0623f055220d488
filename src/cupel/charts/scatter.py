"""Points in a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.charts.parts import COLORS, TICK, chart, x_axis

_ORDER = ("kept", "blue", "olive", "plum", "second", "soft")


def scatter(
    points: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x_title: str,
    y_title: str,
) -> dict[str, Any]:
    """Named groups of points, each in a color: documents by two of their values.

    Examples
    --------
    >>> spec = scatter({"learned": [(0.1, 0.9)], "not": [(0.2, 0.1), (0.1, 0.3)]}, title="Map", x_title="", y_title="")
    >>> len(spec["datasets"]["points"])
    3
    """
    rows = [{"group": name, "x": float(x), "y": float(y)} for name, group in points.items() for x, y in group]
    across = [float(x) for group in points.values() for x, _ in group] or [0.0, 1.0]
    colors = [_ORDER[place % len(_ORDER)] for place in range(len(points))]
    layer = {
        "data": {"name": "points"},
        "mark": {"type": "circle", "size": 12, "opacity": 0.55, "aria": False},
        "encoding": {
            "x": {**x_axis(min(across), max(across), log=False), "field": "x", "title": x_title or None},
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": y_title or None,
                "scale": {"zero": False},
                "axis": {"tickCount": 5, "labelExpr": TICK, "domain": False, "ticks": False},
            },
            "color": {
                "field": "group",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": list(points), "range": [COLORS[color] for color in colors]},
            },
        },
    }
    return chart(
        "scatter",
        [layer],
        {"points": rows},
        title=title,
        height=280,
        about=f"{title}: {len(rows):,} points, {y_title} over {x_title}",
        legend=list(zip(points, colors, strict=True)),
    )
