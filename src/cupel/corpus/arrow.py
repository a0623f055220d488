"""Rows of Arrow tables as documents; Arrow's own files (IPC, Feather) in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus.cells import TableCell, media_cell, media_columns
from cupel.corpus.columns import (
    UNREAD,
    ColumnCheck,
    caption_column,
    find_text_column,
    fitting_layouts,
    is_readable,
    missing_column_message,
    unique_names,
)
from cupel.corpus.fields import as_json_values, carried_type
from cupel.corpus.media_files import file_columns
from cupel.corpus.records import BadRow
from cupel.corpus.remote import RawFile, Watched, as_arrow
from cupel.corpus.rows import row_to_record
from cupel.corpus.sink import Sink
from cupel.errors import BadInput

__all__ = ["TableRows", "first_line", "read_arrow"]

_FILE_MAGIC = b"ARROW1"


def read_arrow(sink: Sink, raw: RawFile) -> Iterator[None]:
    """Documents of an Arrow file or stream (IPC, Feather version 2); a row is a document.

    Raises
    ------
    BadInput
        The file has no text column.
    """
    magic = raw.read(len(_FILE_MAGIC))
    raw.seek(0)
    first = 0
    file = Watched(raw, sink.path)
    try:
        source = as_arrow(file)
        opened = pa.ipc.open_file(source) if magic == _FILE_MAGIC else pa.ipc.open_stream(source)
        rows = TableRows(sink, opened.schema, first=True)
        for batch in _batches(opened) if rows.readable else ():
            sink.collector.read(batch.nbytes)
            step = rows.rows_at_once(batch.nbytes, batch.num_rows)
            for start in range(0, batch.num_rows, step):
                yield from rows.add(batch.slice(start, step), first + start)
            first += batch.num_rows
        rows.finish()
    except (pa.ArrowException, OSError, ValueError) as error:
        file.check()
        detail = f"not a whole Arrow file: {first_line(error)}; what came before was read"
        sink.bad(first + 1, "row", "unreadable", detail)
    yield


def _batches(opened: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(opened, pa.RecordBatchFileReader):
        for number in range(opened.num_record_batches):
            yield opened.get_batch(number)
    else:
        yield from opened


def first_line(error: BaseException) -> str:
    """The first line of an error raised by Arrow."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


class TableRows:
    """Takes in the rows of a file's table, and notes the types of its columns.

    Parameters
    ----------
    first
        Whether this is the file's first part, which reports what concerns the whole file.

    Raises
    ------
    BadInput
        No column holds the text.
    """

    def __init__(self, sink: Sink, schema: pa.Schema, *, first: bool) -> None:
        self._sink = sink
        self.readable = True
        self._media = media_columns(schema)
        if not is_readable(schema.names, sink.options, self._media):
            message = missing_column_message(sink.label, schema.names, sink.options)
            if sink.options.missing_column == "stop":
                raise BadInput(message)
            sink.bad(0, "file", "no-text-column", message)
            self.readable = False
            return
        self._names = unique_names(sink, schema.names, report=first)
        self._media = media_columns(pa.schema(list(zip(self._names, schema.types, strict=True))))
        files = file_columns(self._names) if sink.options.media_root is not None else []
        self._shows = [*self._media, *files]
        self._text = None if self._shows else find_text_column(self._names, sink.options)
        # The file's first part checks the layout for all others.
        self._check = ColumnCheck(sink, active=first and self._text is None)
        self._declare([column.with_name(name) for column, name in zip(schema, self._names, strict=True)])

    def rows_at_once(self, size: int, rows: int) -> int:
        """How many rows to take at a time, of `rows` that hold `size` bytes.

        Few if rows are large: a batch of them is held both in Arrow and in Python.
        """
        mean = max(1, size // max(1, rows))
        options = self._sink.options
        return max(1, min(options.batch_rows, 2 * options.batch_bytes // mean))

    def add(self, batch: pa.RecordBatch, first: int) -> Iterator[None]:
        """The rows of `batch`, the first of which is number `first` of the file."""
        batch = batch.rename_columns(self._names)
        try:
            # Files promise UTF-8 but nobody checks it; to_pylist would fail for all rows.
            batch.validate(full=True)
            rows = None if self._too_large(batch) else self._plain(batch).to_pylist()
        except (pa.ArrowInvalid, UnicodeDecodeError, ValueError, OverflowError):
            rows = None
        if rows is None:
            yield from self._add_singly(batch, first)
            return
        for offset, row in enumerate(rows):
            self._add_row(row, first + offset)
            yield

    def finish(self) -> None:
        """The end of the file, or of the part that is read.

        Raises
        ------
        BadInput
            No row is in a layout.
        """
        if self.readable:
            self._check.finish()

    def _declare(self, schema: list[pa.Field]) -> None:
        """Notes the types of all columns except those that become the document's own."""
        options = self._sink.options
        own = (options.id_column or "id", options.source_column or "source", options.url_column or "url")
        content = {self._text, *self._shows}
        if self._shows and (caption := caption_column(self._names, options)) is not None:
            content.add(caption)
        if self._text is None:
            for layout in fitting_layouts(self._names, options):
                content.update(layout.required, layout.optional)
        scalars = ("large_string", "int", "uint", "half", "float", "double")
        for column in schema:
            kind = carried_type(column.type)
            if column.name in own and kind.startswith(scalars):
                continue
            if column.name not in content and not _is_parts(column):
                self._sink.collector.declare(column.name, kind)

    def _plain(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with values that JSON can hold."""
        for place, column in enumerate(batch.schema):
            if column.name != self._text:
                values, exact = as_json_values(batch.column(place))
                if values is not batch.column(place):
                    batch = batch.set_column(place, column.name, values)
                if not exact:
                    self._sink.collector.declare(column.name, "")
        return batch

    def _too_large(self, batch: pa.RecordBatch) -> str:
        """Which column of the batch holds more than a document may; empty if none does."""
        limit = self._sink.options.max_document_bytes
        if batch.nbytes <= limit:
            return ""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            kind = column.type
            if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
                largest = pc.max(pc.binary_length(column)).as_py() or 0
                if largest > limit:
                    return f"'{name}' holds {largest} bytes; the limit is {limit} (--max-document-bytes)"
        return ""

    def _add_singly(self, batch: pa.RecordBatch, first: int) -> Iterator[None]:
        for offset in range(batch.num_rows):
            position = first + offset + 1
            single = batch.slice(offset, 1)
            try:
                if detail := self._too_large(single):
                    self._sink.bad(position, "row", "too-large", detail)
                    yield
                    continue
                (row,) = self._plain(single).to_pylist()
            except UnicodeDecodeError as error:
                detail = f"a column is not UTF-8 at its byte {error.start}"
                self._sink.bad(position, "row", "invalid-utf8", detail)
            except (pa.ArrowException, ValueError, OverflowError) as error:
                self._sink.bad(position, "row", "unreadable", first_line(error))
            else:
                self._add_row(row, first + offset)
            yield

    def _add_row(self, row: dict[str, Any], ordinal: int) -> None:
        columns = tuple(row)
        try:
            for name in self._media:
                if not self._sink.addressable:
                    raise BadRow(
                        "inline-media", f"'{name}': a table with media in an archive; unpack the archive"
                    )
                row[name] = media_cell(row[name], TableCell(self._sink.path, name, ordinal))
            record = row_to_record(row, self._sink.options, ordinal, ordinal + 1, self._media)
            self._check.seen()
            # A null in a column is what a missing field is in JSON.
            record.metadata = {name: value for name, value in row.items() if value is not None}
            self._sink.add(record)
        except BadRow as bad:
            if bad.reason in UNREAD:
                self._check.missing(ordinal + 1, "row", columns, "", bad)
            else:
                self._sink.bad(ordinal + 1, "row", bad.reason, bad.detail)


def _is_parts(column: pa.Field) -> bool:
    """Whether a column is that of the parts of documents, as Cupel wrote it."""
    kind = column.type
    if column.name != "parts" or not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    return pa.types.is_struct(kind.value_type) and kind.value_type.get_field_index("kind") >= 0
