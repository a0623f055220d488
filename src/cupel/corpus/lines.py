"""JSON lines in: one object per line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from cupel.corpus.columns import UNREAD, ColumnCheck
from cupel.corpus.records import TEXT_COLUMNS, BadRow
from cupel.corpus.rows import parse_object, row_to_record
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
    lines_before: Callable[[], int] = lambda: 0,
) -> Iterator[None]:
    """Documents of a file with one JSON object per line; blank lines are passed over.

    Parameters
    ----------
    numbered
        Whether documents are keyed by line number (compressed files, which are never
        split) or by the byte offset of their line.
    stop
        Lines that start at or after this byte belong to another part.
    base
        Where in the file the stream begins.
    lines_before
        Counts the lines before `base`; called at most once, when something is first put aside.
    """
    reader = _LineReader(sink, numbered, base, lines_before)
    limit = sink.options.max_document_bytes
    try:
        while True:
            left = None if stop is None else stop - base - stream.consumed
            if left is not None and left <= 0:
                break
            offset = base + stream.consumed
            if (block := stream.whole_lines(left)) is not None:
                yield from reader.block(offset, *block)
                continue
            held = stream.line_held(limit + (limit >> 2))
            if held is None:
                break
            reader.line(offset, *held)
            yield
    except StreamFault as fault:
        sink.fault(fault)
    reader.check.finish()
    yield


def row_layout(sink: Sink) -> _kernels.RowLayout:
    """Which fields mean something, as the kernel that reads rows takes it."""
    from cupel import _kernels

    options = sink.options
    names = list(options.text_columns or TEXT_COLUMNS)
    return _kernels.RowLayout(
        # Without a text, every row is left to Python.
        text=names if options.layout is None and options.media_root is None else [],
        id=options.id_column or "id",
        source=options.source_column or "source",
        url=options.url_column or "url",
        default_source=sink.source,
        most_bytes=options.max_document_bytes,
    )


class _LineReader:
    """Takes lines in: plain ones block by block, all others one by one."""

    def __init__(self, sink: Sink, numbered: bool, base: int, lines_before: Callable[[], int]) -> None:
        from cupel import _kernels

        self._read = _kernels.read_rows
        self._sink = sink
        self._numbered = numbered
        self._count_lines_before = lines_before
        self._lines_before: int | None = None
        # The file's first part checks the columns for all others.
        self.check = ColumnCheck(sink, active=base == 0)
        self._number = 0
        self._layout = row_layout(sink)

    def block(self, offset: int, data: bytes, start: int, end: int) -> Iterator[None]:
        """Lines that lie whole in `data[start:end]`, which stands at `offset` of the file."""
        before = self._number
        first = before if self._numbered else offset
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
            yield from self._add_plain(documents.slice(taken, row - taken))
            taken = row
            self._number = before + line
            self._add_line(offset + at - start, data[at:stop], stop + 1 - at)
            yield
        yield from self._add_plain(documents.slice(taken))
        self._number = before + count

    def line(self, offset: int, line: bytes, stored: int) -> None:
        """One line, or the beginning of one that is too long to be held."""
        self._sink.collector.read(stored)
        self._add_line(offset, line, stored)

    def _add_plain(self, documents: pa.RecordBatch) -> Iterator[None]:
        if documents.num_rows:
            self.check.seen()
            yield from self._sink.add_all(documents)

    def _add_line(self, offset: int, line: bytes, stored: int) -> None:
        self._number += 1
        number = self._number
        whole = stored <= len(line) + 2
        if offset == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        ordinal = number - 1 if self._numbered else offset
        position = number if self._numbered else offset
        if not whole:
            self._sink.too_large(self._line_number(), "line", stored, line)
            return
        if not line or line.isspace():
            return
        try:
            row = parse_object(line)
            record = row_to_record(row, self._sink.options, ordinal, position)
        except BadRow as bad:
            where = self._line_number()
            if bad.reason in UNREAD:
                columns = islice(row, 100)  # the row is still whole
                self.check.missing(where, "line", columns, line[:400].decode("utf-8", "replace"), bad)
            else:
                self._sink.bad(where, "line", bad.reason, bad.detail, line)
        else:
            self.check.seen()
            self._sink.add(record)

    def _line_number(self) -> int:
        """The number, in the whole file, of the line at hand."""
        if self._lines_before is None:
            self._lines_before = self._count_lines_before()
        return self._lines_before + self._number
