"""Filters on fields and copies by a key, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cupel import Corpus
from tests.cli.test_commands import cupel

ROWS = [
    {"id": str(n), "text": f"Text {n}.", "url": f"u{n // 2}", "title": "t", "lang": "en"} for n in range(4)
]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.mark.parametrize(
    ("keys", "documents"), [(("url",), 2), (("title",), 1), (("url", "title"), 2), (("id", "title"), 4)]
)
def test_dedup_by_key(pool: Path, tmp_path: Path, keys: tuple[str, ...], documents: int) -> None:
    words = [word for key in keys for word in ("--key", key)]
    cupel("dedup", pool, "--by", "exact", "--no-report", "--output", tmp_path / "out", *words)
    assert Corpus.read(tmp_path / "out").count() == documents


def test_only_some_methods_compare_keys(pool: Path, tmp_path: Path) -> None:
    said = cupel(
        "dedup", pool, "--by", "minhash", "--key", "url", "--output", tmp_path / "out", status=1
    ).stderr
    assert "minhash compares no keys; these do: exact" in " ".join(said.split())


def test_a_field_that_is_named_as_a_signal(pool: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: r\nsteps:\n  - threshold: {signal: lang, is: en}\n")
    said = cupel("refine", recipe, "-i", pool, "-o", tmp_path / "out", status=1).stderr
    assert "documents have a field of that name: write `field: lang`" in " ".join(said.split())


def test_a_fault_of_an_expression_is_shown_at_its_place(pool: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: r\nsteps:\n  - where: lang = 'en' adn url is null\n")
    said = cupel("refine", recipe, "-i", pool, "-o", tmp_path / "out", status=1).stderr
    lines = said.splitlines()
    assert lines[-2].index("adn") == lines[-1].index("^")
