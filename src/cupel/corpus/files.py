"""The input files of a corpus: what inputs name, each with its format and a digest that changes when it does."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cupel.corpus.captioned import FileGroup, choose, choose_singly
from cupel.corpus.fingerprint import digest_of_files, stamp_of
from cupel.corpus.formats import (
    FORMATS,
    HEAD,
    Detected,
    detect_format,
    extension,
    format_by_name,
    stem,
)
from cupel.corpus.listing import LeftOut, LeftOuts, Listed, list_input
from cupel.corpus.remote import IOOptions, is_remote, open_raw, printable, recorded_path
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.threads import in_order

__all__ = ["InputFile", "LeftOut", "Scan", "find_files", "scan"]

# Looking into a file of a store costs a request, so code and prose with other names are not looked into.
_LOOKED_INTO = ("txt", "text")
_REQUESTS_AT_ONCE = 16
_MAX_FILES = 1 << 22
"""A document's number keeps 23 bits for its file."""


@dataclass(frozen=True)
class InputFile:
    """One file of the input.

    Attributes
    ----------
    index
        Its place among all files, sorted by path.
    relative
        The path below the folder that was named, for `source`.
    format
        One of `FORMATS`; compression is detected when the file is read.
    guessed
        Whether it was found in a folder and holds JSON objects that may not be documents: without a
        text column it goes to quarantine.
    digest
        Changes when the file does; see `cupel.corpus.fingerprint` for what it looks at.
    stamp
        Size and times of a local file: while they stay the same, so does the file, and it need not be read to know.
    beside
        Other files that are read with it: the caption of an image, JSON about it.
    names_media
        Whether its rows name images that lie below its folder.
    """

    index: int
    path: str
    relative: str
    format: str
    bytes: int
    digest: str
    guessed: bool = False
    stamp: str = ""
    beside: tuple[str, ...] = ()
    names_media: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "beside", tuple(self.beside))  # a list, where it was read back from JSON

    @property
    def paths(self) -> tuple[str, ...]:
        """All files that are read."""
        return (self.path, *self.beside)

    @property
    def source(self) -> str:
        """The default `source` of its documents: the top folder, else the file's stem."""
        top, slash, _ = self.relative.partition("/")
        return top if slash else stem(self.relative)


@dataclass(frozen=True)
class Scan:
    """The files, and what was left out of folders, the most common kind first."""

    files: list[InputFile]
    left_out: list[LeftOut]


def find_files(
    inputs: Sequence[str],
    *,
    io: IOOptions | None = None,
    format: str | None = None,
    exclude: Sequence[str] = (),
    text_columns: Collection[str] = (),
) -> list[InputFile]:
    """The files that `inputs` name, sorted by path; see `scan`."""
    return scan(inputs, io=io, format=format, exclude=exclude, text_columns=text_columns).files


def scan(
    inputs: Sequence[str],
    *,
    io: IOOptions | None = None,
    format: str | None = None,
    exclude: Sequence[str] = (),
    text_columns: Collection[str] = (),
) -> Scan:
    """The files that `inputs` name, sorted by path, and what was left out.

    Parameters
    ----------
    inputs
        Files, folders (with all below them), globs, http(s)://, s3://, gs://, hf://datasets/…
        addresses, or the name `org/name` of a Hugging Face data set where no such path exists.
    io
        Settings for remote stores.
    format
        One of `FORMATS` for all files, whatever their names.
    exclude
        Glob patterns of names or relative paths to leave out of folders.
    text_columns
        The column that holds the text; a JSON file that has it is a table.

    Raises
    ------
    BadInput
        No such path, a pipe or device, no permission, or nothing that can be read; the message
        says what is there instead.
    """
    if format is not None and format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    if not inputs:
        raise BadOption("no input is named")
    left_out = LeftOuts()
    by_path: dict[str, Listed] = {}
    for name in inputs:
        for item in list_input(str(name), io=io, exclude=exclude, left_out=left_out):
            by_path.setdefault(item.path, item)
    items = [by_path[path] for path in sorted(by_path)]
    detected = {item.path: Detected(format) if format else _detect(item, io, text_columns) for item in items}
    chosen = choose_singly(items, detected, left_out) if format else choose(items, detected, left_out, io)
    states = in_order(lambda choice: _state(choice, io), chosen, _REQUESTS_AT_ONCE)
    files = [
        InputFile(
            index,
            recorded_path(item.path),
            _recorded_relative(item.relative),
            str(choice.detected.format),
            sum(file.bytes for file in choice.items),
            digest,
            choice.detected.guessed and not item.named,
            stamp,
            tuple(recorded_path(other.path) for other in choice.items[1:]),
            choice.names_media,
        )
        for index, (choice, (stamp, digest)) in enumerate(zip(chosen, states, strict=True))
        for item in choice.items[:1]
    ]
    kinds = left_out.sorted()
    if not files:
        counts = ", ".join(f"{kind.files} {kind.kind}" for kind in kinds[:8]) or "no files at all"
        raise BadInput(f"nothing to read in {printable(', '.join(map(str, inputs)))}; there are: {counts}")
    if len(files) > _MAX_FILES:
        raise BadInput(f"{len(files)} files are more than the {_MAX_FILES} that one run can take")
    return Scan(files, kinds)


def _recorded_relative(relative: str) -> str:
    try:
        relative.encode("utf-8")
    except UnicodeEncodeError:
        return quote(os.fsencode(relative))
    return relative


def _state(choice: FileGroup, io: IOOptions | None) -> tuple[str, str]:
    """Stamp and digest: the stamp first, so that a change in between shows."""
    paths = [item.path for item in choice.items]
    try:
        return stamp_of(*paths), digest_of_files(paths, [item.bytes for item in choice.items], io)
    except OSError as error:
        raise BadInput(f"cannot read {printable(paths[0])}: {error.strerror or error}") from None


def _detect(item: Listed, io: IOOptions | None, text_columns: Collection[str]) -> Detected:
    """The format to read the file as; None leaves it out."""
    kind = format_by_name(item.path)
    if kind == "ignored" and not item.named:
        return Detected(None)
    if kind not in (None, "text", "ignored"):
        return Detected(kind)
    if item.bytes == 0:
        return Detected("text")
    if kind == "text" and is_remote(item.path) and extension(item.path) not in _LOOKED_INTO:
        return Detected("text")
    try:
        raw = open_raw(recorded_path(item.path), io)
        try:
            head = raw.read(HEAD)
        finally:
            raw.close()
    except OSError as error:
        if is_remote(item.path):
            raise BadInput(f"cannot read {item.path}: {error.strerror or error}") from None
        # Reading it will say so, in the quarantine.
        return Detected("text")
    detected = detect_format(item.path, head, whole=len(head) < HEAD, text_columns=text_columns)
    if detected.format is None and item.named:
        return Detected("text")
    return detected
