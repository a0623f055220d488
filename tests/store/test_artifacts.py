"""Artifacts: whole or not there, one maker at a time, never taken from under who uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cupel.errors import BadOption
from cupel.store import Key, Store, default_folder

ROOT = Path(__file__).parents[2]


def sized(size: int) -> Callable[[Path], None]:
    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        (unfinished / "content").write_bytes(b"x" * size)

    return build


def never(unfinished: Path) -> None:
    raise AssertionError("it is there already")


def other_process(code: str, store: Path) -> subprocess.Popen[str]:
    program = (
        f"from pathlib import Path\nfrom cupel.store import Key, Store\nstore = Store(Path({str(store)!r}))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program + code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def aged(store: Store, *ages: float) -> list[Key]:
    """Artifacts of 1,000 bytes that another process made, used so many days ago."""
    keys = [Key("numbers", options={"number": number}) for number in range(len(ages))]
    made = other_process(
        "def build(folder):\n"
        "    folder.mkdir()\n"
        "    (folder / 'content').write_bytes(b'x' * 1000)\n"
        f"for number in range({len(ages)}): store.make(Key('numbers', options={{'number': number}}), build)\n",
        store.folder,
    )
    assert made.communicate()[0] == ""
    for key, days in zip(keys, ages, strict=True):
        then = time.time() - days * 86_400
        os.utime(store.path(key).with_suffix(".json"), (then, then))
    return keys


@pytest.mark.parametrize(
    "other",
    [
        Key("model", "name", 1, {"a": 1}, {"text": "d"}),
        Key("numbers", "other", 1, {"a": 1}, {"text": "d"}),
        Key("numbers", "name", 2, {"a": 1}, {"text": "d"}),
        Key("numbers", "name", 1, {"a": 2}, {"text": "d"}),
        Key("numbers", "name", 1, {"a": 1, "b": None}, {"text": "d"}),
        Key("numbers", "name", 1, {"a": 1}, {"text": "e"}),
        Key("numbers", "name", 1, {"a": 1}, {"texts": "d"}),
    ],
)
def test_everything_in_a_key_decides(other: Key) -> None:
    key = Key("numbers", "name", 1, {"a": 1}, {"text": "d"})
    assert key.digest == Key("numbers", "name", 1, {"a": 1}, {"text": "d"}).digest
    assert other.digest != key.digest


@pytest.mark.parametrize("kind", ["", "../up", "Models", "a/b", ".hidden", "naïve"])
def test_a_kind_is_the_name_of_a_folder(kind: str) -> None:
    with pytest.raises(ValueError, match="expected lower-case letters"):
        Key(kind)


def test_it_is_made_once_and_its_key_stands_beside_it(tmp_path: Path) -> None:
    store, key = Store(tmp_path / "store"), Key("numbers", "name", 3, {"city": "東京"}, {"text": "1e10"})
    assert store.get(key) is None
    path = store.make(key, sized(10))
    assert store.make(key, never) == store.get(key) == path == tmp_path / "store" / "numbers" / key.digest
    written = json.loads(path.with_suffix(".json").read_text())
    assert written == {
        "kind": "numbers",
        "name": "name",
        "version": 3,
        "options": {"city": "東京"},
        "inputs": {"text": "1e10"},
    }
    assert [entry.name for entry in path.iterdir()] == ["content"], "the artifact is what was built, no more"


def test_a_build_that_fails_leaves_no_artifact(tmp_path: Path) -> None:
    store, key = Store(tmp_path), Key("numbers")

    def fail(unfinished: Path) -> None:
        sized(5)(unfinished)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        store.make(key, fail)
    assert store.get(key) is None
    assert store.artifacts() == []
    store.make(key, sized(5))
    assert [artifact.bytes for artifact in store.artifacts()] == [5]


def test_what_is_listed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old, new = aged(store, 40, 2)
    store.make(Key("models"), sized(7))
    without_key = tmp_path / "trials" / ("0" * 32)
    sized(3)(without_key.parent)
    sized(3)(without_key)
    (tmp_path / "numbers" / "notes").mkdir()
    (tmp_path / "Something else").mkdir()
    artifacts = store.artifacts()
    assert [(artifact.kind, artifact.bytes) for artifact in artifacts] == [
        ("models", 7),
        ("numbers", 1000),
        ("numbers", 1000),
        ("trials", 3),
    ]
    assert [artifact.path for artifact in artifacts[1:3]] == [store.path(old), store.path(new)]
    assert [artifact.in_use for artifact in artifacts] == [True, False, False, False]
    assert artifacts[3].key is None
    assert artifacts[1].key is not None
    assert artifacts[1].key["options"] == {"number": 0}


def test_what_a_killed_removal_left_is_removed_by_the_next(tmp_path: Path) -> None:
    store = Store(tmp_path)
    aged(store, 40)
    waste = tmp_path / "numbers" / f".{'1' * 32}.removed"
    sized(5)(waste)
    assert [artifact.bytes for artifact in store.artifacts()] == [1000], "it is no artifact"
    store.remove([])
    assert not waste.exists()
    assert len(store.artifacts()) == 1


def test_use_makes_it_younger(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = aged(store, 40, 2)
    assert store.get(first)
    assert [artifact.path for artifact in store.artifacts()] == [store.path(second), store.path(first)]


def test_trim_removes_what_was_unused_for_the_longest_time(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=2_500)
    second, first, last = aged(store, 20, 30, 1)
    removed = store.trim()
    assert [artifact.path for artifact in removed] == [store.path(first)]
    assert {artifact.path for artifact in store.artifacts()} == {store.path(second), store.path(last)}
    assert store.get(first) is None
    assert not store.path(first).with_suffix(".json").exists()
    assert store.trim() == []
    assert Store(tmp_path).trim() == [], "no bound"


def test_what_this_process_uses_is_not_trimmed(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=1)
    first, second = aged(store, 30, 20)
    assert store.get(first)
    store.trim()
    assert store.get(first)
    assert store.get(second) is None


def test_what_another_process_uses_stays_until_that_ends_however_it_ends(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=1)
    used, unused = aged(store, 30, 20)
    user = other_process(
        "assert store.get(Key('numbers', options={'number': 0}))\nprint('ready', flush=True)\ninput()",
        tmp_path,
    )
    assert user.stdout is not None
    assert user.stdout.readline() == "ready\n"
    removed = store.remove(store.artifacts())
    assert [artifact.path for artifact in removed] == [store.path(unused)]
    assert [artifact.in_use for artifact in store.artifacts()] == [True]
    user.kill()
    user.communicate()
    assert [artifact.path for artifact in store.trim()] == [store.path(used)]
    assert not list((tmp_path / ".used").iterdir()), "what dead processes left is removed"


def test_processes_that_ask_at_once_share_the_work_of_one(tmp_path: Path) -> None:
    code = (
        "def build(folder):\n"
        "    folder.mkdir()\n"
        "    (folder / 'content').write_text('1')\n"
        "    print('built', flush=True)\n"
        "store.make(Key('numbers'), build)\n"
    )
    processes = [other_process(code, tmp_path) for _ in range(4)]
    answers = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(answers) == ["", "", "", "built\n"]
    assert len(Store(tmp_path).artifacts()) == 1


def test_a_store_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    store, key = Store(tmp_path / "store"), Key("numbers")
    store.make(key, sized(3))
    folders = [store.folder, *(path for path in store.folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        reader = other_process("print(store.get(Key('numbers')) is not None)", store.folder)
        assert reader.communicate()[0] == "True\n"
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_where_it_is_and_its_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CUPEL_CACHE", raising=False)
    assert default_folder() == tmp_path / "cupel"
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("CUPEL_CACHE_SIZE", "20 GB")
    assert Store.of() == Store(tmp_path / "mine", 20 * 10**9)
    assert Store.of(tmp_path) == Store(tmp_path, 20 * 10**9)
    monkeypatch.setenv("CUPEL_CACHE_SIZE", "much")
    with pytest.raises(BadOption, match="CUPEL_CACHE_SIZE: 'much': expected a size"):
        Store.of(tmp_path)


def test_what_a_killed_process_left_of_a_kept_file_goes_and_what_a_living_one_writes_stays(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    store.keep("streams", "one", "one", lambda path: path.write_bytes(b"1"))
    killed = tmp_path / "streams" / ".0123456789abcdef.incoming"
    killed.write_bytes(b"half")
    seen = []

    def write(path: Path) -> None:
        path.write_bytes(b"outer")
        seen.append(killed.exists())
        store.keep("streams", "two", "two", lambda inner: inner.write_bytes(b"inner"))
        seen.append(path.read_bytes())

    kept = store.keep("streams", "three", "three", write)
    assert seen == [False, b"outer"]
    assert kept.read_bytes() == b"outer"
    assert not list((tmp_path / "streams").glob(".*.incoming"))


def test_a_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Store(tmp_path).keep("streams", "stdin", "stdin", fail)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and ".used" not in path.parts]
