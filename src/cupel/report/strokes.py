"""Charts drawn in characters, from the numbers that they carry.

Text goes to Rich as `Text`, never as markup, and its control characters are written out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cupel.report.text import shorten, visible
from cupel.units import write_count, write_number

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["CHARTS", "KEPT", "SOFT", "draw_bar", "styled", "styled_line"]

KEPT, DROPPED, SOFT, BETTER = "dark_orange3", "grey50", "bright_black", "deep_sky_blue3"
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_ACROSS = " ▏▎▍▌▋▊▉█"


def styled(words: str, style: str = "") -> Text:
    from rich.text import Text as Words

    return Words(visible(words), style=style, overflow="fold")


def styled_line(words: str, longest: int, style: str = "") -> Text:
    return styled(shorten(" ".join(visible(words).split()), longest), style)


def _histogram(data: Mapping[str, Any], width: int) -> list[Text]:
    """Five rows of blocks, dropped on top of kept, and the thresholds by name."""
    bins, rows = data["bins"], 5
    if not bins:
        return []
    ceiling = max(max(b["top"] for b in bins), 1)
    drawn = []
    for row in reversed(range(rows)):
        line = styled("")
        for b in bins:
            level = min(max(b["top"] / ceiling * rows - row, 0), 1)
            block = _EIGHTHS[max(round(8 * level), 1 if row == 0 and b["top"] else 0)]
            line.append(block, style=KEPT if b["kept_top"] / ceiling * rows > row + level / 2 else DROPPED)
        drawn.append(line)
    low, high = write_number(bins[0]["low"]), write_number(bins[-1]["high"])
    drawn.append(styled(f"{low}{' ' * max(len(bins) - len(low) - len(high), 1)}{high}", SOFT))
    highest = max(b["kept"] + b["dropped"] for b in bins)
    if highest > ceiling:
        drawn.append(styled(f"the highest bar is cut: {write_count(highest)} documents", SOFT))
    for mark in data.get("thresholds", ()):
        inside = sum(b["high"] <= mark["value"] for b in bins)
        place = min(inside, len(bins) - 1)
        drawn.append(_line_at(place, f"↑ {mark['label']}", width))
    return drawn


def _line_at(place: int, words: str, width: int) -> Text:
    line = styled(" " * place)
    line.append_text(styled_line(words, max(width - place, 12)))
    return line


def _funnel(data: Mapping[str, Any], width: int) -> list[Text]:
    longest = min(max((len(step["name"]) for step in data["steps"]), default=0), 24)
    drawn = []
    for step in data["steps"]:
        line = styled_line(step["name"], longest)
        line.append(" " * (longest - line.cell_len + 2))
        line.append(draw_bar(step["documents_share"], 30).ljust(30), style=KEPT)
        line.append(f"  {step['written']}")
        drawn.append(line)
    return drawn


def _bars(data: Mapping[str, Any], width: int) -> list[Text]:
    rows = data["bars"]
    longest = min(max((len(row["label"]) for row in rows), default=0), 24)
    largest = max((row["total"] for row in rows), default=0) or 1
    drawn = []
    for row in rows:
        line = styled_line(row["label"], longest)
        line.append(" " * (longest - line.cell_len + 2))
        line.append(draw_bar(row["value"] / largest, 30), style=KEPT)
        line.append("█" * round(30 * row["dropped"] / largest), style=DROPPED)
        line.append(f" {row['written']}")
        drawn.append(line)
    return drawn


def _curve(data: Mapping[str, Any], width: int) -> list[Text]:
    """One row of blocks for each curve, sampled across its width."""
    curves: dict[str, list[float]] = {}
    for point in data["points"]:
        curves.setdefault(point["curve"], []).append(point["y"])
    top = max((abs(y) for heights in curves.values() for y in heights), default=0) or 1
    count = min(60, max(width - 20, 10))
    drawn = []
    for name, heights in curves.items():
        some = [heights[i * (len(heights) - 1) // max(count - 1, 1)] for i in range(count)]
        line = styled("".join(_EIGHTHS[round(8 * max(y, 0) / top)] for y in some), KEPT)
        line.append(" ").append_text(styled_line(name, 40))
        drawn.append(line)
    if data["points"]:
        low, high = write_number(data["points"][0]["x"]), write_number(data["points"][-1]["x"])
        drawn.append(styled(f"{low}{' ' * max(count - len(low) - len(high), 1)}{high}", SOFT))
    drawn += [styled_line(f"threshold: {mark['label']}", width) for mark in data.get("thresholds", ())]
    return drawn


def _band(data: Mapping[str, Any], width: int) -> list[Text]:
    """The middle of each curve, drawn from the lowest to the highest value shown, and where it ends."""
    curves: dict[str, list[float]] = {}
    for point in data["points"]:
        curves.setdefault(point["curve"], []).append(point["middle"])
    late = [y for heights in curves.values() for y in heights[len(heights) // 8 :]]
    low, high = (min(late), max(late)) if late else (0.0, 1.0)
    count = min(60, max(width - 30, 10))
    drawn = []
    for name, heights in curves.items():
        some = [heights[i * (len(heights) - 1) // max(count - 1, 1)] for i in range(count)]
        shares = [min(max((y - low) / ((high - low) or 1.0), 0.0), 1.0) for y in some]
        line = styled("".join(_EIGHTHS[1 + round(7 * share)] for share in shares), KEPT)
        line.append(f" {write_number(heights[-1])} ", style="bold").append_text(styled_line(name, 20))
        drawn.append(line)
    return drawn


def _forest(data: Mapping[str, Any], width: int) -> list[Text]:
    """A row for each difference: its interval around a point, and a line at zero."""
    rows = data["differences"]
    if not rows:
        return []
    longest = min(max(len(row["label"]) for row in rows), 24)
    low, high = min(0.0, *(row["low"] for row in rows)), max(0.0, *(row["high"] for row in rows))
    count = min(50, max(width - longest - 30, 10))

    def cell(value: float) -> int:
        return round((value - low) / ((high - low) or 1.0) * (count - 1))

    drawn = []
    for row in rows:
        decided = row["decision"] != "undecided"
        style = {"better": BETTER, "worse": KEPT}.get(row["decision"], DROPPED)
        line = styled_line(row["label"], longest)
        line.append(" " * (longest - line.cell_len + 2))
        for place in range(count):
            if place == cell(row["value"]):
                line.append("●" if decided else "○", style=style)
            elif cell(row["low"]) <= place <= cell(row["high"]):
                line.append("━" if decided else "─", style=style)
            else:
                line.append("│" if place == cell(0.0) else " ", style=SOFT)
        line.append(f"  {row['written']} ").append_text(styled_line(row["decision"], 12, style))
        drawn.append(line)
    return drawn


def draw_bar(share: float, cells: int) -> str:
    """A bar of at most `cells` characters, drawn to an eighth of one."""
    eighths = round(8 * cells * min(max(share, 0.0), 1.0))
    return "█" * (eighths // 8) + _ACROSS[eighths % 8].strip()


CHARTS: Mapping[str, Callable[[Mapping[str, Any], int], list[Text]]] = {
    "histogram": _histogram,
    "funnel": _funnel,
    "bars": _bars,
    "line": _curve,
    "band": _band,
    "fitted": _band,
    "forest": _forest,
}
