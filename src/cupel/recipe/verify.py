"""`verify`: checks that the files of a run are unchanged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cupel.errors import Damaged
from cupel.notebook import facts_html
from cupel.recipe.data_card import card_fault
from cupel.recipe.folder import Folder, read_sealed
from cupel.recipe.job import Job
from cupel.recipe.planner import make_plan
from cupel.recipe.resume import sealed_state, state_faults
from cupel.recipe.seals import Seals, fault
from cupel.store import page_fault
from cupel.units import write_bytes

__all__ = ["Verification", "verify"]

PLACES = ("data", "ledger", "clusters", "artifacts", "generated", "quarantine")


@dataclass(frozen=True)
class Verification:
    """The state of a run's files.

    Attributes
    ----------
    finished
        Whether the run is; of an unfinished one the files of its finished parts are checked.
    files, bytes
        How much was checked.
    damaged
        Each damaged file, with what is wrong with it.
    """

    output: Path
    finished: bool
    files: int
    bytes: int
    damaged: tuple[Damaged, ...]

    def _repr_html_(self) -> str:
        what = "finished run" if self.finished else "unfinished run, finished parts"
        facts = [("what", what), ("files", f"{self.files:,}"), ("size", write_bytes(self.bytes))]
        facts += [("damaged", str(damaged)) for damaged in self.damaged] or [("damaged", "nothing")]
        return facts_html(f"Verified {self.output}", facts)


def verify(output: str | Path) -> Verification:
    """Read every file of a run and compare it with what was written.

    Lengths, digests and row counts are checked; of a finished run also that no foreign file lies among its own. A
    `report.html` may be missing: it is drawn on demand. Of the data card, `README.md`, only what Cupel wrote is checked: the
    rest is yours.

    Parameters
    ----------
    output
        Folder of a finished or unfinished run.

    Raises
    ------
    BadInput
        No run of Cupel there.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> import cupel
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "pool.jsonl").write_text(json.dumps({"id": "a", "text": "Café in 東京."}))
    >>> recipe = cupel.Recipe.from_dict({"name": "once", "steps": ["exact"]})
    >>> done = cupel.refine(recipe, input=folder / "pool.jsonl", output=folder / "out")
    >>> cupel.verify(folder / "out").damaged
    ()
    >>> (folder / "out" / "data" / done.manifest["data_files"][0]).unlink()
    >>> [damage.fault for damage in cupel.verify(folder / "out").damaged]
    ['is missing', 'data holds 0 rows, expected 1']
    """
    folder = Folder(Path(output).absolute())
    threads = os.cpu_count() or 1
    if folder.plan.exists() and not folder.manifest.exists():
        return _unfinished(folder, threads)
    try:
        manifest = folder.read_manifest()
    except Damaged as damaged:
        return Verification(folder.root, True, 1, 0, (damaged,))
    listed: Seals = manifest.get("files", {})
    if not listed:
        unlisted = Damaged(folder.manifest, "lists no files: an early version of Cupel wrote it")
        return Verification(folder.root, True, 1, 0, (unlisted,))
    with ThreadPoolExecutor(threads) as pool:
        faults = pool.map(lambda entry: fault(folder.root / entry[0], *entry[1]), listed.items())
        damage = [
            Damaged(folder.root / name, wrong) for name, wrong in zip(listed, faults, strict=True) if wrong
        ]
    damage += _foreign(folder, listed)
    damage += _page(folder, listed)
    damage += _miscounted(folder, manifest)
    damage += [fault_of_card] if (fault_of_card := card_fault(folder, manifest)) else []
    page = folder.root / "report.html"
    size = sum(size for size, _ in listed.values()) + (page.stat().st_size if page.exists() else 0)
    return Verification(folder.root, True, len(listed) + 1 + page.exists(), size, tuple(damage))


def _unfinished(folder: Folder, threads: int) -> Verification:
    try:
        begun = read_sealed(folder.plan)
    except Damaged as damaged:
        return Verification(folder.root, False, 1, 0, (damaged,))
    job = Job.from_json(begun["job"])
    plan = make_plan(job.recipe, job.annotated)
    damage = tuple(state_faults(folder, plan, begun["seal"], len(job.shards), threads))
    sizes = sealed_state(folder)
    return Verification(folder.root, False, len(sizes) + 1, sum(sizes), damage)


def _foreign(folder: Folder, listed: Seals) -> Iterator[Damaged]:
    for place in PLACES:
        for path in sorted((folder.root / place).rglob("*")):
            name = path.relative_to(folder.root).as_posix()
            if path.is_file() and name not in listed and not path.name.startswith("."):
                yield Damaged(path, "is not of this run")


def _page(folder: Folder, listed: Seals) -> Iterator[Damaged]:
    """The report page carries its own seal: it is drawn once the manifest is there, or not at all."""
    page = folder.root / "report.html"
    if page.exists() and "report.json" in listed:  # early development versions sealed neither
        wrong = page_fault(page)
        if wrong:
            yield Damaged(page, wrong, "delete it, and the same command draws it again")


def _miscounted(folder: Folder, manifest: dict[str, Any]) -> Iterator[Damaged]:
    documents = manifest["documents"]
    in_ledger = documents["in"] + documents.get("generated", 0)  # early versions generated nothing
    for place, expected in (("data", documents["kept"]), ("ledger", in_ledger)):
        paths = [folder.root / name for name in manifest["files"] if name.startswith(f"{place}/")]
        if any(path.suffix != ".parquet" for path in paths):
            continue  # JSON lines: their digest says it
        rows = sum(map(_rows, paths))
        if rows != expected:
            yield Damaged(folder.root / place, f"{place} holds {rows:,} rows, expected {expected:,}")


def _rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return 0  # it is named as damaged already
