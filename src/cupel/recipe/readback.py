"""Sketches and texts of a finished pass, read back for its deduplications, all threads reading ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.contract import WEIGHTLESS, Resources, View
from cupel.contract.docs import among, row_groups
from cupel.corpus.part_arrays import side_of
from cupel.recipe.folder import Folder
from cupel.recipe.pass_files import open_pass_file
from cupel.recipe.plan import Pass
from cupel.recipe.steps import CorpusStep
from cupel.recipe.writers import PASS_ROW_GROUP_BYTES
from cupel.threads import in_order

__all__ = ["Reader", "compared", "remembered"]

TEXT_ROWS = 2048
SKETCH_ROWS = 65536
ANY = "*"

Keep = Callable[[pa.RecordBatch], pa.RecordBatch]


class Rank(NamedTuple):
    """Documents that are read together.

    Attributes
    ----------
    source
        Their source; None for all sources that the option does not name, `ANY` for every one.
    counts
        Those with a positive weight, or those of weight 0.
    """

    source: str | None
    counts: bool


def compared(batch: pa.RecordBatch, step: CorpusStep) -> pa.RecordBatch:
    """The documents as a step compares them: of conversations, the side that it names in place of the text."""
    if step.side is None:
        return batch
    text = side_of(batch.column("parts"), batch.column("text"), step.side)
    return batch.set_column(batch.schema.get_field_index("text"), "text", text)


def remembered(folder: Folder, pass_: Pass, step: CorpusStep) -> Path:
    """The part of this corpus that a step stores in an index."""
    return folder.decided(pass_.index, step.label).with_suffix(".index")


@dataclass(frozen=True)
class Reader(View):
    """Reads sketches and texts of a pass back, without the documents already dropped.

    Row groups are read and filtered by `threads` threads and come in the order of the documents. Each
    thread holds one, and one more waits; they take an eighth of `memory_bytes` at most.
    """

    folder: Folder
    pass_: Pass
    step: CorpusStep
    units: list[int]
    dropped: np.ndarray
    memory_bytes: int
    threads: int
    corpus: str

    @property
    def scratch(self) -> Path:
        return self.folder.work / f"scratch-{self.step.label}"

    @property
    def resources(self) -> Resources:
        """What the step's decision may use."""
        return Resources(
            scratch=str(self.scratch),
            memory_bytes=self.memory_bytes,
            threads=self.threads,
            corpus=self.corpus,
            remembered=str(remembered(self.folder, self.pass_, self.step)),
            artifact=self.folder.artifact(self.step.label),
        )

    def read(self, columns: list[str]) -> pa.Table:
        names = self._own(columns)
        with_doc = names if "doc" in names else ["doc", *names]
        batches = list(self._stream("sketch.parquet", with_doc, SKETCH_ROWS, self._alive(None)))
        if not batches:
            return self._no_sketches(with_doc).select(names).rename_columns(columns)
        table = pa.Table.from_batches(batches)
        if (np.diff(table.column("doc").to_numpy()) < 0).any():
            table = table.sort_by("doc")
        return table.select(names).rename_columns(columns)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        names = self._own(columns)
        with_doc = names if "doc" in names else ["doc", *names]
        for rank in self._ranks():
            read = with_doc if rank.source == ANY or "source" in with_doc else [*with_doc, "source"]
            for batch in self._stream("sketch.parquet", read, SKETCH_ROWS, self._alive(rank)):
                yield pa.RecordBatch.from_arrays([batch.column(name) for name in names], names=columns)

    def texts(self, docs: pa.Array | None) -> Iterator[pa.RecordBatch]:
        if docs is None:
            for rank in self._ranks():
                for batch in self._stream(
                    "parquet", [*self._compared, "source"], TEXT_ROWS, self._alive(rank)
                ):
                    yield compared(batch, self.step).select(["doc", "text"])
            return
        sorted_docs = np.sort(np.asarray(docs, dtype=np.int64))
        for batch in self._stream("parquet", self._compared, TEXT_ROWS, _among(sorted_docs), sorted_docs):
            yield compared(batch, self.step).select(["doc", "text"])

    @property
    def _compared(self) -> list[str]:
        """Columns that hold what is compared."""
        return ["doc", "text", *([] if self.step.side is None else ["parts"])]

    def ids(self, docs: pa.Array) -> pa.Array:
        return self._column_of("id", docs)

    def sources(self, docs: pa.Array) -> pa.Array:
        return self._column_of("source", docs)

    def _column_of(self, name: str, docs: pa.Array) -> pa.Array:
        """`id` or `source` of the documents asked for, in their order."""
        sorted_docs = np.unique(np.asarray(docs, dtype=np.int64))
        schema = pa.schema([("doc", pa.int64()), (name, pa.large_string())])
        values = pa.Table.from_batches(
            self._stream("sketch.parquet", schema.names, SKETCH_ROWS, _among(sorted_docs), sorted_docs),
            schema,
        ).combine_chunks()
        at = pc.index_in(docs, values.column("doc").combine_chunks())
        return values.column(name).combine_chunks().take(at)

    def _no_sketches(self, columns: list[str]) -> pa.Table:
        path = self.folder.unit(self.pass_.index, self.units[0], "sketch.parquet")
        with open_pass_file(path) as file:
            return file.schema_arrow.empty_table().select(columns)

    def _own(self, columns: list[str]) -> list[str]:
        """What this step's columns are called in the sketches of the pass."""
        return [name if name in ("doc", "id", "source") else f"{self.step.label}.{name}" for name in columns]

    def _stream(
        self, suffix: str, columns: list[str], rows: int, keep: Keep, wanted: np.ndarray | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The kept rows of each row group, or only of groups that may hold a `wanted` document (ascending)."""

        def read(place: tuple[Path, pq.FileMetaData, int]) -> list[pa.RecordBatch]:
            path, known, group = place
            with open_pass_file(path, known) as file:
                batches = file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False)
                return [kept for batch in batches if (kept := keep(batch)).num_rows]

        ahead = self.memory_bytes // (8 * PASS_ROW_GROUP_BYTES)
        for batches in in_order(read, self._places(suffix, wanted), min(self.threads, ahead)):
            yield from batches

    def _places(self, suffix: str, wanted: np.ndarray | None) -> Iterator[tuple[Path, pq.FileMetaData, int]]:
        for unit in self.units:
            path = self.folder.unit(self.pass_.index, unit, suffix)
            with open_pass_file(path) as file:
                known = file.metadata
                groups = range(known.num_row_groups) if wanted is None else row_groups(file, wanted)
            for group in groups:
                yield path, known, group

    @cached_property
    def _weightless(self) -> np.ndarray:
        """Documents of weight 0, ascending."""
        columns = ["doc", f"{self.step.label}.priority"]
        parts = [
            batch.column(0).filter(pc.equal(batch.column(1), WEIGHTLESS)).to_numpy()
            for batch in self._stream("sketch.parquet", columns, SKETCH_ROWS, lambda batch: batch)
        ]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)

    def _ranks(self) -> list[Rank]:
        """One source after the other, then all the others; documents of weight 0 after all of these."""
        sources = self.step.sources
        named = [*sources, None] if sources else [ANY]
        return [
            Rank(source, counts)
            for counts in (True, False)[: 1 + bool(len(self._weightless))]
            for source in named
        ]

    def _alive(self, rank: Rank | None) -> Keep:
        """Documents of a rank that no earlier deduplication of the pass dropped."""
        weightless = self._weightless if rank is not None else np.empty(0, np.int64)

        def keep(batch: pa.RecordBatch) -> pa.RecordBatch:
            if rank is not None and rank.source != ANY:
                named = pa.array(self.step.sources, pa.large_string())
                source = batch.column("source")
                batch = batch.filter(
                    pc.fill_null(pc.equal(source, rank.source), False)
                    if rank.source is not None
                    else pc.invert(pc.is_in(source, named))
                )
            if rank is not None and len(weightless):
                batch = batch.filter(
                    pa.array(among(batch.column("doc").to_numpy(), weightless) != rank.counts)
                )
            if not len(self.dropped):
                return batch
            return batch.filter(pa.array(~among(batch.column("doc").to_numpy(), self.dropped)))

        return keep


def _among(wanted: np.ndarray) -> Keep:
    """Of a batch the documents that are `wanted` (ascending)."""
    return lambda batch: batch.filter(pa.array(among(batch.column("doc").to_numpy(), wanted)))
