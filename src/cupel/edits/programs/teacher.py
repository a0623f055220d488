"""Texts with the lines that a teacher removes: pairs of noisy and clean text, programs, or a model that writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.contract.view import Ask
from cupel.corpus import Corpus
from cupel.edits.program_edits import chunks_of, parse, program_request
from cupel.edits.programs.alignment import missing_lines, missing_words
from cupel.errors import BadInput

__all__ = ["Lesson", "ask_teacher", "labeled", "read_lessons"]


class Lesson(NamedTuple):
    r"""A text, and what the teacher does to it.

    Attributes
    ----------
    text
        The noisy text.
    removed
        bool, one per line of `text.split("\n")`.
    dropped
        Whether the whole document is dropped; its lines then teach nothing.
    group
        Texts of one group are never divided between training and test: the host of its address, or its id.
    """

    text: str
    removed: npt.NDArray[np.bool_]
    dropped: bool
    group: str


def read_lessons(paths: Sequence[str], match: str, method: str) -> list[Lesson]:
    """The rows of files with `text` and either `clean` or `programs`.

    Parameters
    ----------
    match
        `lines` or `words`: how lines of clean text are recognized.

    Raises
    ------
    BadInput
        A row has neither; the message names file and row.
    """
    lessons = []
    for path in paths:
        number = 0
        for batch in Corpus.read([path]).batches():
            for row in batch.select(["id", "text", "url", "metadata"]).to_pylist():
                fields = json.loads(row["metadata"] or "{}")
                lessons.append(
                    _lesson(row["text"] or "", fields, _group(row), match, f"{method}: {path}, row {number}")
                )
                number += 1
    return lessons


def _lesson(text: str, fields: dict[str, object], group: str, match: str, where: str) -> Lesson:
    clean, programs = fields.get("clean"), fields.get("programs")
    if isinstance(programs, str):
        lesson = labeled([text], [programs], group)
        if lesson is None:
            raise BadInput(
                f"{where}: 'programs' holds no call; expected drop_doc(), keep_doc() or remove_lines(first, last)"
            )
        return lesson
    if "clean" not in fields or not isinstance(clean, str | None):
        raise BadInput(
            f"{where}: expected 'clean', the text without noise (empty: the document is dropped), or 'programs', calls "
            f"such as remove_lines(0, 2); its fields are {', '.join(['text', *fields])}"
        )
    clean = clean or ""
    missing = missing_words(text, clean) if match == "words" else missing_lines(text, clean)
    return Lesson(text, missing, not clean.strip(), group)


def labeled(chunks: Sequence[str], programs: Sequence[str | None], group: str) -> Lesson | None:
    """The lesson in programs that were written for the chunks of a text; None where one of them cannot be read.

    Examples
    --------
    >>> labeled(["Home", "Café"], ["remove_lines(0, 0)", "keep_doc()"], "").removed.tolist()
    [True, False]
    """
    removed, dropped = [], []
    for chunk, program in zip(chunks, programs, strict=True):
        calls = None if program is None else parse(program)
        if calls is None:
            return None
        lines = np.zeros(chunk.count("\n") + 1, np.bool_)
        dropped.append(any(call.name == "drop_doc" for call in calls))
        if dropped[-1]:
            lines[:] = True
        for call in calls:
            if call.name == "remove_lines":
                first, last = (int(argument) for argument in call.arguments)
                if 0 <= first <= last < len(lines):
                    lines[first : last + 1] = True
        removed.append(lines)
    return Lesson("\n".join(chunks), np.concatenate(removed), all(dropped), group)


def ask_teacher(
    documents: Iterable[pa.RecordBatch], ask: Ask, max_characters: int, max_tokens: int
) -> Iterator[Lesson | None]:
    """What a model writes for each document; None where its answer cannot be read."""
    for batch in documents:
        rows = batch.select(["id", "text", *(["url"] if "url" in batch.schema.names else [])]).to_pylist()
        chunks = [chunks_of(row["text"] or "", max_characters) for row in rows]
        answers = iter(ask([program_request(chunk, max_tokens) for parts in chunks for chunk in parts]))
        for row, parts in zip(rows, chunks, strict=True):
            yield labeled(parts, [next(answers).text for _ in parts], _group(row))


def _group(row: dict[str, str | None]) -> str:
    """The host of an address, or the id.

    >>> _group({"id": "a", "url": "https://www.example.org/Café"}), _group({"id": "a", "url": None})
    ('example.org', 'a')
    """
    try:
        host = urlsplit(row.get("url") or "").hostname or ""
    except ValueError:
        host = ""
    return host.removeprefix("www.") or row["id"] or ""
