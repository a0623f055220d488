"""Moves the files of a run into place once every pass is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cupel.contract import Remembers
from cupel.contract.index import commit_memory, stage_memory
from cupel.errors import Damaged, RunFailed
from cupel.recipe.folder import Folder, disk_errors
from cupel.recipe.pass_files import row_count
from cupel.recipe.plan import Plan
from cupel.recipe.readback import remembered
from cupel.recipe.seals import Seals, fault, marker, sealed_files
from cupel.store import make_folder, put, sync, temporary

__all__ = ["RESTART", "check_whole", "keep_clusters", "move_ledger", "prepare_memory", "remember"]

RESTART = "discard the run with --restart"


def keep_clusters(folder: Folder, plan: Plan) -> Seals:
    """Copied rather than moved, so a run that is killed from here on still has them."""
    seals: Seals = {}
    with disk_errors(folder.clusters):
        for pass_ in plan.passes:
            for step in pass_.decisions:
                make_folder(folder.clusters)
                target = folder.clusters / f"{step.label}.parquet"
                shutil.copyfile(folder.decided(pass_.index, step.label), temporary(target))
                put(target)
                known = sealed_files(marker(folder, pass_.index, step.label))
                name = str(target.relative_to(folder.root))
                seals[name] = known[str(folder.decided(pass_.index, step.label).relative_to(folder.root))]
    return seals


def prepare_memory(folder: Folder, plan: Plan, corpus: str) -> dict[str, str]:
    """Bring what indexes are to remember of this run into their folders, where it does not count yet.

    So the index holds it before the manifest says that the run is whole, and nothing that happens to the run's
    own folder afterwards can lose it.

    Returns
    -------
    dict
        For each file of an index what it is made from, below `_work`.
    """
    memory = {}
    for pass_ in plan.passes:
        for step in pass_.decisions:
            written, options = remembered(folder, pass_, step), step.method.options
            if isinstance(options, Remembers) and options.index is not None and written.exists():
                index = Path(options.index).absolute()
                with disk_errors(index):
                    memory[str(stage_memory(written, index / step.method.name, corpus))] = written.name
    return memory


def remember(folder: Folder, manifest: Mapping[str, Any]) -> list[str]:
    """Let the files that `prepare_memory` brought into indexes count, of a run that has its manifest.

    Only a run that is whole is remembered. One that was killed between its manifest and this is completed when its
    command is started again.

    Returns
    -------
    list
        Files that the manifest names and no index has, because somebody took them away.
    """
    missing = []
    for name, source in manifest.get("memory", {}).items():
        target, written = Path(name), folder.work / source
        with disk_errors(target):
            if not commit_memory(target) and written.exists():
                stage_memory(written, target.parent, manifest["input_digest"])
            if not commit_memory(target):
                missing.append(name)
    return missing


def move_ledger(folder: Folder, plan: Plan, units: Mapping[int, int]) -> Seals:
    """The ledger rows of all passes, and the quarantine, to where they are read.

    Parameters
    ----------
    units
        Pass → how many units it has.

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
        make_folder(folder.root / "ledger")
        for pass_ in plan.passes:
            for unit in range(units[pass_.index]):
                listed = sealed_files(folder.unit(pass_.index, unit, "done"))
                for name, known in listed.items():
                    path = folder.root / name
                    target = folder.published(path)
                    if target != path:
                        make_folder(target.parent)
                        if path.exists():  # else it was moved before the run was stopped
                            os.replace(path, target)
                    if folder.work not in target.parents:
                        seals[str(target.relative_to(folder.root))] = known
        for place in ("ledger", "quarantine", "generated"):
            if (folder.root / place).exists():
                sync(folder.root / place)
    return seals


def check_whole(folder: Folder, seals: Seals, documents: Mapping[str, int]) -> None:
    """Refuse to finish a run if a file is missing or has the wrong number of rows.

    Raises
    ------
    Damaged
        A file is missing, has another length, or belongs to nothing that the run wrote.
    RunFailed
        `data` does not hold one row per kept document, or `ledger` one per document read or generated.
    """
    for name, (size, _) in seals.items():
        wrong = fault(folder.root / name, size, None)
        if wrong:
            raise Damaged(folder.root / name, wrong, "start the same command again: it is made again")
    for place in ("data", "ledger", "quarantine", "generated", "clusters"):
        for path in _visible(folder.root / place):
            if f"{place}/{path.name}" not in seals:
                raise Damaged(
                    path, "is not of this run", "move it elsewhere and start the same command again"
                )
    counts = {"data": documents["kept"], "ledger": documents["in"] + documents["generated"]}
    for place, count in counts.items():
        paths = [path for path in _visible(folder.root / place) if path.suffix == ".parquet"]
        rows = sum(map(row_count, paths))
        if rows != count and (paths or place == "ledger"):
            raise RunFailed(
                f"{folder.root / place}: {rows:,} rows, expected {count:,}; discard the run with --restart"
            )


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))
