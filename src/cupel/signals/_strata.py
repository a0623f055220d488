"""A sample of documents from strata: sources, lengths, and languages where they are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Documents
from cupel.contract.draws import uniform

__all__ = ["StratifiedSample", "allotted", "draw_stratified"]

LENGTHS = 5
"""Groups of equal size that the documents of a source are divided into by their length."""
LANGUAGE = "language"


@dataclass(frozen=True)
class StratifiedSample:
    """Documents drawn, in their original order.

    Attributes
    ----------
    documents
        `id`, `text` and `source`.
    strata
        How many strata the documents are of.
    total
        How many documents there were.
    """

    documents: pa.Table
    strata: int
    total: int


def draw_stratified(documents: Documents, count: int, seed: int) -> StratifiedSample:
    """At most `count` documents, as many of each stratum as there are and the count allows.

    A stratum is a fifth of a source's documents by length (of a language's in a source, where documents have a column
    `language`). A small source is thereby judged as often as a large one: a rater must know how the judge rates what is
    rare, too. Documents without text are left out. Which are drawn depends on ids and `seed` only; 24 bytes per
    document are held.
    """
    sources: dict[str, int] = {}
    groups: list[npt.NDArray[np.int64]] = []
    lengths: list[npt.NDArray[np.int64]] = []
    draws: list[npt.NDArray[np.float64]] = []
    for batch in documents:
        names = _groups(batch)
        groups.append(np.array([sources.setdefault(name, len(sources)) for name in names], np.int64))
        lengths.append(_lengths(batch))
        draws.append(uniform(batch.column("id"), seed))
    if not groups:
        return StratifiedSample(_table([]), 0, 0)
    length, draw = np.concatenate(lengths), np.concatenate(draws)
    # The order in which sources come must not matter.
    ranks = {name: rank for rank, name in enumerate(sorted(sources))}
    group = np.array([ranks[name] for name in sources], np.int64)[np.concatenate(groups)]
    strata = _by_length(group, length)
    strata[length == 0] = -1
    chosen = _chosen(strata, draw, count)
    return StratifiedSample(_picked(documents, chosen), len(np.unique(strata[strata >= 0])), len(length))


def allotted(sizes: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """How many to take of each stratum: as evenly as their sizes allow; what is left over goes to the first.

    >>> allotted(np.array([2, 10, 10]), 13).tolist(), allotted(np.array([3, 3]), 100).tolist()
    ([2, 6, 5], [3, 3])
    """
    level, high = 0, int(sizes.max(initial=0))
    while level < high:
        middle = (level + high + 1) // 2
        level, high = (middle, high) if np.minimum(sizes, middle).sum() <= count else (level, middle - 1)
    taken = np.minimum(sizes, level)
    rest = np.flatnonzero(sizes > level)[: max(count - int(taken.sum()), 0)]
    taken[rest] += 1
    return taken


def _groups(batch: pa.RecordBatch) -> list[str]:
    sources = batch.column("source").to_pylist() if "source" in batch.schema.names else [""] * batch.num_rows
    if LANGUAGE not in batch.schema.names:
        return [source or "" for source in sources]
    languages = batch.column(LANGUAGE).to_pylist()
    return [f"{source or ''}\n{language or ''}" for source, language in zip(sources, languages, strict=True)]


def _lengths(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    text = pc.utf8_trim_whitespace(batch.column("text"))
    sizes: npt.NDArray[np.int64] = pc.fill_null(pc.binary_length(text), 0).to_numpy().astype(np.int64)
    return sizes


def _by_length(group: npt.NDArray[np.int64], length: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Stratum of each document: its group, and the fifth of the group's lengths that it belongs to."""
    strata = np.zeros(len(group), np.int64)
    for number in np.unique(group):
        rows = np.flatnonzero((group == number) & (length > 0))
        if len(rows):
            edges = np.quantile(length[rows], np.arange(1, LENGTHS) / LENGTHS)
            strata[rows] = number * LENGTHS + np.searchsorted(edges, length[rows], side="left")
    return strata


def _chosen(
    strata: npt.NDArray[np.int64], draw: npt.NDArray[np.float64], count: int
) -> npt.NDArray[np.int64]:
    """Rows with the lowest draws of each stratum, ascending."""
    names, inverse, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    sizes = np.where(names < 0, 0, sizes)
    share = allotted(sizes, count)
    order = np.lexsort((np.arange(len(draw)), draw, inverse))
    begins = np.concatenate([[0], np.cumsum(np.bincount(inverse))])[:-1]
    place = np.arange(len(draw)) - begins[inverse[order]]
    return np.sort(order[place < share[inverse[order]]])


def _picked(documents: Documents, rows: npt.NDArray[np.int64]) -> pa.Table:
    def parts() -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in documents:
            own = rows[(rows >= start) & (rows < start + batch.num_rows)] - start
            start += batch.num_rows
            if len(own):
                yield batch.take(pa.array(own))

    return _table([_columns(batch) for batch in parts()])


def _columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    empty = pa.nulls(batch.num_rows, pa.large_string())
    arrays = [
        batch.column(name).cast(pa.large_string()) if name in batch.schema.names else empty
        for name in ("id", "text", "source")
    ]
    return pa.RecordBatch.from_arrays(arrays, names=["id", "text", "source"])


def _table(batches: list[pa.RecordBatch]) -> pa.Table:
    schema = pa.schema([(name, pa.large_string()) for name in ("id", "text", "source")])
    return pa.Table.from_batches(batches, schema).combine_chunks()
