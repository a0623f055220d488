"""What a run leaves behind, put where it belongs once every pass is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from cupel.dedup._index import keep_memory
from cupel.errors import Damaged, RunFailed
from cupel.recipe.folder import Folder, disk_errors, put, read_sealed, sync, temporary, write_sealed
from cupel.recipe.plan import Plan
from cupel.recipe.readback import remembered
from cupel.recipe.seals import Seals, fault, marker, seal, sealed_files

__all__ = ["RESTART", "check_whole", "keep_clusters", "list_memory", "move_ledger", "remember"]

RESTART = "discard the run with --restart"


def keep_clusters(folder: Folder, plan: Plan) -> Seals:
    """Copied, not moved: a run that is killed from here on still finds them."""
    seals: Seals = {}
    with disk_errors(folder.clusters):
        for stage in plan.stages:
            for step in stage.dedups:
                folder.clusters.mkdir(exist_ok=True)
                target = folder.clusters / f"{step.label}.parquet"
                shutil.copyfile(folder.resolved(stage.index, step.label), temporary(target))
                put(target)
                known = sealed_files(marker(folder, stage.index, step.label))
                name = str(target.relative_to(folder.root))
                seals[name] = known[str(folder.resolved(stage.index, step.label).relative_to(folder.root))]
    return seals


def list_memory(folder: Folder, plan: Plan, corpus: str) -> None:
    """Write down what indexes are to remember of this run, once it has a manifest."""
    memory = []
    for stage in plan.stages:
        for step in stage.dedups:
            written = remembered(folder, stage, step)
            if written.exists():
                index = Path(step.dedup.options.index).absolute()  # type: ignore[attr-defined]
                memory.append(
                    {"written": written.name, "seal": seal(written), "place": str(index / step.dedup.name)}
                )
    write_sealed(folder.memory, {"corpus": corpus, "memory": memory})


def remember(folder: Folder) -> None:
    """Put what indexes are to remember of a run that has its manifest into their folders.

    Only a run that is whole is remembered. One that was killed between its manifest and this is completed when its
    command is started again: until then, what it would remember lies in its own folder.

    Raises
    ------
    Damaged
        What was written for an index is no longer what it was.
    """
    if not folder.memory.exists():
        return
    listed = read_sealed(folder.memory)
    for entry in listed["memory"]:
        wrong = fault(folder.work / entry["written"], *entry["seal"])
        if wrong:
            raise Damaged(folder.work / entry["written"], wrong, RESTART)
        with disk_errors(Path(entry["place"])):
            keep_memory(folder.work / entry["written"], Path(entry["place"]), listed["corpus"])


def move_ledger(folder: Folder, plan: Plan, units: Mapping[int, int]) -> Seals:
    """The ledger rows of all passes, and the quarantine, to where they are read.

    Parameters
    ----------
    units
        Stage → how many units it has.

    Returns
    -------
    Seals
        Of all files that are now under `data`, `ledger` and `quarantine`.

    Raises
    ------
    Damaged
        A unit is not done.
    """
    seals: Seals = {}
    with disk_errors(folder.root):
        (folder.root / "ledger").mkdir(exist_ok=True)
        for stage in plan.stages:
            for unit in range(units[stage.index]):
                listed = sealed_files(folder.unit(stage.index, unit, "done"))
                for name, known in listed.items():
                    path = folder.root / name
                    target = folder.published(path)
                    if target != path:
                        target.parent.mkdir(exist_ok=True)
                        if path.exists():  # else it was moved before the run was stopped
                            os.replace(path, target)
                    if folder.work not in target.parents:
                        seals[str(target.relative_to(folder.root))] = known
        for place in ("ledger", "quarantine"):
            if (folder.root / place).exists():
                sync(folder.root / place)
    return seals


def check_whole(folder: Folder, seals: Seals, documents: Mapping[str, int]) -> None:
    """Refuse to call a run finished whose files are not all there, or hold other numbers of rows.

    Raises
    ------
    Damaged
        A file is missing, has another length, or belongs to nothing that the run wrote.
    RunFailed
        `data` does not hold one row per kept document, or `ledger` one per input document.
    """
    for name, (size, _) in seals.items():
        wrong = fault(folder.root / name, size, None)
        if wrong:
            raise Damaged(folder.root / name, wrong, "start the same command again: it is made again")
    for place in ("data", "ledger", "quarantine", "clusters"):
        for path in _visible(folder.root / place):
            if f"{place}/{path.name}" not in seals:
                raise Damaged(
                    path, "is not of this run", "move it elsewhere and start the same command again"
                )
    for place, what in (("data", "kept"), ("ledger", "in")):
        paths = [path for path in _visible(folder.root / place) if path.suffix == ".parquet"]
        rows = sum(pq.read_metadata(path).num_rows for path in paths)
        if rows != documents[what] and (paths or place == "ledger"):
            raise RunFailed(
                f"{folder.root / place}: {rows:,} rows, expected {documents[what]:,}; discard the run with --restart"
            )


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))
