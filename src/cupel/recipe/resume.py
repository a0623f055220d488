"""An unfinished run taken up again: what is damaged is done again, and so is what was made from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cupel.errors import Damaged
from cupel.recipe.folder import Folder, disk_errors, read_sealed
from cupel.recipe.plan import Plan, Stage
from cupel.recipe.seals import forget_unit, marker, resolved_faults, resolved_files, sealed_files, unit_faults

__all__ = [
    "discard_all",
    "discard_run",
    "groups_of",
    "groups_path",
    "sealed_state",
    "state_faults",
    "take_up",
]


def groups_path(folder: Folder, stage: int) -> Path:
    """Where it is written which units of a stage make one data file."""
    return folder.stage(stage) / "groups.json"


def groups_of(folder: Folder, stage: int, plan: str) -> list[list[int]]:
    """Units of a stage that together make one unit of the next.

    Raises
    ------
    Damaged
        They cannot be read, or are those of another run.
    """
    path = groups_path(folder, stage)
    found = read_sealed(path)
    if found["plan"] != plan:
        raise Damaged(path, "belongs to another run")
    return [list(group) for group in found["groups"]]


def take_up(folder: Folder, plan: Plan, seal: str, units: Sequence[int], threads: int) -> list[Damaged]:
    """Discard what is damaged of the passes that are done, and everything made from it.

    Every file of every finished unit is read once. A pass that is not whole takes with it the deduplications
    that end it and all later passes: they may have read what was lost.

    Returns
    -------
    list
        The damaged files; empty where the run was only interrupted.
    """
    for stage in plan.stages:
        faults, whole = _stage_faults(folder, plan, stage, seal, units, threads)
        for unit in {unit for unit, _ in faults if unit is not None}:
            forget_unit(folder, stage.index, unit)
        if not whole or faults:
            last = stage.index == len(plan.stages) - 1
            _discard_from(folder, plan, stage.index, passes=last and any(unit is None for unit, _ in faults))
            return [fault for _, fault in faults]
        for at, step in enumerate(stage.dedups):
            damaged = (
                resolved_faults(folder, seal, stage.index, step.label)
                if marker(folder, stage.index, step.label).exists()
                else []
            )
            if damaged or not marker(folder, stage.index, step.label).exists():
                _discard_from(folder, plan, stage.index, steps=at)
                return damaged
    return []


def state_faults(
    folder: Folder, plan: Plan, seal: str, units: Sequence[int], threads: int
) -> Iterator[Damaged]:
    """Every damaged file of an unfinished run."""
    for stage in plan.stages:
        faults, _ = _stage_faults(folder, plan, stage, seal, units, threads)
        yield from (fault for _, fault in faults)
        for step in stage.dedups:
            if marker(folder, stage.index, step.label).exists():
                yield from resolved_faults(folder, seal, stage.index, step.label)


def _stage_faults(
    folder: Folder, plan: Plan, stage: Stage, seal: str, units: Sequence[int], threads: int
) -> tuple[list[tuple[int | None, Damaged]], bool]:
    """Faults with the unit that each is of, None for that of the whole stage; and whether all units are done."""
    groups = [[unit] for unit in units]
    if stage.index == len(plan.stages) - 1:
        begun = any(folder.stage(stage.index).glob("*.done")) or groups_path(folder, stage.index - 1).exists()
        if not begun:
            return [], False
        try:
            groups = groups_of(folder, stage.index - 1, seal)
        except Damaged as damaged:
            return [(None, damaged)], False
    done = [unit for unit in range(len(groups)) if folder.done(stage.index, unit)]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        each = pool.map(lambda unit: unit_faults(folder, seal, stage.index, unit, groups[unit]), done)
        faults = [(unit, fault) for unit, found in zip(done, each, strict=True) for fault in found]
    return list(faults), len(done) == len(groups)


def _discard_from(folder: Folder, plan: Plan, stage: int, *, steps: int = 0, passes: bool = False) -> None:
    """Discard the deduplications of a stage from the one at `steps` on, and later stages; with `passes`, its units too."""
    with disk_errors(folder.work):
        for later in plan.stages[stage:]:
            for step in later.dedups[steps if later.index == stage else 0 :]:
                for path in resolved_files(folder, later.index, step.label):
                    path.unlink(missing_ok=True)
            if later.index > stage or passes:
                _remove(folder.stage(later.index))
                for path in (folder.root / "ledger").glob(f"pass-{later.index}-*"):
                    path.unlink(missing_ok=True)
        last = plan.stages[-1].index
        if stage < last or passes:
            groups_path(folder, last - 1).unlink(missing_ok=True)
            folder.fields.unlink(missing_ok=True)
            _remove(folder.data)


def discard_all(folder: Folder) -> None:
    """Discard the passes of a run that has lost its plan; nothing says any longer what they are of."""
    with disk_errors(folder.root):
        for path in [*folder.work.glob("stage-*"), *folder.work.glob("resolved-*")]:
            _remove(path)
        for name in ("data", "ledger", "clusters", "quarantine"):
            _remove(folder.root / name)
        folder.fields.unlink(missing_ok=True)


def discard_run(folder: Folder) -> None:
    """Remove all of an earlier run; where that is interrupted, the next run of any kind completes it."""
    kept = (folder.lock, folder.discarding)
    with disk_errors(folder.root):
        folder.discarding.touch()
        names = ("manifest.json", "inputs.json", "report.json", "report.html", "recipe.yaml")
        for name in (*names, "data", "ledger", "clusters", "quarantine"):
            _remove(folder.root / name)
        for path in folder.work.iterdir():
            if path not in kept:
                _remove(path)
        folder.discarding.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sealed_state(folder: Folder) -> list[int]:
    """Bytes of every file that the markers of an unfinished run list, those that can be read."""
    sizes = []
    for path in sorted(folder.work.rglob("*.done")):
        try:
            sizes += [size for size, _ in sealed_files(path).values()]
        except Damaged:
            continue
    return sizes
