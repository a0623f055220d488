"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cupel.errors import BadOption
from cupel.units import read_bytes, read_count

if TYPE_CHECKING:
    from cupel.corpus.read import ReadOptions
    from cupel.engine import Engine
    from cupel.recipe.asking import Asking

__all__ = [
    "RUNNING",
    "Accept",
    "BudgetMoney",
    "BudgetTokens",
    "InFlight",
    "Layout",
    "PriceIn",
    "PriceOut",
    "make_asking",
    "SHOWN_CHARACTERS",
    "Address",
    "Cache",
    "Cores",
    "Device",
    "DryRun",
    "EngineName",
    "Full",
    "IdColumn",
    "MaxDocumentBytes",
    "Memory",
    "Output",
    "Overrides",
    "Restart",
    "TextColumn",
    "Workers",
    "make_engine",
    "parse_bytes",
    "reading_options",
]

READING, WRITING, RUNNING, MODELS = "Reading", "Writing", "Running", "Asking models"

Output = Annotated[
    Path,
    typer.Option("--output", "-o", help="Folder to write; the same command again resumes."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override an option of a step, such as minhash.threshold=0.8; repeatable."),
]
Restart = Annotated[
    bool,
    typer.Option(
        "--restart",
        help="Discard what the output folder holds of a run, and begin anew.",
        rich_help_panel=WRITING,
    ),
]
TextColumn = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        help="Column that holds the text; repeatable: the first that a row has.", rich_help_panel=READING
    ),
]
IdColumn = Annotated[Optional[str], typer.Option(help="Column that holds the id.", rich_help_panel=READING)]  # noqa: UP045
Layout = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        help="Layout of all rows, such as messages or alpaca; recognized by their fields where there is no text column.",
        rich_help_panel=READING,
    ),
]
MaxDocumentBytes = Annotated[
    str,
    typer.Option(
        help="A larger document goes to quarantine, such as 64MiB; it bounds what reading holds in memory.",
        rich_help_panel=READING,
    ),
]
EngineName = Annotated[
    str, typer.Option(help="native (this machine) or ray (a cluster).", rich_help_panel=RUNNING)
]
Address = Annotated[
    str | None, typer.Option(help="Ray cluster, such as ray://head:10001.", rich_help_panel=RUNNING)
]
Cores = Annotated[Optional[int], typer.Option(help="Cores to use; all by default.", rich_help_panel=RUNNING)]  # noqa: UP045

Memory = Annotated[
    str | None,
    typer.Option(
        help="What finding duplicates may hold, such as 8GB; half of what is free by default.",
        rich_help_panel=RUNNING,
    ),
]

Device = Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel=RUNNING)]
Workers = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        min=1, help="Trials at a time; by default one a core, or one on a GPU.", rich_help_panel=RUNNING
    ),
]
Cache = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        help="Where trials are kept; $CUPEL_CACHE or ~/.cache/cupel by default.", rich_help_panel=RUNNING
    ),
]

Accept = Annotated[
    bool,
    typer.Option(
        "--accept",
        help="Go on where a deduplication would take away more than its bounds allow.",
        rich_help_panel=RUNNING,
    ),
]

Report = Annotated[
    bool,
    typer.Option(
        "--report/--no-report",
        envvar="CUPEL_REPORT",
        help="Draw report.html; without, the same command with --report draws it later.",
        rich_help_panel=WRITING,
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Check everything, say what would be read, done and taken, and stop; nothing is written.",
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Print all that the report has, not only the essential.")]

BudgetTokens = Annotated[
    str | None,
    typer.Option(
        help="Tokens that models may be asked for and answer in this call, such as 5M; it stops before it goes over.",
        rich_help_panel=MODELS,
    ),
]
BudgetMoney = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(help="What that may cost, by the prices.", rich_help_panel=MODELS),
]
PriceIn = Annotated[
    float, typer.Option(help="Price of a million tokens that a model reads.", rich_help_panel=MODELS)
]
PriceOut = Annotated[
    float, typer.Option(help="Price of a million tokens that a model writes.", rich_help_panel=MODELS)
]
InFlight = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        min=1, help="Requests that wait for an answer at once; 16 of a server.", rich_help_panel=MODELS
    ),
]

SHOWN_CHARACTERS = 1200
"""Of each document that `why` and `sample` print."""


def make_asking(
    tokens: str | None, money: float | None, price_in: float, price_out: float, in_flight: int | None
) -> Asking:
    """How models are asked.

    Raises
    ------
    BadOption
        A number that is none, or money without a price.
    """
    from cupel.models.budget import Budget
    from cupel.recipe.asking import Asking

    try:
        limit = None if tokens is None else read_count(tokens)
    except BadOption as error:
        raise BadOption(f"--budget-tokens {error}") from None
    return Asking(Budget(limit, money, price_in, price_out), in_flight)


def parse_bytes(text: str, option: str) -> int:
    """`256MB` → 256000000.

    >>> parse_bytes("64 MiB", "--shard")
    67108864
    """
    try:
        return read_bytes(text)
    except BadOption as error:
        raise BadOption(f"{option}: {error}") from None


def reading_options(
    text_column: Sequence[str] | None, id_column: str | None, layout: str | None, max_document_bytes: str
) -> ReadOptions:
    """How the options of a command say that documents are read.

    Raises
    ------
    BadOption
        A number that is none, or both a text column and a layout.
    UnknownName
        No layout has this name.
    """
    from cupel import api

    largest = parse_bytes(max_document_bytes, "--max-document-bytes")
    if layout is not None:
        from cupel.corpus.layouts import find_layout

        find_layout(layout)
    return api.ReadOptions(
        text_column=tuple(text_column or ()), id_column=id_column, layout=layout, max_document_bytes=largest
    )


def make_engine(name: str, address: str | None, cores: int | None, memory: str | None) -> Engine:
    """The engine that the options of a command name."""
    from cupel import api

    held = None if memory is None else parse_bytes(memory, "--memory")
    return api.Engine(name, address, cores, held)  # type: ignore[arg-type]
