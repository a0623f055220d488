"""Samples of an archive: an image (or sound, or video) and its caption, as WebDataset stores them.

Members that follow each other and share a name up to its first dot, such as `000001.jpg`, `000001.txt`
and `000001.json`, are one sample if one of them is a medium and one a caption. All other members are
documents of their own, as in any archive.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from cupel.corpus.formats import format_by_name
from cupel.corpus.media import describe, media_kind
from cupel.corpus.records import BadRow, Record
from cupel.corpus.sample import MAX_HELD_BYTES, SampleFile, make_sample, sample_record
from cupel.corpus.sink import Sink

__all__ = ["WEBDATASET", "MediaSamples"]

WEBDATASET = "webdataset"
"""The layout that the first part of a sample names."""

_KEY = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)", re.DOTALL)
_MAX_MEMBERS = 32
"""What is held at most; a sample of more members is read as several."""


@dataclass
class _Held:
    number: int
    size: int
    file: SampleFile


class Members(Protocol):
    """What reads members that are no part of a sample, and takes samples in."""

    def read(self, number: int, name: str, content: IO[bytes], size: int) -> Iterator[None]: ...

    def add_sample(self, number: int, name: str, record_of: Callable[[Sink], Record]) -> None: ...


class MediaSamples:
    """Gathers members of one name; `members` reads what turns out not to be part of a sample.

    Parameters
    ----------
    path
        The archive.
    """

    def __init__(self, members: Members, path: str) -> None:
        self._members = members
        self._path = path
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
        small = by_name in (None, "text") and 0 < size <= MAX_HELD_BYTES
        described = by_name == "ignored" and (size > 0 or media_kind(name) is not None)
        if match is None or offset is None or not _is_utf8(name) or not (small or described):
            yield from self.finish()
            yield from self._members.read(number, name, content, size)
            return
        self._key = match[1]
        file = SampleFile(name, match[2].lower(), self._path, offset)
        if small:
            file.data = content.read(size)
            whole = len(file.data) == size
        else:
            file.medium = describe(content.read, self._path, name=name, offset=offset)
            whole = file.medium.media.bytes == size
        self._held.append(_Held(number, size, file))
        if not whole:
            yield from self._finish_singly()

    def finish(self) -> Iterator[None]:
        """Takes in what is held: no member that follows belongs to it."""
        if not self._held:
            return
        files = [held.file for held in self._held]
        sample = make_sample(files)
        if sample is None:
            yield from self._finish_singly()
            return
        names = [file.name for file in files]
        if twice := next((name for name in names if names.count(name) > 1), None):
            detail = f"two members are called {twice}; which of them belongs to the others is not known"
            sample.fault = BadRow("duplicate-member", detail)
        first, key = self._held[0].number, self._key
        self._held, self._key = [], ""
        self._members.add_sample(
            first, key, lambda sink: sample_record(sink, sample, WEBDATASET, first, {"member": key})
        )
        yield

    def _finish_singly(self) -> Iterator[None]:
        held, self._held, self._key = self._held, [], ""
        for member in held:
            content = io.BytesIO(member.file.data)
            yield from self._members.read(member.number, member.file.name, content, member.size)


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
