"""Standard output for results, standard error for everything else."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

__all__ = ["PipeClosed", "err", "fail", "out", "print_json", "say", "say_aside"]


class PipeClosed(Exception):
    """Whoever reads what a command prints has read enough: `cupel methods | head`."""


class _Printer(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Rich itself would end the process with status 1."""
        raise PipeClosed


out = _Printer(highlight=False)
err = _Printer(stderr=True, highlight=False)


def say(line: str) -> None:
    """One line on standard output, whatever stands in it: never wrapped, never obeyed."""
    from cupel.report.text import visible

    out.print(visible(line), markup=False, soft_wrap=True)


def say_aside(line: str) -> None:
    """One line on standard error, beside the result."""
    from cupel.report.text import visible

    err.print(visible(line), markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON value on standard output, indented, and nothing else: for scripts.

    Records become objects, tables lists of rows, paths text; what is no number becomes null.
    """
    from cupel.report.text import safe_json

    print(safe_json(json.dumps(_plain(value), indent=2, ensure_ascii=False)), flush=True)


def _plain(value: Any) -> Any:
    """The value in the words of JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, os.PathLike):
        return os.fsencode(value).decode("utf-8", "replace")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if callable(dump := getattr(value, "model_dump", None)):
        return _plain(dump())
    if callable(rows := getattr(value, "to_pylist", None)):
        return _plain(rows())
    if isinstance(value, Iterable):
        return [_plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    for method in ("to_json", "item"):
        if callable(convert := getattr(value, method, None)):
            return _plain(convert())
    return str(value)


def fail(message: str, status: int = 1) -> NoReturn:
    """Say what is wrong on standard error, wrapped between words on a terminal and in one line elsewhere; and end."""
    printable = "".join(c if c.isprintable() or c in "\n" else repr(c)[1:-1] for c in message)
    err.print(Text.assemble(("error: ", "bold red"), printable), soft_wrap=not err.is_terminal)
    sys.exit(status)
