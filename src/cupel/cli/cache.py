from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

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
    remove: Annotated[bool, typer.Option("--remove", help="Remove what the other options select.")] = False,
) -> None:
    """List what is kept of earlier runs (tokens, trials, models), or remove what is not needed any more."""
    from cupel.cli._console import out, say
    from cupel.errors import BadOption, UnknownName
    from cupel.findings import Page, Section
    from cupel.report.terminal import show
    from cupel.store import Store
    from cupel.units import read_bytes, read_seconds, write_bytes

    store = Store.of(folder)
    artifacts = store.artifacts()
    kinds = sorted({artifact.kind for artifact in artifacts})
    if kind is not None and kind not in kinds:
        raise UnknownName("kind of artifact", kind, kinds, where=str(store.folder))
    if keep is not None and not remove:
        raise BadOption("--keep says what to leave of a cache; it goes with --remove")
    if remove and kind is None and unused_for is None and keep is None:
        raise BadOption("--remove needs to know what: name --kind, --unused-for or --keep")
    since = time.time() - (read_seconds(unused_for) if unused_for is not None else 0)
    selected = [
        artifact
        for artifact in artifacts
        if kind in (None, artifact.kind) and (unused_for is None or artifact.used < since)
    ]
    if remove:
        if keep is not None:
            selected = store.excess(selected, read_bytes(keep))
        removed = store.remove(selected)
        size = sum(artifact.bytes for artifact in removed)
        say(f"{store.folder}: removed {len(removed):,} artifacts ({write_bytes(size)})")
        if left := len(selected) - len(removed):
            say(f"left {left:,} that a running process uses")
        return
    table = _by_kind(selected) if kind is None and unused_for is None else _one_by_one(selected)
    bound = "no bound (set CUPEL_CACHE_SIZE)" if store.max_bytes is None else write_bytes(store.max_bytes)
    facts = (("size", write_bytes(sum(artifact.bytes for artifact in artifacts))), ("bound", bound))
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
