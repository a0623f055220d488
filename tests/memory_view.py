"""A corpus in memory as a corpus method sees it, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from cupel.contract import Documents, View
from cupel.store import digest_json

__all__ = ["MemoryDocuments", "MemoryView"]


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
        table_columns = {
            "doc": pa.array(np.arange(count)),
            "source": pa.array([""] * count, pa.large_string()),
            "priority": pa.array(np.zeros(count)),
            **(columns or {}),
        }
        table_columns["id"] = pa.array(
            [f"d{number}" for number in table_columns["doc"].to_pylist()], pa.large_string()
        )
        self.table = pa.table(table_columns | dict(zip(sketch.schema.names, sketch.columns, strict=True)))
        self.text = pa.array(texts, pa.large_string())
        self.doc = table_columns["doc"].to_numpy()
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


class MemoryDocuments(Documents):
    """Documents in memory to learn from, numbered 0, 1, ..., with the ids `d0`, `d1`, ..."""

    def __init__(self, texts: Sequence[str | None], rows_in_batch: int = 8192) -> None:
        self.texts = pa.array(texts, pa.large_string())
        self.rows_in_batch = rows_in_batch

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        count = len(self.texts)
        table = pa.table(
            {
                "doc": pa.array(range(count), pa.int64()),
                "id": pa.array([f"d{number}" for number in range(count)], pa.large_string()),
                "text": self.texts,
                "source": pa.array([""] * count, pa.large_string()),
            }
        )
        yield from table.to_batches(self.rows_in_batch)

    @property
    def digest(self) -> str:
        return digest_json(self.texts.to_pylist())

    @property
    def text_bytes(self) -> int:
        return sum(len((text or "").encode()) for text in self.texts.to_pylist())
