"""How what runs remember of their corpora comes into an index.

An index is a folder. In it, each method has a folder of its own, and in that a file
`INPUT-CONTENT.parquet` for each corpus: the digest of the run's input, so that a corpus refined once
more does not meet itself, and the digest of the file's own bytes. A name therefore belongs to one
content: no file is ever overwritten, a rerun that remembers something else adds a file beside the
first, and a damaged file is noticed before it is read.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cupel.store import digest_file, replace, sync

__all__ = ["commit_memory", "stage_memory"]


def stage_memory(written: Path, place: Path, corpus: str) -> Path:
    """Bring what a run remembers of `corpus` into the method's folder `place` of an index, without counting yet.

    The name says that the content is the same, so what is there already is left as it is.

    Returns
    -------
    Path
        The file that it will be; until `commit_memory` makes it so, no run reads it.
    """
    target = place / f"{corpus}-{digest_file(written)}.parquet"
    if not target.exists():
        replace(_staged(target), lambda unfinished: shutil.copyfile(written, unfinished))
    return target


def commit_memory(target: Path) -> bool:
    """Let a staged file count; whether the index has it then. What counts already is left as it is."""
    if target.exists():
        _staged(target).unlink(missing_ok=True)
        return True
    try:
        os.replace(_staged(target), target)
    except FileNotFoundError:
        return target.exists()  # another process may have been faster
    sync(target.parent)
    return True


def _staged(target: Path) -> Path:
    return target.with_name(f".{target.name}.staged")
