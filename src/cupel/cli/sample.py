from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._options import SHOWN_CHARACTERS


def sample(
    output: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    dropped_by: Annotated[
        str | None,
        typer.Option("--dropped-by", help="A step of the recipe; default: documents that were kept."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Only those dropped for this reason.")
    ] = None,
    documents: Annotated[int, typer.Option("--documents", "-n", min=1, help="How many.")] = 10,
    seed: Annotated[int, typer.Option(help="Another seed, other documents.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, whole texts.")] = False,
) -> None:
    """Show documents that a step dropped, or some that were kept."""
    from cupel import api
    from cupel.cli._console import out
    from cupel.findings import Page, Sample, Samples, Section
    from cupel.report.terminal import show

    rows = api.sample(
        output, dropped_by=dropped_by, reason=reason, documents=documents, seed=seed
    ).to_pylist()
    if json:
        import orjson

        from cupel.report.text import safe_json

        for row in rows:
            typer.echo(safe_json(orjson.dumps(row).decode()))
        return
    shown = []
    for row in rows:
        said = [
            row["reason"],
            row["value"] and f"measured {row['value']}",
            row["limit"] and f"kept when {row['limit']}",
        ]
        note = "; ".join(part for part in said if part)
        shown.append(
            Sample(id=row["id"] or "–", source=row["source"] or "", note=note, text=row["text"] or "")
        )
    heading = f"dropped by {dropped_by}" if dropped_by else "kept"
    section = Section(
        title=heading, blocks=(Samples(heading=f"{len(shown)} documents", samples=tuple(shown)),)
    )
    page = Page(title=str(output), sections=(section,))
    show(page, out, samples=documents, characters=SHOWN_CHARACTERS)
