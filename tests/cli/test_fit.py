"""`cupel fit` as it is typed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPEL_CACHE", str(tmp_path / "cache"))


def cupel(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([warm.cupel(), *map(str, arguments)], capture_output=True, text=True)


def test_fit_says_what_it_learned(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(documents=50)
    done = cupel("fit", "ngram-perplexity", pool, "--output", tmp_path / "model", "--order", 3)
    assert done.returncode == 0, done.stderr
    assert "Fitted ngram-perplexity" in done.stdout
    assert "documents" in done.stdout
    assert str(tmp_path / "model") in done.stdout + done.stderr
    assert json.loads((tmp_path / "model" / "about.json").read_bytes())["options"]["order"] == 3


def test_its_page_can_be_kept(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = cupel("fit", "ngram-perplexity", make_pool(documents=50), "-o", tmp_path / "model", "--page", page)
    assert done.returncode == 0, done.stderr
    assert str(page) in "".join((done.stdout + done.stderr).split("\n"))
    written = page.read_text("utf-8")
    assert "Fitted ngram-perplexity" in written
    assert "</html>" in written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ngram-perplexity", "--output", "x"], "name a pool"),
        (["ngram-perplexty", "pool", "--output", "x"], "did you mean 'ngram-perplexity'"),
        (["counts", "pool", "--output", "x"], "no fitted method is called 'counts'"),
        (["ngram-perplexity", "pool", "--output", "x", "--ordr", "3"], "did you mean '--order'"),
        (["ngram-perplexity", "pool", "--output", "x", "--order", "99"], "option 'order' is 99"),
        (["ngram-perplexity", "nowhere", "--output", "x"], "nowhere"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    said: str,
    make_pool: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_pool(documents=5)
    monkeypatch.chdir(tmp_path)
    done = cupel("fit", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()
