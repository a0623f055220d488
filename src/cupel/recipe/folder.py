"""The layout of the output folder, and atomic writes.

    OUTPUT/
      data/part-00000-000.parquet   the refined corpus
      ledger/*.parquet              one row per input document
      clusters/LABEL.parquet        the duplicates that a deduplication found, by `doc`
      artifacts/LABEL/              what a method learned
      quarantine/*.jsonl            what could not be read, with place and reason
      recipe.yaml                   replays the run
      inputs.json                   the files that were read, with their digests
      manifest.json                 counts, hashes, versions; there only when the run is whole
      report.json, report.html      what to look at, as data and as a page
      README.md                     the data card: what a hub shows and `datasets` loads
      _work/                        passes in progress; gone when the run is whole

Everything is written under a temporary name, brought to the disk, and renamed when whole. A finished shard
leaves a `.done` file that lists what it wrote (`seals`); a run that was killed redoes only shards without one,
or with a file that is no longer what it was.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cupel.corpus.remote import local_path
from cupel.errors import BadInput, CupelError, Damaged, OutputInUse, RunFailed, system_refusal
from cupel.store import digest_json, make_folder, put, rename, temporary

__all__ = [
    "SEAL",
    "Folder",
    "disk_errors",
    "is_refined",
    "read_sealed",
    "write_json",
    "write_passing",
    "write_sealed",
    "write_text",
]


SEAL = "seal"
"""The field of a JSON file that holds the digest of its name and all its other fields."""


@dataclass(frozen=True)
class Folder:
    """Paths of one output folder."""

    root: Path

    @property
    def work(self) -> Path:
        return self.root / "_work"

    @property
    def plan(self) -> Path:
        return self.work / "plan.json"

    @property
    def lock(self) -> Path:
        """Held by the process that writes the folder."""
        return self.work / "lock"

    @property
    def discarding(self) -> Path:
        """Exists while an earlier run is being removed."""
        return self.work / "discarding"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    @property
    def inputs(self) -> Path:
        """Files that the run read, and how."""
        return self.root / "inputs.json"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def clusters(self) -> Path:
        """Duplicates that each deduplication found, as `LABEL.parquet`."""
        return self.root / "clusters"

    @property
    def generated(self) -> Path:
        """Output of generators, before any of it was edited or dropped."""
        return self.root / "generated"

    def artifact(self, label: str) -> Path:
        """What a method learned."""
        return self.root / "artifacts" / label

    def pass_folder(self, number: int) -> Path:
        return self.work / f"pass-{number}"

    @property
    def fields(self) -> Path:
        """Which fields are columns of the output."""
        return self.work / "fields.json"

    def unit(self, number: int, unit: int, suffix: str) -> Path:
        """A file of one shard in one pass, such as `00012.ledger.parquet`."""
        return self.pass_folder(number) / f"{unit:05d}.{suffix}"

    def decided(self, number: int, label: str) -> Path:
        """Duplicate clusters that a deduplication found, by `doc`."""
        return self.work / f"decided-{number}-{label}.parquet"

    def published(self, path: Path) -> Path:
        """Where a file of a pass goes once every pass is whole; the path itself if it stays where it is."""
        unit, number = path.name, path.parent.name.removeprefix("pass-")
        if unit.endswith(".ledger.parquet"):
            return self.root / "ledger" / f"pass-{number}-{unit.replace('.ledger.parquet', '')}.parquet"
        if unit.endswith(".quarantine.jsonl"):
            of_pass = f"pass-{number}-" if number != "0" else ""
            return self.root / "quarantine" / f"{of_pass}{unit.replace('.quarantine', '')}"
        if unit.endswith(".born.parquet"):
            return self.generated / f"pass-{number}-{unit.replace('.born.parquet', '')}.parquet"
        return path

    def done(self, number: int, unit: int) -> bool:
        """Whether a unit left its marker; `seals.unit_faults` says whether what it lists is there."""
        return self.unit(number, unit, "done").exists()

    def begun(self) -> bool:
        """Whether an unfinished run lies here: a folder `_work` alone may be anybody's."""
        return any(path.exists() for path in (self.work / "lock", self.plan, self.pass_folder(0)))

    def holds_run(self) -> bool:
        """Whether what lies here is a run, finished or not, damaged or whole, and so may be discarded."""
        return self.begun() or any((self.root / "ledger").glob("pass-*.parquet")) or self._is_finished()

    def _is_finished(self) -> bool:
        try:
            return "config_digest" in self.read_manifest()  # others write a `manifest.json`, too
        except (CupelError, TypeError):  # TypeError: JSON, but not a mapping
            return False

    def read_manifest(self) -> dict[str, Any]:
        """The manifest of a finished run.

        Raises
        ------
        BadInput
            The folder holds no finished run.
        Damaged
            The manifest cannot be read, or is not what was written.
        """
        try:
            manifest = json.loads(self.manifest.read_bytes())
            if SEAL in manifest:  # early development versions wrote none
                manifest = read_sealed(self.manifest)
                del manifest[SEAL]
            return dict(manifest)
        except FileNotFoundError:
            what = (
                "an unfinished run: start the same command again" if self.work.exists() else "no run of Cupel"
            )
            raise BadInput(f"{self.root}: holds {what} (no manifest.json)") from None
        except (OSError, ValueError, TypeError) as error:
            raise Damaged(
                self.manifest, f"cannot be read: {error}", "discard the run with --restart"
            ) from None
        except Damaged as damaged:
            raise Damaged(damaged.path, damaged.fault, "discard the run with --restart") from None

    def read_inputs(self) -> dict[str, Any]:
        """The files that a finished run read, and how.

        Raises
        ------
        Damaged
            The list is missing or cannot be read.
        """
        try:
            return dict(json.loads(self.inputs.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise Damaged(self.inputs, f"cannot be read: {error}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder: only one process at a time may write to it.

        Raises
        ------
        OutputInUse
            Another process holds it.
        """
        with disk_errors(self.work):
            make_folder(self.work)
            handle = open(self.lock, "w")  # noqa: SIM115 - held until the end of the with
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.samestat(os.fstat(handle.fileno()), os.stat(self.lock)):
                    raise FileNotFoundError(self.lock)  # a run that has just ended took its lock along
            except OSError:
                raise OutputInUse(f"{self.root}: another cupel process is writing it") from None
            yield
        finally:
            handle.close()

    def check_free(self) -> None:
        """Find out whether the folder can be written, and whether another process does, without writing anything.

        Raises
        ------
        OutputInUse
            Another process writes it.
        BadInput
            No permission, or a file in its place.
        """
        place = next(place for place in (self.root, *self.root.parents) if place.exists())
        if not place.is_dir():
            raise BadInput(f"{place}: is a file; the output is a folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise BadInput(f"{place}: no permission")
        try:
            with open(self.lock) as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return
        except OSError:
            raise OutputInUse(f"{self.root}: another cupel process is writing it") from None

    def clear_work(self) -> None:
        """Remove files that only an unfinished run needs; the lock last, so that no other process starts meanwhile."""
        for path in self.work.iterdir():
            if path == self.lock:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        shutil.rmtree(self.work, ignore_errors=True)


def is_refined(path: str) -> bool:
    """Whether a file belongs to the corpus of a finished run."""
    folder = Path(local_path(path)).parent
    return folder.name == "data" and (folder.parent / "manifest.json").is_file()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn disk faults and exceeded system limits into an error with advice.

    Raises
    ------
    RunFailed
        Disk full, too many open files, no memory or threads left, or another fault while writing.
    BadInput
        No permission.
    """
    try:
        yield
    except CupelError:
        raise
    except PermissionError as error:
        raise BadInput(f"{error.filename or path}: no permission") from None
    except (OSError, MemoryError, RuntimeError) as error:
        place = getattr(error, "filename", None) or path
        refusal = system_refusal(error)
        if refusal is not None:
            raise RunFailed(f"{place}: {refusal}; the same command resumes") from None
        if not isinstance(error, OSError):
            raise
        raise RunFailed(f"{place}: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    with disk_errors(path):
        make_folder(path.parent)
        temporary(path).write_text(text, encoding="utf-8")
        put(path)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n")


def write_passing(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as JSON with its own digest, whole or not at all, except that a power cut may empty it."""
    with disk_errors(path):
        temporary(path).write_text(json.dumps(_sealed(path, value)), encoding="utf-8")
        rename(path)


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as JSON with its own digest, whole or not at all."""
    write_json(path, _sealed(path, value))


def read_sealed(path: Path) -> dict[str, Any]:
    """A mapping that `write_sealed` or `write_passing` wrote, `seal` among its fields.

    Raises
    ------
    Damaged
        The file is missing, cannot be read, or is not what was written.
    """
    try:
        value = json.loads(path.read_bytes())
        expected = value[SEAL]
        seal = _seal_of(path.name, {name: field for name, field in value.items() if name != SEAL})
    except FileNotFoundError:
        raise Damaged(path, "is missing") from None
    except OSError as error:
        raise Damaged(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged(path, "is not what was written") from None
    if seal != expected:
        raise Damaged(path, "is not what was written")
    return dict(value)


def _sealed(path: Path, value: Mapping[str, Any]) -> dict[str, Any]:
    value = json.loads(json.dumps(value, default=str))
    return {**value, SEAL: _seal_of(path.name, value)}


def _seal_of(name: str, value: Mapping[str, Any]) -> str:
    """The digest covers the name, so a file moved to another's place is detected."""
    return digest_json([name, value])
