"""Conversations, pages and captioned images written as they came, or in another layout: `cupel convert`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cupel.corpus.corpus import Corpus
from cupel.corpus.frames import Source
from cupel.corpus.read import Quarantined, ReadOptions

__all__ = ["Conversion", "convert"]


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes
    ----------
    output
        The file or folder.
    documents
        How many it holds.
    quarantined
        What could not be read.
    """

    output: Path
    documents: int
    quarantined: tuple[Quarantined, ...]


def convert(
    input: Source | Sequence[Source],
    output: str | os.PathLike[str],
    *,
    to: str | None = None,
    reading: ReadOptions | None = None,
) -> Conversion:
    """Write conversations, pages and captioned images as they came, or in another layout.

    Parameters
    ----------
    input
        Files, folders, the folder of a finished run, or tables in memory.
    output
        File to write: `.jsonl`, `.parquet` or `.tar` (WebDataset); without an ending, a new folder of images with
        captions. It appears once it is whole.
    to
        Layout of the rows written, such as `messages`; by default the one they came in.
    reading
        How documents are read.

    Raises
    ------
    BadInput
        Nothing readable there; a document is a plain text or has no media for such files.
    LossyConversion
        The layout has no room for something that a document holds.
    UnknownName
        No layout has this name, or nothing is written with this ending.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "alpaca.jsonl").write_text('{"instruction": "Translate.", "output": "東京"}')
    >>> convert(folder / "alpaca.jsonl", folder / "chats.jsonl", to="messages").documents
    1
    """
    corpus = Corpus.read(input, options=reading)
    documents = corpus.write(output, to)
    return Conversion(Path(output), documents, tuple(corpus.quarantined()))
