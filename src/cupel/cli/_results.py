"""What a command says of a finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cupel.recipe.run import Result

__all__ = ["tell"]

SHOWN = ("Funnel", "Quarantine", "Left out")


def tell(result: Result) -> None:
    """The counts, the funnel, what was not read, and where the report is."""
    from cupel.cli._console import out, say
    from cupel.report.terminal import show

    page = result.page()
    shown = tuple(section for section in page.sections if section.title in SHOWN)
    show(page.model_copy(update={"sections": shown}), out)
    if result.report.exists():
        say(f"report  {result.report}")
