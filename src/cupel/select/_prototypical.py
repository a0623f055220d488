"""Which documents are the most prototypical, and which document stays in the place of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cupel.vectors.kmeans import Cells
from cupel.vectors.mapped import Integers, Vectors
from cupel.vectors.workers import Workers

__all__ = ["Pruned", "prune", "to_drop"]

TILE = 512


@dataclass(frozen=True)
class Pruned:
    """By row of the vectors.

    Attributes
    ----------
    dropped
        Whether the row is dropped.
    survivors
        The nearest kept row of the same cell; the row itself if it is kept.
    limit
        The similarity to the centroid from which documents are dropped; infinite if none are.
    """

    dropped: npt.NDArray[np.bool_]
    survivors: Integers
    limit: float


def to_drop(
    score: npt.NDArray[np.floating], docs: Integers, may_go: npt.NDArray[np.bool_], kept_fraction: float
) -> npt.NDArray[np.bool_]:
    """The rows with the highest scores, dropped until `kept_fraction` of all remain; ties: the first document.

    >>> to_drop(np.array([0.9, 0.5, 0.9, 1.0]), np.arange(4), np.array([True, True, True, False]), 0.5)
    array([ True, False,  True, False])
    """
    count = len(score) - round(kept_fraction * len(score))
    order = np.lexsort((docs, -score))
    dropped = np.zeros(len(score), bool)
    dropped[order[may_go[order]][:count]] = True
    return dropped


def prune(vectors: Vectors, cells: Cells, kept_fraction: float, workers: Workers) -> Pruned:
    """Drop the documents most similar to their centroid; the least similar of each cell stays."""
    last = np.ones(len(vectors), bool)
    last[cells.order[cells.starts[:-1][cells.sizes > 0]]] = False
    dropped = to_drop(cells.similarity, vectors.docs, last, kept_fraction)
    survivors = np.arange(len(vectors))

    def nearest_in_cell(rows: Integers) -> tuple[Integers, Integers]:
        removed = rows[dropped[rows]]
        return removed, _nearest_kept(vectors, removed, rows[~dropped[rows]])

    for removed, nearest in workers.map(nearest_in_cell, cells):
        survivors[removed] = nearest
    limit = float(cells.similarity[dropped].min()) if dropped.any() else float("inf")
    return Pruned(dropped, survivors, limit)


def _nearest_kept(vectors: Vectors, removed: Integers, kept: Integers) -> Integers:
    """For each row in `removed`, the most similar row in `kept`; tile by tile."""
    nearest = np.zeros(len(removed), np.int64)
    for low in range(0, len(removed), TILE):
        block = vectors.take(removed[low : low + TILE])
        best = np.full(len(block), -2, np.float32)
        for start in range(0, len(kept), TILE):
            similarity = block @ vectors.take(kept[start : start + TILE]).T
            place = similarity.argmax(axis=1)
            value = similarity[np.arange(len(block)), place]
            better = value > best
            best[better] = value[better]
            nearest[low : low + len(block)][better] = kept[start + place[better]]
    return nearest
