"""JSON that is not one object per line: arrays, pretty-printed or concatenated objects, text sequences.

A file may be one array of objects, objects one after the other with or without commas, or a JSON
text sequence (RFC 7464), whose objects begin with a record separator. Values are cut out of the
stream as it arrives, so memory is bounded by the largest of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from cupel.corpus.columns import UNREAD, ColumnCheck
from cupel.corpus.json_splitter import EXCERPT_BYTES, Value, ValueSplitter
from cupel.corpus.lines import row_layout
from cupel.corpus.records import BadRow, Record
from cupel.corpus.rows import parse_object, row_to_record
from cupel.corpus.sink import Sink
from cupel.corpus.streams import ByteStream, StreamFault

__all__ = ["read_values"]


def read_values(sink: Sink, stream: ByteStream) -> Iterator[None]:
    """Documents in a file of JSON values, one per object.

    Raises
    ------
    BadInput
        None of the first objects has the text column, and `missing_column` is `stop`.
    """
    limit = sink.options.max_document_bytes
    splitter = ValueSplitter(limit + (limit >> 2))
    reader = _ValueReader(sink)
    first = True
    try:
        while data := stream.piece():
            sink.collector.read(len(data))
            if first:
                data = data.removeprefix(b"\xef\xbb\xbf")
                first = False
            yield from reader.take(list(splitter.feed(data)))
            yield
    except StreamFault as fault:
        sink.fault(fault)
    else:
        if (left := splitter.finish()) is not None:
            yield from reader.take([left])
    reader.check.finish()
    yield


class _ValueReader:
    """Takes values in: plain ones block by block, as lines are, all others one by one."""

    def __init__(self, sink: Sink) -> None:
        from cupel import _kernels

        self._read = _kernels.read_rows
        self._sink = sink
        self._layout = row_layout(sink)
        self._ordinal = 0
        self.check = ColumnCheck(sink)

    def take(self, values: list[Value]) -> Iterator[None]:
        """The values of the next piece of the file."""
        block = b"\n".join([_as_line(value) for value in values])
        documents, others, _ = self._read(
            block,
            0,
            len(block),
            self._layout,
            first_doc=self._sink.doc(self._ordinal),
            first_position=self._ordinal + 1,
            numbered=True,
        )
        taken = 0
        for row, line, _, _ in others:
            yield from self._add_plain(documents.slice(taken, row - taken))
            taken = row
            self._add_value(values[line], self._ordinal + line)
            yield
        yield from self._add_plain(documents.slice(taken))
        self._ordinal += len(values)

    def _add_plain(self, documents: pa.RecordBatch) -> Iterator[None]:
        if documents.num_rows:
            self.check.seen()
            yield from self._sink.add_all(documents)

    def _add_value(self, value: Value, ordinal: int) -> None:
        sink, position = self._sink, ordinal + 1
        if len(value.data) < value.size:
            sink.too_large(position, "row", value.size, value.data)
            return
        if not value.whole:
            detail = f"a value of {value.size} bytes has no end; nothing after its beginning was read"
            sink.bad(position, "row", "invalid-json", detail, value.data[:EXCERPT_BYTES])
            return
        columns: tuple[str, ...] = ()
        try:
            row = parse_object(value.data)
            columns = tuple(row)
            record: Record = row_to_record(row, sink.options, ordinal, position)
        except BadRow as bad:
            if bad.reason in UNREAD:
                start = value.data[:EXCERPT_BYTES].decode("utf-8", "replace")
                self.check.missing(position, "row", columns, start, bad)
            else:
                sink.bad(position, "row", bad.reason, bad.detail, value.data[:EXCERPT_BYTES])
        else:
            self.check.seen()
            sink.add(record)


def _as_line(value: Value) -> bytes:
    """The value on one line (line feeds between tokens become spaces); `-`, which no reader takes, if it is not sound."""
    if not (value.whole and value.sound) or len(value.data) < value.size:
        return b"-"
    return value.data.replace(b"\n", b" ") if b"\n" in value.data else value.data
