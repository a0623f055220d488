"""A corpus in memory as a corpus method sees it, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from cupel.contract import View

__all__ = ["MemoryView"]


class MemoryView(View):
    """Sketches and texts of documents, in document order.

    Attributes
    ----------
    doc
        The documents' numbers, ascending; 0, 1, ... unless given.
    table
        `doc`, `id` (`d0`, `d1`, ...), `source`, `priority` (the same for all unless given) and the columns of `sketch`.
    """

    def __init__(
        self,
        sketch: pa.RecordBatch,
        texts: Sequence[str | None] | pa.Array,
        columns: Mapping[str, pa.Array] | None = None,
        rows_in_batch: int = 8192,
    ) -> None:
        count = len(texts)
        given = {
            "doc": pa.array(np.arange(count)),
            "source": pa.array([""] * count, pa.large_string()),
            "priority": pa.array(np.zeros(count)),
            **(columns or {}),
        }
        given["id"] = pa.array([f"d{number}" for number in given["doc"].to_pylist()], pa.large_string())
        self.table = pa.table(given | dict(zip(sketch.schema.names, sketch.columns, strict=True)))
        self.text = pa.array(texts, pa.large_string())
        self.doc = given["doc"].to_numpy()
        self.rows_in_batch = rows_in_batch

    def read(self, columns: list[str]) -> pa.Table:
        return self.table.select(columns)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        yield from self.table.select(columns).combine_chunks().to_batches(self.rows_in_batch)

    def texts(self, docs: pa.Array | None) -> Iterator[pa.RecordBatch]:
        wanted = np.isin(self.doc, self.doc if docs is None else docs.to_numpy())
        places = np.flatnonzero(wanted)
        for start in range(0, len(places), self.rows_in_batch):
            rows = pa.array(places[start : start + self.rows_in_batch])
            yield pa.record_batch({"doc": pa.array(self.doc).take(rows), "text": self.text.take(rows)})

    def ids(self, docs: pa.Array) -> pa.Array:
        return self._column_of("id", docs)

    def sources(self, docs: pa.Array) -> pa.Array:
        return self._column_of("source", docs)

    def _column_of(self, name: str, docs: pa.Array) -> pa.Array:
        rows = pa.array(np.searchsorted(self.doc, docs.to_numpy()))
        return self.table.column(name).combine_chunks().take(rows)
