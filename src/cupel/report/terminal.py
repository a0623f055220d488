"""The blocks of a page laid out in the terminal, with Rich.

Text goes to Rich as `Text`, never as markup, and its control characters are written out:
a document cannot colour, move or clear anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cupel.findings import Alarm, Code, Facts, Figure, Prose, Samples, Section, Table
from cupel.report.figure import about, titles
from cupel.report.page import Page
from cupel.report.text import cut, shorten, visible
from cupel.units import FORMATS, write_count, write_number, written

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

__all__ = ["show"]

KEPT, DROPPED, SOFT, ACCENT, ALARM = "dark_orange3", "grey50", "bright_black", "dark_orange3", "bold red"
MOST_ROWS = 40
MOST_SAMPLES = 3
LONGEST_SAMPLE = 400
NARROW = 12
"""Characters that a column of text may be squeezed to."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_GAP, _BAR = 2, 10
_ACROSS = " ▏▎▍▌▋▊▉█"


class _Room(NamedTuple):
    """How much may be shown: characters across, documents of a group, characters of a document."""

    width: int
    samples: int
    characters: int


def show(
    page_or_sections: Page | Section | Iterable[Section],
    console: Console | None = None,
    *,
    samples: int = MOST_SAMPLES,
    characters: int = LONGEST_SAMPLE,
) -> None:
    """Print a page, a section or several to the terminal.

    Parameters
    ----------
    console
        Where to; standard output when left out. Its width decides the layout.
    samples, characters
        At most so many documents of a group, and so many characters of each; what is left
        out is said.

    Examples
    --------
    >>> from rich.console import Console
    >>> show(Section(title="Kept", blocks=(Prose(text="[red]東京"),)), Console(width=40, color_system=None))
    <BLANKLINE>
    Kept ───────────────────────────────────
    [red]東京
    """
    if console is None:
        from rich.console import Console as Terminal

        console = Terminal()
    if isinstance(page_or_sections, Page):
        _show_head(page_or_sections, console)
        sections: Iterable[Section] = page_or_sections.sections
    else:
        sections = [page_or_sections] if isinstance(page_or_sections, Section) else page_or_sections
    for section in sections:
        _show_section(section, console, _Room(console.width, samples, characters))
    if isinstance(page_or_sections, Page) and page_or_sections.footer:
        console.print()
        console.print(_text(page_or_sections.footer, SOFT))


def _text(words: str, style: str = "") -> Text:
    from rich.text import Text as Words

    return Words(visible(words), style=style, overflow="fold")


def _line(words: str, longest: int, style: str = "") -> Text:
    return _text(shorten(" ".join(visible(words).split()), longest), style)


def _show_head(page: Page, console: Console) -> None:
    console.print(_text(page.title, "bold"))
    if page.subtitle:
        console.print(_text(page.subtitle, SOFT))
    if page.facts:
        console.print(_facts(Facts(facts=page.facts), _Room(console.width, 0, 0)))


def _show_section(section: Section, console: Console, room: _Room) -> None:
    console.print()
    if section.title:
        _show_title(section, console)
    if section.lead:
        console.print(_text(section.lead, "italic"))
    for place, block in enumerate(section.blocks):
        if place:
            console.print()
        console.print(_LAYOUTS[block.block](block, room))


def _show_title(section: Section, console: Console) -> None:
    title = _line(section.title, max(console.width - 4, 8), f"bold {ACCENT}")
    title.append(" " + "─" * max(console.width - title.cell_len - 1, 0), style=SOFT)
    console.print(title, no_wrap=True, crop=True)


def _prose(block: Prose, room: _Room) -> RenderableType:
    return _text(block.text)


def _alarm(block: Alarm, room: _Room) -> RenderableType:
    words = _text("! ", ALARM)
    words.append_text(_text(block.text, "red"))
    return words


def _code(block: Code, room: _Room) -> RenderableType:
    from rich.padding import Padding

    return Padding(_text(block.text.rstrip("\n")), (0, 0, 0, 2))


def _facts(block: Facts, room: _Room) -> RenderableType:
    from rich.table import Table as Grid

    grid = Grid.grid(padding=(0, 3, 0, 0))
    for label, value in block.facts:
        grid.add_row(_line(label, 30, SOFT), _text(value, "bold"))
    return grid


def _table(block: Table, room: _Room) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.table import Table as Grid

    grid = Grid(
        box=box.SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style=SOFT
    )
    formats = [block.formats[i] if i < len(block.formats) else "" for i in range(len(block.columns))]
    numeric = [
        unit in FORMATS or (not unit and _is_numeric(row[place : place + 1] for row in block.rows))
        for place, unit in enumerate(formats)
    ]
    rows = [
        [_cell(value, unit) for value, unit in zip(row, formats, strict=False)]
        for row in block.rows[:MOST_ROWS]
    ]
    shown = _columns_that_fit(_needs(block.columns, rows), numeric, room.width)
    columns, formats = block.columns[:shown], formats[:shown]
    rows = [row[:shown] for row in rows]
    widths, draw_bars = _fit(columns, rows, room.width, formats.count("bar"))
    for place, (column, unit) in enumerate(zip(columns, formats, strict=True)):
        grid.add_column(
            _line(column, 40),
            justify="right" if numeric[place] and unit != "bar" else "left",
            overflow="fold",
            min_width=widths[place] if numeric[place] or place == 0 else None,
            max_width=widths[place] + (_BAR + 1 if draw_bars and unit == "bar" else 0)
            if numeric[place]
            else None,
        )
    for given, cells in zip(block.rows, rows, strict=False):
        if draw_bars:
            for value, unit, cell in zip(given, formats, cells, strict=False):
                if unit == "bar" and isinstance(value, int | float) and math.isfinite(value):
                    cell.append(f" {_bar(value, _BAR)}", style=KEPT)
        grid.add_row(*cells)
    parts: list[RenderableType] = [_text(block.caption, SOFT)] if block.caption else []
    parts += [grid, *_left_out(block, shown)]
    return Group(*parts)


def _left_out(block: Table, shown: int) -> list[Text]:
    """What of a table is not shown, in words."""
    said = []
    if len(block.rows) > MOST_ROWS:
        said.append(_text(f"… {len(block.rows) - MOST_ROWS:,} more rows", SOFT))
    if hidden := block.columns[shown:]:
        said.append(_text(f"too narrow for: {', '.join(hidden)}", SOFT))
    return said


def _cell(value: Any, unit: str) -> Text:
    words = _line(written(value, unit), 400)
    if unit == "bar":
        words.pad_left(max(8 - words.cell_len, 0))
    return words


def _needs(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> list[int]:
    """Characters that each column takes unfolded; its heading may be folded between words."""
    return [
        max(
            max((row[i].cell_len for row in rows if i < len(row)), default=1),
            max(map(len, column.split()), default=1),
        )
        for i, column in enumerate(columns)
    ]


def _columns_that_fit(needs: Sequence[int], numeric: Sequence[bool], width: int) -> int:
    """How many columns, from the left, there is room for; never fewer than two."""
    taken = 0
    for place, need in enumerate(needs):
        taken += (need if numeric[place] else min(need, NARROW)) + (_GAP if place else 0)
        if taken > width and place >= 2:
            return place
    return len(needs)


def _fit(
    columns: Sequence[str], rows: Sequence[Sequence[Text]], width: int, bars: int
) -> tuple[list[int], bool]:
    """How wide each column should be, the first taking what the others leave, and whether bars fit."""
    needs = _needs(columns, rows)
    if not needs:
        return [], False
    left = width - sum(needs[1:]) - _GAP * len(needs)
    first = max(min(needs[0], left), min(needs[0], NARROW))
    return [first, *needs[1:]], left - needs[0] >= bars * (_BAR + 1)


def _is_numeric(cells: Iterable[Sequence[Any]]) -> bool:
    given = [cell[0] for cell in cells if cell and cell[0] is not None]
    return bool(given) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)


def _samples(block: Samples, room: _Room) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding

    parts: list[RenderableType] = [_text(block.heading, "bold")]
    for sample in block.samples[: room.samples]:
        head = _line(sample.id, 80, ACCENT)
        for more in (sample.source, sample.note):
            if more:
                head.append("  ").append_text(_line(more, 120, SOFT))
        piece = cut(sample.text, sample.marks, room.characters)
        words = _text(sample.text[piece.start : piece.end].strip() or "(no text)")
        if piece.start:
            words = _text("… ", SOFT).append_text(words)
        if piece.after:
            words.append_text(_text(f" … {piece.after:,} characters more", SOFT))
        parts += [head, Padding(words, (0, 0, 1, 2))]
    left = len(block.samples) - room.samples
    if left > 0:
        parts.append(_text(f"{left:,} more on the page", SOFT))
    return Group(*parts)


def _figure(block: Figure, room: _Room) -> RenderableType:
    from rich.console import Group

    title, unit = titles(block.spec)
    head = _line(title or about(block.spec), 200, "bold")
    if unit:
        head.append(" ").append_text(_line(unit, 40, SOFT))
    own = block.spec.get("usermeta", {}).get("cupel", {})
    draw = _CHARTS.get(own.get("chart", "")) if isinstance(own, Mapping) else None
    drawn = draw(block.spec["datasets"], room.width) if draw else [_text("(a chart; see the page)", SOFT)]
    caption = [_text(block.caption, SOFT)] if block.caption else []
    return Group(head, *drawn, *caption)


def _histogram(data: Mapping[str, Any], width: int) -> list[Text]:
    """Five rows of blocks, dropped on top of kept, and the thresholds by name."""
    bins, rows = data["bins"], 5
    if not bins:
        return []
    ceiling = max(max(b["top"] for b in bins), 1)
    drawn = []
    for row in reversed(range(rows)):
        line = _text("")
        for b in bins:
            level = min(max(b["top"] / ceiling * rows - row, 0), 1)
            block = _EIGHTHS[max(round(8 * level), 1 if row == 0 and b["top"] else 0)]
            line.append(block, style=KEPT if b["kept_top"] / ceiling * rows > row + level / 2 else DROPPED)
        drawn.append(line)
    low, high = write_number(bins[0]["low"]), write_number(bins[-1]["high"])
    drawn.append(_text(f"{low}{' ' * max(len(bins) - len(low) - len(high), 1)}{high}", SOFT))
    highest = max(b["kept"] + b["dropped"] for b in bins)
    if highest > ceiling:
        drawn.append(_text(f"the highest bar is cut: {write_count(highest)} documents", SOFT))
    for mark in data.get("thresholds", ()):
        inside = sum(b["high"] <= mark["value"] for b in bins)
        place = min(inside, len(bins) - 1)
        drawn.append(_line_at(place, f"↑ {mark['label']}", width))
    return drawn


def _line_at(place: int, words: str, width: int) -> Text:
    line = _text(" " * place)
    line.append_text(_line(words, max(width - place, 12)))
    return line


def _funnel(data: Mapping[str, Any], width: int) -> list[Text]:
    longest = min(max((len(step["name"]) for step in data["steps"]), default=0), 24)
    drawn = []
    for step in data["steps"]:
        line = _line(step["name"], longest)
        line.append(" " * (longest - line.cell_len + 2))
        line.append(_bar(step["documents_share"], 30).ljust(30), style=KEPT)
        line.append(f"  {step['written']}")
        drawn.append(line)
    return drawn


def _bars(data: Mapping[str, Any], width: int) -> list[Text]:
    rows = data["bars"]
    longest = min(max((len(row["label"]) for row in rows), default=0), 24)
    most = max((row["total"] for row in rows), default=0) or 1
    drawn = []
    for row in rows:
        line = _line(row["label"], longest)
        line.append(" " * (longest - line.cell_len + 2))
        line.append(_bar(row["value"] / most, 30), style=KEPT)
        line.append("█" * round(30 * row["dropped"] / most), style=DROPPED)
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
        line = _text("".join(_EIGHTHS[round(8 * max(y, 0) / top)] for y in some), KEPT)
        line.append(" ").append_text(_line(name, 40))
        drawn.append(line)
    if data["points"]:
        low, high = write_number(data["points"][0]["x"]), write_number(data["points"][-1]["x"])
        drawn.append(_text(f"{low}{' ' * max(count - len(low) - len(high), 1)}{high}", SOFT))
    drawn += [_line(f"threshold: {mark['label']}", width) for mark in data.get("thresholds", ())]
    return drawn


def _bar(share: float, cells: int) -> str:
    """A bar of at most `cells` characters, drawn to an eighth of one."""
    eighths = round(8 * cells * min(max(share, 0.0), 1.0))
    return "█" * (eighths // 8) + _ACROSS[eighths % 8].strip()


_CHARTS: Mapping[str, Callable[[Mapping[str, Any], int], list[Text]]] = {
    "histogram": _histogram,
    "funnel": _funnel,
    "bars": _bars,
    "line": _curve,
}
_LAYOUTS: Mapping[str, Callable[[Any, _Room], RenderableType]] = {
    "prose": _prose,
    "alarm": _alarm,
    "code": _code,
    "facts": _facts,
    "table": _table,
    "figure": _figure,
    "samples": _samples,
}
