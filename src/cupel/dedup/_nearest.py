"""Of every document in a cell, the most similar of those before it: what SemDeDup decides by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.dedup._kmeans import Cells, Workers
from cupel.dedup._vectors import Floats, Integers, Vectors

__all__ = ["Before", "grouped", "nearest_before"]

TILE = 512


@dataclass(frozen=True)
class Before:
    """By row of the vectors.

    Attributes
    ----------
    similarity
        The highest cosine similarity to a document before it in its cell, between 0 and 1; 0 for the
        first. (Abbas et al. take the maximum of a matrix whose other half is zero.)
    row
        That document; -1 for the first of a cell. Ties go to the one that stands first.
    pairs
        Similarities computed.
    """

    similarity: npt.NDArray[np.float64]
    row: Integers
    pairs: int

    def survivors(self, removed: npt.NDArray[np.bool_]) -> Integers:
        """The row that stays in place of each: from removed to removed, until one is kept.

        Each step goes to a document earlier in the cell, and the first of a cell is never removed.
        """
        found = np.where(removed, self.row, np.arange(len(self.row)))
        while True:
            further = found[found]
            if np.array_equal(further, found):
                return found
            found = further


def nearest_before(vectors: Vectors, cells: Cells, workers: Workers) -> Before:
    """The nearest document before each, in the order of its cell; n²/2 pairs a cell of n documents."""
    similarity = np.zeros(len(vectors), np.float64)
    row = np.full(len(vectors), -1, np.int64)
    for rows, best, at in workers.map(lambda rows: (rows, *_in_cell(vectors, rows)), cells):
        similarity[rows] = np.clip(best, 0, 1)
        row[rows[1:]] = rows[at[1:]]
    sizes = cells.sizes
    return Before(similarity, row, int((sizes * (sizes - 1) // 2).sum()))


def _in_cell(vectors: Vectors, rows: Integers) -> tuple[Floats, Integers]:
    """By place in the cell: the highest similarity to a place before, and which; tile by tile."""
    best = np.full(len(rows), -2, np.float32)
    at = np.full(len(rows), -1, np.int64)
    later = np.triu(np.ones((TILE, TILE), bool))
    for low in range(0, len(rows), TILE):
        block = vectors.take(rows[low : low + TILE])
        here = slice(low, low + len(block))
        for start in range(0, low + 1, TILE):
            others = block if start == low else vectors.take(rows[start : start + TILE])
            alike = block @ others.T
            if start == low:
                alike[later[: len(block), : len(block)]] = -2
            place = alike.argmax(axis=1)
            value = alike[np.arange(len(block)), place]
            better = value > best[here]
            best[here][better] = value[better]
            at[here][better] = place[better] + start
    return best, at


def grouped(
    vectors: Vectors,
    survivors: Integers,
    score: npt.NDArray[np.float64],
    *,
    everything: bool,
    reasons: npt.NDArray[np.object_] | None = None,
) -> pa.Table:
    """`Clusters.members`: each document with the one that stays in its place.

    Parameters
    ----------
    survivors
        By row, the row that stays; its own where it stays itself.
    everything
        Give every document a row, also those that stand for themselves alone.
    reasons
        By row, why it goes.
    """
    size = np.bincount(survivors, minlength=len(survivors))[survivors]
    shown = np.ones(len(size), bool) if everything else size > 1
    rows = np.flatnonzero(shown)
    rows = rows[np.argsort(vectors.docs[rows], kind="stable")]
    kept = survivors[rows] == rows
    columns = {
        "doc": pa.array(vectors.docs[rows]),
        "cluster": pa.array(vectors.docs[survivors[rows]], mask=size[rows] == 1),
        "size": pa.array(size[rows]),
        "kept": pa.array(kept),
        "score": pa.array(score[rows]),
    }
    if reasons is not None:
        columns["reason"] = pa.array(reasons[rows], pa.large_string(), mask=kept)
    return pa.table(columns)
