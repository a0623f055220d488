"""Damaged files of a run: an interrupted run is put right, a finished one is never called whole."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

import cupel
from cupel.errors import CupelError, Damaged
from cupel.recipe import finish
from cupel.recipe.progress import Silent
from tests.conftest import write_pool

RECIPE = {"name": "small", "steps": [{"length": {"min_words": 20}}, "exact", "minhash"]}
RESULT = ("data", "ledger", "clusters", "quarantine")


class Interrupted(NamedTuple):
    """A pool, a finished run of it, and copies of its folder from before it was finished."""

    pool: Path
    output: Path
    content: dict
    moments: dict[str, Path]


class Copying(Silent):
    """Copies the folder as it is when the last pass begins."""

    def __init__(self, output: Path, copy: Path) -> None:
        self.output, self.copy = output, copy

    @contextmanager
    def following(self, title: str, folder: Path, sizes: object) -> Iterator[None]:
        if title.startswith("pass 2"):
            shutil.copytree(self.output, self.copy)
        yield


def refine(pool: Path, output: Path, **options: object) -> cupel.Result:
    recipe = cupel.Recipe.from_dict(RECIPE)
    return cupel.refine(recipe, input=pool, output=output, target_shard_bytes=20_000, **options)


def content(output: Path) -> dict:
    """Everything that a reader of the run sees, but not how it is cut into files."""
    seen: dict = {}
    for place in RESULT:
        paths = sorted((output / place).glob("*"))
        tables = [
            row for path in paths if path.suffix == ".parquet" for row in pq.read_table(path).to_pylist()
        ]
        lines = [line for path in paths if path.suffix == ".jsonl" for line in path.read_text().splitlines()]
        seen[place] = sorted(map(repr, tables + lines))
    manifest = json.loads((output / "manifest.json").read_text())
    return seen | {name: manifest[name] for name in ("content_hash", "documents", "bytes", "fields")}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    folder = tmp_path_factory.mktemp("damage")
    pool, output = folder / "pool", folder / "out"
    write_pool(pool, documents=60, files=2)
    with open(pool / "part-0.jsonl", "a") as file:
        file.write("{broken\n")
    moments = {name: folder / name.replace(" ", "-") for name in ("pass 1 done", "all passes done")}

    def check_whole(*arguments: object) -> None:
        shutil.copytree(output, moments["all passes done"])
        whole(*arguments)

    whole, finish.check_whole = finish.check_whole, check_whole
    try:
        refine(pool, output, progress=Copying(output, moments["pass 1 done"]), report=True)
    finally:
        finish.check_whole = whole
    return Interrupted(pool, output, content(output), moments)


Damage = Callable[[Path], bool]
"""Damages a file, if it can be damaged in this way."""


def empty(path: Path) -> bool:
    path.write_bytes(b"")
    return True


def halve(path: Path) -> bool:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return True


def flip(path: Path) -> bool:
    value = bytearray(path.read_bytes())
    value[len(value) // 2] ^= 0x10
    path.write_bytes(value)
    return True


def remove(path: Path) -> bool:
    path.unlink()
    return True


def swap(path: Path) -> bool:
    """Exchange a file with another of its kind."""
    kind = path.suffix
    if path.name[0].isdigit():  # of a unit: 00001.sketch.parquet
        kind = path.name.partition(".")[2]
    like = [other for other in sorted(path.parent.glob(f"*{kind}")) if other != path]
    if not like:
        return False
    scratch = path.with_name("scratch")
    os.replace(path, scratch)
    os.replace(like[0], path)
    os.replace(scratch, like[0])
    return True


DAMAGES = [empty, halve, flip, remove, swap]


def files(folder: Path) -> list[str]:
    """Files with content, below `folder`."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    return sorted(str(path.relative_to(folder)) for path in paths)


def is_put_right(interrupted: Interrupted, moment: str, output: Path, name: str, damage: Damage) -> None:
    """Damage one file of a copy of an interrupted run, and have the run end right all the same."""
    shutil.copytree(interrupted.moments[moment], output)
    if not damage(output / name):
        return
    plan = output / "_work" / "plan.json"
    if (
        plan.exists()
        and plan.read_bytes() != (interrupted.moments[moment] / "_work" / "plan.json").read_bytes()
    ):
        with pytest.raises(Damaged, match="--restart"):
            refine(interrupted.pool, output)
        refine(interrupted.pool, output, restart=True)
    else:
        refine(interrupted.pool, output)
    assert content(output) == interrupted.content, f"{damage.__name__} of {name}"
    assert cupel.verify(output).damaged == ()
    assert not (output / "_work").exists()
    shutil.rmtree(output)


@pytest.mark.parametrize("moment", ["pass 1 done", "all passes done"])
def test_an_interrupted_run_is_put_right(moment: str, interrupted: Interrupted, tmp_path: Path) -> None:
    """Each file is damaged in one way, and each kind of file in another; other units are like the first two."""
    names = [name for name in files(interrupted.moments[moment]) if not re.search("0000[2-9]", name)]
    assert len(names) > 20
    for number, name in enumerate(names):
        is_put_right(interrupted, moment, tmp_path / str(number), name, DAMAGES[number % len(DAMAGES)])


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("moment", ["pass 1 done", "all passes done"])
def test_an_interrupted_run_is_put_right_whatever_the_damage(
    moment: str, damage: Damage, interrupted: Interrupted, tmp_path: Path
) -> None:
    for number, name in enumerate(files(interrupted.moments[moment])):
        is_put_right(interrupted, moment, tmp_path / str(number), name, damage)


@pytest.mark.parametrize("moment", ["pass 1 done", "all passes done"])
def test_what_is_whole_is_not_done_again(moment: str, interrupted: Interrupted, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(interrupted.moments[moment], output)
    kept = {path.name: path.stat().st_mtime_ns for path in output.rglob("*.parquet")}
    assert cupel.verify(output).damaged == ()
    refine(interrupted.pool, output)
    for path in (output / "ledger").glob("pass-0-*.parquet"):
        name = path.name.removeprefix("pass-0-").replace(".parquet", ".ledger.parquet")
        assert path.stat().st_mtime_ns == kept.get(name, kept.get(path.name))
    assert content(output) == interrupted.content


@pytest.mark.parametrize("damage", DAMAGES[:4], ids=lambda damage: damage.__name__)
def test_verify_names_each_damaged_file_of_an_interrupted_run(
    damage: Damage, interrupted: Interrupted, tmp_path: Path
) -> None:
    source = interrupted.moments["all passes done"]
    whole = cupel.verify(source)
    assert (whole.finished, whole.damaged) == (False, ())
    assert whole.files > 20
    # What is made anew from others each time is not checked, and what has lost its marker counts as not done.
    checked = [
        name for name in files(source) if name.startswith(("_work/pass", "_work/resolved", "data", "ledger"))
    ]
    for number, name in enumerate(checked):
        if damage is remove and name.endswith(".done"):
            continue
        output = tmp_path / str(number)
        shutil.copytree(source, output)
        damage(output / name)
        damaged = {str(fault.path.relative_to(output)) for fault in cupel.verify(output).damaged}
        moved = damage is remove and name.startswith("ledger/")  # missed where it was written
        assert len(damaged) == 1 if moved else name in damaged, f"{name}: {damaged}"
        shutil.rmtree(output)


@pytest.mark.parametrize("damage", DAMAGES[:4], ids=lambda damage: damage.__name__)
def test_a_damaged_finished_run_is_not_called_whole(
    damage: Damage, interrupted: Interrupted, tmp_path: Path
) -> None:
    assert cupel.verify(interrupted.output).damaged == ()
    names = files(interrupted.output)
    assert {"report.html", "report.json", "recipe.yaml", "inputs.json"} < set(names)
    for number, name in enumerate(names):
        output = tmp_path / str(number)
        shutil.copytree(interrupted.output, output)
        damage(output / name)
        if damage is remove and name == "manifest.json":
            with pytest.raises(CupelError, match="no run of Cupel"):
                cupel.verify(output)
            continue
        damaged = cupel.verify(output).damaged
        if name == "report.html":  # drawn on demand, so it may be missing
            assert [str(fault) for fault in damaged] == [
                f"{output / name}: differs from what was written; delete it, and the same command draws it again"
            ] * (damage is not remove)
            (output / name).unlink(missing_ok=True)
            refine(interrupted.pool, output, report=True)
            assert cupel.verify(output).damaged == ()
            assert (output / name).exists()
            continue
        if name == "README.md":  # partly the user's, so the run is not refused
            assert [fault.path for fault in damaged] == [output / name] * (damage is not remove)
            (output / name).unlink(missing_ok=True)
            refine(interrupted.pool, output)
            assert cupel.verify(output).damaged == ()
            assert (output / name).exists()
            continue
        assert str(damaged[0].path).endswith(name), damaged
        if damage is not flip or name == "manifest.json":
            with pytest.raises(CupelError, match="--restart"):
                refine(interrupted.pool, output)
        shutil.rmtree(output)


class Damaging(Silent):
    """Damages a file below `_work` when a moment of the run has come."""

    def __init__(self, output: Path, moment: str, name: str, damage: Damage) -> None:
        self.output, self.moment, self.name, self.damage = output, moment, name, damage

    def note(self, text: str) -> None:
        self._strike(text)

    @contextmanager
    def following(self, title: str, folder: Path, sizes: object) -> Iterator[None]:
        self._strike(title)
        yield

    def _strike(self, now: str) -> None:
        path = self.output / "_work" / self.name
        if now.startswith(self.moment) and path.exists():
            assert self.damage(path)
            self.moment = "never"


def flip_page(path: Path) -> bool:
    """Change a byte of the first column's last page."""
    value = bytearray(path.read_bytes())
    at = len(value) // 2
    if path.suffix == ".parquet":
        column = pq.read_metadata(path).row_group(0).column(0)
        at = (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size - 1
    value[at] ^= 0x10
    path.write_bytes(value)
    return True


READ_BACK = {
    "pass-0/00000.parquet": "exact",
    "pass-0/00000.sketch.parquet": "exact",
    "pass-0/00000.tally.json": "exact",
    "pass-0/00000.done": "exact",
    "pass-0/00000.ledger.parquet": "pass 2",
    "fields.json": "pass 2",
    "decided-0-exact.parquet": "minhash",
    "decided-0-exact.findings.json": "minhash",
    "decided-0-minhash.parquet": "pass 2",
    "decided-0-minhash.findings.json": "pass 2",
}
"""Files that a run reads back while it goes on, and the moment before which each is damaged."""


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        pytest.param(name, damage, id=f"{name}-{damage.__name__}")
        for name in READ_BACK
        for damage in (empty, halve, flip_page, remove)
        # No run reads every page of a ledger; `verify` does.
        if not (name.endswith(".ledger.parquet") and damage is flip_page)
    ],
)
def test_a_file_damaged_while_the_run_goes_on_is_named_and_made_again(
    name: str, damage: Damage, interrupted: Interrupted, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    damaging = Damaging(output, READ_BACK[name], name, damage)
    message = (
        f"{Path(name).name}: .*(is missing|is not what was written|cannot be read|has .* bytes, expected)"
    )
    if name.endswith(".ledger.parquet"):  # where it is published, by another name
        message = r"pass-0-00000\.parquet: (cannot be read|has .* bytes, expected|is missing)"
    with pytest.raises(CupelError, match=message):
        refine(interrupted.pool, output, progress=damaging)
    assert damaging.moment == "never"
    assert not (output / "manifest.json").exists()
    refine(interrupted.pool, output)
    assert content(output) == interrupted.content
    assert cupel.verify(output).damaged == ()


def test_a_foreign_file_is_no_part_of_a_run(interrupted: Interrupted, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(interrupted.moments["all passes done"], output)
    shutil.copy(next((output / "data").glob("*.parquet")), output / "data" / "part-copy.parquet")
    with pytest.raises(Damaged, match=r"part-copy\.parquet: is not of this run"):
        refine(interrupted.pool, output)
    assert not (output / "manifest.json").exists()
    (output / "data" / "part-copy.parquet").unlink()
    refine(interrupted.pool, output)
    assert content(output) == interrupted.content


def test_a_damaged_run_is_no_input(interrupted: Interrupted, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(interrupted.output, output)
    halve(next((output / "data").glob("*.parquet")))
    with pytest.raises(Damaged, match="cupel verify"):
        cupel.refine(cupel.Recipe.from_dict(RECIPE), input=output, output=tmp_path / "next")


def test_a_run_without_its_plan_begins_anew(interrupted: Interrupted, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(interrupted.moments["all passes done"], output)
    (output / "_work" / "plan.json").unlink()
    recipe = cupel.Recipe.from_dict(RECIPE)
    # Cut another way, its finished parts would hold other documents than their names say.
    cupel.refine(recipe, input=interrupted.pool, output=output, target_shard_bytes=1 << 30)
    assert content(output)["content_hash"] == interrupted.content["content_hash"]
    assert cupel.verify(output).damaged == ()
