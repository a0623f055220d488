"""What a command says of a finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cupel.recipe.run import Result

__all__ = ["tell"]


def tell(result: Result) -> None:
    """The counts, the funnel, and where the report is."""
    from cupel.cli._console import out, say
    from cupel.report.terminal import show

    page = result.page()
    show(page.model_copy(update={"sections": tuple(s for s in page.sections if s.title == "Funnel")}), out)
    if result.report.exists():
        say(f"report  {result.report}")
