"""Which files of a listing are read, and which of them together: folders of images with captions.

`a.jpg` and `a.txt` (or `.caption`, or JSON with a text `caption` or `text`) in one folder are a sample. So are the
rows of a file `metadata.jsonl`, `.csv` or `.parquet` with a column `file_name`, as Hugging Face's ImageFolder has them:
see `cupel.corpus.media_files`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cupel.corpus.formats import Detected, extension, file_name
from cupel.corpus.listing import LeftOuts, Listed
from cupel.corpus.media import media_kind
from cupel.corpus.media_files import names_media
from cupel.corpus.records import BadRow
from cupel.corpus.remote import IOOptions, open_raw, recorded_path
from cupel.corpus.rows import parse_object
from cupel.corpus.sample import CAPTION_ENDINGS, JSON_CAPTIONS, MAX_HELD_BYTES, SAMPLE

__all__ = ["FileGroup", "choose", "choose_singly"]


@dataclass(frozen=True)
class FileGroup:
    """Files that are read as one; most are alone."""

    items: list[Listed]
    detected: Detected
    names_media: bool = False


def choose_singly(
    items: Sequence[Listed], detected: Mapping[str, Detected], left_out: LeftOuts
) -> list[FileGroup]:
    """What is read, each file by itself."""
    chosen = []
    for item in items:
        if detected[item.path].format is not None:
            chosen.append(FileGroup([item], detected[item.path]))
        else:
            ending = extension(item.relative)
            left_out.add(f".{ending}" if ending else "binary", item.relative, item.bytes)
    return chosen


def choose(
    items: Sequence[Listed], detected: Mapping[str, Detected], left_out: LeftOuts, io: IOOptions | None
) -> list[FileGroup]:
    """What is read, in the order of paths, with images and their captions together.

    Parameters
    ----------
    detected
        What each file is read as, by its path.
    """
    media = [item for item in items if media_kind(item.path)]
    if not media:
        return choose_singly(items, detected, left_out)
    naming = {
        item.path.rpartition("/")[0]: item
        for item in items
        if detected[item.path].format in ("jsonl", "csv", "parquet")
        and names_media(recorded_path(item.path), io)
    }
    texts = [
        item
        for item in items
        if extension(item.path) == "json"
        or (extension(item.path) in CAPTION_ENDINGS and detected[item.path].format == "text")
    ]
    gathered = _gather(media, texts, naming, io)
    taken = {item.path for files in gathered.samples for item in files}
    unnamed = set()
    for item in gathered.left:
        name = next((name for folder, name in naming.items() if item.path.startswith(folder + "/")), None)
        if name is None or item.named:
            unnamed.add(item.path)
        else:
            left_out.add(f"media beside {file_name(name.path)}", item.relative, item.bytes)
    others = [
        item
        for item in items
        if item.path not in taken and (item.path in unnamed or not media_kind(item.path))
    ]
    names = {item.path for item in naming.values()}
    chosen = [
        FileGroup(choice.items, choice.detected, choice.items[0].path in names)
        for choice in choose_singly(others, detected, left_out)
    ]
    chosen += [FileGroup(files, Detected(SAMPLE)) for files in gathered.samples]
    return sorted(chosen, key=lambda choice: choice.items[0].path)


@dataclass(frozen=True)
class _Gathered:
    """What images and captions make.

    Attributes
    ----------
    samples
        The files of each sample, its first medium first. An image without a caption, in a folder that has samples,
        is one of a single file: that it has none is noted when it is read.
    left
        Media that are part of nothing.
    """

    samples: list[list[Listed]]
    left: list[Listed]


def _gather(
    media: Iterable[Listed], texts: Iterable[Listed], folders: Collection[str], io: IOOptions | None
) -> _Gathered:
    """The samples that media and texts beside them make.

    Parameters
    ----------
    texts
        Files that hold one text, and JSON of any kind.
    folders
        Folders whose media a file names; they need no captions beside them.
    """
    by_stem: defaultdict[str, list[Listed]] = defaultdict(list)
    for item in media:
        by_stem[_stem(item.path)].append(item)
    captions: defaultdict[str, list[Listed]] = defaultdict(list)
    for item in texts:
        if _stem(item.path) in by_stem and item.bytes <= MAX_HELD_BYTES:
            captions[_stem(item.path)].append(item)
    samples, alone = [], []
    for stem, shown in by_stem.items():
        beside = captions.get(stem, [])
        if any(extension(item.path) in CAPTION_ENDINGS for item in beside) or any(
            _has_caption(item, io) for item in beside
        ):
            samples.append([*shown, *sorted(beside, key=lambda item: item.path)])
        else:
            alone += shown
    with_samples = {_folder(files[0].path) for files in samples}
    left = []
    for item in alone:
        if _folder(item.path) in with_samples and not any(_is_below(item.path, folder) for folder in folders):
            samples.append([item])
        else:
            left.append(item)
    return _Gathered(samples, left)


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder + "/")


def _has_caption(item: Listed, io: IOOptions | None) -> bool:
    """Whether a small JSON file is about an image: one object with a caption."""
    if extension(item.path) != "json":
        return False
    try:
        raw = open_raw(recorded_path(item.path), io)
        try:
            fields = parse_object(raw.read(MAX_HELD_BYTES))
        finally:
            raw.close()
    except (OSError, BadRow):
        return False
    return any(isinstance(fields.get(key), str) for key in JSON_CAPTIONS)
