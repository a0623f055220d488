"""Bytes in: the content of stored files as streams, whatever their compression."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain

from cupel.corpus.charset import stream_charset
from cupel.corpus.compression import HEAD_BYTES, Source, StreamFault, detect_compression, pieces
from cupel.corpus.remote import RawFile

__all__ = ["HEAD_BYTES", "ByteStream", "StreamFault", "detect_compression"]

_PIECE = 1024 * 1024
_MAX_LAYERS = 4
"""How many times over a file may be compressed: a `.gz` of a `.zst` is two layers."""
_HEAD = 64 * 1024
_LONGEST_HELD = 1 << 20


class ByteStream:
    """A file's content, decompressed, in order, in bounded memory.

    A file that was compressed twice is decompressed twice.

    Parameters
    ----------
    raw
        The stored bytes.
    name
        The file's name, for files too short to tell what they are.
    start
        The stored byte to begin at.
    max_expansion
        A stream that grows to more than this many times its stored bytes, and beyond
        `free_bytes`, is a bomb: `StreamFault("expands-too-much")`.
    """

    def __init__(
        self,
        raw: RawFile,
        *,
        name: str = "",
        start: int = 0,
        max_expansion: int = 1000,
        free_bytes: int = 1 << 30,
    ) -> None:
        self._raw = raw
        if start:
            raw.seek(start)
        self._source = Source(raw, start)
        self._max_expansion = max_expansion
        self._free_bytes = free_bytes
        head = self._source.exactly(HEAD_BYTES)
        self._source.give_back(head)
        self.compression = detect_compression(head, name)
        self._pieces = self._decompressed()
        self._buffer = b""
        self._at = 0
        self._fault: StreamFault | None = None
        self.consumed = 0
        """Content bytes read so far."""
        self.member_offset = 0
        """Stored offset of the member or frame that the last piece read came from."""
        self.budget: int | None = None
        """Content bytes that may be read before the next `StreamFault`; None for no limit."""

    @property
    def stored_offset(self) -> int:
        """Stored bytes read so far."""
        return self._source.offset

    def _decompressed(self) -> Iterator[tuple[int, bytes]]:
        if self.compression is None:
            while piece := self._source.take(_PIECE):
                yield 0, piece
            return
        layer = self._bounded(pieces(self._source, self.compression))
        for depth in range(1, _MAX_LAYERS + 1):
            inner = _Layer(layer)
            source = Source(inner)
            head = source.exactly(HEAD_BYTES)
            source.give_back(head)
            packed = detect_compression(head)
            if packed is None or len(head) < 4:
                yield from inner.rest(source)
                return
            if depth == _MAX_LAYERS:
                detail = f"compressed more than {_MAX_LAYERS} times over"
                raise StreamFault("expands-too-much", self._source.offset, detail)
            layer = self._bounded(inner.outward(pieces(source, packed)))

    def _bounded(self, layer: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """The pieces of a layer until they are too many for what is stored."""
        total = 0
        for start, piece in layer:
            total += len(piece)
            if total > self._free_bytes and total > self._max_expansion * self._source.offset:
                detail = f"more than {self._max_expansion} times its stored size"
                raise StreamFault("expands-too-much", self._source.offset, detail)
            yield start, piece

    def _refill(self) -> bool:
        """Loads the next piece once the buffer is used up; False at the end."""
        if self._at < len(self._buffer):
            return True
        if self._fault is not None:
            raise self._fault
        try:
            self.member_offset, self._buffer = next(self._pieces, (self.member_offset, b""))
        except StreamFault as fault:
            # Raised again by every later read, so that a broken end is never taken for a good one.
            self._fault = fault
            raise
        self._at = 0
        return bool(self._buffer)

    def peek(self, size: int) -> bytes:
        """Up to `size` (a few KiB) bytes without moving on; a fault behind them waits."""
        while len(self._buffer) - self._at < size and self._fault is None:
            try:
                self.member_offset, piece = next(self._pieces, (self.member_offset, b""))
            except StreamFault as fault:
                self._fault = fault
                break
            if not piece:
                break
            self._buffer = self._buffer[self._at :] + piece
            self._at = 0
        return self._buffer[self._at : self._at + size]

    def read(self, size: int = -1, /) -> bytes:
        """`size` bytes, fewer only at the end.

        Raises
        ------
        StreamFault
            Once everything before the fault has been given.
        """
        parts: list[bytes] = []
        left = size if size >= 0 else 1 << 62
        if self.budget is not None:
            self.budget -= left
            if self.budget < 0:
                raise StreamFault("expands-too-much", self.stored_offset, "more than its header allows")
        while left > 0:
            try:
                if not self._refill():
                    break
            except StreamFault:
                if parts:
                    break
                raise
            part = self._buffer[self._at : self._at + left]
            self._at += len(part)
            left -= len(part)
            parts.append(part)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self.consumed += len(data)
        return data

    def skip(self, size: int) -> int:
        """Passes over `size` bytes without holding them; how many there were."""
        left = size
        while left > 0 and self._refill():
            step = min(left, len(self._buffer) - self._at)
            self._at += step
            left -= step
        self.consumed += size - left
        return size - left

    def piece(self) -> bytes:
        """The content at hand, about a megabyte of it at most; empty at the end."""
        if not self._refill():
            return b""
        data = self._buffer[self._at :] if self._at else self._buffer
        self._at = len(self._buffer)
        self.consumed += len(data)
        return data

    def as_utf8(self) -> None:
        """Turns content in UTF-16 or a legacy charset into UTF-8; to be called before anything is read."""
        charset = stream_charset(self.peek(_HEAD))
        if charset is not None:
            pieces = self._unread_pieces()
            self._pieces = (
                _from_utf16(pieces, self._source, charset)
                if charset.startswith("utf-16")
                else _from_legacy(pieces, charset)
            )

    def as_line_feeds(self) -> None:
        """Turns carriage returns into line feeds where lines end in nothing else, as Excel for Mac writes them.

        To be called before anything is read, of text in UTF-8.
        """
        head = self.peek(_HEAD)
        if b"\r" in head[:-1] and b"\n" not in head:
            self._pieces = ((start, piece.replace(b"\r", b"\n")) for start, piece in self._unread_pieces())

    def _unread_pieces(self) -> Iterator[tuple[int, bytes]]:
        """All pieces that follow, those that were looked at in advance included, and the fault met on the way."""
        pieces = chain([(self.member_offset, self._buffer[self._at :])], self._pieces, _raised(self._fault))
        self._buffer, self._at, self._fault = b"", 0, None
        return pieces

    def find(self, needle: bytes) -> bool:
        """Moves to just before the next `needle`; False, at the end, if there is none."""
        while self._refill():
            place = self._buffer.find(needle, self._at)
            if place >= 0:
                self.consumed += place - self._at
                self._at = place
                return True
            # The needle may lie across two pieces.
            keep = self._buffer[max(self._at, len(self._buffer) - len(needle) + 1) :]
            self.consumed += len(self._buffer) - self._at - len(keep)
            self._buffer = b""
            self._at = 0
            if not self._refill():
                self._buffer = b""
                return False
            self._buffer = keep + self._buffer
        return False

    def unread(self, data: bytes) -> None:
        """Makes `data`, read before, the next bytes again."""
        self._buffer = data + self._buffer[self._at :]
        self._at = 0
        self.consumed -= len(data)

    def line(self, limit: int) -> bytes:
        """The next line with its line feed, at most `limit` bytes of it; empty at the end."""
        parts: list[bytes] = []
        left = limit
        while left > 0 and self._refill():
            end = self._buffer.find(b"\n", self._at, self._at + left)
            stop = end + 1 if end >= 0 else min(len(self._buffer), self._at + left)
            parts.append(self._buffer[self._at : stop])
            left -= stop - self._at
            self.consumed += stop - self._at
            self._at = stop
            if end >= 0:
                break
        return b"".join(parts)

    def whole_lines(self, begin_within: int | None = None) -> tuple[bytes, int, int] | None:
        """Lines that lie whole in the piece at hand, as `data[start:stop]`; None if there is not even one.

        With `begin_within`, only lines that begin within that many bytes.
        """
        if not self._refill():
            return None
        start, stop = self._at, self._buffer.rfind(b"\n", self._at) + 1
        if stop == 0:
            return None
        if begin_within is not None and stop - start > begin_within:
            stop = self._buffer.find(b"\n", start + begin_within - 1) + 1
        self._at = stop
        self.consumed += stop - start
        return self._buffer, start, stop

    def line_held(self, max_bytes: int) -> tuple[bytes, int] | None:
        """The next line without its line feed, and its stored length; None at the end.

        A line longer than `max_bytes` is not held: only its first 200 bytes are returned, with its true length. A line
        that a fault cuts short is not returned; the fault is raised.
        """
        if not self._refill():
            return None
        end = self._buffer.find(b"\n", self._at)
        if end >= 0:
            line = self._buffer[self._at : end]
            stored = end + 1 - self._at
            self._at = end + 1
        else:
            line, stored = self._long_line(max_bytes)
        self.consumed += stored
        return line, stored

    def _long_line(self, max_bytes: int) -> tuple[bytes, int]:
        parts: list[bytes] = []
        held = stored = 0
        while self._refill():
            end = self._buffer.find(b"\n", self._at)
            stop = end if end >= 0 else len(self._buffer)
            part = self._buffer[self._at : stop]
            self._at = stop + (end >= 0)
            stored += len(part) + (end >= 0)
            held += len(part)
            if held <= max_bytes:
                parts.append(part)
            elif len(parts) > 1 or (parts and len(parts[0]) > 200):
                parts = [b"".join(parts)[:200]]
            elif not parts:
                parts = [part[:200]]
            if end >= 0:
                break
        return b"".join(parts), stored

    def close(self) -> None:
        """Closes the stored file."""
        self._raw.close()

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _raised(fault: StreamFault | None) -> Iterator[tuple[int, bytes]]:
    """Nothing, then the fault that was met while looking ahead."""
    yield from ()
    if fault is not None:
        raise fault


def _from_legacy(pieces: Iterator[tuple[int, bytes]], charset: str) -> Iterator[tuple[int, bytes]]:
    """Pieces of a charset in which a line feed is never a part of another character, as UTF-8."""
    from cupel import _kernels

    start, held = 0, b""
    for start, piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end or len(held) > _LONGEST_HELD:
            whole, held = held + piece[: end or len(piece)], piece[end:] if end else b""
            yield start, _kernels.decode(whole, charset)[0].encode("utf-8")
        else:
            held += piece
    if held:
        yield start, _kernels.decode(held, charset)[0].encode("utf-8")


def _from_utf16(
    pieces: Iterator[tuple[int, bytes]], source: Source, charset: str
) -> Iterator[tuple[int, bytes]]:
    """Pieces of UTF-16 as UTF-8. Half a surrogate pair stays one, which no reader takes."""
    decoder = codecs.getincrementaldecoder(charset.replace("16", "16-"))("surrogatepass")
    start = 0
    try:
        for start, piece in pieces:
            if text := decoder.decode(piece).removeprefix("\ufeff"):
                yield start, text.encode("utf-8", "surrogatepass")
        decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise StreamFault("truncated", source.offset, "the UTF-16 text ends inside a character") from error


class _Layer:
    """The pieces of one layer of compression as a stored file, and where in the outermost file they began."""

    closed = False

    def __init__(self, layer: Iterator[tuple[int, bytes]]) -> None:
        self._layer = layer
        self._fault: StreamFault | None = None
        self.start = 0

    def read(self, size: int = -1, /) -> bytes:
        """The next piece, whatever its size; empty at the end. A fault waits until the rest is read."""
        try:
            self.start, piece = next(self._layer, (self.start, b""))
        except StreamFault as fault:
            self._fault = fault
            return b""
        return piece

    def rest(self, source: Source) -> Iterator[tuple[int, bytes]]:
        """What `source`, which reads this layer, has not taken yet."""
        while piece := source.take(_PIECE):
            yield self.start, piece
        if self._fault is not None:
            raise self._fault

    def outward(self, layer: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """Pieces of the layer within, with places and faults of the stored file."""
        try:
            for _, piece in layer:
                yield self.start, piece
        except StreamFault as fault:
            if self._fault is not None:
                raise self._fault from fault
            raise StreamFault(fault.reason, self.start, f"inside: {fault.detail}", self.start) from fault
        if self._fault is not None:
            raise self._fault

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise OSError("a layer of compression is read in order")

    def tell(self) -> int:
        return 0

    def close(self) -> None:
        pass
