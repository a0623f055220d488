"""Points that were measured, and the curves fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.charts.parts import COLORS, TICK, chart, x_axis
from cupel.units import write_number

__all__ = ["fitted"]

_ROLES = ("kept", "blue", "olive", "plum", "second", "soft")

Points = Mapping[str, Sequence[tuple[float, float]]]


def fitted(
    measured: Points,
    curves: Points,
    *,
    title: str,
    dashed: Points | None = None,
    x_title: str = "",
    y_title: str = "",
    log: bool = True,
) -> dict[str, Any]:
    """Measured points with a fitted curve for each series, and a second, dashed one to compare with.

    Parameters
    ----------
    measured, curves, dashed
        (x, y) by name of the series, x ascending in the curves; a series has one color in all three.

    Examples
    --------
    >>> spec = fitted({"1 M": [(1, 2.0), (4, 1.8)]}, {"1 M": [(1, 2.0), (2, 1.9), (4, 1.8)]}, title="Loss")
    >>> len(spec["datasets"]["measured"]), len(spec["datasets"]["points"])
    (2, 3)
    """
    names = list(dict.fromkeys([*measured, *curves, *(dashed or {})]))
    every = {"measured": measured, "points": curves, "dashed": dashed or {}}
    datasets: dict[str, list[dict[str, Any]]] = {
        key: [
            {"curve": name, "x": float(x), "middle": float(y)}
            for name, series in group.items()
            for x, y in series
        ]
        for key, group in every.items()
    }
    places = [place for group in every.values() for series in group.values() for place in series] or [
        (1.0, 1.0)
    ]
    xs, ys = [float(x) for x, _ in places], [float(y) for _, y in places]
    across = {**x_axis(min(xs), max(xs), log), "field": "x", "title": x_title or None}
    up = {
        "field": "middle",
        "type": "quantitative",
        "title": y_title or None,
        "scale": {"domain": [min(ys), max(ys)], "nice": True, "zero": False},
        "axis": {"tickCount": 5, "labelExpr": TICK, "domain": False, "ticks": False},
    }
    roles = [_ROLES[place % len(_ROLES)] for place in range(len(names))]
    color = {
        "field": "curve",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": names, "range": [COLORS[role] for role in roles]},
    }
    line = {"type": "line", "strokeJoin": "round", "aria": False}
    marks: list[tuple[str, dict[str, Any]]] = [
        ("dashed", {**line, "strokeWidth": 1.25, "strokeDash": [4, 3]}),
        ("points", {**line, "strokeWidth": 2}),
        ("measured", {"type": "point", "filled": True, "size": 40, "opacity": 1, "aria": False}),
    ]
    layers = [
        {"data": {"name": key}, "mark": mark, "encoding": {"x": across, "y": up, "color": color}}
        for key, mark in marks
    ]
    last = "; ".join(
        f"{name} ends at {write_number(series[-1][1])}" for name, series in curves.items() if series
    )
    return chart(
        "fitted",
        layers,
        datasets,
        title=title,
        height=280,
        about=f"Measured points and fitted curves of {title}: {y_title} over {x_title}. {last}",
        legend=list(zip(names, roles, strict=True)),
    )
