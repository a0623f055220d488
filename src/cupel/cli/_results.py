"""What a command says of a finished run, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cupel.recipe.options import RunOptions
    from cupel.recipe.recipe import Recipe
    from cupel.recipe.run import Result

__all__ = ["NOTHING_KEPT", "carry_out", "tell"]

NOTHING_KEPT = 3
"""Exit status of a run that ended as it should and kept no document."""


def tell(result: Result, output: Path, *, full: bool = False, json: bool = False) -> None:
    """Print what alarms, what was kept, what was dropped and why, and what to type next.

    A run that was finished before is one line. Where nothing was kept the process ends with `NOTHING_KEPT`.

    Parameters
    ----------
    output
        The folder as the user named it.
    full
        Print all that the report has.
    json
        Print the manifest as JSON, and nothing else.
    """
    from cupel.cli._console import out, print_json, say
    from cupel.recipe.essentials import kept_sentence, summary
    from cupel.report.terminal import show

    report = result.report.exists()
    if json:
        print_json(result.manifest)
    elif result.up_to_date and not full:
        report_path = f" Report: {output / 'report.html'}" if report else ""
        say(f"{output} is up to date. {kept_sentence(result.manifest)}{report_path}")
        if not result.manifest["documents"]["kept"]:
            for alarm in result.alarms:
                say(f"! {alarm}")
    else:
        page = result.page()
        show(
            page.model_copy(update={"summary": summary(result.manifest, str(output), report=report)}),
            out,
            full=full,
        )
    if not result.manifest["documents"]["kept"]:
        sys.exit(NOTHING_KEPT)


def carry_out(
    recipe: Recipe,
    input: Sequence[str],
    output: Path,
    options: RunOptions,
    *,
    dry_run: bool,
    report: bool,
    full: bool,
    json: bool,
) -> None:
    """Carry out a recipe and print its result; with `dry_run`, print what it would read, do, take and write."""
    from cupel import api
    from cupel.cli._console import out, print_json
    from cupel.cli._progress import TerminalProgress
    from cupel.recipe.dry_run import dry_run as foresee
    from cupel.recipe.input_fields import explaining_signals
    from cupel.recipe.planner import make_plan
    from cupel.report.terminal import show

    with explaining_signals(input, options.reading):
        plan = make_plan(recipe).describe()
    if dry_run:
        page = foresee(recipe, input=input, output=output, options=options)
        if json:
            print_json(page)
        else:
            show(page, out)
        return
    result = api.refine(
        recipe,
        input=input,
        output=output,
        reading=options.reading,
        writing=options.writing,
        engine=options.engine,
        target_shard_bytes=options.target_shard_bytes,
        asking=options.asking,
        restart=options.restart,
        accept=options.accept,
        report=report,
        progress=TerminalProgress(plan),
    )
    tell(result, output, full=full, json=json)
