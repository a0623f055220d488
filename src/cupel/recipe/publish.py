"""What a run leaves behind, put where it belongs once every pass is whole."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from cupel.dedup._index import keep_memory
from cupel.recipe.folder import Folder, disk_errors, temporary, write_json
from cupel.recipe.plan import Plan
from cupel.recipe.readback import remembered

__all__ = ["keep_clusters", "list_memory", "move_ledger", "remember"]


def keep_clusters(folder: Folder, plan: Plan) -> None:
    """Copied, not moved: a run that is killed from here on still finds them."""
    with disk_errors(folder.clusters):
        for stage in plan.stages:
            for step in stage.dedups:
                folder.clusters.mkdir(exist_ok=True)
                target = folder.clusters / f"{step.label}.parquet"
                shutil.copyfile(folder.resolved(stage.index, step.label), temporary(target))
                os.replace(temporary(target), target)


def list_memory(folder: Folder, plan: Plan, corpus: str) -> None:
    """Write down what indexes are to remember of this run, once it has a manifest."""
    memory = []
    for stage in plan.stages:
        for step in stage.dedups:
            written = remembered(folder, stage, step)
            if written.exists():
                index = Path(step.dedup.options.index).absolute()  # type: ignore[attr-defined]
                memory.append({"written": written.name, "place": str(index / step.dedup.name)})
    write_json(folder.memory, {"corpus": corpus, "memory": memory})


def remember(folder: Folder) -> None:
    """Put what indexes are to remember of a run that has its manifest into their folders.

    Only a run that is whole is remembered. One that was killed between its manifest and this is completed when its
    command is started again: until then, what it would remember lies in its own folder.
    """
    if not folder.memory.exists():
        return
    listed = json.loads(folder.memory.read_text())
    for entry in listed["memory"]:
        with disk_errors(Path(entry["place"])):
            keep_memory(folder.work / entry["written"], Path(entry["place"]), listed["corpus"])


def move_ledger(folder: Folder, plan: Plan) -> None:
    """The ledger rows of all passes, and the quarantine, to where they are read."""
    with disk_errors(folder.root):
        (folder.root / "ledger").mkdir(exist_ok=True)
        for stage in plan.stages:
            for path in sorted(folder.stage(stage.index).glob("*.ledger.parquet")):
                name = path.name.replace(".ledger.parquet", "")
                target = folder.root / "ledger" / f"pass-{stage.index}-{name}.parquet"
                os.replace(path, target)
        found = sorted(folder.stage(0).glob("*.quarantine.jsonl"))
        if found:
            (folder.root / "quarantine").mkdir(exist_ok=True)
        for path in found:
            os.replace(path, folder.root / "quarantine" / path.name.replace(".quarantine", ""))
