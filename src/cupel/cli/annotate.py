from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Inputs, Json, MoreInputs, inputs_of
from cupel.cli._options import (
    Address,
    Cores,
    EngineName,
    IdColumn,
    Layout,
    MaxDocumentBytes,
    Memory,
    Output,
    Report,
    Restart,
    TextColumn,
    make_engine,
    reading_options,
)


def annotate(
    finding: Annotated[Path, typer.Argument(help="Folder of a finding that has a table by document.")],
    output: Output,
    named: Inputs = None,
    more: MoreInputs = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    layout: Layout = None,
    max_document_bytes: MaxDocumentBytes = "64MiB",
    restart: Restart = False,
    report: Report = True,
    json: Json = False,
    engine: EngineName = "native",
    address: Address = None,
    cores: Cores = None,
    memory: Memory = None,
) -> None:
    """Join a finding to a corpus, so that recipes can use what it says of each document."""
    from cupel import api
    from cupel.cli._results import tell

    result = api.annotate(
        finding,
        input=inputs_of(named, more, example=f"annotate {finding} pool -o {output}"),
        output=output,
        reading=reading_options(text_column, id_column, layout, max_document_bytes),
        engine=make_engine(engine, address, cores, memory),
        restart=restart,
        report=report,
    )
    tell(result, output, json=json)
