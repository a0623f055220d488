from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cupel.cli._options import (
    RUNNING,
    Accept,
    Address,
    Cores,
    EngineName,
    IdColumn,
    Memory,
    TextColumn,
    make_engine,
)


def dedup(
    input: Annotated[list[str], typer.Argument(help="Files, folders, globs, URLs or Hugging Face names.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder to write; the same command again goes on where it was."),
    ],
    by: Annotated[
        list[str],
        typer.Option(
            "--by", help="Kind of repetition, in this order; repeatable. `cupel methods` lists them."
        ),
    ],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="An option, such as minhash.threshold=0.8; repeatable.")
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            help="Folder of what earlier runs have seen: their copies go too, and this run is remembered there."
        ),
    ] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    engine: EngineName = "native",
    address: Address = None,
    cores: Cores = None,
    memory: Memory = None,
    accept: Accept = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Discard what the output folder holds, and begin anew.", rich_help_panel=RUNNING
        ),
    ] = False,
) -> None:
    """Deduplicate a pool: one kind of repetition after the other, and nothing else."""
    from cupel import api
    from cupel.cli._progress import TerminalProgress
    from cupel.cli._results import tell
    from cupel.errors import BadOption
    from cupel.methods import find_method
    from cupel.recipe.plan import make_plan

    steps: list[Any] = []
    for name in by:
        options = find_method(name, "dedup", where="--by").Options.model_fields
        if index is not None and "index" not in options:
            raise BadOption(f"--index: {name} keeps no index; exact, minhash and bloom do")
        steps.append(name if index is None else {name: {"index": str(index.absolute())}})
    recipe = api.Recipe.from_dict({"name": "dedup", "steps": steps}, set_ or ())
    result = api.refine(
        recipe,
        input=input,
        output=output,
        reading=api.ReadOptions(text_column=text_column, id_column=id_column),
        engine=make_engine(engine, address, cores, memory),
        progress=TerminalProgress(make_plan(recipe).describe()),
        restart=restart,
        accept=accept,
    )
    tell(result)
