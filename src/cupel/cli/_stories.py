"""One document's story as a page of blocks."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from cupel.api import Story
from cupel.findings import Alarm, Block, Page, Sample, Samples, Section, Table
from cupel.units import write_bytes

__all__ = ["story_page"]

MOST_CHANGES = 2000
"""Lines of each text that are compared."""


def story_page(story: Story) -> Page:
    """Verdict, signals, and the text before and after."""
    row = story.row
    place = f"{row['path']}:{row['position']}"
    facts = [
        ("status", row["status"]),
        ("source", row["source"] or "–"),
        ("written by", row["path"].partition("/")[2]) if story.parents else ("read from", place),
    ]
    if row["step"]:
        facts.append(("by", f"{row['step']}: {row['reason']}"))
    if row["value"]:
        facts.append(("measured", row["value"]))
    if row["limit"]:
        facts.append(("kept when", row["limit"]))
    if row["survivor"]:
        facts.append(("duplicate of", row["survivor"]))
    if row["bytes_in"] is not None:
        facts.append(("text", f"{write_bytes(row['bytes_in'])} → {write_bytes(row['bytes_out'] or 0)}"))
    sections = []
    if row["failed"]:
        rules = tuple((name,) for name in row["failed"])
        sections.append(Section(title="Rules it fails", blocks=(Table(columns=("rule",), rows=rules),)))
    if story.signals:
        rows = tuple((name, value) for name, value in story.signals.items())
        table = Table(columns=("signal", "value"), rows=rows, formats=("text", "text"))
        sections.append(Section(title="Signals", blocks=(table,)))
    if story.parents:
        sections.append(Section(title="Written from", blocks=(_relatives(story.parents),)))
    if story.children:
        sections.append(Section(title="Written from it", blocks=(_relatives(story.children),)))
    sections.append(Section(title="Text", blocks=tuple(_texts(story))))
    return Page(title=row["id"], facts=tuple(facts), sections=tuple(sections))


def _relatives(rows: Iterable[Mapping[str, Any]]) -> Table:
    """What became of parents or children, the nearest first."""
    return Table(
        columns=("document", "place", "status", "by"),
        rows=tuple(
            (
                row["id"],
                f"{row['path']}:{row['position']}",
                row["status"],
                f"{row['step']}: {row['reason']}" if row["step"] else None,
            )
            for row in rows
        ),
        formats=("text", "text", "text", "text"),
    )


def _texts(story: Story) -> list[Block]:
    blocks: list[Block] = [Alarm(text=story.note)] if story.note else []
    edits = ", ".join(story.row["edits"] or ()) or "no edits"
    name = story.row["id"]
    if story.before is not None:
        blocks.append(Samples(heading="before", samples=(Sample(id=name, text=story.before),)))
    if story.after is not None and story.after == story.before:
        blocks.append(Samples(heading="after: unchanged", samples=()))
    elif story.after is not None:
        blocks.append(Samples(heading=f"after ({edits})", samples=(Sample(id=name, text=story.after),)))
        if story.before is not None and (changes := _changes(story.before, story.after)):
            blocks.append(Samples(heading="changes by line", samples=(Sample(id=name, text=changes),)))
    return blocks


def _changes(before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines()[:MOST_CHANGES], after.splitlines()[:MOST_CHANGES], lineterm="", n=0
    )
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
