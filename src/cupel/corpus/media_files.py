"""Media that a column names by their files, as `metadata.jsonl` of Hugging Face's ImageFolder does.

Columns are called `file_name`, or end in `_file_name`; `file_names` and `_file_names` hold lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from cupel.corpus.cells import MediaCell
from cupel.corpus.formats import HEAD, file_name
from cupel.corpus.media import describe, media_kind
from cupel.corpus.records import BadRow
from cupel.corpus.remote import IOOptions, as_arrow, is_remote, open_raw

__all__ = ["METADATA_FILES", "file_cells", "file_columns", "names_media"]

METADATA_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")


def file_columns(names: Iterable[str]) -> list[str]:
    """The columns that name files.

    Examples
    --------
    >>> file_columns(["file_name", "text", "mask_file_name", "profile_name"])
    ['file_name', 'mask_file_name']
    """
    endings = ("file_name", "file_names")
    return [name for name in names if name in endings or name.endswith(tuple(f"_{end}" for end in endings))]


def names_media(path: str, io: IOOptions | None) -> bool:
    """Whether a file is called like one that names media, and its columns and first row do."""
    if file_name(path) not in METADATA_FILES:
        return False
    try:
        raw = open_raw(path, io)
        try:
            if path.endswith(".parquet"):
                import pyarrow.parquet as pq

                return bool(file_columns(pq.read_schema(as_arrow(raw)).names))
            first, _, second = raw.read(HEAD).partition(b"\n")
        finally:
            raw.close()
        if path.endswith(".csv"):
            return bool(second and file_columns(first.decode("utf-8", "replace").strip().split(",")))
        row = orjson.loads(first)
    except (OSError, ValueError):  # reading it will say what is wrong
        return False
    names = file_columns(row) if isinstance(row, dict) else []
    return any(
        media_kind(str(row[name][0] if isinstance(row[name], list) and row[name] else row[name]))
        for name in names
    )


def file_cells(row: dict[str, Any], root: str, io: IOOptions | None) -> list[str]:
    """Puts references in place of the names of files in a row; the columns.

    Raises
    ------
    BadRow
        `no-medium` (no name, or no such file), `refused-path`, or what is wrong with the medium.
    """
    columns = file_columns(row)
    for column in columns:
        value = row[column]
        if isinstance(value, list):
            row[column] = [_cell(name, f"'{column}[{place}]'", root, io) for place, name in enumerate(value)]
        else:
            row[column] = _cell(value, f"'{column}'", root, io)
    return columns


def _cell(name: Any, where: str, root: str, io: IOOptions | None) -> MediaCell:
    if not isinstance(name, str) or not name:
        raise BadRow("no-medium", f"{where} names no file")
    if name.startswith("/") or "\\" in name or ".." in name.split("/") or is_remote(name):
        raise BadRow("refused-path", f"{where} leads out of the folder of the file that names it")
    path = f"{root}/{name}"
    try:
        raw = open_raw(path, io)
    except OSError as error:
        if is_remote(root) and not isinstance(error, FileNotFoundError):
            raise
        raise BadRow("no-medium", f"{where}: {name}: {error.strerror or error}") from None
    try:
        media, fault = describe(raw.read, path, name=name)
    finally:
        raw.close()
    if fault is not None:
        raise BadRow(fault.reason, f"{where}: {name}: {fault.detail}")
    return MediaCell(media_kind(name) or "image", media, name)
