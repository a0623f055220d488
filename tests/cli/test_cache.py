"""`cupel cache`: what is kept of earlier runs, and how it is made less."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cupel.store import Store
from tests import warm
from tests.store.test_artifacts import aged


def cache(folder: Path, *arguments: str, status: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [warm.cupel(), "cache", "--folder", str(folder), *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"} | environment,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "cache")
    aged(store, 40, 20, 1)
    return store


def test_an_empty_cache_is_said(tmp_path: Path) -> None:
    assert "0 B" in cache(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists(), "to look makes nothing"


def test_it_is_listed_by_kind_and_one_by_one(store: Store) -> None:
    listed = cache(store.folder)
    assert "numbers" in listed
    assert "3.00 kB" in listed
    assert "40 d" not in listed, "made just now"
    assert "1 d" in listed
    assert "no bound" in listed
    assert "2.00 GB" in cache(store.folder, CUPEL_CACHE_SIZE="2GB")
    lines = cache(store.folder, "--kind", "numbers").splitlines()
    assert [line.split()[-2:] for line in lines if line.strip().startswith("numbers/")] == [
        ["40", "d"],
        ["20", "d"],
        ["1", "d"],
    ]
    assert cache(store.folder, "--unused-for", "30d").count("numbers/") == 1


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (("--unused-for", "30d"), 2),
        (("--unused-for", "12h"), 0),
        (("--keep", "1.5kB"), 1),
        (("--keep", "1GB"), 3),
        (("--kind", "numbers"), 0),
        (("--kind", "numbers", "--unused-for", "15d"), 1),
    ],
)
def test_what_is_selected_is_removed(store: Store, arguments: tuple[str, ...], left: int) -> None:
    said = cache(store.folder, "--remove", *arguments)
    assert f"removed {3 - left} artifact" in said
    assert len(store.artifacts()) == left


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--remove",), "--remove needs to know what"),
        (("--keep", "1GB"), "it goes with --remove"),
        (("--kind", "number"), "did you mean 'numbers'?"),
        (("--unused-for", "soon"), "'soon': expected a span of time"),
        (("--remove", "--keep", "little"), "'little': expected a size"),
    ],
)
def test_mistakes_remove_nothing(store: Store, arguments: tuple[str, ...], said: str) -> None:
    assert said in " ".join(cache(store.folder, *arguments, status=1).split())
    assert len(store.artifacts()) == 3


def test_nothing_of_others_is_removed(store: Store) -> None:
    (store.folder / "numbers" / "notes.txt").write_text("mine")
    (store.folder / "thesis").mkdir()
    cache(store.folder, "--remove", "--kind", "numbers")
    assert (store.folder / "numbers" / "notes.txt").read_text() == "mine"
    assert (store.folder / "thesis").is_dir()
