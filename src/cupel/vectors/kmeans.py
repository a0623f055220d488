"""Spherical k-means over vectors in a file, the same for any number of threads.

faiss finds the nearest centroid of each vector. Its own k-means is not used: the similarities
that it computes with two threads differ in the last digit from those with one, and so, sometimes,
do the clusters. Here vectors are taken in blocks of a fixed size, each by one thread
alone, and summed in the order of the blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from cupel.vectors.mapped import Floats, Integers, Vectors
from cupel.vectors.workers import Workers

__all__ = ["Cells", "cells_of", "clusters_for"]

DOCUMENTS_A_CLUSTER = 1000
MOST_CLUSTERS = 50_000
"""What Abbas et al. took for 440 million pairs of image and text."""
SAMPLE_A_CLUSTER = 256
"""Vectors that k-means learns from, for each cluster: as many as faiss takes."""
BLOCK = 4096


@dataclass(frozen=True)
class Cells:
    """The clusters of k-means. (Clusters of duplicates are something else, hence the name.)

    Attributes
    ----------
    order
        Rows by cell; in each, those of preferred sources first, then the least similar to the centroid,
        then the lowest document.
    starts
        Cell `c` is `order[starts[c]:starts[c + 1]]`.
    cell, similarity
        Of each row: its cell, and its cosine similarity to the centroid.
    """

    order: Integers
    starts: Integers
    cell: npt.NDArray[np.int32]
    similarity: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[Integers]:
        return (self.order[low:high] for low, high in zip(self.starts, self.starts[1:], strict=False))

    @property
    def sizes(self) -> Integers:
        return np.diff(self.starts)


def clusters_for(documents: int, asked: int | None) -> int:
    """The number of clusters k-means makes of `documents` documents.

    >>> clusters_for(900, None), clusters_for(2_600, None), clusters_for(10**9, None), clusters_for(3, 8)
    (1, 3, 50000, 3)
    """
    clusters = asked or min(max(1, round(documents / DOCUMENTS_A_CLUSTER)), MOST_CLUSTERS)
    return min(clusters, max(documents, 1))


def cells_of(
    vectors: Vectors,
    workers: Workers,
    *,
    clusters: int | None,
    iterations: int,
    seed: int,
    ranks: npt.NDArray[np.int32] | None = None,
) -> Cells:
    """Divide the vectors into cells.

    Parameters
    ----------
    ranks
        Of each row, the place of its source among those preferred.
    """
    if not len(vectors):
        nothing = np.zeros(0, np.int64)
        return Cells(nothing, np.zeros(2, np.int64), nothing.astype(np.int32), nothing.astype(np.float32))
    count = clusters_for(len(vectors), clusters)
    centroids = _learn(vectors, workers, count, iterations, np.random.default_rng(seed))
    rows = np.arange(len(vectors))
    labels, similarity = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for nearest in workers.map(partial(_nearest, vectors, centroids), _blocks(rows)):
        labels.append(nearest[0])
        similarity.append(nearest[1])
    cell, similarities = np.concatenate(labels), np.concatenate(similarity)
    keys = (vectors.docs, similarities, cell) if ranks is None else (vectors.docs, similarities, ranks, cell)
    order = np.lexsort(keys)
    starts = np.searchsorted(cell[order], np.arange(count + 1)).astype(np.int64)
    return Cells(order, starts, cell, similarities)


def _blocks(rows: Integers) -> Iterator[Integers]:
    return (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def _learn(vectors: Vectors, workers: Workers, count: int, iterations: int, rng: np.random.Generator) -> Any:
    """An index of the centroids, learnt from a sample."""
    rows = np.arange(len(vectors))
    if len(rows) > count * SAMPLE_A_CLUSTER:
        rows = np.sort(rng.choice(len(rows), count * SAMPLE_A_CLUSTER, replace=False, shuffle=False))
    start = np.sort(rng.choice(rows, min(count, len(rows)), replace=False))
    centroids = vectors.take(start)
    before: npt.NDArray[np.int32] | None = None
    for _ in range(iterations if count > 1 else 1):
        index = _index(centroids)
        sums = np.zeros((count, vectors.dimensions))
        labels, similarities = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
        for label, similarity, cells, parts in workers.map(partial(_sums, vectors, index), _blocks(rows)):
            labels.append(label)
            similarities.append(similarity)
            sums[cells] += parts
        now = np.concatenate(labels)
        if before is not None and np.array_equal(now, before):
            break
        before = now
        centroids = _unit(sums)
        empty = np.flatnonzero(np.bincount(now, minlength=count) == 0)
        if len(empty):
            # An empty cell starts anew from the documents that are farthest from where they are.
            farthest = np.argsort(np.concatenate(similarities), kind="stable")[: len(empty)]
            centroids[empty[: len(farthest)]] = vectors.take(rows[farthest])
    return _index(centroids)


def _index(centroids: Floats) -> Any:
    import faiss

    index = faiss.IndexFlatIP(centroids.shape[1])
    index.add(centroids)
    return index


def _nearest(vectors: Vectors, index: Any, rows: Integers) -> tuple[npt.NDArray[np.int32], Floats]:
    similarity, labels = index.search(vectors.take(rows), 1)
    return labels[:, 0].astype(np.int32), similarity[:, 0]


def _sums(
    vectors: Vectors, index: Any, rows: Integers
) -> tuple[npt.NDArray[np.int32], Floats, Integers, npt.NDArray[np.float64]]:
    """The nearest centroid of each row and how near; the cells among them, the sum of the vectors of each."""
    block = vectors.take(rows)
    similarity, nearest = index.search(block, 1)
    labels = nearest[:, 0].astype(np.int32)
    order = np.argsort(labels, kind="stable")
    cells, starts = np.unique(labels[order], return_index=True)
    parts = np.add.reduceat(block[order], starts, axis=0, dtype=np.float64)
    return labels, similarity[:, 0], cells.astype(np.int64), parts


def _unit(sums: npt.NDArray[np.float64]) -> Floats:
    lengths = np.sqrt(np.add.reduce(sums * sums, axis=1, keepdims=True))
    normalized: Floats = (sums / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return normalized
