"""Everything Cupel raises on purpose: one small tree, each error named by the fault."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "BadInput",
    "BadOption",
    "BadRecipe",
    "CupelError",
    "Damaged",
    "InputChanged",
    "MissingExtra",
    "NotAccepted",
    "OutputInUse",
    "RunFailed",
    "Stopped",
    "UnknownName",
]


class CupelError(Exception):
    """Base of all errors. The message says what is at fault, what was expected and what to do."""


class UnknownName(CupelError):
    """A name that nothing here has: a method, an option, a recipe, a column.

    >>> raise UnknownName("method", "gopher-qualty", ["gopher-quality", "c4"])
    Traceback (most recent call last):
    ...
    cupel.errors.UnknownName: no method is called 'gopher-qualty'; did you mean 'gopher-quality'?
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        known = sorted(known)
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        if close:
            advice = f"did you mean '{close[0]}'?"
        elif known:
            advice = f"there are: {', '.join(known)}"
        else:
            advice = "there are none"
        super().__init__(f"{where}{': ' if where else ''}no {kind} is called '{name}'; {advice}")


class BadOption(CupelError):
    """An option whose value does not fit: wrong type or out of range."""


class BadRecipe(CupelError):
    """A recipe that cannot be carried out as it stands."""


class BadInput(CupelError):
    """Input that cannot be used at all: no such path, no permission, no known format."""


class InputChanged(CupelError):
    """The input is not what it was when the run began."""


class OutputInUse(CupelError):
    """The output folder holds something else, or another process is writing it."""


class RunFailed(CupelError):
    """A run that stopped before its end; the same command again goes on from there."""


class Damaged(CupelError):
    """A file of a run that is not what Cupel wrote: lost, cut short or changed.

    >>> raise Damaged("out/data/part-00000-000.parquet", "is missing")
    Traceback (most recent call last):
    ...
    cupel.errors.Damaged: out/data/part-00000-000.parquet: is missing
    """

    def __init__(self, path: object, fault: str, advice: str = "") -> None:
        self.path = path
        self.fault = fault
        super().__init__(f"{path}: {fault}" + (f"; {advice}" if advice else ""))


class NotAccepted(RunFailed):
    """A deduplication that would take so much away that somebody should look first.

    `page` shows what it found (a `cupel.findings.Page`).
    """

    def __init__(self, what: str, page: Any = None) -> None:
        self.what = what
        super().__init__(
            f"{what}; look at it, and start the same command with --accept (accept=True) to go on"
        )
        self.page = page


class Stopped(RunFailed):
    """A run that somebody stopped; the same command goes on from there."""


class MissingExtra(CupelError):
    """A feature whose optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra: pip install 'cupel[{extra}]'")
