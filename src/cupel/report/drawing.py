"""The charts of every run drawn straight from the numbers that they carry.

A specification made by `cupel.charts` holds its data and the name of its chart. The four that stand in the report of
a run are drawn here within a millisecond each; a general renderer takes seconds to start and draw a page of them.
All others are drawn from their Vega-Lite (`cupel.report.figure`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cupel.charts import COLORS, share
from cupel.report.text import plain, shorten, visible
from cupel.units import write_count

__all__ = ["ROLES", "draw_own"]

Spec = Mapping[str, Any]

ROLES: Mapping[str, str] = {color: role for role, color in COLORS.items()}
"""The role of each color; the page gives a role its color, by light and by dark."""

SMALL = 10.5
CHARACTER = 0.56
"""Width of a character, in font sizes, on average: what text is cut by."""
LEFT, RIGHT, BELOW = 34, 10, 22
"""Pixels around a plot with axes."""


def draw_own(spec: Spec, width: int) -> str | None:
    """The chart as one `<svg>` element, or None where it is none of those that are drawn here.

    Parameters
    ----------
    spec
        As `cupel.charts` makes it.
    width
        Pixels; the height is the chart's own.
    """
    own = spec.get("usermeta")
    own = own.get("cupel") if isinstance(own, Mapping) else None
    drawing = _DRAWINGS.get(str(own.get("chart"))) if isinstance(own, Mapping) else None
    if drawing is None:
        return None
    try:
        return drawing(spec, width).written(str(spec.get("description") or ""))
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError):
        return None  # made by others under a name of ours: the general renderer says what is wrong


class Svg:
    """Elements of a drawing, which collect as text."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.elements: list[str] = []

    def bar(self, left: float, top: float, width: float, height: float, role: str, words: str = "") -> None:
        """A filled rectangle; one that nothing would be seen of is left out."""
        if width <= 0 or height <= 0:
            return
        place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
        look = f'class="fill-{role}"' if role else 'opacity="0"'
        self.elements.append(
            f"<rect {place} {look}><title>{plain(words)}</title></rect>"
            if words
            else f"<rect {place} {look}/>"
        )

    def line(
        self, points: Sequence[tuple[float, float]], role: str, width: float = 1, dashes: str = ""
    ) -> None:
        path = "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.elements.append(
            f'<path d="M{path}" class="stroke-{role}" fill="none" stroke-width="{width:g}"{dashed}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        role: str = "soft",
        *,
        anchor: str = "start",
        size: float = SMALL,
        weight: int = 400,
        room: float = math.inf,
    ) -> None:
        """One line of text on its base line, cut to `room` pixels."""
        words = visible(words).replace("\n", " ")
        if len(words) * size * CHARACTER > room:
            words = shorten(words, max(int(room / (size * CHARACTER)), 2))
        bold = f' font-weight="{weight}"' if weight != 400 else ""
        self.elements.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="fill-{role}" text-anchor="{anchor}" font-size="{size:g}"{bold}>'
            f"{plain(words)}</text>"
        )

    def halo(self, x: float, y: float, words: str, *, anchor: str) -> None:
        """Text that stays legible over bars."""
        self.elements.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="fill-paper stroke-paper" stroke-width="4" '
            f'text-anchor="{anchor}" font-size="{SMALL:g}">{plain(words)}</text>'
        )
        self.text(x, y, words, anchor=anchor)

    def upright(self, x: float, y: float, words: str, turn: int) -> None:
        """The name of a vertical axis."""
        self.elements.append(
            f'<text transform="translate({x:.1f},{y:.1f}) rotate({turn})" class="fill-soft" text-anchor="middle" '
            f'font-size="11">{plain(visible(words))}</text>'
        )

    def written(self, about: str) -> str:
        box = f"0 0 {self.width:.0f} {self.height:.0f}"
        return (
            f'<svg viewBox="{box}" width="{self.width:.0f}" role="img" aria-label="{plain(about)}">'
            f"{''.join(self.elements)}</svg>"
        )


class Across:
    """A horizontal axis: where values stand, and its ticks."""

    def __init__(self, axis: Mapping[str, Any], left: float, right: float) -> None:
        self.low, self.high = map(float, axis["scale"]["domain"])
        self.log = axis["scale"].get("type") in ("log", "symlog")
        self.left, self.right = left, right
        values = axis["axis"].get("values")
        self.ticks = [float(value) for value in values] if values else _ticks(self.low, self.high)

    def at(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return self.left + share(inside, self.low, self.high, self.log) * (self.right - self.left)

    def draw(self, svg: Svg, base: float) -> None:
        svg.line([(self.left, base), (self.right, base)], "soft")
        for tick in self.ticks:
            x = self.at(tick)
            svg.line([(x, base), (x, base + 4)], "soft")
            near_left, near_right = x - self.left < 12, self.right - x < 12
            anchor = "start" if near_left else "end" if near_right else "middle"
            svg.text(x, base + 15, _tick(tick), anchor=anchor)


def _histogram(spec: Spec, width: int) -> Svg:
    """Bars kept, bars dropped on top of them, and the thresholds by name."""
    bins, height = spec["datasets"]["bins"], spec["height"]
    up = spec["layer"][0]["encoding"]["y"]
    svg = Svg(width, height)
    axis = Across(spec["layer"][0]["encoding"]["x"], LEFT, width - RIGHT)
    base, ceiling = height - BELOW, float(up["scale"]["domain"][1])

    def high(value: float) -> float:
        return base - value / ceiling * base

    for tick in up["axis"]["values"]:
        svg.line([(LEFT, high(tick)), (width - RIGHT, high(tick))], "grid")
        svg.text(LEFT - 5, high(tick) + 3.5, _tick(tick), anchor="end")
    for row in bins:
        left, right = axis.at(row["low"]), axis.at(row["high"])
        # Bars touch: half a pixel of overlap hides the seam.
        wide = right - left + (0.4 if right < axis.right else 0)
        svg.bar(left, high(row["kept_top"]), wide, base - high(row["kept_top"]), "kept")
        svg.bar(left, high(row["top"]), wide, high(row["kept_top"]) - high(row["top"]), "dropped")
    top = max((row["top"] for row in bins), default=0.0)
    cut = [row for row in bins if row["kept"] + row["dropped"] > row["top"]]
    for row in cut:
        y = high(top * 0.88)
        svg.line([(axis.at(row["low"]), y), (axis.at(row["high"]), y)], "paper", 3.5)
    _thresholds(svg, spec["datasets"]["thresholds"], axis, base)
    for row in cut:
        right_half = axis.at(row["low"]) > (axis.left + axis.right) / 2
        x = axis.at(row["low"]) - 5 if right_half else axis.at(row["high"]) + 5
        words = write_count(row["kept"] + row["dropped"])
        svg.halo(x, high(top * 0.93) + 3.5, words, anchor="end" if right_half else "start")
    axis.draw(svg, base)
    for row in bins:  # nothing to see: it carries the numbers in words, wherever the pointer stands
        left, right = axis.at(row["low"]), axis.at(row["high"])
        svg.bar(left, 0, right - left, base, "", row["about"])
    return svg


def _thresholds(svg: Svg, thresholds: Sequence[Mapping[str, Any]], axis: Across, base: float) -> None:
    """A rule and a label for each threshold; labels of several stand one below the other."""
    marks = sorted((float(mark["value"]), str(mark["label"])) for mark in thresholds)
    for place, (value, label) in enumerate(marks):
        x, top = axis.at(value), 14 * (place % 4)
        inside = axis.low <= value <= axis.high
        words = label if inside else f"{label} →" if value > axis.high else f"← {label}"
        svg.line([(x, top), (x, base)], "ink", 1.25, "4 2" if inside else "1 3")
        right_half = x > (axis.left + axis.right) / 2
        anchor, step = ("end", -5) if right_half else ("start", 5)
        svg.text(x + step, top + 9, words, "ink", anchor=anchor, weight=600, room=200)


def _funnel(spec: Spec, width: int) -> Svg:
    """For each step its name, what is left in words, and a bar each for documents and bytes."""
    svg = Svg(width, spec["height"])
    for row in spec["datasets"]["steps"]:
        top = 44 * row["row"]
        for share_of, before, role, start, height in (
            (row["documents_share"], row["documents_before"], "kept", 0.52, 0.24),
            (row["bytes_share"], row["bytes_before"], "second", 0.79, 0.10),
        ):
            y, tall = top + 44 * start, 44 * height
            svg.bar(0, y, width, tall, "grid")
            svg.bar(0, y, share_of * width, tall, role)
            svg.bar(share_of * width, y, (before - share_of) * width, tall, "dropped")
        svg.text(0, top + 17.6, row["name"], "ink", size=12, weight=600, room=min(width * 0.55, width - 130))
        svg.text(width, top + 17.6, row["written"], anchor="end", size=12, room=180)
        svg.bar(0, top + 4.4, width, 37.4, "", row["about"])
    return svg


def _bars(spec: Spec, width: int) -> Svg:
    """A bar per label, the dropped part behind it, and each value in words."""
    rows = spec["datasets"]["bars"]
    svg = Svg(width, spec["height"])
    size = 11.5
    longest = max((len(row["label"]) for row in rows), default=0) * size * CHARACTER
    left = min(longest, 130) + 12
    room = max((len(row["written"]) for row in rows), default=0) * 11 * CHARACTER + 10
    largest = max((row["total"] for row in rows), default=0) or 1
    scale = max(width - left - room, 20) / largest
    for place, row in enumerate(rows):
        y = 24 * place + 7
        svg.text(left - 8, y + 12, row["label"], "ink", anchor="end", size=size, room=left - 8)
        svg.bar(left, y, row["value"] * scale, 17, "kept", row["about"])
        svg.bar(left + row["value"] * scale, y, row["dropped"] * scale, 17, "dropped", row["about"])
        svg.text(left + row["total"] * scale + 6, y + 12, row["written"], size=11)
    return svg


def _line(spec: Spec, width: int) -> Svg:
    """Curves over one axis, with vertical thresholds."""
    points, bars = spec["datasets"]["points"], spec["datasets"]["bars"]
    encoding = spec["layer"][1 if bars else 0]["encoding"]
    across, up = encoding["x"], encoding["y"]
    right = width - (RIGHT + 38 if bars else RIGHT)
    below = BELOW + (16 if across["title"] else 0)
    left = LEFT + (16 if up["title"] else 0)
    svg = Svg(width, spec["height"])
    axis, base, ceiling = Across(across, left, right), spec["height"] - below, 8.0
    heights = [point["y"] for point in points if math.isfinite(point["y"])]
    low, high = min([0.0, *heights]), max([0.0, *heights])
    low, high = (low, high) if high > low else (low, low + 1)

    def at(value: float) -> float:
        return base - (value - low) / (high - low) * (base - ceiling)

    for tick in _ticks(low, high):
        svg.line([(left, at(tick)), (right, at(tick))], "grid")
        svg.text(left - 5, at(tick) + 3.5, _tick(tick), anchor="end")
    if bars:
        _bars_behind(svg, spec["layer"][0]["encoding"]["y"], bars, axis, base, ceiling)
    roles = dict(spec["usermeta"]["cupel"]["legend"])
    for name, curve in _curves(points):
        role = ROLES.get(roles.get(name, ""), "kept")
        svg.line([(axis.at(x), at(y)) for x, y in curve], role, 2.25)
    _thresholds(svg, spec["datasets"]["thresholds"], axis, base)
    axis.draw(svg, base)
    if across["title"]:
        svg.text((left + right) / 2, spec["height"] - 3, across["title"], anchor="middle", size=11)
    if up["title"]:
        svg.upright(11, (ceiling + base) / 2, up["title"], -90)
    return svg


def _bars_behind(
    svg: Svg, up: Mapping[str, Any], bars: Sequence[Mapping[str, Any]], axis: Across, base: float, top: float
) -> None:
    """Bars on a vertical axis of their own, which stands on the right."""
    highest = float(up["scale"]["domain"][1])

    def at(value: float) -> float:
        return base - value / highest * (base - top)

    for bar in bars:
        left, right = axis.at(bar["low"]), axis.at(bar["high"])
        svg.bar(
            left, at(bar["top"]), right - left, at(bar["bottom"]) - at(bar["top"]), bar["role"], bar["about"]
        )
    for tick in _ticks(0, highest):
        svg.text(axis.right + 5, at(tick) + 3.5, _tick(tick))
    svg.upright(svg.width - 9, (top + base) / 2, up["axis"]["title"], 90)


def _curves(points: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Each curve by name, in the order of the points; a value that is no number is left out."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        if math.isfinite(point["x"]) and math.isfinite(point["y"]):
            curves.setdefault(point["curve"], []).append((point["x"], point["y"]))
    yield from curves.items()


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between two.

    >>> _ticks(0, 1), _ticks(0, 37)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 10.0, 20.0, 30.0])
    """
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 5.5)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _tick(value: float) -> str:
    """A number below an axis: thousands with a letter.

    >>> _tick(0.5), _tick(1500), _tick(2000000)
    ('0.5', '1.5k', '2M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.4g}".replace("-", "−")


_DRAWINGS: Mapping[str, Callable[[Spec, int], Svg]] = {
    "histogram": _histogram,
    "funnel": _funnel,
    "bars": _bars,
    "line": _line,
}
