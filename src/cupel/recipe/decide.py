"""Decisions over the whole corpus, once every document's sketch is there."""

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
from cupel.recipe.act import dropped
from cupel.recipe.folder import Folder, disk_errors, write_passing
from cupel.recipe.pass_files import read_pass_json, read_pass_table
from cupel.recipe.plan import Pass
from cupel.recipe.readback import Reader, remembered
from cupel.recipe.seals import marker, seal_decision
from cupel.recipe.steps import CorpusStep
from cupel.store import rename, temporary
from cupel.units import write_bytes

__all__ = ["decide", "decision_seconds", "decision_sections", "dropped_before", "too_much"]

MEMBERS = FOUND.append(pa.field("survivor", pa.large_string()))


def decide(
    folder: Folder,
    pass_: Pass,
    units: list[int],
    memory_bytes: int,
    threads: int,
    corpus: str,
    plan: str,
    note: Callable[[str], None],
) -> None:
    """Make all decisions that end a pass, in order; finished decisions are skipped.

    Writes, for each, a table by `doc` and its findings. `corpus` is the digest of the input, `plan` the seal of the
    run's plan; `note` is called before each step with what it will take.

    Raises
    ------
    RunFailed
        The disk has no room for a step's temporary files; nothing of it was begun.
    """
    for at, step in enumerate(pass_.decisions):
        if not marker(folder, pass_.index, step.label).exists():
            without = dropped_before(folder, pass_, at)
            note(_plan(folder, pass_, step, units, len(without), memory_bytes))
            reader = Reader(folder, pass_, step, units, without, memory_bytes, threads, corpus)
            _decide_one(reader, folder.decided(pass_.index, step.label))
            seal_decision(folder, plan, pass_.index, step.label)


def dropped_before(folder: Folder, pass_: Pass, steps: int) -> np.ndarray:
    """Documents (ascending) that the first `steps` decisions at the end of a pass drop."""
    docs = []
    for step in pass_.decisions[:steps]:
        table = read_pass_table(folder.decided(pass_.index, step.label), columns=["doc", "kept", "score"])
        docs.append(table.filter(dropped(step, table)).column("doc").to_numpy())
    return np.unique(np.concatenate(docs)) if docs else np.empty(0, np.int64)


def _plan(
    folder: Folder, pass_: Pass, step: CorpusStep, units: list[int], dropped_documents: int, memory_bytes: int
) -> str:
    """The resources that a decision will need, in a sentence."""
    tallies = [read_pass_json(folder.unit(pass_.index, unit, "tally.json")) for unit in units]
    documents = sum(tally["documents_out"] for tally in tallies) - dropped_documents
    need = step.method.need(documents, sum(tally["text_bytes_out"] for tally in tallies))
    free = shutil.disk_usage(folder.work).free
    if need.scratch_bytes > free:
        raise RunFailed(
            f"{step.label}: {documents:,} documents take about {write_bytes(need.scratch_bytes)} of disk in "
            f"{folder.work}, where {write_bytes(free)} are free; make room, and the same command resumes"
        )
    disk = f", and {write_bytes(need.scratch_bytes)} of disk" if need.scratch_bytes else ""
    return (
        f"{step.label}: {documents:,} documents take about {write_bytes(need.memory_bytes)} of memory "
        f"({write_bytes(memory_bytes)} may be used){disk}"
    )


def decision_sections(folder: Folder, pass_: Pass) -> list[Section]:
    """The findings of the decisions that end a pass."""
    sections = []
    for step in pass_.decisions:
        findings = read_pass_json(_findings_path(folder, pass_, step))
        sections += [Section.model_validate(section) for section in findings["sections"]]
    return sections


def too_much(folder: Folder, pass_: Pass) -> list[str]:
    """Results of a pass's decisions that need confirmation before the run continues."""
    return [
        f"{step.label}: {sentence}"
        for step in pass_.decisions
        for sentence in read_pass_json(_findings_path(folder, pass_, step)).get("stop", ())
    ]


def decision_seconds(folder: Folder, pass_: Pass, step: CorpusStep) -> float:
    """Wall seconds that a decision took."""
    return float(read_pass_json(_findings_path(folder, pass_, step))["seconds"])


def _decide_one(reader: Reader, path: Path) -> None:
    started = time.monotonic()
    with disk_errors(reader.scratch):
        shutil.rmtree(reader.scratch, ignore_errors=True)
        reader.scratch.mkdir()
        remembered(reader.folder, reader.pass_, reader.step).unlink(missing_ok=True)
        clusters = reader.step.method.decide(reader, reader.resources)
    members = clusters.members.sort_by("doc")
    for item in FOUND:
        if item.name not in members.column_names:
            members = members.append_column(item, pa.nulls(members.num_rows, item.type))
    members = members.append_column("survivor", _names(reader, members, clusters))
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


def _findings_path(folder: Folder, pass_: Pass, step: CorpusStep) -> Path:
    return folder.decided(pass_.index, step.label).with_suffix(".findings.json")


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
