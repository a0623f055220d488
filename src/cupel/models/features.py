"""Texts as numbers that a linear model learns from: counts of hashed n-grams of words, or vectors of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["BUCKET_BITS", "SparseCounts", "compact", "hashed_ngrams", "joined"]

BUCKET_BITS = 18
"""Of the number of rows that n-grams share: 2^18 of them, 1 MB per criterion."""
MAX_WORDS = 1 << 14
"""Of a text; what follows does not count."""

_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
"""Odd constants that mix hashes: 2^64 over the golden ratio, and a prime of xxHash."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SparseCounts:
    """A sparse matrix of features, by rows.

    Attributes
    ----------
    starts
        int64, (rows + 1,): where each row begins.
    features
        int64, (entries,): the columns of its entries, ascending.
    values
        float32, (entries,).
    """

    starts: npt.NDArray[np.int64]
    features: npt.NDArray[np.int64]
    values: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """The row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def times(self, weights: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The product with one weight per feature: a number per row."""
        products = np.zeros(len(self))
        filled = np.flatnonzero(np.diff(self.starts))
        if len(filled):
            parts = self.values * weights[self.features]
            products[filled] = np.add.reduceat(parts, self.starts[filled], dtype=np.float64)
        return products

    def take(self, rows: npt.NDArray[np.int64]) -> SparseCounts:
        """Some of the rows, in this order."""
        sizes = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        entries = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], sizes)
        return SparseCounts(starts, self.features[entries], self.values[entries])


def hashed_ngrams(texts: pa.Array, bits: int = BUCKET_BITS) -> SparseCounts:
    """Counts of the words and pairs of words of each text, at length 1.

    Words are those of Unicode's segmentation, in lower case, so that no language needs a tokenizer of its own. Each word and
    each pair of neighbors counts in one of 2^`bits` features, chosen by a hash (K. Weinberger et al. Feature Hashing
    for Large Scale Multitask Learning. ICML 2009); the counts of a text are divided by the square root of the
    sum of their squares, so that a long text has no larger features than a short one.

    A text without words has no entries. Of a text, the first 16,384 words count. No row depends on another.

    Examples
    --------
    >>> counts = hashed_ngrams(pa.array(["café café", "東京", "", None]))
    >>> np.diff(counts.starts).tolist(), [round(float(value), 3) for value in counts.values]
    ([2, 3, 0, 0], [0.447, 0.894, 0.577, 0.577, 0.577])
    """
    from cupel import _kernels

    lists = _kernels.word_hashes(texts.cast(pa.large_string()), most=MAX_WORDS)
    sizes = np.diff(lists.offsets.to_numpy())
    hashes = lists.flatten().to_numpy()
    row = np.repeat(np.arange(len(texts), dtype=np.uint64), np.where(lists.is_valid(), sizes, 0))
    neighbors = row[:-1] == row[1:]
    pairs = ((hashes[:-1] * _FIRST) ^ (hashes[1:] * _SECOND))[neighbors]
    shift = np.uint64(64 - bits)
    keys = np.concatenate([hashes, pairs]) * _FIRST >> shift
    keys |= np.concatenate([row, row[:-1][neighbors]]) << np.uint64(bits)
    keys.sort()
    begins = (
        np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else keys.astype(int)
    )
    counts = np.diff(np.append(begins, len(keys))).astype(np.float64)
    distinct = keys[begins]
    rows = (distinct >> np.uint64(bits)).astype(np.int64)
    norms = np.sqrt(np.bincount(rows, counts * counts, len(texts)))
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(texts)))])
    features = (distinct & np.uint64((1 << bits) - 1)).astype(np.int64)
    return SparseCounts(starts, features, (counts / norms[rows]).astype(np.float32))


def compact(counts: SparseCounts) -> tuple[SparseCounts, npt.NDArray[np.int64]]:
    """The same counts without the features that no row has, and which of them are left."""
    used, places = np.unique(counts.features, return_inverse=True)
    return SparseCounts(counts.starts, places.astype(np.int64), counts.values), used


def joined(parts: Sequence[SparseCounts]) -> SparseCounts:
    """The rows of several matrices, one after another."""
    ends = np.cumsum([0, *(part.starts[-1] for part in parts)])
    starts = [part.starts[1:] + end for part, end in zip(parts, ends, strict=False)]
    return SparseCounts(
        np.concatenate([[0], *starts]).astype(np.int64),
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.values for part in parts]),
    )
