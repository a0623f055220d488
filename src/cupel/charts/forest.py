"""Differences with their intervals, one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cupel.charts.parts import COLORS, SMALL, TICK, chart, distinct, label_axis

__all__ = ["ForestRow", "forest"]

_ROLES: Mapping[str, str] = {"better": "blue", "worse": "kept", "undecided": "soft"}
_ROW = 26


@dataclass(frozen=True)
class ForestRow:
    """One row: a difference, the ends of its interval (None where there is none), what was decided."""

    label: str
    value: float
    low: float | None
    high: float | None
    decision: Literal["better", "worse", "undecided"]
    written: str
    about: str = ""


def forest(
    differences: Sequence[ForestRow], *, title: str, unit: str = "", x_title: str = ""
) -> dict[str, Any]:
    """A forest plot: a point and an interval for each difference, and a line where there is none.

    What is decided has a filled point, what is not a hollow one.

    Source: Lewis and Clarke, "Forest plots: trying to see the wood and the trees", BMJ 322, 2001.

    Examples
    --------
    >>> spec = forest([ForestRow("wiki", -3.3, -3.9, -2.7, "better", "−3.3 %")], title="Differences")
    >>> spec["datasets"]["differences"][0]["decision"]
    'better'
    """
    labels = distinct([difference.label for difference in differences])
    rows: list[dict[str, Any]] = [
        {
            "label": label,
            "value": float(difference.value),
            "low": float(difference.value if difference.low is None else difference.low),
            "high": float(difference.value if difference.high is None else difference.high),
            "decision": difference.decision,
            "written": difference.written,
            "about": difference.about or f"{difference.label}: {difference.written}, {difference.decision}",
        }
        for label, difference in zip(labels, differences, strict=True)
    ]
    used = [name for name in _ROLES if any(difference.decision == name for difference in differences)]
    return chart(
        "forest",
        _layers(_axis(rows, x_title)),
        {"differences": rows},
        title=title,
        unit=unit,
        height=_ROW * max(len(rows), 1) + 48,
        about=f"Forest plot of {title}: " + "; ".join(str(row["about"]) for row in rows[:12]),
        legend=[(name, _ROLES[name]) for name in used],
    )


def _axis(rows: Sequence[Mapping[str, Any]], title: str) -> dict[str, Any]:
    """From the lowest to the highest end, with a column on the right for written differences."""
    ends = [0.0, *(row[end] for row in rows for end in ("low", "high"))]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0
    room = 0.04 + 0.034 * max((len(row["written"]) for row in rows), default=0)
    return {
        "type": "quantitative",
        "title": title or None,
        "scale": {"domain": [low - 0.06 * span, high + room * span], "nice": False, "zero": False},
        "axis": {"labelExpr": TICK, "tickCount": 5, "grid": True, "domain": False, "ticks": False},
    }


def _layers(x: dict[str, Any]) -> list[dict[str, Any]]:
    y = label_axis()
    color = {
        "field": "decision",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(_ROLES), "range": [COLORS[role] for role in _ROLES.values()]},
    }
    about = {"field": "about", "type": "nominal"}
    zero = {
        "data": {"values": [{}]},
        "mark": {"type": "rule", "color": COLORS["ink"], "strokeWidth": 1.25, "aria": False},
        "encoding": {"x": {**x, "datum": 0}},
    }
    interval = {
        "data": {"name": "differences"},
        "mark": {"type": "rule", "strokeWidth": 2.5, "strokeCap": "round"},
        "encoding": {
            "y": y,
            "x": {**x, "field": "low"},
            "x2": {"field": "high"},
            "color": color,
            "description": about,
        },
    }
    points: dict[str, Any] = {
        "data": {"name": "differences"},
        "mark": {"type": "point", "shape": "circle", "size": 70, "strokeWidth": 2, "opacity": 1},
        "encoding": {"y": y, "x": {**x, "field": "value"}, "stroke": color, "description": about},
    }
    filled = {
        **points,
        "transform": [{"filter": "datum.decision != 'undecided'"}],
        "encoding": {**points["encoding"], "fill": color},
    }
    hollow = {
        **points,
        "transform": [{"filter": "datum.decision == 'undecided'"}],
        "encoding": {**points["encoding"], "fill": {"value": COLORS["paper"]}},
    }
    words = {
        "data": {"name": "differences"},
        "mark": {
            "type": "text",
            "aria": False,
            "align": "right",
            "color": COLORS["soft"],
            "fontSize": SMALL + 0.5,
        },
        "encoding": {"y": y, "x": {"value": "width"}, "text": {"field": "written"}},
    }
    return [zero, interval, filled, hollow, words]
