"""JSON lines in: an object a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from cupel.corpus.columns import ColumnCheck
from cupel.corpus.records import TEXT_COLUMNS
from cupel.corpus.rows import MISSING, BadRow, parse_object, row_to_record
from cupel.corpus.sink import Sink
from cupel.corpus.streams import ByteStream, StreamFault

if TYPE_CHECKING:
    from cupel import _kernels

__all__ = ["read_lines", "row_layout"]


def read_lines(
    sink: Sink,
    stream: ByteStream,
    *,
    numbered: bool,
    stop: int | None = None,
    base: int = 0,
    line_of: Callable[[int], int] | None = None,
    first_ordinal: int = 0,
) -> Iterator[None]:
    """Documents of a file with one JSON object a line; blank lines are passed over.

    Parameters
    ----------
    numbered
        Whether documents are known by line number (compressed files, which are never
        split) or by the byte offset of their line.
    stop
        Lines that start at or after this byte belong to another part.
    base
        Where in the file the stream begins.
    line_of
        Gives the line number of a byte offset; asked only for what is put aside.
    """
    reader = _LineReader(sink, numbered, base, line_of, first_ordinal)
    limit = sink.options.max_document_bytes
    try:
        while True:
            left = None if stop is None else stop - base - stream.given
            if left is not None and left <= 0:
                break
            offset = base + stream.given
            if (block := stream.whole_lines(left)) is not None:
                yield from reader.block(offset, *block)
                continue
            found = stream.line_held(limit + (limit >> 2))
            if found is None:
                break
            reader.line(offset, *found)
            yield
    except StreamFault as fault:
        sink.fault(fault)
    reader.check.finish()
    yield


def row_layout(sink: Sink) -> _kernels.RowLayout:
    """Which fields mean something, as the kernel that reads rows takes it."""
    from cupel import _kernels

    options = sink.options
    return _kernels.RowLayout(
        text=list(TEXT_COLUMNS) if options.text_column is None else [options.text_column],
        id=options.id_column or "id",
        source=options.source_column or "source",
        url=options.url_column or "url",
        default_source=sink.source,
        most_bytes=options.max_document_bytes,
    )


class _LineReader:
    """Takes lines in: plain ones by the block, all others one by one."""

    def __init__(
        self,
        sink: Sink,
        numbered: bool,
        base: int,
        line_of: Callable[[int], int] | None,
        first_ordinal: int,
    ) -> None:
        from cupel import _kernels

        self._read = _kernels.read_rows
        self._sink = sink
        self._numbered = numbered
        self._line_of = line_of
        self._first_ordinal = first_ordinal
        # In a part behind the file's beginning the columns have been checked by the first part.
        self.check = ColumnCheck(sink, active=base == 0)
        self._number = 0
        self._layout = row_layout(sink)

    def block(self, offset: int, data: bytes, start: int, end: int) -> Iterator[None]:
        """Lines that lie whole in `data[start:end]`, which stands at `offset` of the file."""
        before = self._number
        first = self._first_ordinal + before if self._numbered else offset
        documents, others, count = self._read(
            data,
            start,
            end,
            self._layout,
            first_doc=self._sink.doc(first),
            first_position=before + 1 if self._numbered else offset,
            numbered=self._numbered,
        )
        self._sink.collector.read(end - start)
        taken = 0
        for row, line, at, stop in others:
            yield from self._plain(documents.slice(taken, row - taken))
            taken = row
            self._number = before + line
            self._one(offset + at - start, data[at:stop], stop + 1 - at)
            yield
        yield from self._plain(documents.slice(taken))
        self._number = before + count

    def line(self, offset: int, line: bytes, stored: int) -> None:
        """One line, or the beginning of one that is too long to be held."""
        self._sink.collector.read(stored)
        self._one(offset, line, stored)

    def _plain(self, documents: pa.RecordBatch) -> Iterator[None]:
        if documents.num_rows:
            self.check.seen()
            yield from self._sink.add_all(documents)

    def _one(self, offset: int, line: bytes, stored: int) -> None:
        self._number += 1
        number = self._number
        whole = stored <= len(line) + 2
        if offset == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        ordinal = self._first_ordinal + number - 1 if self._numbered else offset
        position = number if self._numbered else offset
        if not whole:
            self._sink.too_large(self._where(offset), "line", stored, line)
            return
        if not line or line.isspace():
            return
        try:
            row = parse_object(line)
            record = row_to_record(row, self._sink.options, ordinal, position)
        except BadRow as bad:
            where = self._where(offset)
            if bad.reason == MISSING:
                columns = islice(row, 100)  # the row is whole: nothing was taken out of it
                self.check.missing(where, "line", columns, line[:400].decode("utf-8", "replace"))
            else:
                self._sink.bad(where, "line", bad.reason, bad.detail, line)
        else:
            self.check.seen()
            self._sink.add(record)

    def _where(self, offset: int) -> int:
        return self._line_of(offset) if self._line_of else self._number
