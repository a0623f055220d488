from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Json, Methods, keep_standard_input
from cupel.cli._options import (
    BudgetMoney,
    BudgetTokens,
    Cores,
    IdColumn,
    InFlight,
    Layout,
    MaxDocumentBytes,
    Memory,
    PriceIn,
    PriceOut,
    Restart,
    TextColumn,
    make_asking,
)
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
    page: Annotated[
        Path | None, typer.Option("--page", help="Also write what is said of it as an HTML page.")
    ] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    layout: Layout = None,
    max_document_bytes: MaxDocumentBytes = "64MiB",
    cores: Cores = None,
    memory: Memory = None,
    budget_tokens: BudgetTokens = None,
    budget_money: BudgetMoney = None,
    price_in: PriceIn = 0.0,
    price_out: PriceOut = 0.0,
    in_flight: InFlight = None,
    restart: Restart = False,
    json: Json = False,
) -> None:
    """Fit a method, and keep what it learned for recipes."""
    from cupel import api
    from cupel.cli._console import out, print_json, say
    from cupel.cli._method_options import method_options
    from cupel.cli._options import make_engine, reading_options
    from cupel.contract import find_method
    from cupel.report import write
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
        asking=make_asking(budget_tokens, budget_money, price_in, price_out, in_flight),
        restart=restart,
    )
    if page is not None:
        write(fitted.page(), page)
    if json:
        print_json({"artifact": fitted.folder, **fitted.about})
        return
    show(fitted.page(), out)
    if fitted.usage.requests:
        usage = fitted.usage
        say(
            f"requests  {usage.requests:,}, of these {usage.cached:,} from the cache and {usage.refused:,} refused; "
            f"{usage.tokens_in:,} tokens in, {usage.tokens_out:,} out"
            + (f"; cost {usage.money:.4g}" if usage.money else "")
        )
    say(f"artifact  {fitted.folder}")
    if page is not None:
        say(f"page  {page}")
