"""A corpus as a run hands it to a deduplication: sketches and texts in files, read back lazily."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.contract import Dedup, Resources, View
from cupel.contract.docs import among, row_groups
from cupel.recipe.writers import ParquetWriter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.memory_view import MemoryView

__all__ = ["MemoryView", "Stage"]

ROWS = 2048


class Stage(View):
    """Sketches every batch (`doc`, `text`) and keeps both in `folder`."""

    def __init__(self, method: Dedup, batches: Iterable[pa.RecordBatch], folder: Path) -> None:
        self.folder = folder
        self.documents = self.text_bytes = 0
        writers: list[ParquetWriter] = []
        for batch in batches:
            sketch = method.sketch(batch.column("text"))
            self.documents += batch.num_rows
            self.text_bytes += pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0
            priority = pc.cast(pc.binary_length(batch.column("text")), pa.float64())
            nowhere = pa.array([""] * batch.num_rows, pa.large_string())
            columns = {"doc": batch.column("doc"), "source": nowhere, "priority": priority}
            full = pa.record_batch(columns | dict(zip(sketch.schema.names, sketch.columns, strict=True)))
            if not writers:
                writers = [
                    ParquetWriter(path, schema, passing=True)
                    for path, schema in ((self.text_file, batch.schema), (self.own, full.schema))
                ]
            writers[0].write(batch)
            writers[1].write(full)
        for writer in writers:
            writer.close()

    @property
    def text_file(self) -> Path:
        return self.folder / "texts.parquet"

    @property
    def own(self) -> Path:
        return self.folder / "sketches.parquet"

    def resources(self, threads: int = 1) -> Resources:
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        return Resources(str(scratch), threads=threads)

    def read(self, columns: list[str]) -> pa.Table:
        return pq.read_table(self.own, columns=columns)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        yield from self._stream(self.own, columns, 65536)

    def ids(self, docs: pa.Array) -> pa.Array:
        return docs.cast(pa.large_string())

    def sources(self, docs: pa.Array) -> pa.Array:
        return pa.array([""] * len(docs), pa.large_string())

    def texts(self, docs: pa.Array | None) -> Iterator[pa.RecordBatch]:
        """As a run reads them: row groups without any of the documents are passed over."""
        if docs is None:
            yield from self._stream(self.text_file, ["doc", "text"], ROWS)
            return
        wanted = np.sort(docs.to_numpy())
        with pq.ParquetFile(self.text_file) as file:
            groups = row_groups(file, wanted)
            for batch in file.iter_batches(
                ROWS, columns=["doc", "text"], use_threads=False, row_groups=groups
            ):
                yield batch.filter(pa.array(among(batch.column("doc").to_numpy(), wanted)))

    def _stream(self, path: Path, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(rows, columns=columns, use_threads=False)
