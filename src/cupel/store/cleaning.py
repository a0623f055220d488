"""What the Store holds, listed or removed: `cupel cache`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from cupel.errors import BadOption, UnknownName
from cupel.store.artifacts import Artifact, Store
from cupel.units import read_bytes, read_seconds, write_bytes

__all__ = ["CacheContent", "cache"]


@dataclass(frozen=True)
class CacheContent:
    """What a cache holds.

    Attributes
    ----------
    store
        The cache itself.
    bytes
        Of everything in it.
    artifacts
        What was asked for; what was removed, where that was asked for. The least recently used first.
    spared
        How many were to be removed and are used by a running process.
    """

    store: Store
    bytes: int
    artifacts: tuple[Artifact, ...]
    spared: int = 0

    def __repr__(self) -> str:
        return f"CacheContent({str(self.store.folder)!r}: {len(self.artifacts):,} artifacts of {write_bytes(self.bytes)})"


def cache(
    folder: str | os.PathLike[str] | None = None,
    *,
    kind: str | None = None,
    unused_for: str | None = None,
    keep: str | None = None,
    remove: bool = False,
) -> CacheContent:
    """What is kept of earlier runs (tokens, trials, models, tables), listed or removed.

    Parameters
    ----------
    folder
        The cache; `$CUPEL_CACHE` or `~/.cache/cupel` by default.
    kind
        Only artifacts of this kind.
    unused_for
        Only artifacts that nothing has used for so long: `12h`, `30d`.
    keep
        With `remove`: the least recently used are removed until so much is left, such as `20GB`.
    remove
        Remove what the others select. What a running process uses stays.

    Raises
    ------
    UnknownName
        The cache holds nothing of that kind.
    BadOption
        Nothing says what to remove, `keep` stands without `remove`, or a size or time cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> cache(tempfile.mkdtemp()).artifacts
    ()
    """
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
    size = sum(artifact.bytes for artifact in artifacts)
    if not remove:
        return CacheContent(store, size, tuple(selected))
    if keep is not None:
        selected = store.excess(selected, read_bytes(keep))
    removed = store.remove(selected)
    size -= sum(artifact.bytes for artifact in removed)
    return CacheContent(store, size, tuple(removed), len(selected) - len(removed))
