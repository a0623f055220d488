"""Images and other media: what is known of one from its first bytes, and its bytes read where they lie."""

from __future__ import annotations

import hashlib
import io
import mimetypes
from collections.abc import Callable
from types import TracebackType
from typing import Self

from cupel.corpus.formats import extension, format_by_name
from cupel.corpus.parts import Media
from cupel.corpus.remote import IOOptions, open_raw
from cupel.corpus.streams import ByteStream, StreamFault
from cupel.errors import BadInput, InputChanged

__all__ = ["MediaReader", "describe", "media_kind"]

_PIECE = 1 << 20
_HEADER_BYTES = 256 << 10
"""How much of an image its size is looked for in; JPEG may have metadata first."""
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_TYPES = {
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "flac": "audio/flac",
    "opus": "audio/opus",
}
_NAMES = mimetypes.MimeTypes()
"""Python's own table and not the system's, which is another on every machine."""


def media_kind(name: str) -> str | None:
    """`image`, `audio` or `video`, by a file's name; None if it is none of these.

    Examples
    --------
    >>> media_kind("a/000001.jpg"), media_kind("000001.flac"), media_kind("000001.txt")
    ('image', 'audio', None)
    """
    if format_by_name(name) != "ignored":
        return None
    kind = (_type_by_name(name) or "").partition("/")[0]
    return kind if kind in ("image", "audio", "video") else None


def _type_by_name(name: str) -> str | None:
    ending = extension(name)
    return _TYPES.get(ending) or _NAMES.guess_type(f"x.{ending}")[0]


def describe(read: Callable[[int], bytes], uri: str, *, name: str, offset: int | None = None) -> Media:
    """A reference to the medium that `read` gives, piece by piece, until it is empty; nothing is decoded.

    Parameters
    ----------
    name
        The name of the file or member, whose ending counts where the first bytes say nothing.
    offset
        Where in `uri` it begins.
    """
    digest = hashlib.blake2b(digest_size=16)
    head, size = b"", 0
    while piece := read(_PIECE):
        if size < _HEADER_BYTES:
            head += piece[: _HEADER_BYTES - size]
        size += len(piece)
        digest.update(piece)
    mime = _type_by_content(head) or _type_by_name(name)
    width, height = _pixels(head) if (mime or "").startswith("image/") else (None, None)
    return Media(uri, offset, size, digest.hexdigest(), mime, width, height)


def _type_by_content(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for magic, mime in _MAGIC if head.startswith(magic)), None)


def _pixels(head: bytes) -> tuple[int | None, int | None]:
    """Width and height as an image's header has them; null where it is broken."""
    import imagesize

    try:
        width, height = imagesize.get(io.BytesIO(head), exif_rotation=False)
    except (ValueError, OverflowError):
        return None, None
    sound = 0 < width < 1 << 31 and 0 < height < 1 << 31
    return (int(width), int(height)) if sound else (None, None)


class MediaReader:
    """Reads the bytes that media refer to; cheap if they are asked for in the order in which they lie.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.gif"
    >>> _ = path.write_bytes(b"GIF89a...")
    >>> with MediaReader() as media:
    ...     media.read(Media(uri=str(path)))
    b'GIF89a...'
    """

    def __init__(self, io: IOOptions | None = None) -> None:
        self._io = io
        self._uri: str | None = None
        self._stream: ByteStream | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file that was read last."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self._uri = None

    def read(self, media: Media) -> bytes:
        """The bytes of a medium.

        Raises
        ------
        BadInput
            It has no address, or what has the address cannot be read.
        InputChanged
            The bytes there are not those that the digest is of.
        """
        if media.uri is None:
            raise BadInput("the medium has no address from which it could be read")
        try:
            data = self._bytes(media)
        except (OSError, StreamFault) as error:
            self.close()
            raise BadInput(f"{media.uri}: the medium cannot be read: {error}") from None
        whole = media.bytes is None or len(data) == media.bytes
        same = media.digest is None or hashlib.blake2b(data, digest_size=16).hexdigest() == media.digest
        if not (whole and same):
            where = "" if media.offset is None else f" at byte {media.offset}"
            raise InputChanged(f"{media.uri} holds other bytes{where} than when it was read")
        return data

    def _bytes(self, media: Media) -> bytes:
        if media.offset is None:
            raw = open_raw(str(media.uri), self._io)
            try:
                return raw.read()
            finally:
                raw.close()
        if self._stream is None or self._uri != media.uri or self._stream.consumed > media.offset:
            self.close()
            self._stream = ByteStream(open_raw(str(media.uri), self._io), name=str(media.uri))
            self._uri = media.uri
        self._stream.skip(media.offset - self._stream.consumed)
        return self._stream.read(-1 if media.bytes is None else media.bytes)
