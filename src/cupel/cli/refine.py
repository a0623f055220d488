from __future__ import annotations

from typing import Annotated

import typer

from cupel.cli._inputs import Inputs, Json, Methods, MoreInputs, inputs_of
from cupel.cli._options import (
    READING,
    RUNNING,
    WRITING,
    Accept,
    Address,
    BudgetMoney,
    BudgetTokens,
    Cores,
    DryRun,
    EngineName,
    Full,
    IdColumn,
    InFlight,
    Layout,
    MaxDocumentBytes,
    Memory,
    Output,
    Overrides,
    PriceIn,
    PriceOut,
    Report,
    Restart,
    TextColumn,
    make_asking,
    make_engine,
    parse_bytes,
    reading_options,
)


def refine(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe (see `cupel recipes`) or a YAML file.")],
    output: Output,
    named: Inputs = None,
    more: MoreInputs = None,
    methods: Methods = None,
    set_: Overrides = None,
    dry_run: DryRun = False,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    layout: Layout = None,
    max_document_bytes: MaxDocumentBytes = "64MiB",
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Stop at the first bad document instead of putting it into quarantine.",
            rich_help_panel=READING,
        ),
    ] = False,
    format: Annotated[
        str, typer.Option(help="parquet or jsonl (JSONL.zst).", rich_help_panel=WRITING)
    ] = "parquet",
    output_layout: Annotated[
        str | None,
        typer.Option(
            help="Layout of conversations in jsonl, such as messages; by default the one they came in.",
            rich_help_panel=WRITING,
        ),
    ] = None,
    file_size: Annotated[
        str, typer.Option(help="Size of one data file, about.", rich_help_panel=WRITING)
    ] = "256MB",
    restart: Restart = False,
    report: Report = True,
    full: Full = False,
    json: Json = False,
    engine: EngineName = "native",
    address: Address = None,
    cores: Cores = None,
    memory: Memory = None,
    budget_tokens: BudgetTokens = None,
    budget_money: BudgetMoney = None,
    price_in: PriceIn = 0.0,
    price_out: PriceOut = 0.0,
    in_flight: InFlight = None,
    accept: Accept = False,
    shard_size: Annotated[
        str | None,
        typer.Option(
            help="Input of one shard: what works in parallel, and what a kill can undo; "
            "by default 4 to 128 MiB, by cores.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
) -> None:
    """Turn a raw pool into a training corpus, with a ledger of every document."""
    from cupel.cli._progress import announce

    input = inputs_of(named, more, example=f"refine {recipe} pool -o {output}")
    announce(f"refine {recipe}: {', '.join(input)} → {output}")
    from cupel import api
    from cupel.cli._results import carry_out
    from cupel.recipe.options import RunOptions

    loaded = api.Recipe.load(recipe, set_ or ())
    options = RunOptions(
        reading=reading_options(text_column, id_column, layout, max_document_bytes),
        writing=api.OutputOptions(
            format=format,
            shard_bytes=parse_bytes(file_size, "--file-size"),
            strict=strict,
            layout=output_layout,
        ),
        engine=make_engine(engine, address, cores, memory),
        target_shard_bytes=None if shard_size is None else parse_bytes(shard_size, "--shard-size"),
        asking=make_asking(budget_tokens, budget_money, price_in, price_out, in_flight),
        restart=restart,
        accept=accept,
    )
    carry_out(loaded, input, output, options, dry_run=dry_run, report=report, full=full, json=json)
