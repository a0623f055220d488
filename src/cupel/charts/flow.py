"""What remains after each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cupel.charts.parts import (
    COLOURS,
    chart,
)
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
    first_documents, first_bytes = (max(steps[0][1], 1), max(steps[0][2], 1)) if steps else (1, 1)
    rows: list[dict[str, Any]] = []
    for place, (name, documents, size) in enumerate(steps):
        _, before, before_size = steps[max(place - 1, 0)]
        rows.append(
            {
                "name": name,
                "documents": documents,
                "bytes": size,
                "lost_documents": before - documents,
                "row": place,
                "whole": 1,
                "documents_share": documents / first_documents,
                "documents_before": before / first_documents,
                "bytes_share": size / first_bytes,
                "bytes_before": before_size / first_bytes,
                "written": f"{write_count(documents)}{'' if place else ' documents'} · {write_bytes(size)}",
                "about": f"{name}: {write_count(documents)} documents left "
                f"({write_percent(documents / first_documents)}), {write_bytes(size)} "
                f"({write_percent(size / first_bytes)}); {write_count(before - documents)} dropped here",
            }
        )

    def band(left: str | int, right: str | int, top: float, bottom: float, colour: str) -> dict[str, Any]:
        def place(edge: str | int) -> dict[str, Any]:
            return {"field": edge} if isinstance(edge, str) else {"datum": edge}

        return {
            "data": {"name": "steps"},
            "transform": [
                {"calculate": f"datum.row + {top}", "as": "from"},
                {"calculate": f"datum.row + {bottom}", "as": "to"},
            ],
            "mark": {"type": "rect", "aria": False, "color": COLOURS[colour]},
            "encoding": {
                "x": {**place(left), "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None},
                "x2": place(right),
                "y": {**y, "field": "from"},
                "y2": {"field": "to"},
            },
        }

    y = {
        "type": "quantitative",
        "scale": {"domain": [0, max(len(steps), 1)], "reverse": True, "nice": False},
        "axis": None,
    }
    words = {"type": "text", "aria": False, "baseline": "alphabetic", "fontSize": 12}

    def writing(field: str, where: int | str, align: str, colour: str, weight: int) -> dict[str, Any]:
        return {
            "data": {"name": "steps"},
            "transform": [{"calculate": "datum.row + 0.4", "as": "line"}],
            "mark": {**words, "align": align, "color": COLOURS[colour], "fontWeight": weight},
            "encoding": {
                "x": {"value": where},
                "y": {**y, "field": "line"},
                "text": {"field": field},
            },
        }

    layers = [
        band(0, 1, 0.52, 0.76, "grid"),
        band("documents_share", 0, 0.52, 0.76, "kept"),
        band("documents_share", "documents_before", 0.52, 0.76, "dropped"),
        band(0, 1, 0.79, 0.89, "grid"),
        band("bytes_share", 0, 0.79, 0.89, "second"),
        band("bytes_share", "bytes_before", 0.79, 0.89, "dropped"),
        writing("name", 0, "left", "ink", 600),
        writing("written", "width", "right", "soft", 400),
    ]
    hover = band("whole", 0, 0.1, 0.95, "grid")
    hover["mark"] = {"type": "rect", "opacity": 0}
    hover["encoding"]["description"] = {"field": "about", "type": "nominal"}
    last = f" {write_count(steps[-1][1])} of {write_count(steps[0][1])} documents remain." if steps else ""
    return chart(
        "funnel",
        [*layers, hover],
        {"steps": rows},
        title=title,
        height=44 * max(len(steps), 1),
        about=f"Funnel over {len(steps)} steps.{last}",
        legend=[("documents left", "kept"), ("bytes left", "second"), ("dropped by the step", "dropped")],
    )
