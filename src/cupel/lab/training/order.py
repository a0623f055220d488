"""Which document is trained on when: a stream that any step's batch can be rebuilt from, bit for bit.

Documents come in a seeded permutation, pass after pass, and are laid end to end; a batch is a window of
that stream (the reconstructible order of Biderman et al., "Pythia", 2023, section 2). A document of half
the weight of the heaviest is in every other pass. A store that is `ordered` is read in its own order
instead: whoever packed it made a curriculum. Long documents lie in the store as several pieces, which are permuted like
documents of their own. The order of visits lies in a mapped file, so that
memory does not grow with the corpus.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.lab.training.permutation import mix, permute
from cupel.lab.training.tokens import TokenStore
from cupel.store import replace

__all__ = ["VISIT", "TrainingBatch", "Order", "epochs"]

VISIT = np.dtype([("document", "<u8"), ("start", "<u8")])
"""One visit: a document's number, and the place in the stream where its first token stands."""

_CHUNK = 1 << 16


@dataclass(frozen=True)
class TrainingBatch:
    """The tokens of one step.

    Attributes
    ----------
    tokens
        int64, sequences × (context + 1): inputs are all but the last column, targets all but the first.
    visits
        Which visits of the stream the targets belong to, in order.
    starts
        Where each of these visits begins among the targets laid end to end; the first may be 0 for a
        document that began in an earlier batch.
    mask
        bool, sequences × context: which targets count; None where all do.
    """

    tokens: NDArray[np.int64]
    visits: NDArray[np.int64]
    starts: NDArray[np.int64]
    mask: NDArray[np.bool_] | None = None


class Order:
    """The stream of one trial.

    Parameters
    ----------
    store
        The arm's tokens.
    path
        Where the visits are, or are to be, written.
    seed
        Names the permutation.
    length
        How many tokens of the stream are wanted.

    Raises
    ------
    BadInput
        No document weighs anything.
    """

    def __init__(self, store: TokenStore, path: Path, *, seed: int, length: int) -> None:
        self.store = store
        if not path.is_file():
            _write(store, path, seed, length)
        self.visits = np.memmap(path, VISIT, "r")
        # Looked up by bisection; numpy's would copy the whole column each time.
        self._starts = self.visits["start"]

    def batch(self, step: int, sequences: int, context: int, part: slice = slice(None)) -> TrainingBatch:
        """The batch of a step: `sequences` windows of `context` tokens and one more.

        `part` takes some of the rows only (one of several processes).
        """
        rows = range(sequences)[part]
        first = (step * sequences + rows.start) * context
        wanted = len(rows) * context
        window, counts = self._window(first, wanted + 1)
        tokens = np.lib.stride_tricks.sliding_window_view(window, context + 1)[::context]
        mask = None if counts is None else counts[1:].reshape(len(rows), context)
        # A target stands one place after its input.
        begin = bisect_right(self._starts, first + 1) - 1
        end = bisect_right(self._starts, first + wanted)
        starts = np.maximum(self._starts[begin:end].astype(np.int64) - (first + 1), 0)
        return TrainingBatch(np.ascontiguousarray(tokens), np.arange(begin, end), starts, mask)

    def documents(self, batch: TrainingBatch) -> NDArray[np.int64]:
        """Of each target of a batch the number of its document: int64, sequences × context."""
        rows, width = batch.tokens.shape
        lengths = np.diff(np.append(batch.starts, rows * (width - 1)))
        documents = self.visits["document"][batch.visits].astype(np.int64)
        return np.repeat(documents, lengths).reshape(rows, width - 1)

    def _window(self, first: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
        """So many tokens of the stream, and which of them count; None where all do."""
        tokens = np.empty(length, np.int64)
        counts = None if self.store.mask is None else np.empty(length, bool)
        visit = bisect_right(self._starts, first) - 1
        filled = 0
        while filled < length:
            document = int(self.visits["document"][visit])
            skipped = max(0, first - int(self._starts[visit]))
            wanted = slice(skipped, skipped + length - filled)
            piece = self.store.document(document)[wanted]
            tokens[filled : filled + len(piece)] = piece
            if counts is not None:
                counts[filled : filled + len(piece)] = self.store.counts(document)[wanted]
            filled += len(piece)
            visit += 1
        return tokens, counts


def epochs(store: TokenStore, tokens: int) -> float:
    """How often the arm is seen by so many tokens; one epoch draws each document as often as it weighs."""
    return tokens / max(float(store.meta["weighted_tokens"]), 1.0)


def _write(store: TokenStore, path: Path, seed: int, length: int) -> None:
    def build(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            for visits in _passes(store, seed, length):
                file.write(visits.tobytes())

    replace(path, build)


def _passes(store: TokenStore, seed: int, length: int) -> Iterator[NDArray[np.void]]:
    heaviest = float(store.meta["heaviest"])
    if store.documents == 0 or not heaviest > 0:
        raise BadInput(f"{store.folder}: no document to train on")
    place, number = 0, 0
    # Each pass takes the heaviest document, whose end-of-text token alone moves the stream on.
    while True:
        key = int(mix(np.array([number], np.uint64), seed * 2 + 1)[0])
        for begin in range(0, store.documents, _CHUNK):
            inside = np.arange(begin, min(begin + _CHUNK, store.documents))
            documents = inside if store.ordered else permute(inside, store.documents, key)
            if store.weights is not None:
                documents = documents[_taken(documents, store.weights[documents] / heaviest, number, seed)]
            lengths = (store.offsets[documents + 1] - store.offsets[documents]).astype(np.int64)
            visits = np.empty(len(documents), VISIT)
            visits["document"] = documents
            ends = place + np.cumsum(lengths)
            visits["start"] = ends - lengths
            if len(ends):
                place = int(ends[-1])
            yield visits
            if place >= length:
                return
        number += 1


def _taken(
    documents: NDArray[np.int64], weights: NDArray[np.float64], number: int, seed: int
) -> NDArray[np.bool_]:
    """Whether each document is in this pass: after any number of passes, each count is its weight
    times the passes, rounded up or down (systematic sampling, from a seeded start)."""
    start = mix(documents.astype(np.uint64), seed * 2) / 2.0**64
    taken: NDArray[np.bool_] = np.floor(weights * (number + 1) + start) > np.floor(weights * number + start)
    return taken
