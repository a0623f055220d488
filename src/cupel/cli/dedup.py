from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    from cupel.contract import ComparesKeys, CorpusMethod, Options, Remembers, find_method, methods_of
    from cupel.errors import BadOption
    from cupel.recipe.planner import make_plan

    def able(options: type[Options]) -> str:
        methods = methods_of(CorpusMethod).items()
        return ", ".join(name for name, method in methods if issubclass(method.Options, options))

    steps: list[Any] = []
    for name in by:
        options = find_method(name, CorpusMethod, where="--by").Options
        if index is not None and not issubclass(options, Remembers):
            raise BadOption(f"--index: {name} keeps no index; these do: {able(Remembers)}")
        if key and not issubclass(options, ComparesKeys):
            raise BadOption(f"--key: {name} compares no keys; these do: {able(ComparesKeys)}")
        given: dict[str, Any] = {"key": key} if key else {}
        if index is not None:
            given["index"] = str(index.absolute())
        steps.append({name: given} if given else name)
    recipe = api.Recipe.from_dict({"name": "dedup", "steps": steps}, set_ or ())
    result = api.refine(
        recipe,
        input=input,
        output=output,
        reading=reading_options(text_column, id_column, layout, max_document_bytes),
        engine=make_engine(engine, address, cores, memory),
        restart=restart,
        accept=accept,
        report=report,
        progress=TerminalProgress(make_plan(recipe).describe()),
    )
    tell(result)
