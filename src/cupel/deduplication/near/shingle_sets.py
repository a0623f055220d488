"""What candidate documents are compared by, in a file that is mapped into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pyarrow as pa

from cupel import _kernels
from cupel.contract import Resources, View
from cupel.contract.docs import among
from cupel.deduplication.index import Index, is_outside
from cupel.threads import in_order

__all__ = ["Features", "ShingleSets", "load_buckets", "save_buckets", "write_sets"]

# Texts up to this size are cut into shingles at once; of longer ones, the set is made in as
# many parts as this fits into them, so that one huge document does not set the peak.
PART_BYTES = 16 << 20
MOST_WORDS = 1 << 17
"""Of a longer text, edit similarity compares so many words."""

Similarity = Literal["jaccard", "containment", "edit"]

Piece = tuple[pa.RecordBatch, int, int]
"""Documents, and which of how many parts of their sets is to be made."""


@dataclass(frozen=True)
class ShingleSets:
    """Set `i` belongs to `docs[i]` and is `values[offsets[i]:offsets[i + 1]]`, sorted."""

    docs: pa.Array
    offsets: pa.Array
    values: pa.Array


@dataclass(frozen=True)
class Features:
    """What is compared of a text: the set of its shingles, or its words in their order."""

    similarity: Similarity
    ngram: int
    fold_numbers: bool
    ignore_symbols: bool

    def of(self, text: pa.Array, part: int = 0, parts: int = 1) -> pa.LargeListArray:
        """A list of uint64 for each text."""
        if self.similarity == "edit":
            return _kernels.word_hashes(
                text, fold_numbers=self.fold_numbers, ignore_symbols=self.ignore_symbols, most=MOST_WORDS
            )
        return _kernels.shingles(
            text,
            ngram=self.ngram,
            fold_numbers=self.fold_numbers,
            ignore_symbols=self.ignore_symbols,
            part=part,
            parts=parts,
        )

    def pieces(self, batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Rows to take at once, and in how many parts to make their sets."""
        if batch.column("text").nbytes <= PART_BYTES:
            yield batch, 1
            return
        for row in range(batch.num_rows):
            document = batch.slice(row, 1)
            yield (
                document,
                1 if self.similarity == "edit" else 1 + document.column("text").nbytes // PART_BYTES,
            )


def write_sets(
    docs: pa.Array, view: View, resources: Resources, features: Features, index: Index | None
) -> ShingleSets:
    """The sets of `docs`; only the number of values of each is held in memory.

    An index holds the upper halves of hashes: where there is one, all are cut to these.
    """
    path = Path(resources.scratch) / "shingles.u64"
    numbers: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    with path.open("wb") as file:
        if index is not None:
            for old, lists in _remembered(docs, index):
                numbers.append(old)
                lengths.append(np.diff(lists.offsets.to_numpy()))
                (lists.flatten().to_numpy().astype(np.uint64) << np.uint64(32)).tofile(file)
        inside = docs.filter(pa.array(~is_outside(docs)))
        work = (
            (rows, part, parts)
            for batch in view.texts(inside)
            for rows, parts in features.pieces(batch)
            for part in range(parts)
        )

        def lists_of(piece: Piece) -> tuple[pa.RecordBatch, int, pa.LargeListArray]:
            rows, part, parts = piece
            return rows, part, features.of(rows.column("text"), part, parts)

        for rows, part, lists in in_order(lists_of, work, resources.threads):
            counts = np.diff(lists.offsets.to_numpy())
            if part:
                lengths[-1] = lengths[-1] + counts
            else:
                numbers.append(rows.column("doc").to_numpy())
                lengths.append(counts)
            values = lists.values.to_numpy()
            if index is not None:
                values = values >> np.uint64(32) << np.uint64(32)
            values.tofile(file)
    nothing = [np.zeros(0, dtype=np.int64)]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths or nothing))]).astype(np.int64)
    count = int(offsets[-1])
    # An empty file cannot be mapped.
    buffer = pa.memory_map(str(path)).read_buffer() if count else pa.py_buffer(b"")
    values = pa.Array.from_buffers(pa.uint64(), count, [None, buffer])
    return ShingleSets(pa.array(np.concatenate(numbers or nothing)), pa.array(offsets), values)


def _remembered(docs: pa.Array, index: Index) -> Iterator[tuple[np.ndarray, pa.LargeListArray]]:
    """Documents of earlier corpora among `docs`, with the upper halves of their hashes."""
    wanted = docs.to_numpy()[is_outside(docs)]
    if not len(wanted):
        return
    for batch in index.batches(["features"]):
        rows = among(batch.column("doc").to_numpy(), wanted)
        if rows.any():
            some = batch.filter(pa.array(rows))
            yield some.column("doc").to_numpy(), cast(pa.LargeListArray, some.column("features"))


def save_buckets(buckets: pa.LargeListArray, path: Path) -> None:
    """Writes the buckets of one band."""
    batch = pa.record_batch({"docs": buckets})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def load_buckets(path: Path) -> pa.LargeListArray:
    """The buckets of one band, mapped into memory."""
    with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
        return cast(pa.LargeListArray, reader.get_batch(0).column("docs"))
