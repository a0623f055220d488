"""Results in a notebook: a small piece of HTML that takes the colors of the page it stands in.

No style sheet, script or background is brought along, so it reads the same in light and dark notebooks. Figures and
samples are left to the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from cupel.findings import Alarm, Block, Facts, Page, Prose, Table
from cupel.units import FORMATS, written

__all__ = ["facts_html", "page_html", "page_text"]

MAX_ROWS = 20
_LINE = "1px solid rgba(128,128,128,.35)"
_CELL = f"padding:2px 10px 2px 0;border-bottom:{_LINE};background:none;vertical-align:top"


def page_html(page: Page, keys: Sequence[str] | None = None) -> str:
    """A page as a piece of HTML: its facts, and the tables and alarms of its sections.

    Parameters
    ----------
    keys
        Only the sections with these keys, and the alarms of all; None: all sections.

    Examples
    --------
    >>> page_html(Page(title="Café <b>", facts=(("documents", "東京"),)))[:60]
    '<div style="font-size:90%;line-height:1.45"><div><strong>Caf'
    """
    pieces: list[str] = []
    for section in page.sections:
        shown = keys is None or section.key in keys
        blocks = [block for block in section.blocks if shown or isinstance(block, Alarm)]
        laid_out = [html for block in blocks if (html := _block(block))]
        if laid_out:
            heading = f'<div style="margin-top:10px"><strong>{_text(section.title)}</strong></div>'
            pieces.append(heading + "".join(laid_out))
    return facts_html(page.title, page.facts, subtitle=page.subtitle, below="".join(pieces))


def facts_html(title: str, facts: Iterable[tuple[str, Any]], *, subtitle: str = "", below: str = "") -> str:
    """A title over named values, as a piece of HTML."""
    rows = "".join(
        f'<tr style="background:none"><td style="{_CELL};text-align:left;opacity:.7">{_text(name)}</td>'
        f'<td style="{_CELL};text-align:left">{_text(value)}</td></tr>'
        for name, value in facts
    )
    under = f' <span style="opacity:.7">{_text(subtitle)}</span>' if subtitle else ""
    table = f'<table style="border-collapse:collapse;margin:4px 0">{rows}</table>' if rows else ""
    head = f"<div><strong>{_text(title)}</strong>{under}</div>"
    return f'<div style="font-size:90%;line-height:1.45">{head}{table}{below}</div>'


def page_text(page: Page) -> str:
    """The head of a page in lines: its title, and each fact.

    >>> print(page_text(Page(title="Refined", facts=(("kept", "12"), ("dropped", "3")))))
    Refined
      kept     12
      dropped  3
    """
    width = max((len(name) for name, _ in page.facts), default=0)
    head = f"{page.title} · {page.subtitle}" if page.subtitle else page.title
    return "\n".join([head, *(f"  {name:<{width}}  {value}" for name, value in page.facts)])


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Alarm):
        return f'<div style="border-left:3px solid #c8743a;padding-left:8px;margin:4px 0">{_text(block.text)}</div>'
    if isinstance(block, Prose):
        return f'<div style="margin:4px 0">{_text(block.text)}</div>'
    return facts_html("", block.facts) if isinstance(block, Facts) else ""


def _table(block: Table) -> str:
    units = [block.formats[at] if at < len(block.formats) else "" for at in range(len(block.columns))]
    head = "".join(
        f'<th style="{_CELL};text-align:{_side(unit)};font-weight:600">{_text(name)}</th>'
        for name, unit in zip(block.columns, units, strict=True)
    )
    rows = "".join(
        '<tr style="background:none">'
        + "".join(
            f'<td style="{_CELL};text-align:{_side(unit)}">{_text(_value(value, unit))}</td>'
            for value, unit in zip(row, units, strict=False)
        )
        + "</tr>"
        for row in block.rows[:MAX_ROWS]
    )
    more = len(block.rows) - MAX_ROWS
    note = f'<div style="opacity:.7">{more:,} more rows in the report</div>' if more > 0 else ""
    return f'<table style="border-collapse:collapse;margin:4px 0"><tr>{head}</tr>{rows}</table>{note}'


def _value(value: Any, unit: str) -> str:
    if unit == "bar":
        return "" if value is None else written(value, "percent")
    return written(value, unit or ("number" if isinstance(value, float) else "text"))


def _side(unit: str) -> str:
    return "right" if unit in FORMATS and unit not in ("text", "bar") else "left"


def _text(value: Any) -> str:
    """Escaped, on one line, without what hides: only printable characters."""
    line = " ".join(str(value).split())
    return escape("".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in line))
