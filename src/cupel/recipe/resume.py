"""Resuming an unfinished run: damaged files are rebuilt, and so is everything derived from them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cupel.errors import Damaged
from cupel.recipe.folder import Folder, disk_errors, read_sealed
from cupel.recipe.plan import Pass, Plan
from cupel.recipe.seals import (
    decision_faults,
    decision_files,
    fit_faults,
    fit_marker,
    forget_unit,
    marker,
    sealed_files,
    unit_faults,
)

__all__ = [
    "discard_all",
    "discard_run",
    "groups_of",
    "groups_path",
    "sealed_state",
    "state_faults",
    "take_up",
]


def groups_path(folder: Folder, number: int) -> Path:
    """The file that records which units of a pass make up one data file."""
    return folder.pass_folder(number) / "groups.json"


def groups_of(folder: Folder, number: int, plan: str) -> list[list[int]]:
    """Units of a pass that together make one unit of the next.

    Raises
    ------
    Damaged
        They cannot be read, or are those of another run.
    """
    path = groups_path(folder, number)
    record = read_sealed(path)
    if record["plan"] != plan:
        raise Damaged(path, "belongs to another run")
    return [list(group) for group in record["groups"]]


def take_up(folder: Folder, plan: Plan, seal: str, shards: int, threads: int) -> list[Damaged]:
    """Discard what is damaged of the passes that are done, and everything made from it.

    `shards` is how many the input has.
    Every file of every finished unit is read once. A pass that is not whole takes with it the deduplications
    that end it and all later passes: they may have read what was lost.

    Returns
    -------
    list
        The damaged files; empty where the run was only interrupted.
    """
    damaged_fits = []
    for step in plan.fits:
        if fit_marker(folder, step.label).exists() and (faults := fit_faults(folder, seal, step.label)):
            # It is learned again, identical to the byte, so measurements made with it stay valid.
            fit_marker(folder, step.label).unlink()
            damaged_fits += faults
    return damaged_fits + _take_up_passes(folder, plan, seal, shards, threads)


def _take_up_passes(folder: Folder, plan: Plan, seal: str, shards: int, threads: int) -> list[Damaged]:
    for pass_ in plan.passes:
        faults, whole = _pass_faults(folder, plan, pass_, seal, shards, threads)
        for unit in {unit for unit, _ in faults if unit is not None}:
            forget_unit(folder, pass_.index, unit)
        if not whole or faults:
            last = pass_.index == len(plan.passes) - 1
            _discard_from(folder, plan, pass_.index, units=last and any(unit is None for unit, _ in faults))
            return [fault for _, fault in faults]
        for at, step in enumerate(pass_.decisions):
            damaged = (
                decision_faults(folder, seal, pass_.index, step.label)
                if marker(folder, pass_.index, step.label).exists()
                else []
            )
            if damaged or not marker(folder, pass_.index, step.label).exists():
                _discard_from(folder, plan, pass_.index, steps=at)
                return damaged
    return []


def state_faults(folder: Folder, plan: Plan, seal: str, shards: int, threads: int) -> Iterator[Damaged]:
    """Every damaged file of an unfinished run."""
    for fitted in plan.fits:
        if fit_marker(folder, fitted.label).exists():
            yield from fit_faults(folder, seal, fitted.label)
    for pass_ in plan.passes:
        faults, _ = _pass_faults(folder, plan, pass_, seal, shards, threads)
        yield from (fault for _, fault in faults)
        for step in pass_.decisions:
            if marker(folder, pass_.index, step.label).exists():
                yield from decision_faults(folder, seal, pass_.index, step.label)


def _pass_faults(
    folder: Folder, plan: Plan, pass_: Pass, seal: str, shards: int, threads: int
) -> tuple[list[tuple[int | None, Damaged]], bool]:
    """Faults with their unit (None: the whole pass), and whether all units are done."""
    groups = [[unit] for unit in range(plan.units(shards, pass_.index))]
    if pass_.index == len(plan.passes) - 1:
        begun = (
            any(folder.pass_folder(pass_.index).glob("*.done"))
            or groups_path(folder, pass_.index - 1).exists()
        )
        if not begun:
            return [], False
        try:
            groups = groups_of(folder, pass_.index - 1, seal)
        except Damaged as damaged:
            return [(None, damaged)], False
    done = [unit for unit in range(len(groups)) if folder.done(pass_.index, unit)]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        each = pool.map(lambda unit: unit_faults(folder, seal, pass_.index, unit, groups[unit]), done)
        faults = [
            (unit, fault) for unit, unit_damage in zip(done, each, strict=True) for fault in unit_damage
        ]
    return list(faults), len(done) == len(groups)


def _discard_from(folder: Folder, plan: Plan, number: int, *, steps: int = 0, units: bool = False) -> None:
    """Discard the deduplications of a pass from the one at `steps` on, and later passes; with `units`, its units too."""
    with disk_errors(folder.work):
        for later in plan.passes[number:]:
            for step in later.decisions[steps if later.index == number else 0 :]:
                for path in decision_files(folder, later.index, step.label):
                    path.unlink(missing_ok=True)
            if later.index > number or units:
                _remove(folder.pass_folder(later.index))
                for place in ("ledger", "quarantine", "generated"):
                    for path in (folder.root / place).glob(f"pass-{later.index}-*"):
                        path.unlink(missing_ok=True)
        last = plan.passes[-1].index
        if number < last or units:
            groups_path(folder, last - 1).unlink(missing_ok=True)
            folder.fields.unlink(missing_ok=True)
            _remove(folder.data)


def discard_all(folder: Folder) -> None:
    """Discard the passes of a run that has lost its plan: they can no longer be identified."""
    with disk_errors(folder.root):
        for path in [
            *folder.work.glob("pass-*"),
            *folder.work.glob("decided-*"),
            *folder.work.glob("fitted-*"),
        ]:
            _remove(path)
        for name in ("data", "ledger", "clusters", "artifacts", "generated", "quarantine"):
            _remove(folder.root / name)
        folder.fields.unlink(missing_ok=True)


def discard_run(folder: Folder) -> None:
    """Remove all of an earlier run; where that is interrupted, the next run of any kind completes it."""
    kept = (folder.lock, folder.discarding)
    with disk_errors(folder.root):
        folder.discarding.touch()
        names = ("manifest.json", "inputs.json", "report.json", "report.html", "recipe.yaml")
        for name in (*names, "data", "ledger", "clusters", "artifacts", "generated", "quarantine"):
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
