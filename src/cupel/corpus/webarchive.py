"""Web archives in: WARC and WET (ISO 28500), and the older ARC; plain or compressed.

The framing is read here rather than by fastwarc, which reads no ARC, takes a file that ends
in the middle of a record for a whole one, and stops at the first broken header. Here a
broken record is put aside and reading continues at the next one.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from cupel.corpus.formats import format_by_content
from cupel.corpus.http import charset_of, parse_headers, parse_http, unpacked
from cupel.corpus.records import Record
from cupel.corpus.remote import RawFile
from cupel.corpus.sink import Sink
from cupel.corpus.streams import ByteStream, StreamFault

__all__ = ["read_arc", "read_warc"]

_MAX_HEADER = 1 << 20
_HELD = 1 << 20
_NEXT = re.compile(rb"WARC/1\.[01]\r?\n$")
_HTML = ("text/html", "application/xhtml+xml")
_PLAIN = ("text/plain", "text/markdown", "text/x-rst")


class _Broken(Exception):
    """A record that does not follow the format."""

    def __init__(self, detail: str, data: bytes = b"") -> None:
        super().__init__(detail)
        self.data = data


@dataclass(frozen=True)
class _Head:
    """A record's header: its type and the length of its block."""

    kind: str
    length: int
    fields: dict[str, str]


def read_warc(sink: Sink, raw: RawFile) -> Iterator[None]:
    """Documents of a WARC or WET file: `response` and `resource` records with HTML or text, and `conversion` records."""
    yield from _read(sink, raw, _warc_head, b"WARC/")


def read_arc(sink: Sink, raw: RawFile) -> Iterator[None]:
    """Documents of an ARC file: records with an HTTP response."""
    yield from _read(sink, raw, _arc_head, b"")


def _read(sink: Sink, raw: RawFile, read_head: object, magic: bytes) -> Iterator[None]:
    options = sink.options
    start: int | None = 0
    reader = _Records(sink, magic)
    while start is not None:
        stream = ByteStream(
            raw,
            name=sink.path,
            start=start,
            max_expansion=options.max_expansion,
            free_bytes=options.free_expansion_bytes,
        )
        try:
            yield from reader.read(stream, read_head)
            return
        except StreamFault as fault:
            following = None
            if fault.reason == "corrupt" and stream.compression == "gzip":
                following = _next_member(raw, fault.member + 1, magic)
            if following is None:
                sink.fault(fault)
            else:
                sink.bad(fault.member, "byte", "broken-record", fault.detail)
                reader.number += 1
            start = following
            yield


def _next_member(raw: RawFile, start: int, magic: bytes) -> int | None:
    """Where the next gzip member whose content begins with `magic` is, from byte `start` on; None if nowhere."""
    try:
        raw.seek(start)
    except io.UnsupportedOperation:
        return None  # a member of an archive, which is read in order
    at, window = start, b""
    while chunk := raw.read(1 << 20):
        window += chunk
        place = window.find(b"\x1f\x8b\x08")
        while place >= 0:
            head = zlib.decompressobj(31)
            try:
                content = head.decompress(window[place : place + 4096], 64)
            except zlib.error:
                content = b""
            if content and content.startswith(magic):
                return at + place
            place = window.find(b"\x1f\x8b\x08", place + 1)
        at += len(window) - min(len(window), 4096)
        window = window[-4096:] if len(window) > 4096 else window
    return None


class _Records:
    """Reads the records of one file, which takes several streams if the file is broken."""

    def __init__(self, sink: Sink, magic: bytes) -> None:
        self.sink = sink
        self.number = 0
        self._magic = magic
        self._reported = False

    def read(self, stream: ByteStream, read_head: object) -> Iterator[None]:
        """Records until the stream's end."""
        counted = stream.consumed
        while True:
            _skip_blank(stream)
            if not stream.peek(1):
                # Raises the fault that may follow the last whole record.
                stream.skip(1)
                return
            position = stream.member_offset if stream.compression else stream.consumed
            try:
                self._read_record(stream, read_head, position)
                self._reported = False
            except _Broken as broken:
                # One entry per stretch of broken bytes, however many attempts it takes.
                if not self._reported:
                    self.sink.bad(position, "byte", "broken-record", str(broken), broken.data)
                self._reported = True
                if not self._magic or not stream.find(b"WARC/1."):
                    return
            self.number += 1
            self.sink.collector.read(stream.consumed - counted)
            counted = stream.consumed
            yield

    def _read_record(self, stream: ByteStream, read_head: object, position: int) -> None:
        head: _Head = read_head(stream)  # type: ignore[operator]
        limit = self.sink.options.max_document_bytes
        is_document = head.kind in ("response", "resource", "conversion")
        if head.length > (limit if is_document else _HELD):
            passed = stream.skip(head.length)
            if passed < head.length:
                raise _Broken(f"the file ends inside the record: {passed} of {head.length} bytes")
            if is_document:
                self.sink.too_large(position, "byte", head.length)
            else:
                self.sink.collector.skip(head.kind)
            return
        block = stream.read(head.length)
        if len(block) < head.length:
            # Raises the stream's own fault, if there is one: it says more than a short block does.
            stream.skip(1)
            raise _Broken(f"the file ends inside the record: {len(block)} of {head.length} bytes")
        if self._magic and not _ends_here(stream):
            self._give_back_next(stream, block)
            raise _Broken("the record is not as long as its Content-Length says", block[:200])
        if is_document:
            self._document(head, block, position)
        else:
            self.sink.collector.skip(head.kind)

    def _give_back_next(self, stream: ByteStream, block: bytes) -> None:
        """Where a length that is too large has swallowed the next record's beginning, goes back to it."""
        place = block.find(b"\r\n\r\nWARC/1.")
        if place >= 0:
            stream.unread(block[place:])

    def _document(self, head: _Head, block: bytes, position: int) -> None:
        options = self.sink.options
        fields = head.fields
        mime = fields.get("content-type", "").split(";")[0].strip().lower()
        charset = charset_of(fields.get("content-type", ""))
        record = Record(self.number, position, url=fields.get("warc-target-uri", "").strip("<>") or None)
        record.id = fields.get("warc-record-id", "").strip("<>") or None
        record.metadata = _metadata(fields)
        if (record.url or "").startswith("metadata:"):
            self.sink.collector.skip(f"{head.kind}:metadata")  # wget's notes about itself
            return
        sizes = {"max_bytes": options.max_document_bytes, "max_expansion": options.max_expansion}
        try:
            if head.kind == "response":
                message = parse_http(block, **sizes)
                if message is None:
                    self.sink.collector.skip("response:no-http")
                    return
                if message.status != 200:
                    self.sink.collector.skip("response:status")
                    return
                mime, charset = message.mime, message.charset
                block, damaged = message.body, message.damaged
            else:
                block, damaged = unpacked(block, **sizes)
        except StreamFault as fault:
            self.sink.bad(position, "byte", fault.reason, fault.detail)
            return
        if damaged:
            if not block:
                self.sink.bad(position, "byte", "broken-record", damaged)
                return
            record.metadata["damaged"] = damaged
        self._by_type(head.kind, record, block, mime, charset)

    def _by_type(self, kind: str, record: Record, data: bytes, mime: str, charset: str | None) -> None:
        if not mime:
            mime = "text/html" if format_by_content(data[:4096]) == "html" else "unknown"
        record.metadata = (record.metadata or {}) | {"content_type": mime}
        page = mime in _HTML
        if not page and mime not in _PLAIN and kind != "conversion":
            self.sink.collector.skip(f"{kind}:type")
        elif not data:
            self.sink.bad(record.position, "byte", "empty-text", "the record holds no content")
        elif page:
            self.sink.page(record, data, charset)
        else:
            self.sink.plain(record, data, charset)


def _metadata(fields: dict[str, str]) -> dict[str, str]:
    names = {
        "warc-date": "warc_date",
        "warc-truncated": "warc_truncated",
        "warc-identified-content-language": "warc_language",
    }
    return {ours: fields[theirs] for theirs, ours in names.items() if theirs in fields}


def _skip_blank(stream: ByteStream) -> None:
    while stream.peek(1) in (b"\r", b"\n"):
        stream.read(1)


def _ends_here(stream: ByteStream) -> bool:
    """Whether the record ends here: at its two line ends, the next record, or the end of the file."""
    following = stream.peek(64)
    left = following.lstrip(b"\r\n")
    return following.startswith(b"\r\n\r\n") or not left or left.startswith(b"WARC/")


def _warc_head(stream: ByteStream) -> _Head:
    first = stream.line(_MAX_HEADER)
    if not first.startswith(b"WARC/"):
        raise _Broken("no record begins here", first)
    lines: list[bytes] = []
    size = 0
    while (line := stream.line(_MAX_HEADER)).strip():
        if (next_record := _NEXT.search(line)) is not None:
            stream.unread(line[next_record.start() :])
            raise _Broken("the record's header ends in the middle", b"".join(lines[:5]))
        lines.append(line)
        size += len(line)
        if size > _MAX_HEADER:
            raise _Broken("the record's header is larger than 1 MiB", first)
    fields = parse_headers(b"".join(lines))
    length = fields.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        raise _Broken("the record's header has no usable Content-Length", b"".join(lines[:5]))
    kind = fields.get("warc-type", "unknown").lower()
    known = {
        "warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation",
    }  # fmt: skip
    return _Head(kind if kind in known else "unknown", int(length), fields)


def _arc_head(stream: ByteStream) -> _Head:
    """An ARC header line: URL, IP address, date, media type, length (and more in version 2)."""
    line = stream.line(_MAX_HEADER)
    text = line.decode("utf-8", "replace").strip()
    # A URL may contain spaces; the fields after it never do.
    parts = text.rsplit(" ", 4)
    if len(parts) == 5 and not parts[2].isdigit():
        parts = text.rsplit(" ", 9)
        parts = [*parts[:4], parts[-1]] if len(parts) == 10 else []
    if len(parts) != 5 or not (parts[4].isascii() and parts[4].isdigit() and len(parts[4]) < 16):
        raise _Broken("no ARC record begins here", line)
    url, _, date, mime, length = parts
    kind = "response" if url.lower().startswith(("http://", "https://")) else "warcinfo"
    fields = {"warc-target-uri": url, "warc-date": date, "content-type": mime}
    return _Head(kind, int(length), fields)
