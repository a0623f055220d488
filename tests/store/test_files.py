import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cupel.store import files, make, make_folder, replace

ROOT = Path(__file__).parents[2]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def folder_of(number: int) -> Callable[[Path], None]:
    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        (unfinished / "number").write_text(str(number))

    return build


def failing(unfinished: Path) -> None:
    unfinished.mkdir()
    (unfinished / "number").write_text("1")
    raise ValueError("in the middle")


def is_marked(folder: Path) -> bool:
    return (folder / "number").is_file()


BUILDER = """
import os, sys
from pathlib import Path
from cupel.store import make

target, log = Path(sys.argv[1]), Path(sys.argv[2])

def build(unfinished):
    unfinished.mkdir()
    with log.open("a") as file:
        print(os.getpid(), file=file)
    for place in range(200):
        (unfinished / str(place)).write_text(str(os.getpid()))

make(target, build)
texts = {(target / str(place)).read_text() for place in range(200)}
print(len(texts), texts.pop())
"""

STUCK = """
import sys
from pathlib import Path
from cupel.store import make

def build(unfinished):
    unfinished.mkdir()
    (unfinished / "number").write_text("half")
    print("building", flush=True)
    sys.stdin.read()

make(Path(sys.argv[1]), build)
"""


def start(code: str, *arguments: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_that_ask_at_once_share_the_work_of_one(tmp_path: Path) -> None:
    target, log = tmp_path / "cache" / "Café 東京", tmp_path / "log"
    processes = [start(BUILDER, target, log) for _ in range(5)]
    answers = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 5
    builders = log.read_text().split()
    assert len(builders) == 1
    assert answers == [["1", builders[0]]] * 5
    assert names(target.parent) == [target.name]


def test_after_a_kill_in_the_middle_it_is_built_from_the_start(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    process = start(STUCK, target)
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not target.exists()
    assert any(name.endswith(".tmp") for name in names(tmp_path))
    make(target, folder_of(7))
    assert names(tmp_path) == ["folder"]
    assert (target / "number").read_text() == "7"


def test_one_who_waits_for_a_killed_process_builds(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    process = start(STUCK, target)
    assert process.stdout is not None
    process.stdout.readline()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(make, target, folder_of(7))
        assert not waiting.done()
        process.kill()
        waiting.result()
    process.communicate()
    assert (target / "number").read_text() == "7"
    assert names(tmp_path) == ["folder"]


def test_threads_build_once(tmp_path: Path) -> None:
    builds = []
    together = threading.Barrier(8)

    def ask(number: int) -> str:
        together.wait()
        return make(tmp_path / "folder", lambda path: (builds.append(number), folder_of(number)(path)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert len(builds) == 1
    assert (tmp_path / "folder" / "number").read_text() == str(builds[0])


def test_what_is_not_whole_is_built_again(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    (target / "deep").mkdir(parents=True)
    (target / "deep" / "half").write_text("x")
    make(target, folder_of(3), whole=is_marked)
    assert names(target) == ["number"]
    make(target, folder_of(4), whole=is_marked)
    assert (target / "number").read_text() == "3"
    (tmp_path / "file").write_text("half")
    make(tmp_path / "file", folder_of(5), whole=Path.is_dir)
    assert names(tmp_path) == ["file", "folder"]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="in the middle"):
        make(tmp_path / "folder", failing)
    assert names(tmp_path) == []
    folder_of(1)(tmp_path / "folder")
    with pytest.raises(ValueError, match="in the middle"):
        replace(tmp_path / "folder", failing)
    assert names(tmp_path) == ["folder"]
    assert (tmp_path / "folder" / "number").read_text() == "1"


def test_files_of_others_beside_it_stay(tmp_path: Path) -> None:
    kept = [".folder.tmp", ".folder.mine.tmp", ".folder2.0123456789abcdef.tmp", "folder.tmp"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    make(tmp_path / "folder", folder_of(1))
    assert names(tmp_path) == sorted([*kept, "folder"])


def test_where_nothing_can_be_written_what_is_whole_is_given(tmp_path: Path) -> None:
    folder_of(1)(tmp_path / "folder")
    tmp_path.chmod(0o500)
    try:
        assert make(tmp_path / "folder", failing) == tmp_path / "folder"
        assert os.listdir(tmp_path) == ["folder"]
    finally:
        tmp_path.chmod(0o700)


def test_the_names_of_new_folders_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync", synced.append)
    make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
    make_folder(tmp_path / "a" / "b" / "c")
    assert synced[2:] == [tmp_path / "a" / "b"]
    make_folder(tmp_path / "a" / "b")
    assert len(synced) == 3
    make(tmp_path / "new" / "file", lambda unfinished: unfinished.write_text("1"))
    assert tmp_path in synced[3:]


def test_no_folder_is_made_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file" / "folder")
    assert (tmp_path / "file").read_text() == "mine"
