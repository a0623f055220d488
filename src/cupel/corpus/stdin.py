"""Standard input as input: what comes through a pipe is kept once, and read like any file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from cupel.errors import BadInput, RunFailed, system_refusal
from cupel.store import Store
from cupel.units import write_bytes

__all__ = ["STDIN", "keep_stream"]

STDIN = "-"
"""The input that stands for standard input."""
CHUNK = 1 << 20


def keep_stream(
    stream: BinaryIO,
    *,
    cache: str | os.PathLike[str] | Store | None = None,
    note: Callable[[str], object] | None = None,
) -> Path:
    """The file in the Store that holds what a stream gave; named by its content.

    So the same bytes are the same input on every call, which is what resuming a run and finding it up to date rest on.
    The format is detected from the content, as for a file without an ending.

    Parameters
    ----------
    stream
        Read to its end.
    cache
        The Store.
    note
        Called with one line that says where the bytes are.

    Raises
    ------
    BadInput
        Nothing came.
    RunFailed
        There is no room for it.

    Examples
    --------
    >>> import io, tempfile
    >>> keep_stream(io.BytesIO('{"text": "Café"}'.encode()), cache=tempfile.mkdtemp()).name
    'stdin'
    """
    store = Store.of(cache)
    size = 0

    def write(path: Path) -> None:
        nonlocal size
        with path.open("wb") as file:
            while chunk := stream.read(CHUNK):
                size += file.write(chunk)
        if not size:
            raise BadInput(
                "-: standard input is empty; expected documents, as in `zcat pool.jsonl.gz | cupel …`"
            )

    try:
        kept = store.keep("streams", "stdin", "stdin", write)
    except OSError as error:
        refusal = system_refusal(error) or error.strerror or str(error)
        raise RunFailed(f"{store.folder}: standard input cannot be kept there: {refusal}") from None
    if note is not None:
        note(f"standard input: {write_bytes(size)} kept in {kept.parent}; `cupel cache` removes it")
    return kept
