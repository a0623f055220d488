from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Json


def clusters(
    output: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    step: Annotated[str | None, typer.Option(help="Only clusters of this deduplication.")] = None,
    source: Annotated[str | None, typer.Option(help="Only clusters with a document of this source.")] = None,
    by: Annotated[
        str, typer.Option(help="`size`: the largest first; `score`: the least alike first.")
    ] = "size",
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many clusters.")] = 10,
    json: Json = False,
    diff: Annotated[
        int | None,
        typer.Option(min=1, help="Show what differs inside of this cluster of the list, word by word."),
    ] = None,
) -> None:
    """List the duplicate clusters of a run, and what differs inside of one."""
    from cupel import api
    from cupel.cli._console import out, print_json
    from cupel.errors import BadOption
    from cupel.report.clusters import clusters_page, difference_text
    from cupel.report.terminal import show

    if by not in ("size", "score"):
        raise BadOption(f"--by {by}: expected size or score")
    listed = api.clusters(output, step=step, source=source, by=by, limit=number)  # type: ignore[arg-type]
    if json and diff is None:
        print_json(listed)
        return
    if diff is None:
        show(clusters_page(output, listed), out)
        return
    if diff > len(listed):
        raise BadOption(f"--diff {diff}: the list has {len(listed)} clusters")
    cluster = listed[diff - 1]
    if len(cluster.members) < 2:
        raise BadOption(f"--diff {diff}: this list shows one document of the cluster only")
    first, second = cluster.members[0].id, cluster.members[-1].id
    difference = api.difference(output, first, second)
    if json:
        print_json(difference)
    else:
        out.print(difference_text(first, second, difference))
