"""A deduplication, once every document's sketch is there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.engine import daft
from cupel.findings import Section
from cupel.methods import Sketches
from cupel.recipe.folder import Folder, disk_errors, temporary, write_json
from cupel.recipe.plan import DedupStep, Stage

__all__ = ["resolve", "resolved_sections"]

TEXT_ROWS = 2048

MEMBERS = pa.schema(
    [
        ("doc", pa.int64()),
        ("cluster", pa.int64()),
        ("size", pa.int64()),
        ("kept", pa.bool_()),
        ("survivor", pa.large_string()),
    ]
)


def resolve(folder: Folder, stage: Stage, units: list[int], marked: tuple[str, ...]) -> None:
    """Find the duplicates of all deduplications of a stage, in order; what is done is not done again.

    Writes, for each, a table of cluster members by `doc` and its findings.
    """
    gone: list[np.ndarray] = []
    for step in stage.dedups:
        path = folder.resolved(stage.index, step.label)
        if not path.exists():
            _resolve_one(folder, stage, step, units, np.concatenate(gone) if gone else np.empty(0, np.int64))
        if step.label not in marked:
            table = pq.read_table(path, columns=["doc", "kept"])
            gone.append(table.filter(pc.invert(table.column("kept"))).column("doc").to_numpy())


def resolved_sections(folder: Folder, stage: Stage) -> list[Section]:
    """The findings of a stage's deduplications."""
    import json

    sections = []
    for step in stage.dedups:
        found = json.loads(_findings_path(folder, stage, step).read_text())
        sections += [Section.model_validate(section) for section in found["sections"]]
    return sections


def resolve_seconds(folder: Folder, stage: Stage, step: DedupStep) -> float:
    """Wall seconds that finding the clusters took."""
    import json

    return float(json.loads(_findings_path(folder, stage, step).read_text())["seconds"])


def _resolve_one(folder: Folder, stage: Stage, step: DedupStep, units: list[int], gone: np.ndarray) -> None:
    started = time.monotonic()
    path = folder.resolved(stage.index, step.label)
    scratch = folder.work / f"scratch-{step.label}"
    with disk_errors(scratch):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
    reader = _Reader(folder, stage, step, units, np.sort(gone), scratch)
    clusters = step.dedup.resolve(reader.sketches())
    members = clusters.members.sort_by("doc")
    survivors = _names(reader, members)
    members = members.append_column("survivor", survivors).cast(MEMBERS)
    with disk_errors(path):
        pq.write_table(members, temporary(path), compression="zstd", row_group_size=65536)
        write_json(
            _findings_path(folder, stage, step),
            {
                "sections": [section.model_dump(mode="json") for section in clusters.findings],
                "seconds": time.monotonic() - started,
            },
        )
        os.replace(temporary(path), path)
        shutil.rmtree(scratch, ignore_errors=True)


def _findings_path(folder: Folder, stage: Stage, step: DedupStep) -> Path:
    return folder.resolved(stage.index, step.label).with_suffix(".findings.json")


def _names(reader: _Reader, members: pa.Table) -> pa.Array:
    """The survivor's id of each member's cluster."""
    if not members.num_rows:
        return pa.array([], pa.large_string())
    clusters = members.column("cluster").combine_chunks()
    wanted = pc.unique(clusters)
    ids = reader.column_of("id", wanted)
    return ids.take(pc.index_in(clusters, wanted))


@dataclass(frozen=True)
class _Reader:
    """Reads sketches and texts of a stage back, without the documents already gone."""

    folder: Folder
    stage: Stage
    step: DedupStep
    units: list[int]
    gone: np.ndarray
    scratch: Path

    def sketches(self) -> Sketches:
        return Sketches(
            read=self.read,
            texts=self.texts,
            sources=lambda docs: self.column_of("source", docs),
            ids=lambda docs: self.column_of("id", docs),
            scratch=str(self.scratch),
        )

    def read(self, columns: list[str]) -> pa.Table:
        names = [name if name in ("doc", "id", "source") else f"{self.step.label}.{name}" for name in columns]
        with_doc = names if "doc" in names else ["doc", *names]
        table = self._scan(with_doc)
        if len(self.gone):
            alive = ~np.isin(table.column("doc").to_numpy(), self.gone, assume_unique=True)
            table = table.filter(pa.array(alive))
        return table.select(names).rename_columns(columns)

    def column_of(self, name: str, docs: pa.Array) -> pa.Array:
        """`id` or `source` of the documents asked for, in their order."""
        table = self._scan(["doc", name])
        at = pc.index_in(docs, table.column("doc").combine_chunks())
        return table.column(name).combine_chunks().take(at)

    def texts(self, docs: pa.Array) -> Iterator[pa.RecordBatch]:
        wanted = np.sort(np.asarray(docs, dtype=np.int64))
        for unit in self.units:
            with pq.ParquetFile(self.folder.unit(self.stage.index, unit, "parquet")) as file:
                for batch in file.iter_batches(
                    batch_size=TEXT_ROWS, columns=["doc", "text"], use_threads=False
                ):
                    there = np.isin(batch.column("doc").to_numpy(), wanted)
                    if there.any():
                        yield batch.filter(pa.array(there))

    def _scan(self, names: list[str]) -> pa.Table:
        module = daft()
        paths = [str(self.folder.unit(self.stage.index, unit, "sketch.parquet")) for unit in self.units]
        columns = [module.col(name) for name in names]
        table = module.read_parquet(paths).select(*columns).to_arrow()
        return table.sort_by("doc")
