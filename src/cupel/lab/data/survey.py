"""A first look at each arm: how much there is, what the tokenizer is trained on, what is held out."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from cupel.errors import BadInput
from cupel.lab.data.arms import Arm
from cupel.lab.data.documents import CHATS, HELD_OUT, read_documents
from cupel.store import seeded_rank

__all__ = ["Drawn", "Lowest", "Survey", "held_out_table", "read_held_out", "survey"]

_LARGEST_SHARE = 0.1
"""No more than this of an arm's bytes is held out."""

_HELD_OUT_CHARACTERS = 4096
"""Of a longer document only the beginning is scored, so that many documents are; all of it stays out of training."""


class Drawn(NamedTuple):
    """A document that was drawn; `answers` as in `cupel.lab.data.chats`."""

    id: str
    text: str
    domain: str
    answers: Sequence[int] | None = None


class Lowest:
    """Documents drawn evenly in one pass: those whose seeded hash is least, up to so many bytes.

    The same documents in another order give the same draw. Memory is bounded by `max_bytes` and one document.

    Examples
    --------
    >>> drawn = Lowest(max_bytes=3, seed=0)
    >>> for letter in "abcdef":
    ...     drawn.offer(letter, letter, "")
    >>> len(drawn.documents())
    3
    """

    def __init__(self, max_bytes: int, seed: int) -> None:
        self._max, self._seed = max_bytes, seed
        self._heap: list[tuple[int, str, str, str, tuple[bool, tuple[int, ...]]]] = []
        self._held = 0

    def offer(self, id: str, text: str, domain: str, answers: Sequence[int] | None = None) -> None:
        """Take the document, or not, by its id."""
        rank = -int.from_bytes(seeded_rank(id, self._seed), "big")
        if self._held >= self._max and rank < self._heap[0][0]:
            return
        # Nothing and an empty list do not compare; two equal entries do.
        comparable = (answers is not None, tuple(answers or ()))
        heapq.heappush(self._heap, (rank, id, text, domain, comparable))
        self._held += len(text.encode("utf-8", "replace"))
        while (
            len(self._heap) > 1 and self._held - len(self._heap[0][2].encode("utf-8", "replace")) >= self._max
        ):
            self._held -= len(heapq.heappop(self._heap)[2].encode("utf-8", "replace"))

    def documents(self, max_bytes: int | None = None) -> list[Drawn]:
        """Those drawn, the least hash first; no more than `max_bytes`, but one at least."""
        documents: list[Drawn] = []
        held = 0
        for _, id, text, domain, (is_chat, answers) in sorted(self._heap, reverse=True):
            if documents and held >= (self._max if max_bytes is None else max_bytes):
                break
            documents.append(Drawn(id, text, domain, answers if is_chat else None))
            held += len(text.encode("utf-8", "replace"))
        return documents


@dataclass(frozen=True)
class Survey:
    """What one pass over an arm found.

    Attributes
    ----------
    documents, bytes
        With text; of the text in UTF-8.
    sample
        Documents drawn evenly, for the tokenizer.
    held_out
        Documents drawn evenly that no arm is to be trained on.
    """

    arm: str
    documents: int
    bytes: int
    sample: list[str]
    held_out: list[Drawn]


def survey(
    arm: Arm,
    *,
    sample_bytes: int,
    held_out_bytes: int,
    seed: int,
    read: Callable[[str], Iterator[pa.RecordBatch]] = read_documents,
) -> Survey:
    """Read an arm once.

    Parameters
    ----------
    read
        Gives the documents of a path.

    Raises
    ------
    BadInput
        It holds no text.
    """
    sample, held_out = Lowest(sample_bytes, seed), Lowest(held_out_bytes, seed + 1)
    documents = size = 0
    for batch in _batches(arm, read):
        for id, text, domain, answers in _rows(batch):
            if not text:
                continue
            documents += 1
            if sample_bytes:
                sample.offer(id, text, domain)
            if held_out_bytes:
                held_out.offer(id, text[:_HELD_OUT_CHARACTERS], domain, answers)
        size += pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0
    if not documents:
        raise BadInput(f"arm '{arm.name}' holds no text: {', '.join(part.path for part in arm.parts)}")
    taken = held_out.documents(min(held_out_bytes, int(_LARGEST_SHARE * size))) if held_out_bytes else []
    texts = [document.text for document in sample.documents()] if sample_bytes else []
    return Survey(arm.name, documents, size, texts, taken if documents > 1 else [])


def read_held_out(paths: Sequence[str], max_bytes: int, *, chats: bool = False) -> pa.Table:
    """Held-out text that the user gave, by domain: of each about `max_bytes`, drawn evenly where there are more.

    Parameters
    ----------
    chats
        As for `read_documents`.

    Raises
    ------
    BadInput
        Nothing readable, or no text.
    """
    drawn: dict[str, Lowest] = {}
    for path in paths:
        for batch in read_documents(path, chats=chats):
            for id, text, domain, answers in _rows(batch):
                if text:
                    drawn.setdefault(domain, Lowest(max_bytes, seed=0)).offer(id, text, domain, answers)
    if not drawn:
        raise BadInput(f"held-out text: {', '.join(paths)}: no document with text")
    return held_out_table([row for sample in drawn.values() for row in sample.documents()], chats=chats)


def held_out_table(documents: Sequence[Drawn], *, chats: bool = False) -> pa.Table:
    """Documents as `HELD_OUT`, and their `answers` where chats are read."""
    schema = HELD_OUT.append(CHATS.field("answers")) if chats else HELD_OUT
    columns = list(zip(*documents, strict=True))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=False)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _batches(arm: Arm, read: Callable[[str], Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    for part in arm.parts:
        yield from read(part.path)


def _rows(batch: pa.RecordBatch) -> Iterator[Drawn]:
    columns = [batch.column(name).to_pylist() for name in HELD_OUT.names]
    chats = "answers" in batch.schema.names
    columns.append(batch.column("answers").to_pylist() if chats else [None] * batch.num_rows)
    return map(Drawn, *columns)
