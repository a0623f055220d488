from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cupel.cli._inputs import Json, Methods

if TYPE_CHECKING:
    from cupel.findings import Page
    from cupel.literature.catalog import LiteratureEntry


def papers(
    words: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="Words of a title, authors, a year, a method, a recipe or a claim."),
    ] = None,
    folder: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder of the claims and of their results; claims by default, if it holds any."),
    ] = None,
    write: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write the page of the docs, which lists all papers, to this file."),
    ] = None,
    methods: Methods = None,
    json: Json = False,
) -> None:
    """List the papers behind the methods, recipes and claims, or show one: what implements it, and what to type."""
    from cupel import api
    from cupel.cli._console import out, print_json, say
    from cupel.errors import BadOption
    from cupel.report.terminal import show

    if write is not None and words:
        raise BadOption(f"--write writes the page of all papers; leave out: {' '.join(words)}")
    entries = api.papers(*(words or ()), folder=folder)
    if write is not None:
        _write(write, entries)
        say(f"written  {write}: {len(entries)} papers")
        return
    if json:
        print_json([{**_record(entry), "commands": entry.commands} for entry in entries])
        return
    footer = NO_CLAIMS if folder is None and not Path("claims").is_dir() else ""
    show(_paper(entries[0], footer) if len(entries) == 1 else _list(entries, footer), out)


NO_CLAIMS = "Claims are not listed: they are in the project's own folder (git clone); go there, or name one with --folder."


def _record(entry: LiteratureEntry) -> dict[str, object]:
    return {
        "title": entry.title,
        "authors": entry.authors,
        "year": entry.year,
        "url": entry.url,
        "methods": [method._asdict() for method in entry.methods],
        "recipes": entry.recipes,
        "claims": [claim._asdict() for claim in entry.claims],
        "surveys": entry.surveys,
    }


def _list(entries: list[LiteratureEntry], footer: str) -> Page:
    """All papers: those of recent years by year, then the others."""
    from cupel.findings import Page, Section, Table

    by_title: dict[str, list[LiteratureEntry]] = {}
    for entry in entries:
        by_title.setdefault(str(entry.year) if entry.year >= RECENT else f"Before {RECENT}", []).append(entry)
    sections = []
    for title, papers in by_title.items():
        tables = []
        for start in range(0, len(papers), ROWS):
            rows = tuple(
                (entry.cited.removesuffix(f" {title}"), entry.title, _uses(entry))
                for entry in papers[start : start + ROWS]
            )
            tables.append(Table(columns=("paper", "title", "here"), rows=rows, formats=("text",) * 3))
        sections.append(Section(title=title, blocks=tuple(tables)))
    return Page(
        title="Papers",
        subtitle=f"{len(entries)} papers; words of a title, authors, a year or a method show fewer",
        sections=tuple(sections),
        footer=footer,
    )


RECENT = 2020
"""The first year with a table of its own."""
ROWS = 40
"""Of one table: a terminal shows no more."""


def _uses(entry: LiteratureEntry) -> str:
    """Everything that comes from a paper, by name."""
    return "; ".join(
        part
        for part in (
            ", ".join(method.name for method in entry.methods),
            ", ".join(f"recipe {name}" for name in entry.recipes),
            ", ".join(f"claim {claim.id}: {claim.outcome}" for claim in entry.claims),
            ", ".join(f"docs: {heading}" for heading in entry.surveys),
        )
        if part
    )


def _paper(entry: LiteratureEntry, footer: str) -> Page:
    """One paper in full."""
    from cupel.findings import Code, Page, Prose, Section, Table

    sections = []
    if entry.methods:
        table = Table(columns=("method", "kind", "in the paper"), rows=entry.methods, formats=("text",) * 3)
        sections.append(Section(title="Methods", blocks=(table,)))
    if entry.recipes:
        sections.append(Section(title="Recipes", blocks=(Prose(text=", ".join(entry.recipes)),)))
    for claim in entry.claims:
        result = Prose(text=claim.verdict or "Run it to find out.")
        sections.append(
            Section(title=f"Claim {claim.id}: {claim.outcome}", lead=claim.statement, blocks=(result,))
        )
    if entry.surveys:
        lists = Prose(text=f"{', '.join(entry.surveys)} (docs/literature.md)")
        sections.append(Section(title="Lists that follow it", blocks=(lists,)))
    if entry.commands:
        sections.append(Section(title="Type", blocks=(Code(text="\n".join(entry.commands)),)))
    return Page(
        title=entry.title,
        subtitle=f"{entry.authors}, {entry.year}. {entry.url}",
        sections=tuple(sections),
        footer=footer,
    )


def _write(path: Path, entries: list[LiteratureEntry]) -> None:
    from cupel.errors import RunFailed
    from cupel.literature.page import literature_markdown
    from cupel.literature.surveys import read_surveys

    try:
        path.write_text(literature_markdown(entries, read_surveys()), "utf-8")
    except OSError as error:
        raise RunFailed(f"{path}: {error.strerror}") from error
