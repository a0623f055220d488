"""Extraction processes that do not start, or whose parent is killed: a second attempt, a sentence, no orphans."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cupel.contract import Extractor
from cupel.corpus.extraction import _pool, extract_batch
from cupel.corpus.extraction._pool import close_pools
from cupel.errors import RunFailed

PAGES = pa.record_batch(
    {"html": pa.array([b"<main><p>Silver is refined in a cupel.</p></main>"], pa.large_binary())}
)


class Endless(Extractor):
    """Never done with a page."""

    name = "endless"

    def extract(self, html: str) -> str:
        Path(html).write_text(str(os.getpid()))
        while True:
            pass


class Frail(Extractor):
    """Meets a signal on the first attempt at a page of a path and a number; done with it on the second."""

    name = "frail"

    def extract(self, html: str) -> str:
        place, number = html.split()
        if Path(place).exists():
            return str(os.getpid())
        Path(place).touch()
        os.kill(os.getpid(), int(number))
        return "not reached"


@pytest.fixture(autouse=True)
def without_children() -> Iterator[None]:
    close_pools()
    yield
    close_pools()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every child that is started, the first of them killed or stopped at once by tests."""
    children: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        children.append(real(*arguments, **options))
        if len(children) == 1:
            children[0].send_signal(signal.SIGKILL)
        return children[-1]

    monkeypatch.setattr(_pool.subprocess, "Popen", start)
    return children


def test_a_child_killed_while_it_starts_is_started_again(started: list[subprocess.Popen[bytes]]) -> None:
    (texts,), errors = extract_batch(PAGES, ["resiliparse"])
    assert texts.to_pylist() == ["Silver is refined in a cupel."]
    assert errors == [None]
    assert [child.poll() for child in started] == [-signal.SIGKILL, None]


def test_a_child_that_never_starts_is_an_error(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pool, "_START_SECONDS", 0.0)
    with pytest.raises(
        RunFailed, match=r"the extraction process does not start: .* the same command resumes"
    ):
        extract_batch(PAGES, ["resiliparse"])
    assert len(started) == 2
    assert all(child.poll() is not None for child in started)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGALRM])
def test_a_page_whose_process_is_killed_or_stopped_is_given_to_another(number: int, tmp_path: Path) -> None:
    html = pa.array([f"{tmp_path / 'place'} {int(number)}".encode()], pa.large_binary())
    (texts,), errors = extract_batch(pa.record_batch({"html": html}), [Frail()], seconds=1.0)
    assert errors == [None]
    assert texts[0].as_py().isdecimal()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_killed_or_stopped_while_it_waits_costs_no_page(number: int, tmp_path: Path) -> None:
    (tmp_path / "place").touch()
    html = pa.array([f"{tmp_path / 'place'} {int(number)}".encode()] * 2, pa.large_binary())
    (first,), _ = extract_batch(pa.record_batch({"html": html}), [Frail()], seconds=1.0)
    os.kill(int(first[0].as_py()), number)
    (second,), errors = extract_batch(pa.record_batch({"html": html}), [Frail()], seconds=1.0)
    assert errors == [None, None]
    assert second[0] == second[1] != first[0]


def test_pipes_of_high_numbers_are_waited_for() -> None:
    code = (
        "import os, resource, pyarrow as pa\n"
        "from cupel.corpus.extraction import extract_batch\n"
        "_, most = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (min(2048, most), most))\n"
        "opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1024)]\n"
        "page = pa.record_batch({'html': pa.array([b'<p>Silver is refined.</p>'], pa.large_binary())})\n"
        "print(extract_batch(page, ['plain'])[0][0].to_pylist())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "['Silver is refined.']\n", done.stderr


def test_too_few_open_files_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import resource, os, pyarrow as pa\n"
        "from cupel.corpus.extraction import extract_batch, _pool\n"
        "from cupel.errors import RunFailed\n"
        "page = pa.record_batch({'html': pa.array([b'<p>Text.</p>'], pa.large_binary())})\n"
        "from cupel.contract import Extractor, find_method; find_method('resiliparse', Extractor)\n"
        "_pool._life_line()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) + 1, 4096))\n"
        "try: extract_batch(page, ['resiliparse'])\n"
        "except RunFailed as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "raise the limit with `ulimit -n`" in done.stdout, done.stderr


def test_a_child_in_an_endless_page_dies_with_its_parent(tmp_path: Path) -> None:
    place = tmp_path / "child"
    code = (
        "import sys, pyarrow as pa\n"
        "from cupel.corpus.extraction import extract_batch\n"
        "from tests.corpus.test_extraction_children import Endless\n"
        "page = pa.record_batch({'html': pa.array([sys.argv[1].encode()], pa.large_binary())})\n"
        "extract_batch(page, [Endless()], seconds=3600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(place)])
    while not place.exists() or not place.read_text():
        assert parent.poll() is None
    child = os.pidfd_open(int(place.read_text()))
    parent.kill()
    parent.wait()
    assert select.select([child], [], [], 60)[0], "the child outlived its parent"
