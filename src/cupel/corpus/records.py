"""What readers produce: batches of documents, and quarantine entries for what could not be read."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus import json_text
from cupel.corpus.parts import PARTS, Part
from cupel.corpus.remote import IOOptions
from cupel.errors import BadOption

__all__ = [
    "DOCUMENT_SCHEMA",
    "ORDINAL_BITS",
    "BadRow",
    "DocumentBatch",
    "Collector",
    "Quarantined",
    "ReadOptions",
    "Record",
    "TEXT_COLUMNS",
    "content_id",
    "excerpt",
]

_COLUMNS: dict[str, pa.DataType] = {
    "doc": pa.int64(),
    "id": pa.large_string(),
    "text": pa.large_string(),
    "source": pa.large_string(),
    "url": pa.large_string(),
    "path": pa.large_string(),
    "position": pa.int64(),
    "metadata": pa.large_string(),
    "html": pa.large_binary(),
    "parts": PARTS,
}
DOCUMENT_SCHEMA = pa.schema(_COLUMNS)
"""Columns of every batch of documents. `html` is UTF-8, decoded from the page's own charset; `parts` is null
in plain text documents."""

ORDINAL_BITS = 40
"""Of a document's key, those that say where it stands in its file; above them stands the number of the file."""

_ROW_BYTES = 200
"""Bytes that a document is assumed to take besides its text."""

TEXT_COLUMNS = ("text", "content", "raw_content", "document", "body", "article")
"""Column names that are tried for the text, in this order, when none is named."""


class BadRow(Exception):
    """A row that cannot be a document."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


Unit = Literal["line", "byte", "row", "file", "record"]


@dataclass(frozen=True)
class ReadOptions:
    """How documents are read.

    Attributes
    ----------
    text_column, id_column, source_column, url_column
        Names of these columns, where they differ from the usual ones. Several text columns are candidates: a row's text
        is in the first of them that it has.
    layout
        The layout of conversations that all rows are in (see `cupel.corpus.layouts`); by default, rows
        without a text column are in the one that fits their fields.
    missing_column
        What to do with a file that has neither a text column nor a layout: `stop` raises `BadInput`, `quarantine` puts
        the whole file aside.
    html
        `auto` reads pages as pages; `text` takes their markup as the text.
    max_document_bytes
        A document larger than this is put aside as `too-large`, and so is a line or row a quarter
        larger than that; neither is held whole. A reading thread holds a few times as much.
    batch_bytes, batch_rows
        A batch is closed once it holds this much. A single document may be larger.
    max_expansion, free_expansion_bytes
        A stream that grows past both `max_expansion` times its stored size and
        `free_expansion_bytes` is put aside as `expands-too-much`.
    media_root
        The folder in which the files lie that columns `file_name` name (see `cupel.corpus.media_files`); that of
        the file itself for `metadata.jsonl` and its like.
    io
        Settings for object stores and web servers.
    """

    text_column: str | tuple[str, ...] | None = None
    id_column: str | None = None
    source_column: str | None = None
    url_column: str | None = None
    layout: str | None = None
    missing_column: Literal["stop", "quarantine"] = "stop"
    html: Literal["auto", "text"] = "auto"
    max_document_bytes: int = 64 << 20
    batch_bytes: int = 8 << 20
    batch_rows: int = 8192
    max_expansion: int = 1000
    free_expansion_bytes: int = 4 << 30
    media_root: str | None = None
    io: IOOptions | None = None

    def __post_init__(self) -> None:
        for name in ("max_document_bytes", "batch_bytes", "batch_rows", "max_expansion"):
            if getattr(self, name) < 1:
                raise BadOption(f"{name} is {getattr(self, name)}; it must be at least 1")
        # One candidate is what it always was, also for the digest of a run.
        columns = (self.text_column,) if isinstance(self.text_column, str) else tuple(self.text_column or ())
        object.__setattr__(self, "text_column", columns if len(columns) > 1 else next(iter(columns), None))
        if self.layout is not None and columns:
            raise BadOption(
                f"text_column is '{', '.join(columns)}' and layout '{self.layout}'; name one of the two"
            )
        if isinstance(self.io, dict):
            # Read back from a saved plan.
            object.__setattr__(self, "io", IOOptions(**self.io))

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The text columns that were named, in order; none where the usual ones are looked for."""
        return (self.text_column,) if isinstance(self.text_column, str) else self.text_column or ()


@dataclass(frozen=True)
class Quarantined:
    """A record (or file) that could not become a document, and why.

    Attributes
    ----------
    path
        The input file.
    position
        Where in the file, in `unit`s: lines, rows and records count from 1, bytes from 0.
    reason
        A stable code such as `invalid-json`.
    detail
        One plain sentence, without any of the document's content.
    excerpt
        At most 200 characters of what was there, with control characters escaped.
    """

    path: str
    position: int
    unit: Unit
    reason: str
    detail: str
    excerpt: str = ""


@dataclass(frozen=True)
class DocumentBatch:
    """A few megabytes of documents, and what was put aside or skipped on the way.

    Attributes
    ----------
    documents
        `DOCUMENT_SCHEMA`.
    bytes_read
        Content bytes (after decompression) that this batch came from.
    skipped
        Records that never are documents, by kind: WARC requests, images, folders ….
    declared
        Arrow types of the Parquet columns read on the way; see `cupel.corpus.fields`.
    """

    documents: pa.RecordBatch
    quarantined: list[Quarantined]
    bytes_read: int
    skipped: dict[str, int] = field(default_factory=dict)
    declared: dict[str, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """One document on its way into a batch.

    `doc` derives from `ordinal`: the row or record number from 0, or the byte offset of its
    line, so it does not depend on how files are split.
    """

    ordinal: int
    position: int
    text: str | None = None
    html: str | None = None
    id: str | None = None
    source: str | None = None
    url: str | None = None
    metadata: dict[str, Any] | None = None
    content: bytes | None = None
    """The bytes to derive an id from if there is none; the text by default."""
    parts: list[Part] | None = None


def excerpt(data: bytes | str) -> str:
    r"""At most 200 characters of `data`, safe to show anywhere.

    >>> excerpt(b'{"text": "caf\xe9\x1b[31m')
    '{"text": "caf\\xe9\\x1b[31m'
    """
    text = data[:400].decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data[:200]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:200])
    return safe[:200]


def content_id(content: bytes) -> str:
    """The id of a document that comes without one.

    >>> content_id("東京".encode())
    'fca6cbd607db4880caeb9b3042f016e8'
    """
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def metadata_json(metadata: dict[str, Any]) -> str:
    """The metadata as the text of one JSON object."""
    if not metadata:
        return "{}"
    try:
        return _dumps(metadata).decode()
    except orjson.JSONEncodeError:
        safe = {_plain(key): _writable(value) for key, value in metadata.items()}
        return orjson.dumps(safe).decode()


def _dumps(value: object) -> bytes:
    return orjson.dumps(value, default=json_text.as_text, option=orjson.OPT_NON_STR_KEYS)


def _writable(value: object) -> object:
    """The value if orjson can write it, else its text: an integer beyond 64 bits, 254 levels of nesting."""
    try:
        _dumps([value])  # it will stand in an object
        return orjson.Fragment(_dumps(value))
    except orjson.JSONEncodeError:
        return _nested_text(value) if isinstance(value, list | dict) else _plain(value)


def _nested_text(value: object) -> str:
    """The JSON text of a value of any depth; what JSON lacks is written as text."""
    parts: list[str] = []
    waiting: list[tuple[bool, Any]] = [(False, value)]  # (whether it is text already, item)
    while waiting:
        written, item = waiting.pop()
        if written:
            parts.append(item)
        elif isinstance(item, list | dict):
            opened, closed = "[]" if isinstance(item, list) else "{}"
            following: list[tuple[bool, Any]] = [(True, opened)]
            for number, entry in enumerate(item):
                following.append((True, "," if number else ""))
                if isinstance(item, dict):
                    following += [(True, orjson.dumps(_plain(entry)).decode() + ":"), (False, item[entry])]
                else:
                    following.append((False, entry))
            waiting += [(True, closed), *reversed(following)]
        else:
            parts.append(orjson.dumps(item, default=_plain).decode())
    return "".join(parts)


def _plain(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


class Collector:
    """Gathers records and quarantine entries into batches of bounded size."""

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self._start()

    def _start(self) -> None:
        self._pieces: list[pa.RecordBatch] = []
        self._rows: list[tuple[Any, ...]] = []
        self._count = 0
        self._quarantined: list[Quarantined] = []
        self._skipped: Counter[str] = Counter()
        self._declared: defaultdict[str, set[str]] = defaultdict(set)
        self._bytes = 0
        self._held = 0

    @property
    def is_full(self) -> bool:
        """Whether the batch should be closed now."""
        return (
            self._held >= self.options.batch_bytes
            or self._count >= self.options.batch_rows
            or len(self._quarantined) >= self.options.batch_rows
        )

    def read(self, count: int) -> None:
        """Counts content bytes."""
        self._bytes += count

    def skip(self, kind: str, count: int = 1) -> None:
        """Counts a record that never is a document."""
        self._skipped[kind] += count

    def declare(self, column: str, kind: str) -> None:
        """Notes the type of a column that comes from Parquet."""
        self._declared[column].add(kind)

    def quarantine(self, entry: Quarantined) -> None:
        """Puts an entry aside."""
        self._quarantined.append(entry)

    def add(self, doc: int, path: str, default_source: str, record: Record) -> None:
        """Takes one document in."""
        content = record.content
        size = len(record.text if record.text is not None else record.html or "")
        identity = record.id
        if identity is None:
            content = content if content is not None else (record.text or "").encode()
            identity = content_id(content)
        html = record.html.encode("utf-8") if record.html is not None else None
        row = (  # as DOCUMENT_SCHEMA has them
            doc,
            identity,
            record.text,
            record.source if record.source is not None else default_source,
            record.url,
            path,
            record.position,
            metadata_json(record.metadata) if record.metadata else "{}",
            html,
            record.parts,
        )
        self._rows.append(row)
        self._count += 1
        self._held += size + _ROW_BYTES

    def add_all(self, path: str, documents: pa.RecordBatch) -> Iterator[None]:
        """Takes many documents in, with all columns but `path`, `html` and `parts`; a step ends when the batch is full."""
        sizes = pc.binary_length(documents.column("text")).to_numpy() + _ROW_BYTES
        ends = np.cumsum(sizes)
        start = 0
        while start < documents.num_rows:
            room = self.options.batch_bytes - self._held + int(ends[start] - sizes[start])
            full = int(np.searchsorted(ends, room)) + 1  # the row that fills the batch is in it
            stop = max(
                start + 1, min(full, start + self.options.batch_rows - self._count, documents.num_rows)
            )
            part = documents.slice(start, stop - start)
            columns = dict(zip(part.schema.names, part.columns, strict=True))
            columns |= {
                "path": pa.array([path] * part.num_rows, pa.large_string()),
                "html": pa.nulls(part.num_rows, pa.large_binary()),
                "parts": pa.nulls(part.num_rows, PARTS),
            }
            self._transpose()
            arrays = [columns[name] for name in DOCUMENT_SCHEMA.names]
            self._pieces.append(pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT_SCHEMA))
            self._count += part.num_rows
            self._held += int(sizes[start:stop].sum())
            start = stop
            yield

    def _transpose(self) -> None:
        """Turns the rows so far into columns: one tuple per row, transposed at once, beats appending to nine lists."""
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [
                pa.array(column, type=field.type)
                for column, field in zip(columns, DOCUMENT_SCHEMA, strict=True)
            ]
            self._pieces.append(pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT_SCHEMA))
            self._rows = []

    def take(self) -> DocumentBatch | None:
        """The batch gathered so far; None if nothing happened since the last one."""
        if not (self._count or self._quarantined or self._skipped or self._bytes or self._declared):
            return None
        self._transpose()
        documents = _with_line_feeds(_joined(self._pieces))
        batch = DocumentBatch(
            documents, self._quarantined, self._bytes, dict(self._skipped), dict(self._declared)
        )
        self._start()
        return batch

    def batches(self, steps: Iterator[None]) -> Iterator[DocumentBatch]:
        """Runs `steps`, which fill this collector, and yields a batch whenever one is full."""
        for _ in steps:
            if self.is_full and (batch := self.take()):
                yield batch
        if batch := self.take():
            yield batch


def _with_line_feeds(documents: pa.RecordBatch) -> pa.RecordBatch:
    """Every line end as a line feed: what is decided about a text must not depend on where it was written."""
    text = documents.column("text")
    if not pc.any(pc.match_substring(text, "\r")).as_py():
        return documents
    text = pc.replace_substring(pc.replace_substring(text, "\r\n", "\n"), "\r", "\n")
    return documents.set_column(documents.schema.get_field_index("text"), DOCUMENT_SCHEMA.field("text"), text)


def _joined(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        nothing = [pa.array([], field.type) for field in DOCUMENT_SCHEMA]
        return pa.RecordBatch.from_arrays(nothing, schema=DOCUMENT_SCHEMA)
    return pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]
