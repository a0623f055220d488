from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cupel.cli._inputs import Json, Methods

if TYPE_CHECKING:
    from cupel.contract import Method


def methods(
    name: Annotated[Optional[str], typer.Argument(help="A method to describe.")] = None,  # noqa: UP045
    methods: Methods = None,
    json: Json = False,
) -> None:
    """List the methods, or describe one: what it does, its options, its paper."""
    from cupel.cards import card_markdown
    from cupel.cli._console import out, print_json
    from cupel.contract import all_methods, find_method, methods_by_heading
    from cupel.findings import Page, Section, Table
    from cupel.report.terminal import show

    if json:
        listed = {name: find_method(name)} if name is not None else all_methods()
        print_json([_record(method) for method in listed.values()])
        return
    if name is not None:
        _show_card(card_markdown(find_method(name)))
        return
    sections = []
    for heading, listed in methods_by_heading().items():
        rows = tuple((key, method.title()) for key, method in listed.items())
        sections.append(Section(title=heading, blocks=(Table(columns=("method", ""), rows=rows),)))
    show(Page(title="Methods", sections=tuple(sections)), out)


def _record(method: type[Method]) -> dict[str, object]:
    """What a method says of itself, for scripts."""
    return {
        "name": method.name,
        "kind": method.kind,
        "title": method.title(),
        "papers": method.papers,
        "utility": method.utility,
        "mechanism": method.mechanism,
        "stages": method.stages,
        "columns": {
            name: {"unit": column.unit, "meaning": column.meaning} for name, column in method.columns.items()
        },
        "options": method.Options.model_json_schema().get("properties", {}),
    }


def _show_card(card: str) -> None:
    """A card; its tables by our own layout, because Rich's Markdown cuts long names short."""
    from rich.markdown import Markdown

    from cupel.cli._console import out
    from cupel.findings import Section, Table
    from cupel.report.terminal import show

    for piece in re.split(r"((?:^\|.*\n)+)", card, flags=re.MULTILINE):
        if not piece.startswith("|"):
            out.print(Markdown(piece))
            continue
        head, _, *rows = [_cells(line) for line in piece.splitlines()]
        show(
            Section(title="", blocks=(Table(columns=head, rows=tuple(rows), formats=("text",) * len(head)),)),
            out,
        )


def _cells(line: str) -> tuple[str, ...]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return tuple(cell.strip().replace("`", "").replace("\\|", "|") for cell in cells)
