"""Tables in: CSV, TSV and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cupel.corpus.fields import as_json_values, carried_type
from cupel.corpus.lines import ColumnCheck
from cupel.corpus.remote import RawFile, as_arrow
from cupel.corpus.rows import MISSING, BadRow, find_text_column, missing_column_message, row_to_record
from cupel.corpus.sink import Sink
from cupel.corpus.streams import ByteStream, StreamFault
from cupel.errors import BadInput

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["read_csv", "read_parquet"]


class _Lines:
    """Lines for the csv module, whatever the bytes: what is not UTF-8 becomes surrogates."""

    def __init__(self, sink: Sink, stream: ByteStream) -> None:
        self._sink = sink
        self._stream = stream
        self._first = True
        self.number = 0
        self.fault: StreamFault | None = None

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        try:
            found = self._stream.line_held(self._sink.options.max_document_bytes)
        except StreamFault as fault:
            self.fault = fault
            raise StopIteration from None
        if found is None:
            raise StopIteration
        line, stored = found
        self.number += 1
        self._sink.collector.read(stored)
        if self._first:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._first = False
        return line.decode("utf-8", "surrogateescape") + "\n"


def read_csv(sink: Sink, stream: ByteStream, delimiter: str, first_ordinal: int = 0) -> Iterator[None]:
    """Documents of a table with a header line; one row, one document.

    Raises
    ------
    BadInput
        The header has no text column.
    """
    options = sink.options
    # The limit is the csv module's own global; it only ever grows here.
    csv.field_size_limit(max(csv.field_size_limit(), min(options.max_document_bytes, (1 << 31) - 1)))
    lines = _Lines(sink, stream)
    rows = csv.reader(lines, delimiter=delimiter)
    header: list[str] | None = None
    ordinal = first_ordinal
    while True:
        start = lines.number + 1
        try:
            values = next(rows, None)
        except csv.Error as error:
            sink.bad(start, "line", "invalid-csv", str(error))
            yield
            continue
        if values is None:
            break
        if header is None:
            header = [_clean(name).strip() for name in values]
            if find_text_column(header, options) is None:
                message = missing_column_message(sink.path, header, options)
                if options.missing_column == "stop":
                    raise BadInput(message)
                sink.bad(0, "file", "no-text-column", message)
                break
            continue
        if not values:
            continue
        _add_csv_row(sink, header, values, ordinal, start)
        ordinal += 1
        yield
    if lines.fault is not None:
        sink.fault(lines.fault)
    yield


def _clean(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _add_csv_row(sink: Sink, header: list[str], values: list[str], ordinal: int, line: int) -> None:
    if len(values) != len(header):
        detail = f"{len(values)} fields; the header has {len(header)}"
        sink.bad(line, "line", "invalid-csv", detail, _clean(",".join(values)[:400]))
        return
    try:
        for value in values:
            if not value.isascii():
                value.encode("utf-8")
    except UnicodeEncodeError:
        sink.bad(line, "line", "invalid-utf8", "a field is not UTF-8", _clean(",".join(values)[:400]))
        return
    try:
        row: dict[str, Any] = dict(zip(header, values, strict=True))
        sink.add(row_to_record(row, sink.options, ordinal, ordinal + 1))
    except BadRow as bad:
        sink.bad(line, "line", bad.reason, bad.detail)


def read_parquet(sink: Sink, raw: RawFile, start: int, stop: int | None) -> Iterator[None]:
    """Documents of the row groups `start` to `stop` of a Parquet file.

    A row group that cannot be read is put aside as one entry, and the next one is read.

    Raises
    ------
    BadInput
        The file has no text column.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(as_arrow(raw))
        metadata = table.metadata
        columns = table.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        sink.bad(0, "file", "unreadable", f"not a whole Parquet file: {_first_line(error)}")
        yield
        return
    if find_text_column(columns, sink.options) is None:
        message = missing_column_message(sink.path, columns, sink.options)
        if sink.options.missing_column == "stop":
            raise BadInput(message)
        sink.bad(0, "file", "no-text-column", message)
        yield
        return
    groups = range(start, metadata.num_row_groups if stop is None else min(stop, metadata.num_row_groups))
    first = sum(metadata.row_group(group).num_rows for group in range(start))
    check = ColumnCheck(sink, active=False)
    _declare(sink, table.schema_arrow)
    for group in groups:
        info = metadata.row_group(group)
        yield from _read_row_group(sink, table, group, first, check)
        sink.collector.read(info.total_byte_size)
        first += info.num_rows


def _declare(sink: Sink, schema: pa.Schema) -> None:
    """Notes the types of all columns but those that become the document's own."""
    options = sink.options
    own = (options.id_column or "id", options.source_column or "source", options.url_column or "url")
    for column in schema:
        kind = carried_type(column.type)
        if column.name in own and kind.startswith(("large_string", "int", "uint", "half", "float", "double")):
            continue
        if column.name != find_text_column(schema.names, options):
            sink.collector.declare(column.name, kind)


def _plain(sink: Sink, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with values that JSON can hold."""
    text = find_text_column(batch.schema.names, sink.options)
    for place, column in enumerate(batch.schema):
        if column.name != text:
            values, exact = as_json_values(batch.column(place))
            if values is not batch.column(place):
                batch = batch.set_column(place, column.name, values)
            if not exact:
                sink.collector.declare(column.name, "")
    return batch


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _read_row_group(
    sink: Sink, table: pq.ParquetFile, group: int, first: int, check: ColumnCheck
) -> Iterator[None]:
    info = table.metadata.row_group(group)
    mean = max(1, info.total_byte_size // max(1, info.num_rows))
    # Few rows at a time where rows are large: a batch of them is held as Arrow and as Python.
    rows_at_once = max(1, min(sink.options.batch_rows, 2 * sink.options.batch_bytes // mean))
    done = 0
    try:
        for batch in table.iter_batches(batch_size=rows_at_once, row_groups=[group]):
            yield from _add_rows(sink, batch, first + done, check)
            done += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        detail = f"row group {group} cannot be read from here: {_first_line(error)}"
        sink.bad(first + done + 1, "row", "unreadable", detail)
        yield


def _add_rows(sink: Sink, batch: pa.RecordBatch, first: int, check: ColumnCheck) -> Iterator[None]:
    try:
        # Parquet promises UTF-8 and nobody checks it; to_pylist would fail for all rows.
        batch.validate(full=True)
        rows = _plain(sink, batch).to_pylist()
    except (pa.ArrowInvalid, UnicodeDecodeError, ValueError, OverflowError):
        yield from _add_rows_singly(sink, batch, first, check)
        return
    for offset, row in enumerate(rows):
        _add_row(sink, row, first + offset, check)
        yield


def _add_rows_singly(sink: Sink, batch: pa.RecordBatch, first: int, check: ColumnCheck) -> Iterator[None]:
    for offset in range(batch.num_rows):
        try:
            (row,) = _plain(sink, batch.slice(offset, 1)).to_pylist()
        except UnicodeDecodeError as error:
            detail = f"a column is not UTF-8 at its byte {error.start}"
            sink.bad(first + offset + 1, "row", "invalid-utf8", detail)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            sink.bad(first + offset + 1, "row", "unreadable", _first_line(error))
        else:
            _add_row(sink, row, first + offset, check)
        yield


def _add_row(sink: Sink, row: dict[str, Any], ordinal: int, check: ColumnCheck) -> None:
    columns = tuple(row)
    try:
        record = row_to_record(row, sink.options, ordinal, ordinal + 1)
        # A null in a column is what a missing field is in JSON.
        record.metadata = {name: value for name, value in row.items() if value is not None}
        sink.add(record)
    except BadRow as bad:
        if bad.reason == MISSING:
            check.missing(ordinal + 1, "row", columns, "")
        else:
            sink.bad(ordinal + 1, "row", bad.reason, bad.detail)
