from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Json


def compare(
    run_a: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    run_b: Annotated[Path, typer.Argument(help="Folder of another.")],
    json: Json = False,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write every differing document to this Parquet file.")
    ] = None,
) -> None:
    """Which documents one run kept and the other dropped, and why."""
    from cupel import api
    from cupel.cli._console import out, print_json, say, say_aside
    from cupel.findings import Page, Section, Table
    from cupel.report.terminal import show

    comparison = api.compare(run_a, run_b)
    kept = {
        (True, True): "both kept",
        (True, False): "only A kept",
        (False, True): "only B kept",
        (False, False): "neither kept",
    }
    counts = tuple(
        (kept[(row["in_a"], row["in_b"])], row["documents"]) for row in comparison.counts.to_pylist()
    )
    sections = [
        Section(
            title="Documents",
            blocks=(Table(columns=("", "documents"), rows=counts, formats=("text", "count")),),
        )
    ]
    for side, other in (("a", "b"), ("b", "a")):
        rows = tuple(
            (row["step"], row["reason"], row["documents"])
            for row in comparison.reasons.to_pylist()
            if row["kept_by"] == side
        )
        if rows:
            table = Table(
                columns=("step", "reason", "documents"), rows=rows, formats=("text", "text", "count")
            )
            sections.append(
                Section(
                    title=f"Kept by {side.upper()}, dropped by {other.upper()} because of", blocks=(table,)
                )
            )
    if json:
        print_json({"counts": comparison.counts, "reasons": comparison.reasons})
    else:
        show(Page(title=f"A {run_a} · B {run_b}", sections=tuple(sections)), out)
    if write is not None:
        import pyarrow.parquet as pq

        pq.write_table(comparison.differing.to_arrow(), write)
        (say_aside if json else say)(f"differing documents  {write}")
