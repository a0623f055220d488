"""What commands take as input: paths one after the other, `--input`, and `-` for standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Optional

import typer

from cupel.errors import BadInput, BadOption

__all__ = ["Inputs", "Json", "Methods", "MoreInputs", "inputs_of", "keep_standard_input"]

Inputs = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(
        metavar="[INPUT]...",
        help="Files, folders, globs, URLs or Hugging Face names; - is standard input.",
        show_default=False,
    ),
]
MoreInputs = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--input", "-i", help="The same as an option; repeatable."),
]


def _load(paths: list[str] | None) -> list[str] | None:
    if paths:
        from cupel.contract import load_methods

        load_methods(*paths)
    return paths


Methods = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--methods",
        help="A Python file with methods of your own; repeatable.",
        metavar="FILE",
        callback=_load,
        is_eager=True,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]


def inputs_of(named: Sequence[str] | None, more: Sequence[str] | None = None, *, example: str) -> list[str]:
    """The inputs of a command, in order; standard input becomes the file that holds what came.

    Parameters
    ----------
    named, more
        As arguments, and as `--input`.
    example
        What to type, for those who named none.

    Raises
    ------
    BadInput
        None is named, or standard input is no pipe.
    BadOption
        Standard input is named twice.
    """
    inputs = [*(named or ()), *(more or ())]
    if not inputs:
        raise BadInput(f"no input is named; expected files, folders or -, as in `cupel {example}`")
    return keep_standard_input(inputs, example=example)


def keep_standard_input(places: Sequence[str], *, example: str) -> list[str]:
    """These places, with the file that holds what came through standard input in place of `-`.

    Raises
    ------
    BadInput
        Standard input is a terminal, closed or empty.
    BadOption
        It is named twice.
    """
    if "-" not in places:
        return list(places)
    if places.count("-") > 1:
        raise BadOption("-: standard input is named twice")
    if sys.stdin is None:  # `cupel inspect - <&-`
        raise BadInput(
            f"-: standard input is closed; pipe documents in: `zcat pool.jsonl.gz | cupel {example}`"
        )
    if sys.stdin.isatty():
        raise BadInput(
            f"-: standard input is the terminal; pipe documents in: `zcat pool.jsonl.gz | cupel {example}`"
        )
    from cupel.cli._console import say_aside
    from cupel.corpus.stdin import keep_stream

    kept = str(keep_stream(sys.stdin.buffer, note=say_aside))
    return [kept if place == "-" else place for place in places]
