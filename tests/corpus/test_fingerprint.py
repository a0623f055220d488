"""Changed inputs: noticed between runs, and while they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import cupel
from cupel.corpus.files import find_files
from cupel.corpus.fingerprint import digest_of
from cupel.corpus.read import read_shard
from cupel.corpus.shards import plan_shards
from cupel.errors import InputChanged

LINE = b'{"text": "a line of silver, and not of gold"}\n'
MIB = 1 << 20


@pytest.mark.parametrize("size", [20, 200_000, MIB, MIB + 1, 5 * MIB])
@pytest.mark.parametrize("place", [0.0, 0.31, 0.5, 0.999])
def test_a_byte_anywhere_is_noticed_although_size_and_time_stay(
    size: int, place: float, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * size)
    status = path.stat()
    before = digest_of(str(path))
    assert digest_of(str(path)) == before
    with open(path, "rb+") as file:
        file.seek(int(size * place))
        file.write(b"b")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert digest_of(str(path)) != before


def test_a_small_file_is_its_content(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(LINE)
    os.utime(tmp_path / "b", (1, 1))
    assert digest_of(str(tmp_path / "a")) == digest_of(str(tmp_path / "b"))


def _append(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(LINE)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - len(LINE))


def _replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes().replace(b"silver", b"copper"))
    os.replace(other, path)


def _overwrite(path: Path) -> None:
    """The same size and time, another content."""
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"gold", b"lead"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES = [_append, _cut, _replace, _overwrite, Path.unlink]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("lines", [10, 100_000])
def test_a_change_while_it_is_read_stops_and_names_the_file(
    change: Callable[[Path], None], lines: int, tmp_path: Path
) -> None:
    path = tmp_path / "pool.jsonl"
    path.write_bytes(LINE * lines)
    shards = plan_shards(find_files([str(path)]), target_bytes=2 * MIB)
    batches = read_shard(shards[-1])
    if lines > 10:
        next(batches)
    change(path)
    with pytest.raises(InputChanged, match=r"pool\.jsonl (changed|was removed) while it was read"):
        list(batches)


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_published_of_a_run_whose_input_changes(
    change: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pool.jsonl"
    path.write_bytes(LINE * 10)
    recipe = cupel.Recipe.from_dict({"name": "x", "steps": ["exact"]})
    start = cupel.Engine.start

    def changed_once_the_run_has_begun(engine: cupel.Engine) -> None:
        start(engine)
        change(path)

    monkeypatch.setattr(cupel.Engine, "start", changed_once_the_run_has_begun)
    with pytest.raises(InputChanged, match=r"pool\.jsonl"):
        cupel.refine(recipe, input=path, output=tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert not (tmp_path / "out" / "ledger").exists()


def test_touching_a_small_file_while_it_is_read_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    path.write_bytes(LINE * 10)
    shards = plan_shards(find_files([str(path)]))
    os.utime(path)
    path.chmod(0o600)
    assert sum(batch.documents.num_rows for batch in read_shard(shards[0])) == 10


def test_an_empty_file_that_fills_is_no_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINE)
    path = tmp_path / "b.jsonl"
    path.touch()
    shards = plan_shards(find_files([str(tmp_path)]))
    _append(path)
    with pytest.raises(InputChanged, match=r"b\.jsonl"):
        list(read_shard(shards[0]))
