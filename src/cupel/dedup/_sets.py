"""Shingle sets of candidate documents, in a file that is mapped into memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from cupel import _kernels
from cupel.methods import Sketches

__all__ = ["ShingleSets", "load_buckets", "save_buckets", "write_sets"]

# Texts up to this size are cut into shingles at once; of longer ones, the set is made in as
# many parts as this fits into them, so that one huge document does not set the peak.
PART_BYTES = 16 << 20


@dataclass(frozen=True)
class ShingleSets:
    """Set `i` belongs to `docs[i]` and is `values[offsets[i]:offsets[i + 1]]`, sorted."""

    docs: pa.Array
    offsets: pa.Array
    values: pa.Array


def write_sets(docs: pa.Array, sketches: Sketches, ngram: int, fold_numbers: bool) -> ShingleSets:
    """The shingle sets of `docs`; only the number of shingles of each is held in memory."""
    path = Path(sketches.scratch) / "shingles.u64"
    found: list[int] = []
    lengths: list[int] = []
    with path.open("wb") as file:
        for batch in sketches.texts(docs):
            for rows, parts in _pieces(batch):
                counts = np.zeros(rows.num_rows, dtype=np.int64)
                for part in range(parts):
                    lists = _kernels.shingles(
                        rows.column("text"), ngram=ngram, fold_numbers=fold_numbers, part=part, parts=parts
                    )
                    counts += np.diff(lists.offsets.to_numpy())
                    lists.values.to_numpy().tofile(file)
                found += rows.column("doc").to_numpy().tolist()
                lengths += counts.tolist()
    offsets = np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.int64))]).astype(np.int64)
    count = int(offsets[-1])
    # An empty file cannot be mapped.
    buffer = pa.memory_map(str(path)).read_buffer() if count else pa.py_buffer(b"")
    values = pa.Array.from_buffers(pa.uint64(), count, [None, buffer])
    return ShingleSets(docs=pa.array(found, pa.int64()), offsets=pa.array(offsets), values=values)


def _pieces(batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Rows to take at once, and in how many parts to make their sets."""
    if batch.column("text").nbytes <= PART_BYTES:
        yield batch, 1
        return
    for row in range(batch.num_rows):
        one = batch.slice(row, 1)
        yield one, 1 + one.column("text").nbytes // PART_BYTES


def save_buckets(buckets: pa.LargeListArray, path: Path) -> None:
    """Writes the buckets of one band."""
    batch = pa.record_batch({"docs": buckets})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def load_buckets(path: Path) -> pa.LargeListArray:
    """The buckets of one band, mapped into memory."""
    with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
        return cast(pa.LargeListArray, reader.get_batch(0).column("docs"))
