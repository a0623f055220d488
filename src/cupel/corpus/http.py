"""The HTTP message inside a web archive's record, decoded in bounded memory."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

from cupel.corpus.compression import HEAD_BYTES, detect_compression
from cupel.corpus.streams import ByteStream, StreamFault

__all__ = ["HttpMessage", "parse_headers", "parse_http", "unpacked"]

# How large a page may grow before the expansion ratio matters.
_FREE_BYTES = 16 << 20
_PIECE = 1 << 20
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


@dataclass(frozen=True)
class HttpMessage:
    """A response: status, headers (lower-case names), and the decoded body.

    `damaged` says what of its transfer or content encoding could not be decoded.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    damaged: str | None = None

    @property
    def mime(self) -> str:
        """The media type, lower-case, without parameters."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The charset that the Content-Type header names."""
        return charset_of(self.headers.get("content-type", ""))


def charset_of(content_type: str) -> str | None:
    """The charset parameter of a Content-Type.

    >>> charset_of('text/html; Charset="ISO-8859-1"')
    'ISO-8859-1'
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None


def parse_headers(data: bytes) -> dict[str, str]:
    """Header lines as a mapping with lower-case names; the first of a name counts.

    Folded lines are joined; lines without a colon are skipped.
    """
    headers: dict[str, str] = {}
    name = ""
    for line in data.splitlines():
        if line[:1] in (b" ", b"\t"):
            if name:
                headers[name] += " " + line.strip().decode("utf-8", "replace")
            continue
        key, colon, value = line.partition(b":")
        name = key.strip().lower().decode("utf-8", "replace") if colon else ""
        if name and name not in headers:
            headers[name] = value.strip().decode("utf-8", "replace")
    return headers


def parse_http(data: bytes, *, max_bytes: int, max_expansion: int) -> HttpMessage | None:
    """The response in `data`; None if it is not one.

    Raises
    ------
    StreamFault
        `expands-too-much`: the body grows beyond `max_expansion` or `max_bytes`.
    """
    if not data.startswith(b"HTTP/"):
        return None
    head, body = _split_head(data)
    status_line, _, lines = head.partition(b"\n")
    parts = status_line.split(None, 2)
    status = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() and len(parts[1]) <= 3 else 0
    headers = parse_headers(lines)
    damaged = None
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body, damaged = _unchunk(body)
    codings = [name.strip() for name in headers.get("content-encoding", "").lower().split(",")]
    for coding in reversed(codings):
        if coding in ("gzip", "x-gzip", "deflate", "br", "zstd"):
            decoded, fault = _decode(body, coding, max_bytes, max_expansion)
            # Many crawlers store the decoded body under the server's headers.
            if decoded or not body:
                body, damaged = decoded, damaged or fault
            elif b"\x00" in body[:1024] and not _is_packed(body):
                body, damaged = b"", f"its {coding} content cannot be decoded"
    body, fault = unpacked(body, max_bytes=max_bytes, max_expansion=max_expansion)
    return HttpMessage(status, headers, body, damaged or fault)


def unpacked(body: bytes, *, max_bytes: int, max_expansion: int) -> tuple[bytes, str | None]:
    """A body, decompressed if it still is compressed whatever its headers say, and what is wrong with it.

    Servers compress what a proxy has compressed already, or leave the header out.

    Raises
    ------
    StreamFault
        `expands-too-much`.
    """
    if body[:2] not in _ZLIB and _is_packed(body):
        return _decode(body, "gzip", max_bytes, max_expansion)
    if body[:2] in _ZLIB:
        content, fault = _decode(body, "deflate", max_bytes, max_expansion)
        return (content, fault) if content else (body, None)
    return body, None


def _is_packed(body: bytes) -> bool:
    return body[:2] in _ZLIB or detect_compression(body[:HEAD_BYTES]) is not None


def _split_head(data: bytes) -> tuple[bytes, bytes]:
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := data.find(mark, 0, 1 << 20)) >= 0]
    if not ends:
        return data, b""
    at, length = min(ends)
    return data[:at], data[at + length :]


def _unchunk(body: bytes) -> tuple[bytes, str | None]:
    """The body of a chunked message; unchanged if it is not chunked at all."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\n", at, at + 1024)
        size_text = body[at:end].split(b";")[0].strip() if end >= 0 else b""
        try:
            # int() would accept signs, underscores and a 0x prefix, too.
            if not size_text or size_text.strip(b"0123456789abcdefABCDEF"):
                raise ValueError
            size = int(size_text, 16)
        except ValueError:
            if not parts:
                return body, None
            return b"".join(parts) + body[at:], "its chunked transfer encoding is broken"
        if size == 0:
            return b"".join(parts), None
        parts.append(body[end + 1 : end + 1 + size])
        at = end + 1 + size
        if at > len(body):
            return b"".join(parts), "its chunked transfer encoding is cut off"
        if body[at : at + 2] == b"\r\n":
            at += 2
        elif body[at : at + 1] == b"\n":
            at += 1


def _decode(body: bytes, coding: str, max_bytes: int, max_expansion: int) -> tuple[bytes, str | None]:
    """What can be decoded of the body, and what is wrong with the rest."""
    limit = min(max_bytes, max(_FREE_BYTES, max_expansion * len(body)))
    try:
        if coding == "br":
            return _unbrotli(body, limit)
        if coding == "deflate":
            return _inflate(body, limit)
    except (zlib.error, OSError, ValueError, RuntimeError):
        return b"", f"its {coding} content cannot be decoded"
    stream = ByteStream(io.BytesIO(body), max_expansion=max_expansion, free_bytes=_FREE_BYTES)
    if stream.compression is None:
        return b"", None
    return _read_bounded(stream, limit, coding)


def _read_bounded(stream: ByteStream, limit: int, coding: str) -> tuple[bytes, str | None]:
    parts: list[bytes] = []
    size = 0
    try:
        while part := stream.read(_PIECE):
            parts.append(part)
            size += len(part)
            _check(size, limit)
    except StreamFault as fault:
        if fault.reason == "expands-too-much":
            raise
        return b"".join(parts), f"its {coding} content is {fault.reason}"
    return b"".join(parts), None


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise StreamFault("expands-too-much", 0, f"the page expands to more than {limit} bytes")


def _unbrotli(body: bytes, limit: int) -> tuple[bytes, str | None]:
    from fastwarc.stream_io import BrotliReader

    reader = BrotliReader(io.BytesIO(body))
    parts = []
    size = 0
    try:
        while part := reader.read(_PIECE):
            parts.append(part)
            size += len(part)
            _check(size, limit)
    except (OSError, ValueError, RuntimeError):
        return b"".join(parts), "its br content is broken"
    return b"".join(parts), None


def _inflate(body: bytes, limit: int) -> tuple[bytes, str | None]:
    """`deflate` means zlib's format, but raw deflate is as common."""
    for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        inner = zlib.decompressobj(window)
        try:
            data = inner.decompress(body, limit + 1)
        except zlib.error:
            continue
        _check(len(data), limit)
        return data, None if inner.eof else "its deflate content is truncated"
    return b"", "its deflate content cannot be decoded"
