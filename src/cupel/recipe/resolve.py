"""A deduplication, once every document's sketch is there."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.dedup._docs import among, row_groups
from cupel.dedup._spans import MEMBERS as FOUND
from cupel.engine import daft
from cupel.errors import RunFailed
from cupel.findings import Section
from cupel.methods import Clusters, Sketches
from cupel.recipe.duplicates import dropped
from cupel.recipe.folder import Folder, disk_errors, temporary, write_json
from cupel.recipe.plan import DedupStep, Stage
from cupel.units import write_bytes

__all__ = ["resolve", "resolved_sections"]

TEXT_ROWS = 2048
SKETCH_ROWS = 65536
REST = ""

MEMBERS = FOUND.append(pa.field("survivor", pa.large_string()))


def resolve(
    folder: Folder,
    stage: Stage,
    units: list[int],
    memory_bytes: int,
    threads: int,
    corpus: str,
    note: Callable[[str], None],
) -> None:
    """Find the duplicates of all deduplications of a stage, in order; what is done is not done again.

    Writes, for each, a table of cluster members by `doc` and its findings. `corpus` is the digest of the
    input; `note` is told before each step what it will take.

    Raises
    ------
    RunFailed
        The disk has no room for a step's temporary files; nothing of it was begun.
    """
    gone: list[np.ndarray] = []
    for step in stage.dedups:
        path = folder.resolved(stage.index, step.label)
        if not path.exists():
            note(_plan(folder, stage, step, units, sum(map(len, gone)), memory_bytes))
            without = np.sort(np.concatenate(gone)) if gone else np.empty(0, np.int64)
            reader = _Reader(folder, stage, step, units, without, memory_bytes, threads, corpus)
            _resolve_one(reader, path)
        table = pq.read_table(path, columns=["doc", "kept", "score"])
        gone.append(table.filter(dropped(step, table)).column("doc").to_numpy())


def _plan(
    folder: Folder, stage: Stage, step: DedupStep, units: list[int], gone: int, memory_bytes: int
) -> str:
    """What finding the duplicates of a step will take, in a sentence."""
    tallies = [json.loads(folder.unit(stage.index, unit, "tally.json").read_text()) for unit in units]
    documents = sum(tally["documents_out"] for tally in tallies) - gone
    need = step.dedup.need(documents, sum(tally["text_bytes_out"] for tally in tallies))
    free = shutil.disk_usage(folder.work).free
    if need.scratch_bytes > free:
        raise RunFailed(
            f"{step.label}: {documents:,} documents take about {write_bytes(need.scratch_bytes)} of disk in "
            f"{folder.work}, where {write_bytes(free)} are free; make room, and the same command goes on"
        )
    disk = f", and {write_bytes(need.scratch_bytes)} of disk" if need.scratch_bytes else ""
    return (
        f"{step.label}: {documents:,} documents take about {write_bytes(need.memory_bytes)} of memory "
        f"({write_bytes(memory_bytes)} may be used){disk}"
    )


def resolved_sections(folder: Folder, stage: Stage) -> list[Section]:
    """The findings of a stage's deduplications."""
    sections = []
    for step in stage.dedups:
        found = json.loads(_findings_path(folder, stage, step).read_text())
        sections += [Section.model_validate(section) for section in found["sections"]]
    return sections


def too_much(folder: Folder, stage: Stage) -> list[str]:
    """What the deduplications of a stage want to be looked at before the run goes on."""
    return [
        f"{step.label}: {sentence}"
        for step in stage.dedups
        for sentence in json.loads(_findings_path(folder, stage, step).read_text()).get("stop", ())
    ]


def remembered(folder: Folder, stage: Stage, step: DedupStep) -> Path:
    """What a step wants an index to remember of this corpus."""
    return folder.resolved(stage.index, step.label).with_suffix(".index")


def resolve_seconds(folder: Folder, stage: Stage, step: DedupStep) -> float:
    """Wall seconds that finding the clusters took."""
    return float(json.loads(_findings_path(folder, stage, step).read_text())["seconds"])


def _resolve_one(reader: _Reader, path: Path) -> None:
    started = time.monotonic()
    with disk_errors(reader.scratch):
        shutil.rmtree(reader.scratch, ignore_errors=True)
        reader.scratch.mkdir()
        clusters = reader.step.dedup.resolve(reader.sketches())
    members = clusters.members.sort_by("doc")
    members = members.append_column("survivor", _names(reader, members, clusters))
    for item in MEMBERS:
        if item.name not in members.column_names:
            members = members.append_column(item, pa.nulls(members.num_rows, item.type))
    members = members.select(MEMBERS.names).cast(MEMBERS)
    with disk_errors(path):
        pq.write_table(members, temporary(path), compression="zstd", row_group_size=65536)
        write_json(
            _findings_path(reader.folder, reader.stage, reader.step),
            {
                "sections": [section.model_dump(mode="json") for section in clusters.findings],
                "stop": list(clusters.stop),
                "seconds": time.monotonic() - started,
            },
        )
        os.replace(temporary(path), path)
        shutil.rmtree(reader.scratch, ignore_errors=True)


def _findings_path(folder: Folder, stage: Stage, step: DedupStep) -> Path:
    return folder.resolved(stage.index, step.label).with_suffix(".findings.json")


def _names(reader: _Reader, members: pa.Table, clusters: Clusters) -> pa.Array:
    """The survivor's id of each member's cluster; null where there is none."""
    column = members.column("cluster").combine_chunks()
    wanted = pc.unique(column.drop_null())
    if not len(wanted):
        return pa.nulls(members.num_rows, pa.large_string())
    here = wanted.filter(pc.greater_equal(wanted, 0))
    docs, ids = [here], [reader.column_of("id", here).cast(pa.large_string())]
    if clusters.outside is not None:
        docs.append(clusters.outside.column("doc").combine_chunks().cast(pa.int64()))
        ids.append(clusters.outside.column("id").combine_chunks().cast(pa.large_string()))
    return pa.concat_arrays(ids).take(pc.index_in(column, pa.concat_arrays(docs)))


@dataclass(frozen=True)
class _Reader:
    """Reads sketches and texts of a stage back, without the documents already gone."""

    folder: Folder
    stage: Stage
    step: DedupStep
    units: list[int]
    gone: np.ndarray
    memory_bytes: int
    threads: int
    corpus: str

    @property
    def scratch(self) -> Path:
        return self.folder.work / f"scratch-{self.step.label}"

    def sketches(self) -> Sketches:
        return Sketches(
            read=self.read,
            batches=self.batches,
            texts=self.texts,
            ids=lambda docs: self.column_of("id", docs),
            sources=lambda docs: self.column_of("source", docs),
            scratch=str(self.scratch),
            memory_bytes=self.memory_bytes,
            threads=self.threads,
            corpus=self.corpus,
            remembered=str(remembered(self.folder, self.stage, self.step)),
        )

    def _own(self, columns: list[str]) -> list[str]:
        """What this step's columns are called in the sketches of the stage."""
        return [name if name in ("doc", "id", "source") else f"{self.step.label}.{name}" for name in columns]

    def read(self, columns: list[str]) -> pa.Table:
        names = self._own(columns)
        with_doc = names if "doc" in names else ["doc", *names]
        table = self._scan(with_doc)
        if len(self.gone):
            table = table.filter(pa.array(~among(table.column("doc").to_numpy(), self.gone)))
        return table.select(names).rename_columns(columns)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        names = self._own(columns)
        with_doc = names if "doc" in names else ["doc", *names]
        for wanted in self._ranks():
            read = with_doc if wanted is None or "source" in with_doc else [*with_doc, "source"]
            for batch in self._stream("sketch.parquet", read, SKETCH_ROWS):
                alive = self._alive(batch, wanted)
                yield pa.RecordBatch.from_arrays([alive.column(name) for name in names], names=columns)

    def _stream(
        self, suffix: str, columns: list[str], rows: int, wanted: np.ndarray | None = None
    ) -> Iterator[pa.RecordBatch]:
        """All batches, or those of row groups that may hold a `wanted` document (ascending)."""
        for unit in self.units:
            with pq.ParquetFile(self.folder.unit(self.stage.index, unit, suffix)) as file:
                groups = None if wanted is None else row_groups(file, wanted)
                yield from file.iter_batches(
                    batch_size=rows, columns=columns, use_threads=False, row_groups=groups
                )

    def _ranks(self) -> list[tuple[str, bool] | None]:
        """One source after the other, then all the others; None: all in one go."""
        sources = tuple(getattr(self.step.dedup.options, "sources", ()))
        return [*((source, True) for source in sources), (REST, False)] if sources else [None]

    def _alive(self, batch: pa.RecordBatch, rank: tuple[str, bool] | None) -> pa.RecordBatch:
        """Documents of a rank that no earlier deduplication of the stage dropped."""
        if rank is not None:
            named = pa.array(self.step.dedup.options.sources, pa.large_string())  # type: ignore[attr-defined]
            source = batch.column("source")
            batch = batch.filter(
                pc.fill_null(pc.equal(source, rank[0]), False)
                if rank[1]
                else pc.invert(pc.is_in(source, named))
            )
        if not len(self.gone):
            return batch
        return batch.filter(pa.array(~among(batch.column("doc").to_numpy(), self.gone)))

    def column_of(self, name: str, docs: pa.Array) -> pa.Array:
        """`id` or `source` of the documents asked for, in their order."""
        table = self._scan(["doc", name])
        at = pc.index_in(docs, table.column("doc").combine_chunks())
        return table.column(name).combine_chunks().take(at)

    def texts(self, docs: pa.Array | None) -> Iterator[pa.RecordBatch]:
        if docs is None:
            for rank in self._ranks():
                for batch in self._stream("parquet", ["doc", "text", "source"], TEXT_ROWS):
                    alive = self._alive(batch, rank)
                    if alive.num_rows:
                        yield alive.select(["doc", "text"])
            return
        wanted = np.sort(np.asarray(docs, dtype=np.int64))
        for batch in self._stream("parquet", ["doc", "text"], TEXT_ROWS, wanted):
            found = batch.filter(pa.array(among(batch.column("doc").to_numpy(), wanted)))
            if found.num_rows:
                yield found

    def _scan(self, names: list[str]) -> pa.Table:
        module = daft()
        paths = [str(self.folder.unit(self.stage.index, unit, "sketch.parquet")) for unit in self.units]
        columns = [module.col(name) for name in names]
        table = module.read_parquet(paths).select(*columns).to_arrow()
        return table.sort_by("doc")
