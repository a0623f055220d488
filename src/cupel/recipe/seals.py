"""Seals record the content of a file when it is written, so that damage is detected before use.

A seal is a file's length and its BLAKE2b-128 digest. Three things carry seals:

- the `.done` marker of a unit (one group of shards in one pass) lists every file that the unit wrote;
- the `.done` marker of a deduplication lists its clusters, its findings and what its index remembers;
- `manifest.json` lists every file of the finished run.

Small JSON files of a run carry their own digest as `seal`, their last field. The seal of `plan.json` names the
run: every marker repeats it, so that files of another run or another way to cut the work are never taken up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cupel.errors import Damaged
from cupel.recipe.folder import Folder, disk_errors, read_sealed, write_sealed
from cupel.store import digest_file

__all__ = [
    "Seals",
    "check_sizes",
    "fault",
    "fit_faults",
    "fit_marker",
    "forget_unit",
    "marker",
    "decision_faults",
    "decision_files",
    "seal",
    "seal_decision",
    "seal_fit",
    "seal_unit",
    "sealed_files",
    "unit_faults",
]

Seals = dict[str, tuple[int, str]]
"""Path below the output folder → bytes and digest."""

_NOT_SEALED = ("done", "progress")


def seal(path: Path) -> tuple[int, str]:
    """Bytes and BLAKE2b-128 digest of a file."""
    digest = digest_file(path)
    return path.stat().st_size, digest


def fault(path: Path, size: int, digest: str | None) -> str | None:
    """The fault of a file, as the end of a sentence; None if it is intact.

    Parameters
    ----------
    digest
        None: only the length is checked.
    """
    try:
        length = path.stat().st_size
        if length != size:
            return f"has {length:,} bytes, expected {size:,}"
        if digest is not None and seal(path)[1] != digest:
            return "differs from what was written"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def check_sizes(folder: Folder, manifest: Mapping[str, Any], advice: str, *, below: str = "") -> None:
    """Refuse a finished run of which a file is missing or has another length.

    Raises
    ------
    Damaged
        The first such file.
    """
    for name, (size, _) in manifest.get("files", {}).items():
        wrong = fault(folder.root / name, size, None) if name.startswith(below) else None
        if wrong:
            raise Damaged(
                folder.root / name, wrong, f"`cupel verify {folder.root}` lists everything damaged; {advice}"
            )


# -- units ---------------------------------------------------------------------------------------


def seal_unit(
    folder: Folder, plan: str, number: int, unit: int, shards: Sequence[int], data: Iterable[Path]
) -> None:
    """Mark a unit as done, with the seals of all its files; `plan` is the seal of the run's plan."""
    files = [path for path in _files_of(folder, number, unit) if path.suffix[1:] not in _NOT_SEALED]
    _mark(
        folder,
        folder.unit(number, unit, "done"),
        {"plan": plan, "pass": number, "unit": unit, "shards": list(shards)},
        [*files, *data],
    )


def unit_faults(folder: Folder, plan: str, number: int, unit: int, shards: Sequence[int]) -> list[Damaged]:
    """What is wrong with a unit that has a marker; the marker first."""
    expected = {"plan": plan, "pass": number, "unit": unit, "shards": list(shards)}
    return _faults(folder, folder.unit(number, unit, "done"), expected)


def forget_unit(folder: Folder, number: int, unit: int) -> None:
    """Remove what an earlier attempt at a unit left, except for data files, which its writer removes."""
    with disk_errors(folder.work):
        folder.unit(number, unit, "done").unlink(missing_ok=True)
        for path in _files_of(folder, number, unit):
            path.unlink(missing_ok=True)
            folder.published(path).unlink(missing_ok=True)


def _files_of(folder: Folder, number: int, unit: int) -> list[Path]:
    return sorted(folder.pass_folder(number).glob(f"{unit:05d}.*"))


# -- deduplications ------------------------------------------------------------------------------


def marker(folder: Folder, number: int, label: str) -> Path:
    """What is there once a deduplication has found its clusters."""
    return folder.decided(number, label).with_suffix(".done")


def decision_files(folder: Folder, number: int, label: str) -> list[Path]:
    """Files of a deduplication, with the marker first."""
    clusters = folder.decided(number, label)
    return [marker(folder, number, label), *(clusters.with_suffix(s) for s in DECIDED)]


DECIDED = (".parquet", ".findings.json", ".index")


def seal_decision(folder: Folder, plan: str, number: int, label: str) -> None:
    """Mark a deduplication as done, with the seals of its files."""
    _, *files = decision_files(folder, number, label)
    _mark(
        folder,
        marker(folder, number, label),
        {"plan": plan, "pass": number, "label": label},
        [path for path in files if path.exists()],
    )


def decision_faults(folder: Folder, plan: str, number: int, label: str) -> list[Damaged]:
    """What is wrong with a deduplication that has a marker."""
    return _faults(folder, marker(folder, number, label), {"plan": plan, "pass": number, "label": label})


# -- fits ----------------------------------------------------------------------------------------


def fit_marker(folder: Folder, label: str) -> Path:
    """What is there once the run has an artifact."""
    return folder.work / f"fitted-{label}.done"


def seal_fit(folder: Folder, plan: str, label: str) -> None:
    """Mark an artifact as made, with the seals of its files."""
    files = sorted(path for path in folder.artifact(label).rglob("*") if path.is_file())
    _mark(folder, fit_marker(folder, label), {"plan": plan, "fitted": label}, files)


def fit_faults(folder: Folder, plan: str, label: str) -> list[Damaged]:
    """What is wrong with an artifact that has a marker."""
    return _faults(folder, fit_marker(folder, label), {"plan": plan, "fitted": label})


# -- markers -------------------------------------------------------------------------------------


def _mark(folder: Folder, path: Path, what: Mapping[str, Any], files: Sequence[Path]) -> None:
    with disk_errors(folder.work):
        seals = {str(file.relative_to(folder.root)): list(seal(file)) for file in files}
    write_sealed(path, {**what, "files": seals})


def sealed_files(path: Path) -> Seals:
    """The seals that a marker lists.

    Raises
    ------
    Damaged
        The marker itself.
    """
    return {name: (size, digest) for name, (size, digest) in read_sealed(path)["files"].items()}


def _faults(folder: Folder, path: Path, expected: Mapping[str, Any]) -> list[Damaged]:
    try:
        record = read_sealed(path)
    except Damaged as damaged:
        return [damaged]
    if any(record.get(name) != value for name, value in expected.items()):
        return [Damaged(path, "belongs to something else")]
    faults = []
    for name, (size, digest) in record["files"].items():
        file = folder.root / name
        if not file.exists() and folder.published(file).exists():  # interrupted while it was moved into place
            file = folder.published(file)
        wrong = fault(file, size, digest)
        if wrong:
            faults.append(Damaged(file, wrong))
    return faults
