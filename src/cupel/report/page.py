"""One self-contained HTML page: no script, nothing loaded, readable in ten years.

The page holds its styles and drawings. A content security policy forbids everything
else, so that even a mistake in escaping would not let a document act.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from cupel.findings import Alarm, Block, Links, Page, Section
from cupel.report.blocks import lay_out, lay_out_facts
from cupel.report.text import plain, shorten
from cupel.store import put, seal_page, temporary

__all__ = ["Page", "render", "write"]

LONGEST_SUBTITLE = 280
"""Characters of the subtitle, which names all inputs: hundreds of them would push the findings off the page."""
LONGEST_ALARM = 420
"""Characters of an alarm in the summary at the top, which should also hold what to do about it."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Cpath d='M4 14h24l-4 13H8z' fill='%23777069'/%3E"
    "%3Ccircle cx='16' cy='11' r='7' fill='%23c8743a'/%3E%3C/svg%3E"
)
_MARK = (
    '<svg class="mark" viewBox="0 0 32 32" width="30" aria-hidden="true">'
    '<path d="M3 14.5h26l-4.2 13H7.2z" class="fill-vessel"/>'
    '<circle cx="16" cy="12" r="7.2" class="fill-kept"/>'
    '<ellipse cx="13.6" cy="9.3" rx="2.4" ry="1.5" class="fill-shine" '
    'transform="rotate(-28 13.6 9.3)"/></svg>'
)


def render(page: Page) -> str:
    """The whole HTML document.

    Examples
    --------
    >>> document = render(Page(title="Café <b>", sections=(Section(title="Funnel"),)))
    >>> "<script" in document, "<h1>Café &lt;b&gt;</h1>" in document
    (False, True)
    """
    names = _anchors([section.title for section in page.sections])
    sections = "\n".join(
        _section(section, name, number)
        for number, (section, name) in enumerate(zip(page.sections, names, strict=True), 1)
    )
    alarms = list(_alarms(page.sections, names))
    style = files("cupel.report").joinpath("page.css").read_text("utf-8")
    subtitle = (
        f'<p class="subtitle" dir="auto">{plain(shorten(page.subtitle, LONGEST_SUBTITLE))}</p>'
        if page.subtitle
        else ""
    )
    footer = f'<footer class="foot"><p dir="auto">{plain(page.footer)}</p></footer>' if page.footer else ""
    document = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Cupel">
<title>{plain(page.title)} · Cupel</title>
<link rel="icon" href="{_ICON}">
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the findings</a>
<header class="masthead">
<p class="brand">{_MARK}<span>Cupel</span></p>
<div><h1>{plain(page.title)}</h1>
{subtitle}</div>
</header>
<div class="layout">
{_contents(page.sections, names)}
<main id="main">
{lay_out_facts(page.facts, "headline")}
{_summary(alarms)}
{sections}
</main>
</div>
{footer}
</body>
</html>
"""
    # Lone surrogates are written out by now; this keeps the promise that the file is UTF-8.
    return seal_page(document.encode("utf-8", "replace").decode("utf-8"))


def write(page: Page, path: str | os.PathLike[str]) -> None:
    """Write the page; the file appears whole or not at all.

    Raises
    ------
    OSError
        A folder that is not there or not writable, or a full disk.
    """
    target = Path(path)
    document = render(_placed(page, target.absolute().parent))
    try:
        temporary(target).write_text(document, "utf-8")
        put(target)
    except BaseException:
        temporary(target).unlink(missing_ok=True)
        raise


def _placed(page: Page, folder: Path) -> Page:
    """The page with its links seen from the folder that it lies in: folders that move together stay linked."""

    def placed(block: Block) -> Block:
        if not isinstance(block, Links):
            return block
        links = ((words, os.path.relpath(target or ".", folder)) for words, target in block.links)
        return block.model_copy(update={"links": tuple(links)})

    sections = [
        section.model_copy(update={"blocks": tuple(map(placed, section.blocks))}) for section in page.sections
    ]
    return page.model_copy(update={"sections": tuple(sections)})


def _section(section: Section, name: str, number: int) -> str:
    lead = f'<p class="lead" dir="auto">{plain(section.lead)}</p>' if section.lead else ""
    return (
        f'<section id="{name}" aria-labelledby="{name}_title"><h2 id="{name}_title">'
        f'<span class="number" aria-hidden="true">{number}</span><bdi>{plain(section.title)}</bdi></h2>\n'
        f"{lead}\n{lay_out(section.blocks, name)}</section>"
    )


def _contents(sections: Sequence[Section], names: Sequence[str]) -> str:
    if len(sections) < 2:
        return '<nav class="contents"></nav>'
    entries = "".join(
        f'<li><a href="#{name}"><span class="number" aria-hidden="true">{number}</span>'
        f"<bdi>{plain(shorten(section.title, 60))}</bdi>{_flag(section)}</a></li>"
        for number, (section, name) in enumerate(zip(sections, names, strict=True), 1)
    )
    return f'<nav class="contents" aria-label="Contents"><ol>{entries}</ol></nav>'


def _flag(section: Section) -> str:
    alarmed = any(isinstance(block, Alarm) for block in section.blocks)
    return '<span class="flag" title="needs a look">!</span>' if alarmed else ""


def _alarms(sections: Sequence[Section], names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(anchor, section title, text) of every alarm on the page."""
    for section, name in zip(sections, names, strict=True):
        for place, block in enumerate(section.blocks):
            if isinstance(block, Alarm):
                yield f"{name}_{place}", section.title, block.text


def _summary(alarms: Sequence[tuple[str, str, str]]) -> str:
    if not alarms:
        return ""
    count = "One thing needs a look" if len(alarms) == 1 else f"{len(alarms)} things need a look"
    entries = "".join(
        f'<li><a href="#{anchor}"><bdi>{plain(title)}</bdi></a> '
        f'<span dir="auto">{plain(shorten(text, LONGEST_ALARM))}</span></li>'
        for anchor, title, text in alarms[:12]
    )
    flag = '<span class="flag" aria-hidden="true">!</span>'
    return f'<div class="alarm" role="note">{flag}<div><strong>{count}</strong><ul>{entries}</ul></div></div>'


def _anchors(titles: Sequence[str]) -> list[str]:
    """A unique id for each title, from its ASCII letters and digits."""
    names: list[str] = []
    for place, title in enumerate(titles, 1):
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:48] or "part"
        # Ids inside a section go on with an underscore, which no title gives: all ids differ.
        name = f"s-{name}"
        names.append(name if name not in names else f"{name}_s{place}")
    return names
