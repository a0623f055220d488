from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Inputs, Json, Methods, MoreInputs, inputs_of
from cupel.cli._options import (
    Cores,
    Full,
    IdColumn,
    Layout,
    MaxDocumentBytes,
    Overrides,
    TextColumn,
    reading_options,
)


def inspect(
    named: Inputs = None,
    more: MoreInputs = None,
    methods: Methods = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Also write the profile as an HTML page.")
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option(
            "--signal",
            help="Also measure this signal, one of its columns, what `cupel fit` learned (a folder), or NAME=CLASSIFIER; "
            "repeatable.",
        ),
    ] = None,
    set_: Overrides = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    layout: Layout = None,
    max_document_bytes: MaxDocumentBytes = "64MiB",
    full: Full = False,
    json: Json = False,
    cores: Cores = None,
) -> None:
    """Profile a pool: sizes, languages, duplicates, signal histograms."""
    from cupel.cli._progress import TerminalProgress, announce

    paths = inputs_of(named, more, example="inspect pool")
    announce(f"inspect {', '.join(paths)}")
    from cupel import api
    from cupel.cli._console import out, print_json, say, say_aside
    from cupel.report import write
    from cupel.report.terminal import show

    profile = api.inspect(
        paths,
        reading=reading_options(text_column, id_column, layout, max_document_bytes),
        engine=api.Engine(cores=cores),
        progress=TerminalProgress(keeping=False),
        signals=signal or (),
        overrides=set_ or (),
    )
    if json:
        print_json({"counts": profile.manifest, "page": profile.page})
    else:
        show(profile.page, out, full=full)
    if page is not None:
        write(profile.page, page)
        (say_aside if json else say)(f"page  {page}")
