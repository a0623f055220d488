"""Compressed files, decompressed piece by piece in bounded memory.

Every decompressor here yields at most about a megabyte at a time, whatever it is fed; yields
everything that could be read before it reports a fault; and knows where in the compressed file
each member (gzip) or frame (zstd) began.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Any

from cupel.corpus.remote import RawFile

__all__ = ["HEAD_BYTES", "Source", "StreamFault", "detect_compression", "pieces"]

_CHUNK = 64 * 1024
_PIECE = 1024 * 1024
_ZSTD = b"\x28\xb5\x2f\xfd"
_MAGIC = (
    (b"\x1f\x8b", "gzip", ".gz"),
    (_ZSTD, "zstd", ".zst"),
    (b"BZh", "bzip2", ".bz2"),
    (b"\xfd7zXZ\x00", "xz", ".xz"),
    (b"\x04\x22\x4d\x18", "lz4", ".lz4"),
)
# What follows the level in a bzip2 stream: of its first block, or of its end where it holds nothing.
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
_LEGACY_LZ4 = b"\x02\x21\x4c\x18"
_DICTIONARY_FRAME, _DICTIONARY = b"\x5d\x2a\x4d\x18", b"\x37\xa4\x30\xec"
_MAX_DICTIONARY = 64 << 20
_MAX_ZSTD_WINDOW = 1 << 31
"""The largest window that zstd itself makes: `--long=31`. It is touched only as far as the content goes."""
HEAD_BYTES = 10
"""How many of a file's first bytes say how it is compressed."""


class StreamFault(Exception):
    """A stream that breaks off: everything readable before has been read.

    Attributes
    ----------
    reason
        `truncated`, `corrupt`, `unsupported` or `expands-too-much`.
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
    """The compression of a file by its first bytes; by its name only if there are too few of them."""
    for magic, kind, ending in _MAGIC:
        too_few = 0 < len(head) < 4 or (head and len(head) < len(magic) and magic.startswith(head))
        if too_few and name.endswith(ending):
            return kind
        if head.startswith(magic) and (kind != "bzip2" or _is_bzip2(head)):
            return kind
    # A zstd file may begin with a skippable frame.
    if len(head) >= 4 and head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
        return "zstd"
    return "lz4" if head.startswith(_LEGACY_LZ4) else None


def _is_bzip2(head: bytes) -> bool:
    """Whether not only the first three letters, with which text may begin, too, are those of bzip2."""
    block = head[4:10]
    return b"1" <= head[3:4] <= b"9" and any(magic.startswith(block) for magic in _BZIP2_BLOCKS)


class Source:
    """Reads a file in chunks and can take bytes back."""

    def __init__(self, raw: RawFile, start: int = 0) -> None:
        self._raw = raw
        self._held = b""
        self._at = 0
        self.offset = start
        """Offset of the next byte that `take` returns."""

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


def _members(source: Source, kind: str) -> Iterator[tuple[int, bytes]]:
    """(offset of its member, piece) of a file of zlib-like members, one after the other."""
    make: Any = {
        "gzip": lambda: zlib.decompressobj(31),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(memlimit=1 << 30),
        "lz4": _lz4_frame,
    }[kind]
    while True:
        start = source.offset
        head = source.exactly(HEAD_BYTES)
        if not head:
            return
        if head[0] == 0:
            # Like gzip itself, skip zero padding between and after members.
            source.give_back(head.lstrip(b"\x00"))
            continue
        source.give_back(head)
        if head.startswith(_LEGACY_LZ4):
            detail = "the legacy LZ4 format (lz4 -l) is not supported; compress the file again without -l"
            raise StreamFault("unsupported", start, detail, start)
        if kind == "lz4" and head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
            _skip_frame(source)
            continue
        if detect_compression(head) != kind:
            truncated = len(head) < 6 and any(magic.startswith(head) for magic, _, _ in _MAGIC)
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
            except (zlib.error, OSError, lzma.LZMAError, EOFError, RuntimeError) as error:
                detail = f"broken {kind} data: {error}"
                raise StreamFault("corrupt", source.offset, detail, start) from error
            pending = inner.unconsumed_tail if kind == "gzip" else b""
            if piece:
                yield start, piece
        source.give_back(inner.unused_data or b"")  # LZ4 says None where there is none


def _lz4_frame() -> Any:
    import lz4.frame

    return lz4.frame.LZ4FrameDecompressor()


def _skip_frame(source: Source) -> None:
    """Skips a skippable frame, which zstd and LZ4 have in common."""
    head = source.exactly(8)
    left = int.from_bytes(head[4:], "little")
    while left > 0 and (skipped := source.take(min(left, _CHUNK))):
        left -= len(skipped)
    if left or len(head) < 8:
        raise StreamFault("truncated", source.offset, "the data end in the middle of a skippable frame")


def _dictionary(source: Source) -> Any:
    """The dictionary in the skippable frame at the start of a `.warc.zst` file; None if it holds none.

    Source: IIPC, "Zstandard Compression for WARC files 1.0", section "Dictionary".
    """
    import zstandard

    head = source.exactly(8)
    length = int.from_bytes(head[4:], "little")
    if head[:4] != _DICTIONARY_FRAME or length > _MAX_DICTIONARY:
        source.give_back(head)
        _skip_frame(source)
        return None
    content = source.exactly(length)
    if len(content) < length:
        raise StreamFault("truncated", source.offset, "the data end in the middle of a skippable frame")
    if content.startswith(_ZSTD):
        try:
            content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
        except zstandard.ZstdError as error:
            raise StreamFault("corrupt", 0, f"broken zstd dictionary: {error}") from error
    return zstandard.ZstdCompressionDict(content) if content.startswith(_DICTIONARY) else None


def _refuse_frame(start: int, window: int | None, dictionary: int, known: int = 0) -> None:
    """Say why a frame cannot be read, where zstd itself would only fail.

    Raises
    ------
    StreamFault
        `unsupported`: a window larger than zstd itself makes, or a missing dictionary.
    """
    if window is not None and window > _MAX_ZSTD_WINDOW:
        detail = f"the zstd frame asks for a window of {window} bytes; up to {_MAX_ZSTD_WINDOW} are read"
        raise StreamFault("unsupported", start, detail)
    if dictionary not in (0, known):
        detail = f"the zstd frame needs dictionary {dictionary}, which the file does not hold"
        raise StreamFault("unsupported", start, detail)


def _zstd_blocks(source: Source, header: bytes, dictionary: int) -> Iterator[bytes]:
    """The compressed pieces of one frame, each of which expands to at most about 1 MiB.

    RFC 8878, section 3.1.1: walking the block headers bounds what the decompressor can return
    for each piece, and distinguishes a whole frame from a truncated one.
    """
    descriptor = header[4]
    single_segment = bool(descriptor & 0x20)
    size = (
        (0 if single_segment else 1)
        + (0, 1, 2, 4)[descriptor & 3]
        + (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    )
    fields = source.exactly(size)
    piece = [header, fields]
    if len(fields) < size:
        raise StreamFault("truncated", source.offset, "the zstd data ends in the middle")
    window = None if single_segment else (8 + (fields[0] & 7)) << (7 + (fields[0] >> 3))
    identity = fields[0 if single_segment else 1 :][: (0, 1, 2, 4)[descriptor & 3]]
    _refuse_frame(source.offset - size - len(header), window, int.from_bytes(identity, "little"), dictionary)
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


def _zstd_frames(source: Source) -> Iterator[tuple[int, bytes]]:
    """(offset of its frame, piece) of a file of zstd frames, one after the other."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW)
    identity = 0
    while True:
        start = source.offset
        header = source.exactly(5)
        if not header:
            return
        skippable = len(header) >= 4 and header[1:4] == b"\x2a\x4d\x18" and header[0] & 0xF0 == 0x50
        if skippable:
            source.give_back(header)
            if start == 0 and (dictionary := _dictionary(source)) is not None:
                identity = dictionary.dict_id()
                decompressor = zstandard.ZstdDecompressor(dictionary, max_window_size=_MAX_ZSTD_WINDOW)
            elif start:
                _skip_frame(source)
            continue
        if len(header) < 5 or header[:4] != _ZSTD:
            truncated = len(header) < 5 and _ZSTD.startswith(header[:4])
            raise StreamFault("truncated" if truncated else "corrupt", start, "what follows is not zstd data")
        inner = decompressor.decompressobj()
        for piece in _zstd_blocks(source, header, identity):
            try:
                data = inner.decompress(piece)
            except zstandard.ZstdError as error:
                raise StreamFault("corrupt", source.offset, f"broken zstd data: {error}") from error
            if data:
                yield start, data


def pieces(source: Source, kind: str) -> Iterator[tuple[int, bytes]]:
    """(stored offset of its member or frame, piece) of a compressed file, in order.

    Raises
    ------
    StreamFault
        `truncated`, `corrupt` or `unsupported`, after everything that could be read.
    """
    return _zstd_frames(source) if kind == "zstd" else _members(source, kind)
