from __future__ import annotations

from typing import Annotated

import typer

from cupel.cli._inputs import Json, Methods, keep_standard_input
from cupel.cli._options import Cores, IdColumn, Layout, MaxDocumentBytes, Memory, Restart, TextColumn
from cupel.cli._options import Output as OutputFolder

CONTEXT = {"ignore_unknown_options": True}
"""Options of the method are not known before its name is."""


def fit(
    method: Annotated[
        str, typer.Argument(help="A method that learns; `cupel methods METHOD` lists its options.")
    ],
    output: OutputFolder,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[POOL]... [--OPTION VALUE]...", help="Pools to learn from, and options of the method."
        ),
    ] = None,
    methods: Methods = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    layout: Layout = None,
    max_document_bytes: MaxDocumentBytes = "64MiB",
    cores: Cores = None,
    memory: Memory = None,
    restart: Restart = False,
    json: Json = False,
) -> None:
    """Fit a method, and keep what it learned for recipes."""
    from cupel import api
    from cupel.cli._console import out, print_json, say
    from cupel.cli._method_options import method_options
    from cupel.cli._options import make_engine, reading_options
    from cupel.contract import find_method
    from cupel.report.terminal import show

    pools, options = method_options(find_method(method), words or (), kept_out=("artifact",))
    pools = keep_standard_input(pools, example=f"fit {method} - -o {output}")
    fitted = api.fit(
        method,
        input=pools,
        output=output,
        options=options,
        reading=reading_options(text_column, id_column, layout, max_document_bytes),
        engine=make_engine("native", None, cores, memory),
        restart=restart,
    )
    if json:
        print_json({"artifact": fitted.folder, **fitted.about})
        return
    show(fitted.page(), out)
    say(f"artifact  {fitted.folder}")
