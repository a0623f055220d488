"""Of every document in a cell, the most similar of those before it: what SemDeDup decides by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cupel.vectors.kmeans import Cells
from cupel.vectors.mapped import Floats, Integers, Vectors
from cupel.vectors.workers import Workers

__all__ = ["Before", "nearest_before"]

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
        rows = np.where(removed, self.row, np.arange(len(self.row)))
        while True:
            next_rows = rows[rows]
            if np.array_equal(next_rows, rows):
                return rows
            rows = next_rows


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
    nearest = np.full(len(rows), -1, np.int64)
    later = np.triu(np.ones((TILE, TILE), bool))
    for low in range(0, len(rows), TILE):
        block = vectors.take(rows[low : low + TILE])
        here = slice(low, low + len(block))
        for start in range(0, low + 1, TILE):
            others = block if start == low else vectors.take(rows[start : start + TILE])
            similarity = block @ others.T
            if start == low:
                similarity[later[: len(block), : len(block)]] = -2
            place = similarity.argmax(axis=1)
            value = similarity[np.arange(len(block)), place]
            better = value > best[here]
            best[here][better] = value[better]
            nearest[here][better] = place[better] + start
    return best, nearest
