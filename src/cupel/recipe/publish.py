"""What a run leaves behind, put where it belongs once every pass is whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cupel.recipe.folder import Folder, disk_errors, temporary
from cupel.recipe.plan import Plan
from cupel.recipe.readback import remembered

__all__ = ["keep_clusters", "move_ledger", "remember"]


def keep_clusters(folder: Folder, plan: Plan) -> None:
    """Copied, not moved: a run that is killed from here on still finds them."""
    with disk_errors(folder.clusters):
        for stage in plan.stages:
            for step in stage.dedups:
                folder.clusters.mkdir(exist_ok=True)
                target = folder.clusters / f"{step.label}.parquet"
                shutil.copyfile(folder.resolved(stage.index, step.label), temporary(target))
                os.replace(temporary(target), target)


def remember(folder: Folder, plan: Plan, corpus: str) -> None:
    """Put what indexes are to remember into its place."""
    for stage in plan.stages:
        for step in stage.dedups:
            found = remembered(folder, stage, step)
            if not found.exists():
                continue
            place = Path(step.dedup.options.index) / step.dedup.name  # type: ignore[attr-defined]
            with disk_errors(place):
                place.mkdir(parents=True, exist_ok=True)
                target = place / f"{corpus}.parquet"
                shutil.copyfile(found, temporary(target))
                os.replace(temporary(target), target)


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
