"""Standard output for results, standard error for everything else."""

from __future__ import annotations

import sys
from typing import NoReturn

from rich.console import Console
from rich.text import Text

__all__ = ["err", "fail", "out", "say"]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """One line on standard output, whatever stands in it: never wrapped, never obeyed."""
    from cupel.report.text import visible

    out.print(visible(line), markup=False, soft_wrap=True)


def fail(message: str, status: int = 1) -> NoReturn:
    """Say what is wrong on standard error, wrapped between words on a terminal and in one line elsewhere; and end."""
    printable = "".join(c if c.isprintable() or c in "\n" else repr(c)[1:-1] for c in message)
    err.print(Text.assemble(("error: ", "bold red"), printable), soft_wrap=not err.is_terminal)
    sys.exit(status)
