"""JSON in: an object a line, or one array of objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

from cupel.corpus.records import TEXT_COLUMNS, Record
from cupel.corpus.rows import MISSING, BadRow, missing_column_message, row_to_record
from cupel.corpus.sink import Sink
from cupel.corpus.streams import ByteStream, StreamFault
from cupel.errors import BadInput

__all__ = ["ColumnCheck", "read_json_array", "read_lines"]

_ROWS_BEFORE_GIVING_UP = 100


class ColumnCheck:
    """Tells a file that has no text column from one with a few rows that lack it."""

    def __init__(self, sink: Sink, active: bool = True) -> None:
        self._sink = sink
        self._waiting: list[tuple[int, Any, str]] | None = [] if active else None
        self._columns: dict[str, None] = {}

    def seen(self) -> None:
        """A row with the column: those that waited were single rows without it."""
        if self._waiting is not None:
            for position, unit, data in self._waiting:
                self._report(position, unit, data)
            self._waiting = None

    def missing(self, position: int, unit: Any, columns: Any, data: str) -> None:
        """A row without the column.

        Raises
        ------
        BadInput
            None of the first hundred rows has it.
        """
        if self._waiting is None:
            self._report(position, unit, data)
            return
        self._columns.update(dict.fromkeys(map(str, columns)))
        self._waiting.append((position, unit, data[:200]))
        if len(self._waiting) >= _ROWS_BEFORE_GIVING_UP:
            self.finish()

    def finish(self) -> None:
        """The file's end."""
        if not self._waiting:
            return
        options = self._sink.options
        message = missing_column_message(self._sink.path, list(self._columns), options)
        if options.missing_column == "stop":
            raise BadInput(message)
        for position, unit, data in self._waiting:
            self._report(position, unit, data)
        self._waiting = None

    def _report(self, position: int, unit: Any, data: str) -> None:
        self._sink.bad(position, unit, MISSING, "the row has no text column", data)


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
        options = sink.options
        self._layout = _kernels.RowLayout(
            text=list(TEXT_COLUMNS) if options.text_column is None else [options.text_column],
            id=options.id_column or "id",
            source=options.source_column or "source",
            url=options.url_column or "url",
            default_source=sink.source,
            most_bytes=options.max_document_bytes,
        )

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
        if offset == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        ordinal = self._first_ordinal + number - 1 if self._numbered else offset
        position = number if self._numbered else offset
        try:
            row = orjson.loads(line)
            if type(row) is not dict:
                raise BadRow("invalid-json", "the line is not a JSON object")
            record = row_to_record(row, self._sink.options, ordinal, position)
        except orjson.JSONDecodeError as error:
            if not line or line.isspace():
                return
            where = self._where(offset)
            if stored > len(line) + 2:
                self._sink.too_large(where, "line", stored, line)
            else:
                reason, detail = _why_unreadable(line, error)
                self._sink.bad(where, "line", reason, detail, line)
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


def _why_unreadable(line: bytes, error: ValueError) -> tuple[str, str]:
    """The reason code and a sentence for a line that is no JSON."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as fault:
        return "invalid-utf8", f"not UTF-8 at byte {fault.start} of the line"
    if "\\ud" in text.lower() and _has_lone_surrogate(text):
        return "lone-surrogate", "half of a surrogate pair, which no text can hold"
    return "invalid-json", str(error).replace("line 1 column", "column")


def _has_lone_surrogate(text: str) -> bool:
    """Whether the line is JSON but for half a surrogate pair somewhere."""
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def read_json_array(sink: Sink, stream: ByteStream) -> Iterator[None]:
    """Documents of a file that is one JSON array of objects; held whole, so limited in size."""
    limit = min(sink.options.max_document_bytes, 1 << 28)
    try:
        data = stream.read(limit + 1)
        stream.read(1)
    except StreamFault as fault:
        sink.fault(fault)
        yield
        return
    sink.collector.read(len(data))
    if len(data) > limit:
        sink.bad(
            0, "file", "too-large", f"a JSON array beyond {limit} bytes; write one object a line instead"
        )
        yield
        return
    try:
        rows = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        reason, detail = _why_unreadable(data, error)
        sink.bad(0, "file", reason, detail, data[:400])
        yield
        return
    check = ColumnCheck(sink)
    for ordinal, row in enumerate(rows if isinstance(rows, list) else [rows]):
        try:
            if not isinstance(row, dict):
                raise BadRow("invalid-json", "the element is not a JSON object")
            columns = tuple(row)
            record: Record = row_to_record(row, sink.options, ordinal, ordinal + 1)
        except BadRow as bad:
            if bad.reason == MISSING:
                check.missing(ordinal + 1, "row", columns, str(row)[:200])
            else:
                sink.bad(ordinal + 1, "row", bad.reason, bad.detail)
        else:
            check.seen()
            sink.add(record)
        yield
    check.finish()
    yield
