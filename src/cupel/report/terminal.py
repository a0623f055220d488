"""The blocks of a page laid out in the terminal, with Rich.

Text goes to Rich as `Text`, never as markup, and its control characters are written out:
a document cannot color, move or clear anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cupel.findings import Alarm, Code, Facts, Figure, Links, Prose, Samples, Section, Table
from cupel.report.figure import about, titles
from cupel.report.page import Page
from cupel.report.strokes import CHARTS, KEPT, SOFT, draw_bar, styled, styled_line
from cupel.report.text import cut
from cupel.units import FORMATS, written

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

__all__ = ["show"]

ACCENT, ALARM = "dark_orange3", "bold red"
MOST_ROWS = 40
MOST_SAMPLES = 3
LONGEST_SAMPLE = 400
LINE = 28
"""Characters of a `line` that is not the last one of its table."""
NARROW = 12
"""Characters that a column of text may be squeezed to."""
_GAP, _BAR = 2, 10


class _Room(NamedTuple):
    """How much may be shown: characters across, documents of a group, characters of a document."""

    width: int
    samples: int
    characters: int


def show(
    page_or_sections: Page | Section | Iterable[Section],
    console: Console | None = None,
    *,
    full: bool = False,
    samples: int = MOST_SAMPLES,
    characters: int = LONGEST_SAMPLE,
) -> None:
    """Print a page, a section or several to the terminal: what alarms on a page first.

    Parameters
    ----------
    console
        Where to; standard output when left out. Its width decides the layout.
    full
        All of a page, also where it has a summary.
    samples, characters
        The most documents shown of a group, and characters of each; what is left
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
    room = _Room(console.width, samples, characters)
    if isinstance(page_or_sections, Page):
        _show_page(page_or_sections, console, room, full=full)
        return
    for section in [page_or_sections] if isinstance(page_or_sections, Section) else page_or_sections:
        _show_section(section, console, room)


def _show_page(page: Page, console: Console, room: _Room, *, full: bool) -> None:
    console.print(styled(page.title, "bold"))
    if page.subtitle:
        console.print(styled(page.subtitle, SOFT))
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Alarm):
                console.print(_alarm(block, room))
    if page.summary and not full:
        for section in page.summary:
            _show_section(section, console, room)
        return
    if page.facts:
        console.print(_facts(Facts(facts=page.facts), room))
    for section in page.sections:
        rest = tuple(block for block in section.blocks if not isinstance(block, Alarm))
        if rest:
            _show_section(section.model_copy(update={"blocks": rest}), console, room)
    for section in page.summary:
        _show_section(section, console, room)
    if page.footer:
        console.print()
        console.print(styled(page.footer, SOFT))


def _show_section(section: Section, console: Console, room: _Room) -> None:
    console.print()
    if section.title:
        _show_title(section, console)
    if section.lead:
        console.print(styled(section.lead, "italic"))
    for place, block in enumerate(section.blocks):
        if place:
            console.print()
        console.print(_LAYOUTS[block.block](block, room))


def _show_title(section: Section, console: Console) -> None:
    title = styled_line(section.title, max(console.width - 4, 8), f"bold {ACCENT}")
    title.append(" " + "─" * max(console.width - title.cell_len - 1, 0), style=SOFT)
    console.print(title, no_wrap=True, crop=True)


def _prose(block: Prose, room: _Room) -> RenderableType:
    return styled(block.text)


def _alarm(block: Alarm, room: _Room) -> RenderableType:
    words = styled("! ", ALARM)
    words.append_text(styled(block.text, "red"))
    return words


def _code(block: Code, room: _Room) -> RenderableType:
    from rich.padding import Padding

    return Padding(styled(block.text.rstrip("\n")), (0, 0, 0, 2))


def _facts(block: Facts, room: _Room) -> RenderableType:
    from rich.table import Table as Grid

    grid = Grid.grid(padding=(0, 3, 0, 0))
    for label, value in block.facts:
        grid.add_row(styled_line(label, 30, SOFT), styled(value, "bold"))
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
    if "line" in formats:
        rows = _cut_lines(block.columns, rows, formats, room.width)
    shown = _columns_that_fit(_needs(block.columns, rows), numeric, room.width)
    columns, formats = block.columns[:shown], formats[:shown]
    rows = [row[:shown] for row in rows]
    widths, draw_bars = _fit(columns, rows, room.width, formats.count("bar"))
    for place, (column, unit) in enumerate(zip(columns, formats, strict=True)):
        grid.add_column(
            styled_line(column, 40),
            justify="right" if numeric[place] and unit != "bar" else "left",
            overflow="fold",
            min_width=widths[place] if numeric[place] or place == 0 else None,
            max_width=widths[place] + (_BAR + 1 if draw_bars and unit == "bar" else 0)
            if numeric[place]
            else None,
        )
    for values, cells in zip(block.rows, rows, strict=False):
        if draw_bars:
            for value, unit, cell in zip(values, formats, cells, strict=False):
                if unit == "bar" and isinstance(value, int | float) and math.isfinite(value):
                    cell.append(f" {draw_bar(value, _BAR)}", style=KEPT)
        grid.add_row(*cells)
    parts: list[RenderableType] = [styled(block.caption, SOFT)] if block.caption else []
    parts += [grid, *_left_out(block, shown)]
    return Group(*parts)


def _cut_lines(
    columns: Sequence[str], rows: Sequence[list[Text]], formats: Sequence[str], width: int
) -> list[list[Text]]:
    """The rows with their `line` cells cut: the last such column takes the room that the others leave."""
    last = max(place for place, unit in enumerate(formats) if unit == "line")
    needs = _needs(columns, rows)
    others = [
        min(need, LINE if formats[i] == "line" else NARROW if formats[i] == "text" else need)
        for i, need in enumerate(needs)
        if i != last
    ]
    left = max(width - sum(others) - _GAP * len(others) - 1, NARROW)
    for row in rows:
        for place, cell in enumerate(row):
            if formats[place] == "line":
                cell.truncate(left if place == last else LINE, overflow="ellipsis")
    return [list(row) for row in rows]


def _left_out(block: Table, shown: int) -> list[Text]:
    """What of a table is not shown, in words."""
    said = []
    if len(block.rows) > MOST_ROWS:
        said.append(styled(f"… {len(block.rows) - MOST_ROWS:,} more rows", SOFT))
    if hidden := block.columns[shown:]:
        said.append(styled(f"too narrow for: {', '.join(hidden)}", SOFT))
    return said


def _cell(value: Any, unit: str) -> Text:
    words = styled_line(written(value, unit), 400)
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
    present = [cell[0] for cell in cells if cell and cell[0] is not None]
    return bool(present) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)


def _samples(block: Samples, room: _Room) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding

    parts: list[RenderableType] = [styled(block.heading, "bold")]
    for sample in block.samples[: room.samples]:
        head = styled_line(sample.id, 80, ACCENT)
        for more in (sample.source, sample.note):
            if more:
                head.append("  ").append_text(styled_line(more, 120, SOFT))
        piece = cut(sample.text, sample.marks, room.characters)
        words = styled(sample.text[piece.start : piece.end].strip() or "(no text)")
        if piece.start:
            words = styled("… ", SOFT).append_text(words)
        if piece.after:
            words.append_text(styled(f" … {piece.after:,} characters more", SOFT))
        parts += [head, Padding(words, (0, 0, 1, 2))]
    left = len(block.samples) - room.samples
    if left > 0:
        parts.append(styled(f"{left:,} more on the page", SOFT))
    return Group(*parts)


def _figure(block: Figure, room: _Room) -> RenderableType:
    from rich.console import Group

    title, unit = titles(block.spec)
    head = styled_line(title or about(block.spec), 200, "bold")
    if unit:
        head.append(" ").append_text(styled_line(unit, 40, SOFT))
    own = block.spec.get("usermeta", {}).get("cupel", {})
    draw = CHARTS.get(own.get("chart", "")) if isinstance(own, Mapping) else None
    drawn = draw(block.spec["datasets"], room.width) if draw else [styled("(a chart; see the page)", SOFT)]
    caption = [styled(block.caption, SOFT)] if block.caption else []
    return Group(head, *drawn, *caption)


def _links(block: Links, room: _Room) -> RenderableType:
    return _facts(Facts(facts=block.links), room)


_LAYOUTS: Mapping[str, Callable[[Any, _Room], RenderableType]] = {
    "prose": _prose,
    "alarm": _alarm,
    "code": _code,
    "facts": _facts,
    "table": _table,
    "figure": _figure,
    "samples": _samples,
    "links": _links,
}
