from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Inputs, Json, MoreInputs, inputs_of
from cupel.cli._options import IdColumn, Layout, MaxDocumentBytes, reading_options


def convert(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="File to write: .jsonl, .parquet or .tar (WebDataset); without an ending, a new folder of images "
            "with captions.",
        ),
    ],
    named: Inputs = None,
    more: MoreInputs = None,
    to: Annotated[
        str | None,
        typer.Option(help="Layout of the rows written, such as messages; by default the one they came in."),
    ] = None,
    layout: Layout = None,
    id_column: IdColumn = None,
    max_document_bytes: MaxDocumentBytes = "64MiB",
    json: Json = False,
) -> None:
    """Write conversations, pages and captioned images as they came, or in another layout."""
    from cupel import api
    from cupel.cli._console import print_json, say
    from cupel.units import write_count

    input = inputs_of(named, more, example=f"convert chats.jsonl -o {output}")
    reading = reading_options(None, id_column, layout, max_document_bytes)
    conversion = api.convert(input, output, to=to, reading=reading)
    if json:
        print_json({"documents": conversion.documents, "quarantined": conversion.quarantined})
        return
    say(f"{write_count(conversion.documents)} documents in {output}")
    entries = conversion.quarantined
    if entries:
        first = entries[0]
        say(
            f"{write_count(len(entries))} not read, first {first.path}, {first.unit} {first.position}: "
            f"{first.reason}: {first.detail}"
        )
