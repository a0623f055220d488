"""Horizontal bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cupel.charts.parts import COLORS, chart, distinct, label_axis
from cupel.units import FORMATS


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    dropped: Sequence[float] | None = None,
    *,
    title: str,
    unit: str = "documents",
    format: str = "count",
) -> dict[str, Any]:
    """Horizontal bars, one a label, in the order given; `dropped` is stacked behind `values`.

    Parameters
    ----------
    format
        How values are written; one of the numeric formats of `cupel.findings.Table`.

    Examples
    --------
    >>> bars(["en", "de"], [90, 10], title="language")["datasets"]["bars"][0]["written"]
    '90'
    """
    write = FORMATS[format]
    behind = list(dropped) if dropped is not None else [0.0] * len(labels)
    rows: list[dict[str, Any]] = [
        {
            "label": label,
            "value": value,
            "dropped": lost,
            "total": value + lost,
            "written": write(value + lost),
            "about": f"{label}: {write(value)} {unit}"
            + (f" kept, {write(lost)} dropped" if dropped is not None else ""),
        }
        for label, value, lost in zip(distinct(labels), map(float, values), map(float, behind), strict=True)
    ]
    largest = max((row["total"] for row in rows), default=0) or 1
    room = 1 + 0.032 * max((len(row["written"]) for row in rows), default=4)
    layers = _layers(largest * room, stacked=dropped is not None)
    return chart(
        "bars",
        layers,
        {"bars": rows},
        title=title,
        unit="" if unit in title.lower() else unit,
        height=24 * max(len(rows), 1) + 8,
        about=f"Bars of {title}: " + ", ".join(f"{row['label']} {row['written']}" for row in rows[:12]),
        legend=[("kept", "kept"), ("dropped", "dropped")] if dropped is not None else [],
    )


def _layers(end: float, stacked: bool) -> list[dict[str, Any]]:
    """Bars, where asked the dropped part behind them, and each value in words."""
    y = label_axis()
    x = {"type": "quantitative", "scale": {"domain": [0, end], "nice": False}, "axis": None}
    about = {"field": "about", "type": "nominal"}
    kept = {
        "data": {"name": "bars"},
        "mark": {"type": "bar", "color": COLORS["kept"]},
        "encoding": {"y": y, "x": {**x, "field": "value"}, "description": about},
    }
    behind = {
        "data": {"name": "bars"},
        "mark": {"type": "bar", "color": COLORS["dropped"]},
        "encoding": {"y": y, "x": {**x, "field": "value"}, "x2": {"field": "total"}, "description": about},
    }
    words = {
        "data": {"name": "bars"},
        "mark": {
            "type": "text",
            "aria": False,
            "align": "left",
            "dx": 6,
            "color": COLORS["soft"],
            "fontSize": 11,
        },
        "encoding": {"y": y, "x": {**x, "field": "total"}, "text": {"field": "written"}},
    }
    return [kept, behind, words] if stacked else [kept, words]
