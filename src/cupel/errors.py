"""Everything Cupel raises on purpose: one small tree, each error named by the fault."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "BadInput",
    "BadOption",
    "BadRecipe",
    "BudgetSpent",
    "CupelError",
    "Damaged",
    "InputChanged",
    "LossyConversion",
    "MissingExtra",
    "NotAccepted",
    "OutputInUse",
    "RunFailed",
    "Stopped",
    "UnknownName",
    "UnknownSignal",
    "system_refusal",
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


class UnknownSignal(BadRecipe):
    """A step that names a signal which nothing measures.

    >>> print(UnknownSignal("threshold", "scroe", ["score", "word_count"]))
    step 'threshold': needs the signal 'scroe', which nothing here measures; did you mean 'score'?
    """

    def __init__(self, step: str, signal: str, known: Iterable[str] = (), advice: str = "") -> None:
        self.step = step
        self.signal = signal
        close = difflib.get_close_matches(signal, sorted(known), n=1, cutoff=0.7)
        advice = advice or (f"did you mean '{close[0]}'?" if close else "")
        super().__init__(
            f"step '{step}': needs the signal '{signal}', which nothing here measures{'; ' if advice else ''}{advice}"
        )


class BadInput(CupelError):
    """Input that cannot be used at all: no such path, no permission, no known format."""


class InputChanged(CupelError):
    """The input is not what it was when the run began."""


class LossyConversion(CupelError):
    """A document that another layout cannot hold as a whole.

    >>> raise LossyConversion("alpaca", ["a part of kind 'image'"])
    Traceback (most recent call last):
    ...
    cupel.errors.LossyConversion: the layout 'alpaca' cannot hold a row that has a part of kind 'image'
    """

    def __init__(self, layout: str, losses: Sequence[str]) -> None:
        super().__init__(f"the layout '{layout}' cannot hold a row that has {'; '.join(losses)}")
        self.layout = layout
        self.losses = list(losses)

    def __reduce__(self) -> tuple[type[LossyConversion], tuple[str, list[str]]]:
        return LossyConversion, (self.layout, self.losses)


class OutputInUse(CupelError):
    """The output folder holds something else, or another process is writing it."""


class RunFailed(CupelError):
    """A run that stopped before its end; the same command resumes it."""


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
    """A run that somebody stopped; the same command resumes it."""


class BudgetSpent(RunFailed):
    """A run that stopped before a request to a model would have exceeded its budget.

    Answers received until then are kept: the same command resumes, and may spend as much again.
    """


class MissingExtra(CupelError):
    """A feature whose optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the extra '{extra}'; in your clone of Cupel: pip install -e '.[{extra}]'"
        )


_TOO_MANY_FILES = "too many open files; raise the limit with `ulimit -n`, or use fewer --cores"
_NO_MEMORY = "out of memory; raise the limit (`ulimit -v`), free some, or use fewer --cores"
_NO_THREADS = (
    "the system gives no more threads or processes; raise the limit (`ulimit -u`), or use fewer --cores"
)
_DISK_FULL = "disk full; free some space"
_REFUSALS = {
    errno.EMFILE: _TOO_MANY_FILES,
    errno.ENFILE: _TOO_MANY_FILES,
    errno.ENOMEM: _NO_MEMORY,
    errno.EAGAIN: _NO_THREADS,
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
}


def system_refusal(error: BaseException) -> str | None:
    """What the system refused, and what to do; None for an error of another kind.

    Libraries written in Rust name the number of the system's error in their message, or panic with it.

    >>> system_refusal(OSError(errno.EMFILE, "Too many open files"))
    'too many open files; raise the limit with `ulimit -n`, or use fewer --cores'
    >>> system_refusal(RuntimeError("spawning failed: Resource temporarily unavailable (os error 11)"))
    'the system gives no more threads or processes; raise the limit (`ulimit -u`), or use fewer --cores'
    >>> system_refusal(ValueError("12 is too many"))
    """
    if isinstance(error, MemoryError):  # Arrow's own as well
        return _NO_MEMORY
    if isinstance(error, OSError) and re.search(
        r"\d+ requested and \d+ written", str(error)
    ):  # NumPy's `tofile`
        return _DISK_FULL
    if isinstance(error, ImportError) and "failed to map segment" in str(error):
        return _NO_MEMORY
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return _NO_THREADS
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        named = re.search(r"(?:\(os error |code: |\[errno )(\d+)", str(error))
        number = int(named[1]) if named else None
    return _REFUSALS.get(number) if number is not None else None
