"""Bytes in: stored files as streams, decompressed in bounded memory.

Every decompressor here gives at most about a megabyte at a time whatever it is fed, gives
all that could be read before it reports a fault, and knows where in the compressed file
each member (gzip) or frame (zstd) began.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import Any

from cupel.corpus.remote import RawFile

__all__ = ["ByteStream", "BytesFile", "StreamFault", "detect_compression"]

_CHUNK = 64 * 1024
_PIECE = 1024 * 1024
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
# The largest window that `zstd --long` uses without being asked; a frame may claim 2 GiB.
_MAX_ZSTD_WINDOW = 1 << 27


class StreamFault(Exception):
    """A stream that ends badly: what was readable before has been given already.

    Attributes
    ----------
    reason
        `truncated`, `corrupt` or `expands-too-much`.
    offset
        Byte offset in the stored (compressed) file.
    member
        Stored offset of the gzip member at fault.
    """

    def __init__(self, reason: str, offset: int, detail: str, member: int = 0) -> None:
        super().__init__(f"{detail} (byte {offset})")
        self.member = member
        self.reason = reason
        self.offset = offset
        self.detail = detail


def detect_compression(head: bytes, name: str = "") -> str | None:
    """The compression that the first bytes of a file tell of; its name only if they are too few."""
    if 0 < len(head) < 4:
        for ending, kind in ((".gz", "gzip"), (".zst", "zstd"), (".bz2", "bzip2"), (".xz", "xz")):
            if name.endswith(ending):
                return kind
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    # A zstd file may begin with a skippable frame.
    if len(head) >= 4 and head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
        return "zstd"
    return None


class _Source:
    """Reads a file in chunks and can take bytes back."""

    def __init__(self, raw: RawFile, start: int = 0) -> None:
        self._raw = raw
        self._held = b""
        self._at = 0
        self.offset = start
        """Offset of the next byte that `take` gives."""

    def take(self, size: int = _CHUNK) -> bytes:
        """Up to `size` bytes; empty at the end."""
        if self._at >= len(self._held):
            self._held = self._raw.read(max(size, _CHUNK))
            self._at = 0
        taken = self._held[self._at : self._at + size]
        self._at += len(taken)
        self.offset += len(taken)
        return taken

    def exactly(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end."""
        parts = []
        while size > 0 and (part := self.take(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def give_back(self, data: bytes) -> None:
        """Makes `data`, taken before, the next bytes again."""
        if self._at >= len(data) and self._held[self._at - len(data) : self._at] == data:
            self._at -= len(data)
        else:
            self._held = data + self._held[self._at :]
            self._at = 0
        self.offset -= len(data)


def _members(source: _Source, kind: str) -> Iterator[tuple[int, bytes]]:
    """(offset of its member, piece) of a file of zlib-like members, one after the other."""
    make: Any = {
        "gzip": lambda: zlib.decompressobj(31),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(memlimit=1 << 30),
    }[kind]
    while True:
        start = source.offset
        head = source.exactly(6)
        if not head:
            return
        if head[0] == 0:
            # gzip's own tool passes over zero padding between and after members.
            source.give_back(head.lstrip(b"\x00"))
            continue
        source.give_back(head)
        if detect_compression(head) != kind:
            truncated = len(head) < 6 and any(magic.startswith(head) for magic, _ in _MAGIC)
            reason = "truncated" if truncated else "corrupt"
            raise StreamFault(reason, start, f"what follows is not {kind} data", start)
        inner = make()
        pending = b""
        while not inner.eof:
            if not pending and not (kind != "gzip" and not inner.needs_input):
                pending = source.take()
                if not pending:
                    if kind == "gzip" and (tail := inner.flush()):
                        yield start, tail
                    raise StreamFault(
                        "truncated", source.offset, f"the {kind} data ends in the middle", start
                    )
            try:
                piece = inner.decompress(pending, _PIECE)
            except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
                detail = f"broken {kind} data: {error}"
                raise StreamFault("corrupt", source.offset, detail, start) from error
            pending = inner.unconsumed_tail if kind == "gzip" else b""
            if piece:
                yield start, piece
        source.give_back(inner.unused_data)


def _zstd_blocks(source: _Source, header: bytes) -> Iterator[bytes]:
    """The compressed pieces of one frame, each of which expands to at most about 1 MiB.

    RFC 8878, section 3.1.1: walking the block headers bounds what the decompressor can
    give for each piece, and tells a whole frame from a cut one.
    """
    descriptor = header[4]
    single_segment = bool(descriptor & 0x20)
    size = (
        (0 if single_segment else 1)
        + (0, 1, 2, 4)[descriptor & 3]
        + (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    )
    rest = source.exactly(size)
    piece = [header, rest]
    if len(rest) < size:
        raise StreamFault("truncated", source.offset, "the zstd data ends in the middle")
    blocks = 0
    while True:
        head = source.exactly(3)
        value = int.from_bytes(head, "little")
        last, kind = value & 1, (value >> 1) & 3
        if len(head) == 3 and kind == 3:
            yield b"".join(piece)
            raise StreamFault("corrupt", source.offset, "broken zstd data: a reserved block type")
        length = 1 if kind == 1 else value >> 3
        body = source.exactly(length) if len(head) == 3 else b""
        check = source.exactly(4) if last and descriptor & 4 and len(body) == length else b""
        if len(head) < 3 or len(body) < length or (last and descriptor & 4 and len(check) < 4):
            yield b"".join(piece)
            if len(head) == 3 and len(body) == length:
                # Only the checksum is cut off: the last block itself can still be read.
                yield head + body
            raise StreamFault("truncated", source.offset, "the zstd data ends in the middle")
        piece += (head, body, check)
        blocks += 1
        if last or blocks == 8:
            yield b"".join(piece)
            piece, blocks = [], 0
        if last:
            return


def _zstd_frames(source: _Source) -> Iterator[tuple[int, bytes]]:
    """(offset of its frame, piece) of a file of zstd frames, one after the other."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW)
    while True:
        start = source.offset
        header = source.exactly(5)
        if not header:
            return
        skippable = len(header) >= 4 and header[1:4] == b"\x2a\x4d\x18" and header[0] & 0xF0 == 0x50
        if skippable:
            size = header[4:] + source.exactly(3)
            left = int.from_bytes(size, "little")
            while left > 0 and (skipped := source.take(min(left, _CHUNK))):
                left -= len(skipped)
            if left or len(size) < 4:
                raise StreamFault("truncated", source.offset, "the zstd data ends in the middle")
            continue
        if len(header) < 5 or header[:4] != _MAGIC[1][0]:
            truncated = len(header) < 5 and _MAGIC[1][0].startswith(header[:4])
            raise StreamFault("truncated" if truncated else "corrupt", start, "what follows is not zstd data")
        inner = decompressor.decompressobj()
        for piece in _zstd_blocks(source, header):
            try:
                data = inner.decompress(piece)
            except zstandard.ZstdError as error:
                raise StreamFault("corrupt", source.offset, f"broken zstd data: {error}") from error
            if data:
                yield start, data


class ByteStream:
    """A file's content, decompressed, in order, in bounded memory.

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
        self._source = _Source(raw, start)
        self._max_expansion = max_expansion
        self._free_bytes = free_bytes
        head = self._source.exactly(8)
        self._source.give_back(head)
        self.compression = detect_compression(head, name)
        self._pieces = self._decompressed()
        self._buffer = b""
        self._at = 0
        self._fault: StreamFault | None = None
        self.given = 0
        """Content bytes handed out so far."""
        self.member_offset = 0
        """Stored offset of the member or frame that the last piece read came from."""
        self.budget: int | None = None
        """Content bytes that may be read before the next `StreamFault`; none: no limit."""

    @property
    def stored_offset(self) -> int:
        """Stored bytes read so far."""
        return self._source.offset

    def _decompressed(self) -> Iterator[tuple[int, bytes]]:
        if self.compression is None:
            while piece := self._source.take(_PIECE):
                yield 0, piece
            return
        frames = self.compression == "zstd"
        pieces = _zstd_frames(self._source) if frames else _members(self._source, self.compression)
        total = 0
        for start, piece in pieces:
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
            # Said again on every later read: nobody takes a broken end for a good one.
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
        self.given += len(data)
        return data

    def skip(self, size: int) -> int:
        """Passes over `size` bytes without holding them; how many there were."""
        left = size
        while left > 0 and self._refill():
            step = min(left, len(self._buffer) - self._at)
            self._at += step
            left -= step
        self.given += size - left
        return size - left

    def find(self, needle: bytes) -> bool:
        """Moves to just before the next `needle`; False, at the end, if there is none."""
        while self._refill():
            found = self._buffer.find(needle, self._at)
            if found >= 0:
                self.given += found - self._at
                self._at = found
                return True
            # The needle may lie across two pieces.
            keep = self._buffer[max(self._at, len(self._buffer) - len(needle) + 1) :]
            self.given += len(self._buffer) - self._at - len(keep)
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
        self.given -= len(data)

    def line(self, limit: int) -> bytes:
        """The next line with its line feed, at most `limit` bytes of it; empty at the end."""
        parts: list[bytes] = []
        left = limit
        while left > 0 and self._refill():
            end = self._buffer.find(b"\n", self._at, self._at + left)
            stop = end + 1 if end >= 0 else min(len(self._buffer), self._at + left)
            parts.append(self._buffer[self._at : stop])
            left -= stop - self._at
            self.given += stop - self._at
            self._at = stop
            if end >= 0:
                break
        return b"".join(parts)

    def lines(self, max_bytes: int) -> Iterator[tuple[int, bytes, int]]:
        """(offset, line without its line feed, length stored) of each line.

        A line longer than `max_bytes` is not held: only its first 200 bytes are given,
        with its true length. A line cut by a fault is not given; the fault is raised.
        """
        offset = self.given
        while self._refill():
            end = self._buffer.find(b"\n", self._at)
            if end >= 0:
                line = self._buffer[self._at : end]
                stored = end + 1 - self._at
                self._at = end + 1
            else:
                line, stored = self._long_line(max_bytes)
            self.given += stored
            yield offset, line, stored
            offset += stored

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


class BytesFile(io.BytesIO):
    """Bytes in memory as a stored file."""
