from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cupel.cli._inputs import Json

if TYPE_CHECKING:
    from cupel.findings import Table
    from cupel.store import Artifact


def cache(
    folder: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The cache; $CUPEL_CACHE or ~/.cache/cupel by default."),
    ] = None,
    kind: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Only artifacts of this kind, one by one."),
    ] = None,
    unused_for: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Only artifacts that nothing has used for so long: 12h, 30d."),
    ] = None,
    keep: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="With --remove: remove the least recently used until so much is left: 20GB."),
    ] = None,
    json: Json = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what the other options select.")] = False,
) -> None:
    """List what is kept of earlier runs (tokens, trials, models), or remove what is not needed any more."""
    from cupel import api
    from cupel.cli._console import out, print_json, say
    from cupel.findings import Page, Section
    from cupel.report.terminal import show
    from cupel.units import write_bytes

    content = api.cache(folder, kind=kind, unused_for=unused_for, keep=keep, remove=remove)
    store, selected = content.store, list(content.artifacts)
    if json:
        counts = {"folder": store.folder, "bytes": content.bytes, "bound": store.max_bytes, "removed": remove}
        print_json(counts | {"artifacts": selected, "spared": content.spared})
        return
    if remove:
        size = sum(artifact.bytes for artifact in selected)
        say(f"{store.folder}: removed {len(selected):,} artifacts ({write_bytes(size)})")
        if content.spared:
            say(f"left {content.spared:,} that a running process uses")
        return
    table = _by_kind(selected) if kind is None and unused_for is None else _one_by_one(selected)
    bound = "no bound (set CUPEL_CACHE_SIZE)" if store.max_bytes is None else write_bytes(store.max_bytes)
    facts = (("size", write_bytes(content.bytes)), ("bound", bound))
    show(
        Page(title=f"Cache {store.folder}", facts=facts, sections=(Section(title="", blocks=(table,)),)), out
    )


def _by_kind(artifacts: list[Artifact]) -> Table:
    from cupel.findings import Table

    now = time.time()
    rows = []
    for kind in dict.fromkeys(artifact.kind for artifact in artifacts):
        same = [artifact for artifact in artifacts if artifact.kind == kind]
        rows.append(
            (
                kind,
                len(same),
                sum(artifact.bytes for artifact in same),
                now - min(artifact.made for artifact in same),
                now - max(artifact.used for artifact in same),
            )
        )
    return Table(
        columns=("kind", "artifacts", "size", "oldest", "last used"),
        rows=tuple(rows),
        formats=("text", "count", "bytes", "age", "age"),
    )


def _one_by_one(artifacts: list[Artifact]) -> Table:
    from cupel.findings import Table

    now = time.time()
    rows = tuple(
        (
            f"{artifact.kind}/{artifact.path.name[:12]}",
            str((artifact.key or {}).get("name", "")),
            artifact.bytes,
            now - artifact.made,
            "now" if artifact.in_use else now - artifact.used,
        )
        for artifact in artifacts
    )
    return Table(
        columns=("artifact", "of", "size", "made", "used"),
        rows=rows,
        formats=("text", "text", "bytes", "age", "age"),
    )
