"""Documents of several parts: turns of a chat, answers of a preference pair, images with captions.

A document that is more than one text has the column `parts`; in a plain text document it is null.
`text` of such a document is `text_of(parts)`, so every method that takes a text works on it.

The first part is of kind `layout`. It holds no content: its `extra` says which layout the document
came in and what is needed to write it again as it was (see `cupel.corpus.layouts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from cupel.corpus import json_text

__all__ = [
    "LAYOUT",
    "MEDIA",
    "PARTS",
    "SEPARATOR",
    "STORED",
    "Media",
    "Part",
    "content_of",
    "details_json",
    "parts_of",
    "text_of",
]

MEDIA = pa.struct(
    {
        "uri": pa.large_string(),
        "offset": pa.int64(),
        "bytes": pa.int64(),
        "digest": pa.large_string(),
        "mime": pa.large_string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "seconds": pa.float64(),
    }
)
"""Where the bytes of an image or another medium lie, and what is known of them without decoding them."""

PARTS = pa.list_(
    pa.struct(
        {
            "kind": pa.large_string(),
            "role": pa.large_string(),
            "text": pa.large_string(),
            "media": MEDIA,
            "extra": pa.large_string(),
        }
    )
)
"""The type of the column `parts`."""

SEPARATOR = "\n\n"
"""What stands between two text parts in the document's text."""

LAYOUT = "layout"
"""The kind of a document's first part."""

STORED = "stored"
"""The key in `extra` of where a part was stored, such as a column: needed to write it, and no content."""


class Media(NamedTuple):
    """A reference to bytes that are stored elsewhere.

    Attributes
    ----------
    uri
        The file or address that holds them; a cell of a table as `cupel.corpus.cells` writes it.
    offset, bytes
        Where in that file they lie, in its decompressed content, and how many they are; null for all of it.
    digest
        BLAKE2b of the bytes, 128 bits in hexadecimal digits.
    mime
        Their media type.
    width, height
        Pixels.
    seconds
        Duration of sound or video.
    """

    uri: str | None = None
    offset: int | None = None
    bytes: int | None = None
    digest: str | None = None
    mime: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None


class Part(NamedTuple):
    """A part of a document.

    Attributes
    ----------
    kind
        `text`, `image`, `audio`, `video`, `tool_call` (a turn that calls tools and says nothing), `data`
        (anything else that a turn may hold) or `layout`.
    role
        Who speaks, such as `user`, `assistant`, `system` or `tool`; null for text without a speaker.
    text
        What is said; only in text parts.
    media
        Only in images, audio and video.
    extra
        JSON of an object, or null: `turn` (the turn's other fields, such as `tool_calls`), `branch`
        (`chosen` or `rejected`, in a part that is not common to both), `stored` (where the part was stored),
        and what else a layout needs to write the part as it was.

    Examples
    --------
    >>> Part("text", "user", "Café?").text
    'Café?'
    """

    kind: str
    role: str | None = None
    text: str | None = None
    media: Media | None = None
    extra: str | None = None

    @property
    def details(self) -> dict[str, Any]:
        """The object in `extra`; empty if there is none."""
        if self.extra is None:
            return {}
        details: dict[str, Any] = orjson.loads(self.extra)
        return details


def details_json(details: Mapping[str, Any]) -> str | None:
    """The text of `extra`; null if there are no details.

    Raises
    ------
    orjson.JSONEncodeError
        A value is nested deeper than JSON is written.
    """
    return orjson.dumps(details, default=json_text.as_text).decode() if details else None


def text_of(parts: Iterable[Part]) -> str:
    r"""The text of a document: its text parts, empty ones aside, with `SEPARATOR` between them.

    Every line end is a line feed, as in all texts of documents.

    Examples
    --------
    >>> text_of([Part("text", "user", "東京?"), Part("image"), Part("text", "assistant", "A\r\ncity")])
    '東京?\n\nA\ncity'
    """
    text = SEPARATOR.join([part.text for part in parts if part.kind == "text" and part.text])
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def content_of(parts: Iterable[Part]) -> bytes:
    """The bytes from which the id of a document is derived: its content, wherever it is stored.

    The layout's own part does not count, and media count by their digest, or by their address where
    there is no digest.
    """
    content = [
        (
            part.kind,
            part.role,
            part.text,
            part.media and (part.media.digest or part.media.uri),
            _without_place(part.extra),
        )
        for part in parts
        if part.kind != LAYOUT
    ]
    return orjson.dumps(content)


def _without_place(extra: str | None) -> str | None:
    if extra is None or STORED not in extra:
        return extra
    details: dict[str, Any] = orjson.loads(extra)
    return details_json({name: value for name, value in details.items() if name != STORED})


def parts_of(value: Sequence[Mapping[str, Any]] | None) -> list[Part] | None:
    """The parts in a value of the column `parts`, as `to_pylist` or JSON gives it; None for a plain text document.

    Raises
    ------
    ValueError
        The value is something else.

    Examples
    --------
    >>> row = pa.array([[Part("text", "user", "Café?")]], PARTS).to_pylist()[0]
    >>> parts_of(row)
    [Part(kind='text', role='user', text='Café?', media=None, extra=None)]
    """
    if value is None:
        return None
    try:
        return [
            Part(**(part | {"media": Media(**part["media"])} if part.get("media") else part))  # type: ignore[operator]
            for part in value
        ]
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not the parts of a document: {error}") from None
