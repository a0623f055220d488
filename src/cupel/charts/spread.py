"""How values are spread: histograms of documents kept and dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cupel.charts.parts import (
    COLORS,
    SMALL,
    TICK,
    chart,
    is_whole,
    share,
    threshold_layers,
    x_axis,
)
from cupel.units import write_count, write_number

HEIGHT = 172
"""Pixels of a histogram without its heading."""


def histogram(
    bins: Sequence[float],
    counts_kept: Sequence[int],
    counts_dropped: Sequence[int],
    *,
    title: str,
    unit: str = "",
    thresholds: Sequence[tuple[float, str]] = (),
    log: bool = False,
) -> dict[str, Any]:
    """How a signal is distributed over documents kept and dropped, its thresholds drawn in.

    Where one bin holds more than four times any other, its bar is drawn cut, with its true
    count beside it, so that the tail near the threshold stays visible.

    Parameters
    ----------
    bins
        Edges, ascending; one more than there are counts.
    counts_kept, counts_dropped
        Documents in each bin, stacked: kept below, dropped on top.
    thresholds
        (value, label) of each threshold. One beyond the bins is drawn at the edge with an arrow.
    log
        Logarithmic horizontal axis; linear around zero where the bins begin at or below it.

    Raises
    ------
    ValueError
        Lengths that do not fit.

    Examples
    --------
    >>> spec = histogram([0, 10, 20], [1, 5], [4, 0], title="word_count", thresholds=[(10, "min 10")])
    >>> spec["usermeta"]["cupel"]["chart"], len(spec["datasets"]["bins"])
    ('histogram', 2)
    """
    if not len(bins) - 1 == len(counts_kept) == len(counts_dropped):
        raise ValueError(
            f"histogram '{title}': {len(bins)} edges need {len(bins) - 1} counts of each, "
            f"got {len(counts_kept)} kept and {len(counts_dropped)} dropped"
        )
    edges = [float(edge) for edge in bins]
    kept_counts, dropped_counts = [int(n) for n in counts_kept], [int(n) for n in counts_dropped]
    top, cut = _visible_top([k + d for k, d in zip(kept_counts, dropped_counts, strict=True)])
    headroom = 6 + 14 * min(len(thresholds), 4)
    ceiling = top * HEIGHT / (HEIGHT - headroom - 24)
    rows = _rows(edges, kept_counts, dropped_counts, top, ceiling, unit)
    low, high = edges[0], edges[-1]
    layers = _bin_layers(x_axis(low, high, log, is_whole(edges)), _y_axis(ceiling, top))
    gap, name = _cut_bar(rows[cut], top, low, high, log) if cut is not None else ([], [])
    layers[2:2] = [*gap, *threshold_layers(thresholds, low, high, log, HEIGHT), *name]
    kept, dropped = sum(kept_counts), sum(dropped_counts)
    marks = f" Thresholds: {'; '.join(label for _, label in thresholds)}." if thresholds else ""
    return chart(
        "histogram",
        layers,
        {"bins": rows, "thresholds": [{"value": v, "label": t} for v, t in thresholds]},
        title=title,
        unit="" if unit in title else unit,
        height=HEIGHT,
        about=f"Histogram of {title}: {write_count(kept)} documents kept, {write_count(dropped)} dropped.{marks}",
        legend=[("kept", "kept"), ("dropped", "dropped")] if dropped else [],
    )


def _rows(
    edges: Sequence[float], kept: Sequence[int], dropped: Sequence[int], top: float, ceiling: float, unit: str
) -> list[dict[str, Any]]:
    """One row of data a bin: its edges and counts, where its bars end, and all of it in words."""
    whole = is_whole(edges)
    rows = []
    for low, high, kept_here, dropped_here in zip(edges, edges[1:], kept, dropped, strict=False):
        span = write_number(low + 0.5) if whole else f"{write_number(low)} to {write_number(high)}"
        rows.append(
            {
                "low": low,
                "high": high,
                "kept": kept_here,
                "dropped": dropped_here,
                "kept_top": min(kept_here, top),
                "top": min(kept_here + dropped_here, top),
                "ceiling": ceiling,
                "about": f"{span}{' ' if unit else ''}{unit}: {write_count(kept_here)} kept, "
                f"{write_count(dropped_here)} dropped",
            }
        )
    return rows


def _y_axis(ceiling: float, top: float) -> dict[str, Any]:
    """Counts, up to the highest bar; above it there is room for the names of thresholds."""
    return {
        "type": "quantitative",
        "scale": {"domain": [0, ceiling], "nice": False, "zero": True},
        "axis": {
            "values": _ticks(top),
            "labelExpr": TICK,
            "domain": False,
            "labelPadding": 5,
            "ticks": False,
        },
        "title": None,
    }


def _bin_layers(x: dict[str, Any], y: dict[str, Any]) -> list[dict[str, Any]]:
    """Bars kept, bars dropped above them, and an unseen column that bears the numbers in words."""
    span = {"x": x, "x2": {"field": "high"}}
    bar = {"type": "rect", "aria": False}
    return [
        {
            "data": {"name": "bins"},
            "mark": {**bar, "color": COLORS["kept"]},
            "encoding": {**span, "y": {**y, "field": "kept_top"}, "y2": {"datum": 0}},
        },
        {
            "data": {"name": "bins"},
            "mark": {**bar, "color": COLORS["dropped"]},
            "encoding": {**span, "y": {**y, "field": "kept_top"}, "y2": {"field": "top"}},
        },
        {
            "data": {"name": "bins"},
            "mark": {"type": "rect", "opacity": 0},
            "encoding": {
                **span,
                "y": {**y, "field": "ceiling"},
                "y2": {"datum": 0},
                "description": {"field": "about", "type": "nominal"},
            },
        },
    ]


def _visible_top(totals: Sequence[int]) -> tuple[float, int | None]:
    """Where the vertical axis ends, and the bin that is cut to make the others visible."""
    ordered = sorted(totals, reverse=True)
    if len(ordered) > 2 and ordered[1] > 0 and ordered[0] > 4 * ordered[1]:
        return 1.5 * ordered[1], totals.index(ordered[0])
    return float(max([1, *ordered[:1]])), None


def _cut_bar(
    row: dict[str, Any], top: float, low: float, high: float, log: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A gap across the bar that is cut, and its true height in words, legible over what lies behind."""
    right_half = share(row["low"], low, high, log) > 0.5
    place = {"break": top * 0.88, "top": top * 0.93, "written": write_count(row["kept"] + row["dropped"])}
    values = [{**place, "low": row["low"], "high": row["high"]}]
    gap = {
        "data": {"values": values},
        "mark": {"type": "rule", "color": COLORS["paper"], "strokeWidth": 3.5, "aria": False},
        "encoding": {
            "x": {"field": "low", "type": "quantitative"},
            "x2": {"field": "high"},
            "y": {"field": "break", "type": "quantitative"},
        },
    }
    words = {
        "type": "text",
        "aria": False,
        "align": "right" if right_half else "left",
        "dx": -5 if right_half else 5,
        "color": COLORS["soft"],
        "fontSize": SMALL,
    }
    at = {
        "x": {"field": "low" if right_half else "high", "type": "quantitative"},
        "y": {"field": "top", "type": "quantitative"},
        "text": {"field": "written"},
    }
    halo = {**words, "color": COLORS["paper"], "stroke": COLORS["paper"], "strokeWidth": 4}
    return [gap], [{"data": {"values": values}, "mark": mark, "encoding": at} for mark in (halo, words)]


def _ticks(top: float) -> list[float]:
    """Zero and one or two round numbers up to `top`."""
    power = 10.0 ** math.floor(math.log10(top))
    step = next((power * s for s in (5, 2, 1, 0.5) if top / (power * s) >= 2), power * 0.5)
    return [step * i for i in range(int(top / step) + 1)][:5]
