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

from cupel.corpus.extraction import _pool, extract_batch
from cupel.corpus.extraction._pool import close_pools
from cupel.errors import RunFailed
from cupel.methods import Extractor

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


def test_too_few_open_files_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import resource, os, pyarrow as pa\n"
        "from cupel.corpus.extraction import extract_batch, _pool\n"
        "from cupel.errors import RunFailed\n"
        "page = pa.record_batch({'html': pa.array([b'<p>Text.</p>'], pa.large_binary())})\n"
        "import cupel.methods; cupel.methods.find_method('resiliparse', kind='extractor')\n"
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
