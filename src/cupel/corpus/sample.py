"""A sample: files of one name that are a document together, such as an image, its caption and JSON about both.

A caption is a text file, or a text `caption` or `text` in the JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cupel.corpus.charset import decode
from cupel.corpus.formats import extension, is_binary
from cupel.corpus.media import Described, describe, describe_bytes, media_kind
from cupel.corpus.parts import LAYOUT, Part, content_of, details_json, text_of
from cupel.corpus.records import BadRow, Record
from cupel.corpus.remote import open_raw
from cupel.corpus.rows import parse_object, row_to_record
from cupel.corpus.sink import Sink

__all__ = [
    "CAPTIONED_FOLDER",
    "CAPTION_ENDINGS",
    "JSON_CAPTIONS",
    "MAX_HELD_BYTES",
    "SAMPLE",
    "MediaSample",
    "SampleFile",
    "make_sample",
    "read_sample",
    "sample_record",
]

SAMPLE = "sample"
"""The format of an input file that is read with those beside it."""
CAPTIONED_FOLDER = "captioned-folder"
"""The layout that the first part of a sample of a folder names."""

CAPTION_ENDINGS = ("txt", "text", "caption", "captions")
JSON_CAPTIONS = ("caption", "text")
MAX_HELD_BYTES = 1 << 20
"""A larger file that is no medium is no part of a sample."""


@dataclass
class SampleFile:
    """A file of a sample: a medium that was described, or content that is held.

    Attributes
    ----------
    name
        With its folders, as it is written again.
    ending
        In lower case; with WebDataset, all that follows the first dot.
    uri, offset
        Where its bytes lie.
    """

    name: str
    ending: str
    uri: str
    offset: int | None
    data: bytes = b""
    medium: Described | None = None


@dataclass
class MediaSample:
    """The parts of a sample, the fields of its JSON, and why it is none that could be used, if so."""

    parts: list[Part]
    fields: dict[str, Any] = field(default_factory=dict)
    fault: BadRow | None = None


def make_sample(files: Sequence[SampleFile]) -> MediaSample | None:
    """The sample that files of one name are; None if none of them is a medium, or none a caption."""
    if not any(media_kind(file.name) for file in files):
        return None
    sample = MediaSample([])
    has_caption = False
    about: tuple[int, str] | None = None
    for file in files:
        details: dict[str, Any] = {"member": file.name}
        if file.ending in CAPTION_ENDINGS:
            has_caption = True
            sample.parts.append(_caption(file, details, sample))
        elif file.ending == "json" and not sample.fields:
            try:
                sample.fields = parse_object(file.data)
                details["json"] = file.data.decode("utf-8")
            except BadRow as bad:
                sample.fault = sample.fault or BadRow(bad.reason, f"{file.name}: {bad.detail}")
            except UnicodeDecodeError as error:
                detail = f"{file.name} is not UTF-8 at its byte {error.start}"
                sample.fault = sample.fault or BadRow("invalid-utf8", detail)
            key = next((key for key in JSON_CAPTIONS if isinstance(sample.fields.get(key), str)), None)
            if key is not None:
                about = len(sample.parts), key
            sample.parts.append(Part("data", None, None, None, details_json(details)))
        else:
            medium = file.medium or describe_bytes(file.data, file.uri, name=file.name, offset=file.offset)
            kind = media_kind(file.name) or "data"
            if medium.fault is not None and kind != "data":
                detail = f"{file.name}: {medium.fault.detail}"
                sample.fault = sample.fault or BadRow(medium.fault.reason, detail)
            sample.parts.append(Part(kind, None, None, medium.media, details_json(details)))
    if not has_caption and about is not None:
        has_caption = True
        place, key = about
        details = sample.parts[place].details | {"caption": key}
        sample.parts[place] = Part("text", None, sample.fields.pop(key), None, details_json(details))
    return sample if has_caption else None


def _caption(file: SampleFile, details: dict[str, Any], sample: MediaSample) -> Part:
    try:
        text = file.data.decode("utf-8")
    except UnicodeDecodeError as error:
        text, charset = decode(file.data)
        if is_binary(file.data[:8192]):
            sample.fault = sample.fault or BadRow("binary", f"{file.name}: the content is not text")
        elif _encoded(text, charset) == file.data:
            details = details | {"charset": charset}
        else:
            detail = f"{file.name} is not UTF-8 at its byte {error.start}, nor whole in another charset"
            sample.fault = sample.fault or BadRow("invalid-utf8", detail)
    return Part("text", None, text, None, details_json(details))


def _encoded(text: str, charset: str) -> bytes | None:
    try:
        return text.encode(charset)
    except (UnicodeEncodeError, LookupError):
        return None


def sample_record(sink: Sink, sample: MediaSample, layout: str, number: int, about: dict[str, Any]) -> Record:
    """The document of a sample; fields of its JSON are those of the document.

    Parameters
    ----------
    layout
        What the first part names.
    number
        Its position.
    about
        Other fields.

    Raises
    ------
    BadRow
        The sample's fault, `empty-text`, `too-large`.
    """
    if sample.fault is not None:
        raise sample.fault
    row = about | sample.fields | {"text": text_of(sample.parts)}
    record = row_to_record(row, replace(sink.options, text_column=None, layout=None), 0, number)
    record.parts = [Part(LAYOUT, extra=details_json({"layout": layout})), *sample.parts]
    record.content = content_of([part._replace(extra=None) for part in sample.parts])
    return record


def read_sample(sink: Sink, paths: Iterable[str], relative: str) -> Iterator[None]:
    """The document of a sample, or an entry that says why it is none.

    Parameters
    ----------
    paths
        Of its files.
    relative
        The path of the first below the folder that was named: its name if it is written again.
    """
    folder, slash, _ = relative.rpartition("/")
    files = []
    for path in paths:
        name = path.rpartition("/")[2]
        file = SampleFile(folder + slash + name, extension(name), path, None)
        raw = open_raw(path, sink.options.io)
        try:
            if media_kind(name):
                file.medium = describe(raw.read, path, name=name)
                sink.collector.read(file.medium.media.bytes or 0)
            else:
                file.data = raw.read(MAX_HELD_BYTES)
                sink.collector.read(len(file.data))
        finally:
            raw.close()
        files.append(file)
    sample = make_sample(files)
    try:
        if sample is None:
            raise BadRow("no-caption", "the image has no caption, and others in its folder have one")
        sink.add(sample_record(sink, sample, CAPTIONED_FOLDER, 1, {}))
    except BadRow as bad:
        sink.bad(1, "file", bad.reason, bad.detail)
    yield
