"""A deduplication, once every document's sketch is there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.contract import MEMBERS as FOUND
from cupel.contract import Clusters
from cupel.errors import RunFailed
from cupel.findings import Section
from cupel.recipe.duplicates import dropped
from cupel.recipe.folder import Folder, disk_errors, write_passing
from cupel.recipe.pass_files import read_pass_json, read_pass_table
from cupel.recipe.plan import DedupStep, Pass
from cupel.recipe.readback import Reader, remembered
from cupel.recipe.seals import marker, seal_resolved
from cupel.store import rename, temporary
from cupel.units import write_bytes

__all__ = ["resolve", "resolved_sections"]

MEMBERS = FOUND.append(pa.field("survivor", pa.large_string()))


def resolve(
    folder: Folder,
    pass_: Pass,
    units: list[int],
    memory_bytes: int,
    threads: int,
    corpus: str,
    plan: str,
    note: Callable[[str], None],
) -> None:
    """Find the duplicates of all deduplications of a pass, in order; what is done is not done again.

    Writes, for each, a table of cluster members by `doc` and its findings. `corpus` is the digest of the
    input, `plan` the seal of the run's plan; `note` is called before each step with what it will take.

    Raises
    ------
    RunFailed
        The disk has no room for a step's temporary files; nothing of it was begun.
    """
    dropped_docs: list[np.ndarray] = []
    for step in pass_.dedups:
        path = folder.resolved(pass_.index, step.label)
        if not marker(folder, pass_.index, step.label).exists():
            note(_plan(folder, pass_, step, units, sum(map(len, dropped_docs)), memory_bytes))
            without = np.sort(np.concatenate(dropped_docs)) if dropped_docs else np.empty(0, np.int64)
            reader = Reader(folder, pass_, step, units, without, memory_bytes, threads, corpus)
            _resolve_one(reader, path)
            seal_resolved(folder, plan, pass_.index, step.label)
        table = read_pass_table(path, columns=["doc", "kept", "score"])
        dropped_docs.append(table.filter(dropped(step, table)).column("doc").to_numpy())


def _plan(
    folder: Folder, pass_: Pass, step: DedupStep, units: list[int], dropped_documents: int, memory_bytes: int
) -> str:
    """What finding the duplicates of a step will take, in a sentence."""
    tallies = [read_pass_json(folder.unit(pass_.index, unit, "tally.json")) for unit in units]
    documents = sum(tally["documents_out"] for tally in tallies) - dropped_documents
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


def resolved_sections(folder: Folder, pass_: Pass) -> list[Section]:
    """The findings of a pass's deduplications."""
    sections = []
    for step in pass_.dedups:
        findings = read_pass_json(_findings_path(folder, pass_, step))
        sections += [Section.model_validate(section) for section in findings["sections"]]
    return sections


def too_much(folder: Folder, pass_: Pass) -> list[str]:
    """What the deduplications of a pass want to be looked at before the run goes on."""
    return [
        f"{step.label}: {sentence}"
        for step in pass_.dedups
        for sentence in read_pass_json(_findings_path(folder, pass_, step)).get("stop", ())
    ]


def resolve_seconds(folder: Folder, pass_: Pass, step: DedupStep) -> float:
    """Wall seconds that finding the clusters took."""
    return float(read_pass_json(_findings_path(folder, pass_, step))["seconds"])


def _resolve_one(reader: Reader, path: Path) -> None:
    started = time.monotonic()
    with disk_errors(reader.scratch):
        shutil.rmtree(reader.scratch, ignore_errors=True)
        reader.scratch.mkdir()
        remembered(reader.folder, reader.pass_, reader.step).unlink(missing_ok=True)
        clusters = reader.step.dedup.decide(reader, reader.resources)
    members = clusters.members.sort_by("doc")
    members = members.append_column("survivor", _names(reader, members, clusters))
    for item in MEMBERS:
        if item.name not in members.column_names:
            members = members.append_column(item, pa.nulls(members.num_rows, item.type))
    members = members.select(MEMBERS.names).cast(MEMBERS)
    with disk_errors(path):
        pq.write_table(
            members, temporary(path), compression="zstd", row_group_size=65536, write_page_checksum=True
        )
        write_passing(
            _findings_path(reader.folder, reader.pass_, reader.step),
            {
                "sections": [section.model_dump(mode="json") for section in clusters.findings],
                "stop": list(clusters.stop),
                "seconds": time.monotonic() - started,
            },
        )
        rename(path)
        shutil.rmtree(reader.scratch, ignore_errors=True)


def _findings_path(folder: Folder, pass_: Pass, step: DedupStep) -> Path:
    return folder.resolved(pass_.index, step.label).with_suffix(".findings.json")


def _names(reader: Reader, members: pa.Table, clusters: Clusters) -> pa.Array:
    """The survivor's id of each member's cluster; null where there is none."""
    column = members.column("cluster").combine_chunks()
    survivors = pc.unique(column.drop_null())
    if not len(survivors):
        return pa.nulls(members.num_rows, pa.large_string())
    here = survivors.filter(pc.greater_equal(survivors, 0))
    docs, ids = [here], [reader.ids(here).cast(pa.large_string())]
    if clusters.outside is not None:
        docs.append(clusters.outside.column("doc").combine_chunks().cast(pa.int64()))
        ids.append(clusters.outside.column("id").combine_chunks().cast(pa.large_string()))
    return pa.concat_arrays(ids).take(pc.index_in(column, pa.concat_arrays(docs)))
