"""The vectors of all documents, in a file that is mapped into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Resources, View
from cupel.errors import BadInput

__all__ = ["Floats", "Integers", "Vectors", "read_vectors"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """Row `i` of `halves` is the unit vector of document `docs[i]`.

    Attributes
    ----------
    total
        Documents there are, with those that have no vector.
    """

    docs: Integers
    halves: npt.NDArray[np.float16]
    total: int

    def __len__(self) -> int:
        return len(self.docs)

    @property
    def dimensions(self) -> int:
        return int(self.halves.shape[1])

    def take(self, rows: Integers | slice) -> Floats:
        """These vectors in single precision, of length one again."""
        vectors = self.halves[rows].astype(np.float32)
        vectors /= np.sqrt(np.add.reduce(vectors * vectors, axis=1, keepdims=True))
        return vectors

    def only(self, rows: Integers) -> Vectors:
        """The same file, seen through a choice of rows."""
        return _Chosen(self.docs[rows], self.halves, self.total, rows)


@dataclass(frozen=True)
class _Chosen(Vectors):
    rows: Integers

    def take(self, rows: Integers | slice) -> Floats:
        return super().take(self.rows[rows])


def read_vectors(view: View, resources: Resources, what: str) -> Vectors:
    """Write the vectors of all documents into the scratch folder and map them.

    Parameters
    ----------
    what
        Where they come from, for messages.

    Raises
    ------
    BadInput
        Vectors of different lengths, by document; or none at all.
    """
    path = Path(resources.scratch) / "vectors.f16"
    docs: list[Integers] = []
    total, size = 0, 0
    with path.open("wb") as file:
        for batch in view.batches(["doc", "embedding"]):
            total += batch.num_rows
            batch = batch.filter(batch.column("embedding").is_valid())
            if not batch.num_rows:
                continue
            column = batch.column("embedding").cast(pa.large_binary())
            lengths = pc.binary_length(column).to_numpy()
            size = size or int(lengths[0])
            _same_length(lengths, size, batch.column("doc"), view, what)
            offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset :]
            file.write(memoryview(column.buffers()[2])[offsets[0] : offsets[len(column)]])
            docs.append(batch.column("doc").to_numpy())
    if total and not docs:
        raise BadInput(f"none of {total:,} documents has a vector: {what}")
    if not docs:
        return Vectors(np.zeros(0, np.int64), np.zeros((0, 1), np.float16), 0)
    all_docs = np.concatenate(docs)
    halves = np.memmap(path, np.float16, mode="r", shape=(len(all_docs), size // 2))
    return Vectors(all_docs, halves, total)


def _same_length(lengths: npt.NDArray[np.int64], size: int, docs: pa.Array, view: View, what: str) -> None:
    other = np.flatnonzero(lengths != size)
    if len(other):
        id = view.ids(docs.take(pa.array(other[:1])))[0].as_py()
        raise BadInput(
            f"document '{id}': its vector has {int(lengths[other[0]]) // 2:,} numbers, those before it have "
            f"{size // 2:,}: {what}"
        )
