"""Documents with parts out: as the rows, the archive or the folder that they came from, or as another of these."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from cupel.corpus.fields import declared_types
from cupel.corpus.layouts import find_layout
from cupel.corpus.media_reader import MediaReader
from cupel.corpus.part_rows import to_row
from cupel.corpus.remote import IOOptions
from cupel.corpus.row_files import write_json_lines, write_parquet
from cupel.corpus.sample_files import write_folder, write_tar
from cupel.errors import BadInput, BadOption, UnknownName

__all__ = ["write_documents"]

_ROWS = (".jsonl", ".parquet")
_SAMPLES = (".tar", "")


class DocumentSource(Protocol):
    """Gives documents, from the first each time; notes the types of Parquet columns in `declared`."""

    def __call__(self, declared: dict[str, set[str]] | None = None) -> Iterator[dict[str, Any]]: ...


def write_documents(
    documents: DocumentSource, target: Path, layout: str | None, *, exact: bool, io: IOOptions | None = None
) -> int:
    """Writes documents as the ending of `target` says; how many there were. It appears once it is whole.

    Parameters
    ----------
    layout
        Of rows; by default the one that each document came in.
    exact
        Whether all documents came from Parquet, so that its types apply to all of them.

    Raises
    ------
    BadInput, BadOption, InputChanged, LossyConversion, UnknownName
        As `Corpus.write` says.
    """
    ending = target.suffix.lower()
    if ending not in (*_ROWS, *_SAMPLES):
        raise UnknownName("ending", ending, (*_ROWS, ".tar"), str(target))
    if layout is not None:
        find_layout(layout)
        if ending in _SAMPLES:
            raise BadOption(f"layout='{layout}': {target} is written as samples and not as rows")
    if ending == "" and target.exists():
        raise BadInput(f"{target} exists already; name a new folder")
    if target.is_dir():
        raise BadInput(f"{target} is a folder; name a file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{target.parent} cannot be made: {error.strerror}") from None
    unfinished = target.with_name(f".{target.name}.unfinished")
    _remove(unfinished)
    try:
        count = _write(documents, unfinished, ending, layout, exact, io)
        os.replace(unfinished, target)
    finally:
        _remove(unfinished)
    return count


def _write(
    documents: DocumentSource,
    target: Path,
    ending: str,
    layout: str | None,
    exact: bool,
    io: IOOptions | None,
) -> int:
    if ending == ".tar":
        return write_tar(documents(), target, io_options=io)
    if ending == "":
        target.mkdir(parents=True)
        return write_folder(documents(), target, io_options=io)
    if ending == ".jsonl":
        return write_json_lines((to_row(document, layout) for document in documents()), target)
    declared: dict[str, set[str]] = {}
    bare_rows = (to_row(document, layout) for document in documents(declared))
    with MediaReader(io) as media:
        return write_parquet(
            bare_rows,
            lambda: (to_row(document, layout, media) for document in documents()),
            lambda: declared_types(declared) if exact else {},
            target,
        )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
