"""What remains after each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cupel.charts.parts import COLORS, chart
from cupel.units import write_bytes, write_count, write_percent


def funnel(
    steps: Sequence[tuple[str, int, int]], *, title: str = "What remains after each step"
) -> dict[str, Any]:
    """What remains after each step, in documents and bytes; the first step is the input.

    Parameters
    ----------
    steps
        (name, documents, bytes) after each step, in order.

    Examples
    --------
    >>> spec = funnel([("input", 100, 9000), ("gopher-quality", 60, 7000)])
    >>> spec["datasets"]["steps"][1]["lost_documents"]
    40
    """
    rows = _rows(steps)
    count = max(len(rows), 1)
    layers = [
        _band("whole", 0, 0.52, 0.76, "grid", count),
        _band("documents_share", 0, 0.52, 0.76, "kept", count),
        _band("documents_share", "documents_before", 0.52, 0.76, "dropped", count),
        _band("whole", 0, 0.79, 0.89, "grid", count),
        _band("bytes_share", 0, 0.79, 0.89, "second", count),
        _band("bytes_share", "bytes_before", 0.79, 0.89, "dropped", count),
        _words("name", 0, "left", "ink", 600, count),
        _words("written", "width", "right", "soft", 400, count),
    ]
    # Nothing to see: it carries each step's numbers in words, wherever the pointer stands.
    hover = _band("whole", 0, 0.1, 0.95, "grid", count)
    hover["mark"] = {"type": "rect", "opacity": 0}
    hover["encoding"]["description"] = {"field": "about", "type": "nominal"}
    last = f" {write_count(steps[-1][1])} of {write_count(steps[0][1])} documents remain." if steps else ""
    return chart(
        "funnel",
        [*layers, hover],
        {"steps": rows},
        title=title,
        height=44 * count,
        about=f"Funnel over {len(steps)} steps.{last}",
        legend=[("documents left", "kept"), ("bytes left", "second"), ("dropped by the step", "dropped")],
    )


def _rows(steps: Sequence[tuple[str, int, int]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    # A step that writes documents leaves more than there were: the longest bar is that of the most.
    most_documents = max([1, *(documents for _, documents, _ in steps)])
    most_bytes = max([1, *(size for _, _, size in steps)])
    for place, (name, documents, size) in enumerate(steps):
        first_documents, first_bytes = max(steps[0][1], 1), max(steps[0][2], 1)
        _, before, before_size = steps[max(place - 1, 0)]
        change = f"{write_count(abs(before - documents))} {'dropped' if documents <= before else 'more written'} here"
        rows.append(
            {
                "name": name,
                "documents": documents,
                "bytes": size,
                "lost_documents": max(before - documents, 0),
                "row": place,
                "whole": 1,
                "documents_share": documents / most_documents,
                "documents_before": max(before, documents) / most_documents,
                "bytes_share": size / most_bytes,
                "bytes_before": max(before_size, size) / most_bytes,
                "written": f"{write_count(documents)}{'' if place else ' documents'} · {write_bytes(size)}",
                "about": f"{name}: {write_count(documents)} documents left "
                f"({write_percent(documents / first_documents)}), "
                f"{write_bytes(size)} ({write_percent(size / first_bytes)}); {change}",
            }
        )
    return rows


def _band(left: str, right: str | int, top: float, bottom: float, color: str, count: int) -> dict[str, Any]:
    """A bar in every row, from one field to another or to a fixed share."""
    return {
        "data": {"name": "steps"},
        "transform": [
            {"calculate": f"datum.row + {top}", "as": "from"},
            {"calculate": f"datum.row + {bottom}", "as": "to"},
        ],
        "mark": {"type": "rect", "aria": False, "color": COLORS[color]},
        "encoding": {
            "x": {"field": left, "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None},
            "x2": {"field": right} if isinstance(right, str) else {"datum": right},
            "y": {**_down(count), "field": "from"},
            "y2": {"field": "to"},
        },
    }


def _words(field: str, where: int | str, align: str, color: str, weight: int, count: int) -> dict[str, Any]:
    """Text above the bar of every row."""
    return {
        "data": {"name": "steps"},
        "transform": [{"calculate": "datum.row + 0.4", "as": "line"}],
        "mark": {
            "type": "text",
            "aria": False,
            "baseline": "alphabetic",
            "fontSize": 12,
            "limit": 180,
            "align": align,
            "color": COLORS[color],
            "fontWeight": weight,
        },
        "encoding": {
            "x": {"value": where},
            "y": {**_down(count), "field": "line"},
            "text": {"field": field},
        },
    }


def _down(count: int) -> dict[str, Any]:
    """The vertical axis: one unit a row, from the top."""
    scale = {"domain": [0, count], "reverse": True, "nice": False}
    return {"type": "quantitative", "scale": scale, "axis": None}
