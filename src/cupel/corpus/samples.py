"""Samples of an archive: an image (or sound, or video) and its caption, as WebDataset stores them.

Members that follow each other and share a name up to its first dot, such as `000001.jpg`, `000001.txt`
and `000001.json`, are one sample if one of them is a medium and one a caption: a text, or JSON with a
text `caption` or `text`. All other members are documents of their own, as in any archive.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol

import orjson

from cupel.corpus import json_text
from cupel.corpus.formats import format_by_name
from cupel.corpus.media import MediaReader, describe, media_kind
from cupel.corpus.parts import LAYOUT, Media, Part, content_of, details_json, parts_of, text_of
from cupel.corpus.records import BadRow, Record
from cupel.corpus.remote import IOOptions
from cupel.corpus.rows import parse_object, row_to_record
from cupel.corpus.sink import Sink
from cupel.errors import BadInput

__all__ = ["WEBDATASET", "Samples", "write_samples"]

WEBDATASET = "webdataset"
"""The layout that the first part of a sample names."""

_KEY = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)", re.DOTALL)
_CAPTIONS = ("txt", "text", "caption", "captions")
_JSON_CAPTIONS = ("caption", "text")
_MAX_HELD_BYTES = 1 << 20
"""A larger member that is no medium is a document of its own."""
_MAX_MEMBERS = 32
"""What is held at most; a sample of more members is read as several."""


@dataclass
class _Held:
    """A member that may be part of a sample: a medium that was described, or content that is held."""

    number: int
    name: str
    ending: str
    size: int
    offset: int
    data: bytes = b""
    media: Media | None = None


class Members(Protocol):
    """What reads members that are no part of a sample, and takes samples in."""

    def read(self, number: int, name: str, content: IO[bytes], size: int) -> Iterator[None]: ...

    def add_sample(self, number: int, name: str, record_of: Callable[[Sink], Record]) -> None: ...


class Samples:
    """Gathers members of one name; `members` reads what turns out not to be part of a sample."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._key = ""
        self._held: list[_Held] = []

    def read(
        self, number: int, name: str, content: IO[bytes], size: int, offset: int | None
    ) -> Iterator[None]:
        """Takes in the next member; `offset` says where in the archive its bytes lie, None if they are not in one piece."""
        match = _KEY.fullmatch(name)
        if match is None or match[1] != self._key or len(self._held) == _MAX_MEMBERS:
            yield from self.finish()
        by_name = format_by_name(name)
        small = by_name in (None, "text") and size <= _MAX_HELD_BYTES
        if (
            match is None
            or offset is None
            or size == 0
            or not _is_utf8(name)
            or not (small or by_name == "ignored")
        ):
            yield from self.finish()
            yield from self._members.read(number, name, content, size)
            return
        self._key = match[1]
        member = _Held(number, name, match[2].lower(), size, offset)
        if small:
            member.data = content.read(size)
            whole = len(member.data) == size
        else:
            member.media = describe(content.read, "", name=name, offset=offset)
            whole = member.media.bytes == size
        self._held.append(member)
        if not whole:
            yield from self._finish_singly()

    def finish(self) -> Iterator[None]:
        """Takes in what is held: no member that follows belongs to it."""
        if not self._held:
            return
        sample = _sample(self._held)
        if sample is None:
            yield from self._finish_singly()
            return
        first, key = self._held[0].number, self._key
        self._held, self._key = [], ""
        self._members.add_sample(first, key, lambda sink: _record(sink, sample, first, key))
        yield

    def _finish_singly(self) -> Iterator[None]:
        held, self._held, self._key = self._held, [], ""
        for member in held:
            yield from self._members.read(member.number, member.name, io.BytesIO(member.data), member.size)


@dataclass
class _Sample:
    parts: list[Part]
    fields: dict[str, Any]


def _sample(held: list[_Held]) -> _Sample | None:
    """The sample that members make up; None if they are none."""
    if not any(media_kind(member.name) for member in held):
        return None
    parts: list[Part] = []
    captions: list[str] = []
    fields: dict[str, Any] = {}
    about: tuple[int, str] | None = None
    for member in held:
        details: dict[str, Any] = {"member": member.name}
        if member.ending in _CAPTIONS:
            try:
                text = member.data.decode("utf-8")
            except UnicodeDecodeError:
                return None
            captions.append(text)
            parts.append(Part("text", None, text, None, details_json(details)))
        elif member.ending == "json" and not fields:
            try:
                fields = parse_object(member.data)
                details["json"] = member.data.decode("utf-8")
            except (BadRow, UnicodeDecodeError):
                return None
            key = next((key for key in _JSON_CAPTIONS if isinstance(fields.get(key), str)), None)
            if key is not None:
                about = len(parts), key
            parts.append(Part("data", None, None, None, details_json(details)))
        else:
            kind = media_kind(member.name) or "data"
            media = member.media or describe(
                io.BytesIO(member.data).read, "", name=member.name, offset=member.offset
            )
            parts.append(Part(kind, None, None, media, details_json(details)))
    if not captions and about is not None:
        place, key = about
        captions.append(fields.pop(key))
        details = parts[place].details | {"caption": key}
        parts[place] = Part("text", None, captions[0], None, details_json(details))
    return _Sample(parts, fields) if captions else None


def _record(sink: Sink, sample: _Sample, number: int, key: str) -> Record:
    """The document of a sample; fields of its JSON are those of the document.

    Raises
    ------
    BadRow
        `empty-text`, `too-large`.
    """
    row = {"member": key} | sample.fields | {"text": text_of(sample.parts)}
    record = row_to_record(row, replace(sink.options, text_column=None, layout=None), 0, number)
    placed = [
        part._replace(media=part.media._replace(uri=sink.path)) if part.media is not None else part
        for part in sample.parts
    ]
    record.parts = [Part(LAYOUT, extra=details_json({"layout": WEBDATASET})), *placed]
    record.content = content_of([part._replace(extra=None) for part in placed])
    return record


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def write_samples(
    documents: Iterable[Mapping[str, Any]],
    path: str | os.PathLike[str],
    *,
    io_options: IOOptions | None = None,
) -> int:
    """Writes documents that are samples of archives as a new tar archive; how many there were.

    Members have the names, the order and the content that they had; a caption that was edited is
    written as it is now. Media are read where they lie.

    Parameters
    ----------
    documents
        With `id` and `parts`, as `Corpus.to_arrow` gives them.

    Raises
    ------
    BadInput
        A document is no sample of an archive, or its media cannot be read.
    InputChanged
        A medium is not what it was when it was read.
    """
    count = 0
    with tarfile.open(path, "w") as archive, MediaReader(io_options) as media:
        for document in documents:
            parts = parts_of(document["parts"])
            if not parts or parts[0].details.get("layout") != WEBDATASET:
                raise BadInput(
                    f"document '{document['id']}' is no sample of an archive, so it cannot be written as one"
                )
            for part in parts[1:]:
                data = _content(part, media)
                member = tarfile.TarInfo(part.details["member"])
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            count += 1
    return count


def _content(part: Part, media: MediaReader) -> bytes:
    """The bytes of the member that a part stands for."""
    details = part.details
    if "json" in details:
        stored: str = details["json"]
        key = details.get("caption")
        if key is None:
            return stored.encode("utf-8")
        fields = json_text.loads(stored.encode("utf-8"))
        if fields.get(key) == part.text:
            return stored.encode("utf-8")
        return orjson.dumps(fields | {key: part.text})
    if part.media is not None:
        return media.read(part.media)
    return (part.text or "").encode("utf-8")
