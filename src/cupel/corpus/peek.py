"""A first look at a file, before it is read: its first row, how rows are understood, how much text its bytes hold."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cupel.corpus.columns import find_text_column, fitting_layouts
from cupel.corpus.files import InputFile
from cupel.corpus.records import ReadOptions
from cupel.corpus.remote import as_arrow, open_raw
from cupel.corpus.streams import ByteStream, StreamFault

__all__ = ["Peek", "peek_at", "understood_as"]

PEEKED_BYTES = 1 << 20
_UNDERSTOOD = {
    "text": "one document per file",
    "pdf": "one document per file",
    "subtitles": "one document per file",
    "html": "one page per file",
    "sample": "media with captions",
    "tar": "files in an archive",
    "zip": "files in an archive",
}
_ROWS = ("json", "jsonl", "csv", "tsv", "parquet", "arrow")


@dataclass(frozen=True)
class Peek:
    """What the beginning of a file says.

    Attributes
    ----------
    row
        Its first row; None where the file has no rows, or the first cannot be read.
    understood
        `text column 'text'`, `layout 'messages'`, `one document per file`; empty where nothing fits.
    expansion
        Bytes after decompression per stored byte.
    """

    row: Mapping[str, Any] | None
    understood: str
    expansion: float


def peek_at(file: InputFile, options: ReadOptions) -> Peek:
    """Look at the first megabyte of a file; what is wrong with it is for reading to say."""
    kind = file.format
    if kind not in _ROWS:
        expansion = _expansion(file, options)[1] if kind not in ("zip", "sample") else 1.0
        understood = _UNDERSTOOD.get(kind, "web pages")
        return Peek(None, understood, expansion)
    if kind in ("parquet", "arrow"):
        row, expansion = _table_row(file, options)
    else:
        head, expansion = _expansion(file, options)
        row = _json_row(head) if kind in ("json", "jsonl") else _csv_row(head, "\t" if kind == "tsv" else ",")
    return Peek(row, understood_as(row, options) if row is not None else "", expansion)


def understood_as(columns: Collection[str], options: ReadOptions) -> str:
    """How rows with these columns are read.

    >>> understood_as(["id", "text"], ReadOptions()), understood_as(["messages"], ReadOptions())
    ("text column 'text'", "layout 'messages'")
    """
    if (column := find_text_column(columns, options)) is not None:
        return f"text column '{column}'"
    return " or ".join(f"layout '{layout.name}'" for layout in fitting_layouts(columns, options))


def _expansion(file: InputFile, options: ReadOptions) -> tuple[bytes, float]:
    """The first bytes after decompression, and how many there are per stored byte."""
    try:
        raw = open_raw(file.path, options.io)
    except OSError:
        return b"", 1.0
    try:
        with ByteStream(raw, name=file.path) as stream:
            head = stream.read(PEEKED_BYTES)
            stored = stream.stored_offset
    except (OSError, StreamFault):
        return b"", 1.0
    finally:
        raw.close()
    return head, len(head) / stored if stored and len(head) == PEEKED_BYTES else _whole(len(head), file.bytes)


def _whole(size: int, stored: int) -> float:
    return size / stored if stored else 1.0


def _json_row(head: bytes) -> Mapping[str, Any] | None:
    text = head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n[")
    try:
        row, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _csv_row(head: bytes, delimiter: str) -> Mapping[str, Any] | None:
    try:
        return next(
            csv.DictReader(io.StringIO(head.decode("utf-8-sig", "replace")), delimiter=delimiter), None
        )
    except csv.Error:
        return None


def _table_row(file: InputFile, options: ReadOptions) -> tuple[Mapping[str, Any] | None, float]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        raw = open_raw(file.path, options.io)
    except OSError:
        return None, 1.0
    try:
        if file.format == "arrow":
            with pa.ipc.open_stream(as_arrow(raw)) as reader:
                batch = next(iter(reader), None)
            return (batch.slice(0, 1).to_pylist() or [None])[0] if batch is not None else None, 1.0
        table = pq.ParquetFile(as_arrow(raw))
        rows = next(table.iter_batches(batch_size=1), None)
        groups = [table.metadata.row_group(i) for i in range(table.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        return (rows.to_pylist() or [None])[0] if rows is not None else None, _whole(size, file.bytes)
    except (pa.ArrowException, OSError):
        return None, 1.0
    finally:
        raw.close()
