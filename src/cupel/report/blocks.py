"""Each kind of block as HTML. Text comes from anywhere, so all of it is escaped here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote

from cupel.findings import Alarm, Block, Code, Facts, Figure, Links, Prose, Sample, Samples, Table
from cupel.report.figure import CannotDraw, draw, legend, titles
from cupel.report.sheet import table_csv
from cupel.report.text import cut, marked, plain, shorten, visible
from cupel.units import FORMATS, written

__all__ = ["lay_out", "lay_out_facts"]

GRID_WIDTH = 304
"""Pixels of one chart in a grid, and of a single chart on a phone."""
HALF_WIDTH = 462
"""Pixels of one of two or four charts side by side."""
WIDE_WIDTH = 940
"""Pixels of a single chart on a desktop."""
LONGEST_SAMPLE = 6000
"""Characters of one document shown; what is left out is said."""
FIRST_LOOK = 640
"""Characters of a document shown before it is opened."""
MOST_ROWS = 500
TALL = 24
"""Rows above which a table scrolls in its own box."""
FIRST_SAMPLES = 4
FEW_COLUMNS = 3
"""Columns up to which a table is as wide as its cells, not as the page."""
OPEN_GROUPS = 3
"""Groups of samples in one section that all stand open; of more, only the first does."""
LONGEST_CELL = 400


def lay_out(blocks: Sequence[Block], name: str) -> str:
    """The blocks of one section, in order; figures that follow each other become a grid.

    Parameters
    ----------
    name
        The section's anchor, unique on the page; ids inside begin with it.
    """
    pieces: list[str] = []
    place = 0
    fold = sum(isinstance(block, Samples) for block in blocks) > OPEN_GROUPS
    opened = False
    for is_figure, run in groupby(blocks, key=lambda block: isinstance(block, Figure)):
        together = list(run)
        names = [f"{name}_{place + i}" for i in range(len(together))]
        place += len(together)
        if is_figure and len(together) > 1:
            pieces.append(_grid([b for b in together if isinstance(b, Figure)], names))
            continue
        for block, own in zip(together, names, strict=True):
            if fold and isinstance(block, Samples):
                pieces.append(_folded_samples(block, own, opened=not opened))
                opened = True
            else:
                pieces.append(_LAYOUTS[block.block](block, own))
    return "\n".join(pieces)


def lay_out_facts(facts: Iterable[tuple[str, str]], kind: str = "facts") -> str:
    """Named values side by side: `21,909 (47.0 %)` large and small; a long one on a line of its own, a sentence as text."""
    cards = []
    for label, value in facts:
        long = len(value) > 18
        kind_of = "" if not long else ' class="long words"' if value.count(" ") > 3 else " class=long"
        shown = f"<bdi>{plain(value)}</bdi>" if long else _fact(visible(value))
        cards.append(f"<div{kind_of}><dt>{plain(label)}</dt><dd>{shown}</dd></div>")
    return f'<dl class="{kind}">{"".join(cards)}</dl>' if cards else ""


def _fact(value: str) -> str:
    match = re.fullmatch(r"([<>≥~]? ?[-−]?[\d.,]+)( ?[^\d×()]*)(?: \(([^()]+)\))?", value)
    if not match:
        return f"<bdi>{plain(value)}</bdi>"
    number, unit, aside = match.groups()
    unit = f'<span class="unit">{plain(unit)}</span>' if unit.strip() else ""
    aside = f' <span class="aside">{plain(aside)}</span>' if aside else ""
    return f"{plain(number)}{unit}{aside}"


def _prose(block: Prose, name: str) -> str:
    paragraphs = [part for part in re.split(r"\n\s*\n", visible(block.text)) if part.strip()]
    return "".join(f'<p class="prose" dir="auto">{plain(part)}</p>' for part in paragraphs)


def _alarm(block: Alarm, name: str) -> str:
    return (
        f'<div class="alarm" role="note" id="{name}"><span class="flag" aria-hidden="true">!</span>'
        f'<div><strong>Needs a look</strong><p dir="auto">{plain(block.text)}</p></div></div>'
    )


def _code(block: Code, name: str) -> str:
    lines = []
    for line in visible(block.text).rstrip("\n").split("\n"):
        shown = marked(line, 0, len(line), ())
        lines.append(f"<i>{shown}</i>" if line.lstrip().startswith("#") else shown)
    caption = f'<p class="caption">{plain(block.caption)}</p>' if block.caption else ""
    label = plain(block.caption or "text")
    body = "\n".join(lines)
    return f'{caption}<pre class="code" tabindex="0" role="region" aria-label="{label}">{body}</pre>'


def _facts(block: Facts, name: str) -> str:
    return lay_out_facts(block.facts)


def _table(block: Table, name: str) -> str:
    formats = [block.formats[i] if i < len(block.formats) else "" for i in range(len(block.columns))]
    numeric = [
        unit in FORMATS or (not unit and _is_numeric(row[i] for row in block.rows if i < len(row)))
        for i, unit in enumerate(formats)
    ]
    kinds = [
        "bar" if unit == "bar" else "num" if num else "text"
        for unit, num in zip(formats, numeric, strict=True)
    ]
    head = "".join(
        f'<th scope="col" class="{kind}{" short" if len(column) < 9 else ""}">{plain(column)}</th>'
        for column, kind in zip(block.columns, kinds, strict=True)
    )
    body = "\n".join(_row(row, formats, kinds) for row in block.rows[:MOST_ROWS])
    left = len(block.rows) - MOST_ROWS
    more = f'<p class="more">{len(block.rows):,} rows</p>' if len(block.rows) > TALL else ""
    if left > 0:
        more = f'<p class="more">{len(block.rows):,} rows, of which the first {MOST_ROWS} are shown</p>'
    caption = f'<p class="caption" id="{name}_caption">{plain(block.caption)}</p>' if block.caption else ""
    label = f'aria-labelledby="{name}_caption"' if block.caption else 'aria-label="table"'
    shape = " tall" if len(block.rows) > TALL else ""
    shape += " few" if len(kinds) <= FEW_COLUMNS and set(kinds[1:]) == {"num"} else ""
    empty = '<p class="more">No rows.</p>' if not block.rows else ""
    return (
        f'{caption}<div class="scroll{shape}" tabindex="0" role="region" {label}>'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>{empty}</div>{more}{_download(block, name)}"
    )


def _download(block: Table, name: str) -> str:
    """The whole table as a CSV file, in the page itself."""
    if not block.rows:
        return ""
    return (
        f'<p class="download"><a download="{name.removeprefix("s-")}.csv" '
        f'href="data:text/csv;charset=utf-8,{quote(table_csv(block), safe="", errors="replace")}">CSV</a></p>'
    )


def _row(row: Sequence[Any], formats: Sequence[str], kinds: Sequence[str]) -> str:
    cells = []
    for place, (value, unit, kind) in enumerate(zip(row, formats, kinds, strict=False)):
        shown = plain(shorten(written(value, unit), LONGEST_CELL))
        words = f"<bdi>{shown}</bdi>" if len(shown) < 20 else f"<bdi>{_breakable(shown)}</bdi>"
        short = " short" if kind == "text" and len(shown) < 20 else ""
        nil = " nil" if shown in ("–", "0", "0 %", "0 B") else ""
        if kind == "bar":
            share = min(max(float(value), 0.0), 1.0) if _is_finite(value) else 0.0
            cells.append(
                f'<td class="bar{nil}"><span class="track"><span style="width:{100 * share:.2f}%"></span>'
                f"</span><span>{shown}</span></td>"
            )
        elif place == 0:
            cells.append(f'<th scope="row" class="{kind}{short}">{words}</th>')
        else:
            inside = words if kind == "text" else shown
            cells.append(f'<td class="{kind}{short}{nil}">{inside}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _breakable(shown: str) -> str:
    """Names of columns and paths may break after an underscore or slash."""
    return re.sub(r"([_/])(?=\w)", r"\1<wbr>", shown)


def _is_numeric(values: Iterable[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _figure(block: Figure, name: str) -> str:
    return _one_figure(block, name, WIDE_WIDTH, key=_legend([block.spec]))


def _grid(figures: Sequence[Figure], names: Sequence[str]) -> str:
    """Small charts in rows of three; two or four in rows of two."""
    halves = len(figures) in (2, 4)
    width = HALF_WIDTH if halves else GRID_WIDTH
    cells = "".join(_one_figure(block, name, width) for block, name in zip(figures, names, strict=True))
    key = _legend([block.spec for block in figures])
    return f'{key}<div class="grid{" halves" if halves else ""}">{cells}</div>'


def _one_figure(block: Figure, name: str, width: int, key: str = "") -> str:
    """A chart; one wider than a phone is drawn twice, so that its words stay readable there."""
    try:
        drawn = draw(block.spec, name, width)
        if width > GRID_WIDTH:
            narrow = draw(block.spec, f"{name}n", GRID_WIDTH)
            drawn = f'<div class="wide">{drawn}</div><div class="narrow">{narrow}</div>'
    except CannotDraw as error:
        drawn, key = f'<p class="undrawn">This chart could not be drawn: {plain(str(error))}</p>', ""
    return f'<figure id="{name}">{_heading(block.spec)}{key}{drawn}{_caption(block)}</figure>'


def _heading(spec: Mapping[str, Any]) -> str:
    title, subtitle = titles(spec)
    unit = f' <span class="unit">{plain(shorten(subtitle, 100))}</span>' if subtitle else ""
    return f'<p class="title"><bdi>{plain(shorten(title, 200))}</bdi>{unit}</p>' if title else ""


def _caption(block: Figure) -> str:
    return f"<figcaption>{plain(block.caption)}</figcaption>" if block.caption else ""


def _legend(specs: Sequence[Mapping[str, Any]]) -> str:
    entries = dict.fromkeys(entry for spec in specs for entry in legend(spec))
    keys = "".join(
        f'<li><span class="key back-{role}"></span>{plain(shorten(name, 80))}</li>' for name, role in entries
    )
    return f'<ul class="legend">{keys}</ul>' if keys else ""


def _samples(block: Samples, name: str) -> str:
    return f'<h3 id="{name}" dir="auto">{plain(block.heading)}</h3>{_cards(block)}'


def _folded_samples(block: Samples, name: str, opened: bool) -> str:
    return (
        f'<details class="group"{" open" if opened else ""}>'
        f'<summary><h3 id="{name}" dir="auto">{plain(block.heading)}</h3></summary>{_cards(block)}</details>'
    )


def _cards(block: Samples) -> str:
    cards = [_sample(sample) for sample in block.samples]
    first, rest = cards[:FIRST_SAMPLES], cards[FIRST_SAMPLES:]
    shown = f'<div class="samples">{"".join(first)}</div>' if first else '<p class="more">None.</p>'
    if rest:
        shown += (
            f'<details class="others"><summary>{len(rest):,} more</summary>'
            f'<div class="samples">{"".join(rest)}</div></details>'
        )
    return shown


def _sample(sample: Sample) -> str:
    source = (
        f'<span class="source"><bdi>{plain(shorten(sample.source, 80))}</bdi></span>' if sample.source else ""
    )
    note = f'<p class="note" dir="auto">{plain(shorten(sample.note, 400))}</p>' if sample.note else ""
    return (
        f'<article class="sample"><header><span class="id"><bdi>{plain(shorten(sample.id, 120))}</bdi></span>'
        f"{source}</header>{note}{_document(sample)}</article>"
    )


def _document(sample: Sample) -> str:
    """The text: a first look, the rest folded away, and what was cut said in words."""
    text, marks = sample.text, sample.marks
    if not text.strip():
        kind = f"{len(text):,} characters of white space" if text else "no text"
        return f'<div class="document empty">{kind}</div>'
    piece = cut(text, marks, LONGEST_SAMPLE)
    before = f'<p class="cut">{piece.start:,} characters before are left out.</p>' if piece.start else ""
    after = f'<p class="cut">Cut here: {piece.after:,} of {piece.length:,} characters are left out.</p>'
    after = after if piece.after else ""
    fold = _fold_at(text, piece.start, piece.end, max((end for _, end in marks), default=0))
    look = marked(text, piece.start, fold, marks)
    if fold == piece.end:
        return f'{before}<div class="document" dir="auto">{look}</div>{after}'
    rest = marked(text, fold, piece.end, marks)
    return (
        f'{before}<div class="document" dir="auto">{look}<span class="fold">…</span></div>'
        f'<details class="rest">'
        f"<summary>{piece.end - fold:,} characters more</summary>"
        f'<div class="document" dir="auto">{rest}</div>{after}</details>'
    )


def _fold_at(text: str, start: int, end: int, last_mark: int) -> int:
    """Where to fold a document: at the end of a line or word, and not far before a mark."""
    at = start + FIRST_LOOK
    if start < last_mark < start + 3 * FIRST_LOOK:
        at = max(at, last_mark + 40)
    lines = [newline.end() for newline in re.finditer("\n", text[start:at])]
    if len(lines) > 12:
        at = start + lines[11]
    if end - at < 120:
        return end
    gap = max(text.rfind("\n", start, at), text.rfind(" ", start, at))
    return gap + 1 if gap > start + (at - start) // 2 else at


def _links(block: Links, name: str) -> str:
    entries = "".join(
        f'<li><a href="{_address(path)}">{plain(words)}</a></li>' for words, path in block.links
    )
    return f'<ul class="links">{entries}</ul>'


def _address(path: str) -> str:
    """A path as an address that is never anything else: no scheme can be smuggled in.

    >>> _address("../refined/report.html"), _address("javascript:alert(1)"), _address("/data/a b")
    ('./../refined/report.html', './javascript%3Aalert%281%29', 'file:///data/a%20b')
    """
    quoted = quote(path, safe="/", errors="replace")
    return f"file:///{quoted.lstrip('/')}" if path.startswith("/") else f"./{quoted}"


_LAYOUTS: Mapping[str, Callable[[Any, str], str]] = {
    "prose": _prose,
    "alarm": _alarm,
    "code": _code,
    "facts": _facts,
    "table": _table,
    "figure": _figure,
    "samples": _samples,
    "links": _links,
}
