from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._options import (
    Accept,
    Address,
    Cores,
    EngineName,
    IdColumn,
    Layout,
    MaxDocumentBytes,
    Memory,
    Output,
    Overrides,
    Report,
    Restart,
    TextColumn,
    make_engine,
    reading_options,
)


def dedup(
    input: Annotated[list[str], typer.Argument(help="Files, folders, globs, URLs or Hugging Face names.")],
    output: Output,
    by: Annotated[
        list[str],
        typer.Option(
            "--by", help="Kind of repetition, in this order; repeatable. `cupel methods` lists them."
        ),
    ],
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="Field that is compared in place of the text, such as url; repeatable: all must be equal."
        ),
    ] = None,
    set_: Overrides = None,
    index: Annotated[
        Path | None,
        typer.Option(
            help="Folder of what earlier runs have seen: their copies go too, and this run is remembered there."
        ),
    ] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    layout: Layout = None,
    max_document_bytes: MaxDocumentBytes = "64MiB",
    engine: EngineName = "native",
    address: Address = None,
    cores: Cores = None,
    memory: Memory = None,
    accept: Accept = False,
    restart: Restart = False,
    report: Report = True,
) -> None:
    """Deduplicate a pool: one kind of repetition after the other, and nothing else."""
    from cupel import api
    from cupel.cli._progress import TerminalProgress
    from cupel.cli._results import tell
    from cupel.recipe.planner import make_plan
    from cupel.recipe.repetition import dedup_recipe

    fields = key or ()
    result = api.dedup(
        input,
        output=output,
        by=by,
        overrides=set_ or (),
        index=index,
        key=fields,
        reading=reading_options(text_column, id_column, layout, max_document_bytes),
        engine=make_engine(engine, address, cores, memory),
        restart=restart,
        accept=accept,
        report=report,
        progress=TerminalProgress(make_plan(dedup_recipe(by, set_ or (), index, fields)).describe()),
    )
    tell(result)
