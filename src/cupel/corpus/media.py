"""Images and other media: what is known of one from its first and last bytes; nothing is decoded."""

from __future__ import annotations

import hashlib
import io
import mimetypes
from collections.abc import Callable
from typing import NamedTuple

from cupel.corpus.formats import extension, format_by_name
from cupel.corpus.parts import Media
from cupel.corpus.records import BadRow

__all__ = ["MEDIA_KINDS", "Described", "describe", "describe_bytes", "media_kind"]

MEDIA_KINDS = ("image", "audio", "video")
"""Kinds of parts that refer to bytes."""

_PIECE = 1 << 20
_HEADER_BYTES = 256 << 10
"""How much of an image its size is looked for in; JPEG may have metadata first."""
_TAIL_BYTES = 4096
_CHECKED = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""Types of which a break can be told without decoding."""
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
    return kind if kind in MEDIA_KINDS else None


def _type_by_name(name: str) -> str | None:
    ending = extension(name)
    return _TYPES.get(ending) or _NAMES.guess_type(f"x.{ending}")[0]


class Described(NamedTuple):
    """A reference to a medium, and why no trainer could read it, if so."""

    media: Media
    fault: BadRow | None = None


def describe(read: Callable[[int], bytes], uri: str, *, name: str, offset: int | None = None) -> Described:
    """A reference to the medium that `read` gives, piece by piece, until it is empty; nothing is decoded.

    Faults are `empty-medium`, `not-an-image` (its name says that it is one), `broken-image` (its header does not say
    how large the picture is) and `truncated-image`.

    Parameters
    ----------
    name
        The name of the file or member, whose ending counts where the first bytes say nothing.
    offset
        Where in `uri` it begins.
    """
    digest = hashlib.blake2b(digest_size=16)
    head, tail, size = b"", b"", 0
    while piece := read(_PIECE):
        if size < _HEADER_BYTES:
            head += piece[: _HEADER_BYTES - size]
        tail = (tail + piece)[-_TAIL_BYTES:]
        size += len(piece)
        digest.update(piece)
    mime = _type_by_content(head) or _type_by_name(name)
    width, height = _pixels(head) if (mime or "").startswith("image/") else (None, None)
    media = Media(uri, offset, size, digest.hexdigest(), mime, width, height)
    return Described(media, _fault(media, head, tail))


def describe_bytes(data: bytes, uri: str, *, name: str, offset: int | None = None) -> Described:
    """The same of a medium that is held."""
    return describe(io.BytesIO(data).read, uri, name=name, offset=offset)


def _fault(media: Media, head: bytes, tail: bytes) -> BadRow | None:
    if not media.bytes:
        return BadRow("empty-medium", "the medium holds no bytes")
    if media.mime not in _CHECKED:
        return None
    if _type_by_content(head) is None:
        return BadRow("not-an-image", f"it is named as {media.mime} and its content is something else")
    if media.width is None:
        return BadRow(
            "broken-image", f"the header of this {media.mime} does not say how large the picture is"
        )
    ends = {
        "image/jpeg": b"\xff\xd9" in tail,  # whatever follows, such as padding, decoders pass over
        "image/png": b"IEND" in tail,
        "image/gif": tail.rstrip(b"\0\r\n").endswith(b"\x3b"),
        "image/webp": media.bytes >= int.from_bytes(head[4:8], "little") + 8,
    }
    if not ends[media.mime]:
        return BadRow(
            "truncated-image", f"this {media.mime} of {media.bytes} bytes ends before its picture does"
        )
    return None


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
