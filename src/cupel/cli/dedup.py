from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Inputs, Json, Methods, MoreInputs, inputs_of
from cupel.cli._options import (
    Accept,
    Address,
    Cores,
    DryRun,
    EngineName,
    Full,
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
    output: Output,
    by: Annotated[
        list[str],
        typer.Option(
            "--by", help="Kind of repetition, in this order; repeatable. `cupel methods` lists them."
        ),
    ],
    named: Inputs = None,
    more: MoreInputs = None,
    methods: Methods = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="Field that is compared in place of the text, such as url; repeatable: all must be equal."
        ),
    ] = None,
    set_: Overrides = None,
    dry_run: DryRun = False,
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
    full: Full = False,
    json: Json = False,
) -> None:
    """Deduplicate a pool: one kind of repetition after the other, and nothing else."""
    from cupel.cli._progress import announce

    input = inputs_of(named, more, example=f"dedup pool -o {output} --by {by[0]}")
    announce(f"dedup by {', '.join(by)}: {', '.join(input)} → {output}")
    from cupel.cli._results import carry_out
    from cupel.recipe.options import RunOptions
    from cupel.recipe.repetition import dedup_recipe

    recipe = dedup_recipe(by, set_ or (), index, key or ())
    options = RunOptions(
        reading=reading_options(text_column, id_column, layout, max_document_bytes),
        engine=make_engine(engine, address, cores, memory),
        restart=restart,
        accept=accept,
    )
    carry_out(recipe, input, output, options, dry_run=dry_run, report=report, full=full, json=json)
