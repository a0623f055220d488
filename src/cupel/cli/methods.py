from __future__ import annotations

from typing import Annotated, Optional

import typer


def methods(
    name: Annotated[Optional[str], typer.Argument(help="A method to describe.")] = None,  # noqa: UP045
) -> None:
    """List the methods, or describe one: what it does, its options, its paper."""
    from cupel.cards import card_markdown
    from cupel.cli._console import out
    from cupel.findings import Page, Section, Table
    from cupel.methods import all_methods, find_method
    from cupel.report.terminal import show

    if name is not None:
        from rich.markdown import Markdown

        out.print(Markdown(card_markdown(find_method(name))))
        return
    headings = {
        "signal": "Signals: measure, never drop",
        "rules": "Rules: decide on signals",
        "edit": "Edits: change the text",
        "dedup": "Deduplications: find copies in the whole corpus",
        "extractor": "Extraction: text out of web pages",
    }
    sections = []
    for kind in dict.fromkeys(method.kind for method in all_methods().values()):
        rows = tuple((key, method.title()) for key, method in all_methods().items() if method.kind == kind)
        sections.append(
            Section(title=headings.get(kind, kind), blocks=(Table(columns=("method", ""), rows=rows),))
        )
    show(Page(title="Methods", sections=tuple(sections)), out)
