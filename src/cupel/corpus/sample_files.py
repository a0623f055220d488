"""Documents with media as files: the members of a tar archive (WebDataset), or images with captions in a folder."""

from __future__ import annotations

import io
import mimetypes
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from cupel.corpus import json_text
from cupel.corpus.formats import extension
from cupel.corpus.layouts.image_text import ImageText
from cupel.corpus.media import MEDIA_KINDS, media_kind
from cupel.corpus.media_reader import MediaReader
from cupel.corpus.part_rows import to_row
from cupel.corpus.parts import STORED, Part, parts_of
from cupel.corpus.remote import IOOptions
from cupel.corpus.sample import CAPTION_ENDINGS, CAPTIONED_FOLDER
from cupel.corpus.samples import WEBDATASET
from cupel.errors import BadInput, LossyConversion

__all__ = ["write_folder", "write_tar"]

_ENDINGS = {"image/jpeg": "jpg", "audio/mpeg": "mp3", "image/tiff": "tif"}
"""Where Python's table has a rarer ending first, or one that depends on its version."""
_TYPES = mimetypes.MimeTypes()


def write_tar(
    documents: Iterable[Mapping[str, Any]],
    path: str | os.PathLike[str],
    *,
    io_options: IOOptions | None = None,
) -> int:
    """Writes documents with media as a new tar archive (WebDataset); how many there were.

    Members of samples of archives have the names, the order and the content that they had; a caption that
    was edited is written as it is now. Media are read where they lie.

    Parameters
    ----------
    documents
        With `id`, `source`, `url`, `metadata` and `parts`, as `Corpus.to_arrow` gives them.

    Raises
    ------
    BadInput
        A document has no media or its media cannot be read, a name leads out of the archive, or two documents that
        follow each other would be read as one.
    InputChanged
        A medium is not what it was when it was read.
    LossyConversion
        A document holds something for which such an archive has no room.
    """
    count = 0
    last_key = ""
    with tarfile.open(path, "w") as archive, MediaReader(io_options) as media:
        for document in documents:
            files = list(_files(document, count, WEBDATASET, media))
            key = _key(files[0][0])
            if key == last_key:
                raise BadInput(
                    f"document '{document['id']}' has the name '{key}' of the one before; in an archive they would be one"
                )
            last_key = key
            for name, content in files:
                data = content()
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            count += 1
    return count


def write_folder(
    documents: Iterable[Mapping[str, Any]], folder: Path, *, io_options: IOOptions | None = None
) -> int:
    """Writes documents with media as images with captions beside them; how many there were.

    Raises
    ------
    BadInput
        A document has no media or its media cannot be read, a name leads out of the folder, or two files have one name.
    InputChanged
        A medium is not what it was when it was read.
    LossyConversion
        A document holds something for which such a folder has no room.
    """
    count = 0
    with MediaReader(io_options) as media:
        for document in documents:
            for name, content in _files(document, count, CAPTIONED_FOLDER, media):
                path = folder / name
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("xb") as file:
                        file.write(content())
                except FileExistsError:
                    raise BadInput(
                        f"document '{document['id']}': there is a file '{name}' already, of another document"
                    ) from None
            count += 1
    return count


Content = Callable[[], bytes]


def _files(
    document: Mapping[str, Any], number: int, target: str, media: MediaReader
) -> Iterator[tuple[str, Content]]:
    """Names of files, and what reads their content: media are large and are read one by one."""
    parts = parts_of(document["parts"])
    layout = parts[0].details.get("layout") if parts else None
    if parts and layout in (WEBDATASET, CAPTIONED_FOLDER):
        files = [(part.details["member"], _reading(part, media)) for part in parts[1:]]
    elif parts and layout == ImageText.name:
        files = list(_row_files(document, parts, number, target, media))
    else:
        what = "a plain text" if not parts else f"of the layout '{layout}'"
        raise BadInput(f"document '{document['id']}' is {what}, and no sample of media with a caption")
    for name, content in files:
        if target != layout:
            name = _fitting_name(name, target)
        if _leads_out(name):
            raise BadInput(f"document '{document['id']}': the name '{name}' leads out of what is written")
        yield name, content


def _reading(part: Part, media: MediaReader) -> Content:
    return lambda: _content(part, media)


def _leads_out(name: str) -> bool:
    return not name or "\\" in name or "\0" in name or name.startswith("/") or ".." in name.split("/")


def _fitting_name(name: str, target: str) -> str:
    """The name of a file of the other layout, by which it is found beside its caption again.

    An archive's samples share a name up to its first dot, a folder's up to its last.
    """
    path = PurePosixPath(name)
    if target == WEBDATASET:
        return str(path.with_name(path.stem.replace(".", "_") + path.suffix))
    ending = path.suffix.removeprefix(".").lower()
    if "." in path.stem or not (media_kind(name) or ending in (*CAPTION_ENDINGS, "json")):
        raise LossyConversion(CAPTIONED_FOLDER, [f"a file '{path.name}'"])
    return name


def _key(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _row_files(
    document: Mapping[str, Any], parts: list[Part], number: int, target: str, media: MediaReader
) -> Iterator[tuple[str, Content]]:
    """A row with media: files that are named by the number of the document."""
    shown = [part for part in parts if part.kind in MEDIA_KINDS and part.media is not None]
    captions = [part.text or "" for part in parts if part.kind == "text"]
    if not shown or len(captions) != 1 or (len(shown) > 1 and target == CAPTIONED_FOLDER):
        raise LossyConversion(target, [f"{len(shown)} media and {len(captions)} captions"])
    stem = f"{number:09}"
    for place, part in enumerate(shown):
        between = f".{place}" if len(shown) > 1 else ""
        yield f"{stem}{between}.{_ending(part)}", _reading(part, media)
    (caption,) = captions
    yield f"{stem}.txt", caption.encode
    frame = parts[0].details
    columns = (*frame.get("media", {}), frame["form"]["caption"])
    others = {name: value for name, value in to_row(document).items() if name not in columns}
    if others:
        yield f"{stem}.json", lambda: orjson.dumps(others, default=json_text.as_text)


def _ending(part: Part) -> str:
    path = str(part.details.get(STORED, {}).get("path", ""))
    if media_kind(path):
        return extension(path)
    mime = (part.media and part.media.mime) or "image/jpeg"
    return _ENDINGS.get(mime) or (_TYPES.guess_extension(mime) or ".jpg").removeprefix(".")


def _content(part: Part, media: MediaReader) -> bytes:
    """The bytes of the file that a part stands for."""
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
        if part.media.digest is None:
            # The row only named it: whoever wrote the row is not to choose which files are read here.
            raise BadInput(f"{part.media.uri}: only its address is known, and not its bytes; fetch it first")
        return media.read(part.media)
    try:
        return (part.text or "").encode(details.get("charset", "utf-8"))
    except UnicodeEncodeError:  # an edit brought characters that its charset lacks
        return (part.text or "").encode("utf-8")
