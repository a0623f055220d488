"""Tables of text in: CSV and TSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field

from cupel.corpus.columns import UNREAD, ColumnCheck, is_readable, missing_column_message, unique_names
from cupel.corpus.records import BadRow
from cupel.corpus.rows import row_to_record
from cupel.corpus.sink import Sink
from cupel.corpus.streams import ByteStream, StreamFault
from cupel.errors import BadInput

__all__ = ["read_csv", "read_tsv"]

_PIECE = 1 << 20
_EXCERPT = 400
_OPEN = "open-ended"
_MAX_TRIES = 16
"""How many times what looked like the end of a field may turn out not to be: each costs a pass over the row."""


@dataclass
class _Row:
    """One row as it is stored: its fields, or why there are none."""

    line: int
    fields: list[str] = field(default_factory=list)
    reason: str = ""
    detail: str = ""
    stored: str = ""


class _Lines:
    """The lines of a table, whatever the bytes: what is not UTF-8 becomes surrogates."""

    def __init__(self, sink: Sink, stream: ByteStream) -> None:
        self._sink = sink
        self._stream = stream
        self._limit = sink.options.max_document_bytes
        self.number = 0
        self.fault: StreamFault | None = None

    def next(self) -> tuple[str, int, int] | None:
        """The next line without its line end (only its beginning if it is too long), its size in bytes, and how many
        quotation marks it has."""
        parts: list[bytes] = []
        held = quotes = 0
        try:
            while part := self._stream.line(_PIECE):
                held += len(part)
                quotes += part.count(b'"')
                if held <= self._limit:
                    parts.append(part)
                elif parts:
                    parts = [b"".join(parts)[:_EXCERPT]] if len(parts) > 1 else [parts[0][:_EXCERPT]]
                else:
                    parts = [part[:_EXCERPT]]
                if part.endswith(b"\n"):
                    break
        except StreamFault as fault:
            # A line that the fault cuts short is dropped: its beginning alone would be another row.
            self.fault = fault
            return None
        if not held:
            return None
        self.number += 1
        self._sink.collector.read(held)
        line = b"".join(parts)
        if self.number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        return line.removesuffix(b"\n").decode("utf-8", "surrogateescape"), held, quotes


def read_csv(sink: Sink, stream: ByteStream) -> Iterator[None]:
    """Documents of comma-separated values with a header (RFC 4180), one per row.

    Raises
    ------
    BadInput
        The header has no text column.
    """
    # The limit is the csv module's own global; it only ever grows here.
    largest = min(sink.options.max_document_bytes, (1 << 31) - 1)
    csv.field_size_limit(max(csv.field_size_limit(), largest))
    stream.as_utf8()
    stream.as_line_feeds()
    lines = _Lines(sink, stream)
    yield from _read(sink, lines, _csv_rows(lines, sink.options.max_document_bytes), quoting=True)


def read_tsv(sink: Sink, stream: ByteStream) -> Iterator[None]:
    """Documents of tab-separated values with a header, one per row; a quotation mark is a character like any other.

    This is the format as registered with IANA (text/tab-separated-values).

    Raises
    ------
    BadInput
        The header has no text column.
    """
    stream.as_utf8()
    stream.as_line_feeds()
    lines = _Lines(sink, stream)
    yield from _read(sink, lines, _tsv_rows(lines, sink.options.max_document_bytes), quoting=False)


def _tsv_rows(lines: _Lines, limit: int) -> Iterator[_Row]:
    while (line := lines.next()) is not None:
        text, held, _ = line
        text = text.removesuffix("\r")
        if held > limit:
            yield _too_large(lines.number, held, limit, text)
        elif text:
            yield _Row(lines.number, text.split("\t"), stored=text)


def _csv_rows(lines: _Lines, limit: int) -> Iterator[_Row]:
    while (line := lines.next()) is not None:
        text, total, quotes = line
        start = lines.number
        if not quotes and total <= limit:
            text = text.removesuffix("\r")
            if text:
                yield _unquoted(start, text) if "\r" not in text else _parse(start, text)
            continue
        parts = [text]
        row = _parse(start, text) if total <= limit else None
        tries = 0
        open_ended = quotes % 2 == 1 if row is None else row.reason == _OPEN
        while open_ended and (more := lines.next()) is not None:
            text, held, quotes = more
            total += held
            if total <= limit:
                parts.append(text)
            if quotes % 2 == 0:
                continue  # inside of a field they come in pairs: an odd number of them ends it
            row = _parse(start, "\n".join(parts)) if total <= limit else None
            open_ended = row is not None and row.reason == _OPEN
            tries += 1
            if open_ended and tries == _MAX_TRIES:
                row = _Row(
                    start, reason="invalid-csv", detail="quotation marks out of place", stored=parts[0]
                )
                open_ended = False
        if total > limit:
            yield _too_large(start, total, limit, parts[0])
        elif open_ended:
            detail = f"a quotation mark in line {start} has no end; nothing after it was read"
            yield _Row(start, reason="invalid-csv", detail=detail, stored="\n".join(parts))
        elif row is not None:
            yield row


def _parse(line: int, stored: str) -> _Row:
    """The fields of a row by the rules of quoting; `reason` is `_OPEN` where its last field goes on."""
    parts = [part + "\n" for part in stored.split("\n")]
    try:
        return _Row(line, next(csv.reader(parts, strict=True)), stored=stored)
    except csv.Error as error:
        reason = _OPEN if "unexpected end" in str(error) else "invalid-csv"
        return _Row(line, reason=reason, detail=str(error), stored=stored)


def _unquoted(line: int, stored: str) -> _Row:
    return _Row(line, stored.split(","), stored=stored)


def _without_quoting(row: _Row, columns: int) -> list[_Row]:
    """The rows that a stretch of lines holds if quotation marks are text; empty if that fits no better.

    A field like `"Yes" is all she said` breaks the rules of quoting: whatever wrote it does not quote.
    """
    rows = [
        _unquoted(row.line + number, line.removesuffix("\r"))
        for number, line in enumerate(row.stored.split("\n"))
    ]
    return rows if columns > 1 and all(len(other.fields) == columns for other in rows) else []


def _too_large(line: int, size: int, limit: int, stored: str) -> _Row:
    detail = f"{size} bytes; the limit is {limit} (--max-document-bytes)"
    return _Row(line, reason="too-large", detail=detail, stored=stored[:_EXCERPT])


def _read(sink: Sink, lines: _Lines, rows: Iterator[_Row], *, quoting: bool) -> Iterator[None]:
    options = sink.options
    header: list[str] | None = None
    check = ColumnCheck(sink)
    ordinal = 0
    for row in rows:
        if header is None:
            names = [_clean(name).strip() for name in row.fields]
            if not is_readable(names, options):
                if row.reason:
                    message = f"{sink.label}: its header, line {row.line}, cannot be read: {row.detail}"
                else:
                    message = missing_column_message(sink.label, names, options)
                if options.missing_column == "stop":
                    raise BadInput(message)
                sink.bad(0, "file", "no-text-column", message)
                break
            header = unique_names(sink, names)
            continue
        for whole in _repaired(row, len(header)) if quoting else [row]:
            _add(sink, check, header, whole, ordinal)
            ordinal += 1
        yield
    if lines.fault is not None:
        sink.fault(lines.fault)
    check.finish()
    yield


def _repaired(row: _Row, columns: int) -> list[_Row]:
    """The row, or the rows that it is without quoting where it breaks the rules of quoting."""
    broken = row.reason == "invalid-csv" and "no end" not in row.detail
    if broken or (not row.reason and len(row.fields) != columns):
        return _without_quoting(row, columns) or [row]
    return [row]


def _clean(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _add(sink: Sink, check: ColumnCheck, header: list[str], row: _Row, ordinal: int) -> None:
    excerpt = _clean(row.stored[:_EXCERPT])
    if row.reason:
        sink.bad(row.line, "line", row.reason, row.detail, excerpt)
        return
    if len(row.fields) != len(header):
        detail = f"{len(row.fields)} fields; the header has {len(header)}"
        sink.bad(row.line, "line", "invalid-csv", detail, excerpt)
        return
    # A bad byte costs its character, not the document.
    values = row.fields if row.stored.isascii() else [_clean(field) for field in row.fields]
    try:
        fields = dict(zip(header, values, strict=True))
        sink.add(row_to_record(fields, sink.options, ordinal, ordinal + 1))
        check.seen()
    except BadRow as bad:
        if bad.reason in UNREAD:
            check.missing(row.line, "line", header, excerpt, bad)
        else:
            sink.bad(row.line, "line", bad.reason, bad.detail, excerpt)
