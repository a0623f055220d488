"""What a command says of a finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cupel.recipe.run import Result

__all__ = ["tell"]

SHOWN = ("funnel", "quarantine", "left-out")


def tell(result: Result) -> None:
    """The counts, the funnel, what was not read, what needs a look, and where the report is."""
    from cupel.cli._console import out, say
    from cupel.findings import Alarm, Section
    from cupel.report.terminal import show

    page = result.page()
    shown = [section for section in page.sections if section.key in SHOWN]
    alarms = [
        block
        for section in page.sections
        if section.key not in SHOWN
        for block in section.blocks
        if isinstance(block, Alarm)
    ]
    if alarms:
        shown.append(Section(title="Needs a look", blocks=tuple(alarms)))
    show(page.model_copy(update={"sections": tuple(shown)}), out)
    if result.report.exists():
        say(f"report  {result.report}")
