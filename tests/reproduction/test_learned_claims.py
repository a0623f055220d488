"""The arms of the claims about programs, weighted heuristics and ensembles, on small made pools, and their rules."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from cupel.errors import BadInput
from cupel.reproduction.noise import noise_of, plant_noise, planted_pages, side, site
from cupel.reproduction.pool import gibberish, read_pool
from tests.reproduction import world

pytest.importorskip("torch", reason="needs the extra lab")


def test_noise_is_planted_and_known() -> None:
    pages = ["\n".join(f"Menu {number}" for number in range(30))]
    texts = [f"A café {number}.\nIn 東京." for number in range(40)]
    planted = plant_noise(texts, pages, seed=0)
    assert planted == plant_noise(texts, pages, seed=0)
    assert planted != plant_noise(texts, pages, seed=1)
    for page in planted:
        lines = page.text.split("\n")
        assert len(lines) == len(page.planted)
        assert (
            "\n".join(line for line, noise in zip(lines, page.planted, strict=True) if not noise)
            == page.clean
        )
    assert sum(sum(page.planted) for page in planted) > 100


def test_pages_without_noise_are_refused() -> None:
    with pytest.raises(BadInput, match="none of 1 pages has 9 lines of noise"):
        plant_noise(["x"], ["A page."], seed=0)


def test_sentences_are_no_noise() -> None:
    sentence = "This is a whole sentence of more than twelve words, which is no noise."
    assert noise_of(f"Menu\n\n  {sentence}\nHome | About ") == ["Menu", "Home | About"]
    assert site("https://www.shop.example.org/x") == "example.org"


def test_no_site_and_no_text_is_on_both_sides(tmp_path: Path) -> None:
    data = world.write_data(tmp_path, ("news", "wiki_en"), 60, words=(90, 120))
    menus = [{"id": f"page {page}", "text": "\n".join(f"Menu {n}" for n in range(12))} for page in range(20)]
    lines = "".join(json.dumps(row) + "\n" for row in menus)
    (data / "pool" / "web_boilerplate.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    pages = planted_pages(data, ("news", "wiki_en"), 100, seed=0)
    clean = {name: {page.clean for page in rows} for name, rows in pages.items()}
    assert min(map(len, clean.values())) > 10
    assert not clean["train"] & clean["test"]
    assert Counter(side(f"site {number}", 0.3, 0) for number in range(1000))["test"] == pytest.approx(
        300, abs=60
    )


def test_prox_counts_removed_lines() -> None:
    file = world.module("zhou_prox")
    pages = plant_noise(["Text of a page.\nIts end."] * 4, ["\n".join(map(str, range(20)))], seed=0)
    measured: Any = file["measured_f1"]
    table = pa.table({"id": [f"raw/{n}" for n in range(4)], "text": [page.clean for page in pages]})
    assert measured(pages, table) == 1.0
    assert measured(pages, table.set_column(1, "text", pa.array([page.text for page in pages]))) == 0.0


class Compared:
    def __init__(self, verdict: str) -> None:
        self.verdict = verdict


@pytest.mark.parametrize(
    ("f1", "verdict", "passed"),
    [(0.95, "better", True), (0.9, "better", False), (0.95, "worse", False), (0.95, "undecided", None)],
)
def test_the_rule_of_prox(f1: float, verdict: str, passed: bool | None) -> None:
    decide: Any = world.module("zhou_prox")["decide"]
    assert decide(f1, Compared(verdict)) is passed


@pytest.mark.parametrize(
    ("raw", "best", "passed"),
    [
        ("better", "better", True),
        ("better", "undecided", None),
        ("worse", "better", False),
        ("better", "worse", False),
    ],
)
def test_the_rule_of_gneissweb(raw: str, best: str, passed: bool | None) -> None:
    decide: Any = world.module("gneissweb")["decide"]
    assert decide(raw, best) is passed


def test_the_pool_of_text_quality_holds_junk(tmp_path: Path) -> None:
    file = world.module("sharma_text_quality")
    names: Any = (*file["CLEAN"], file["JUNK"])  # type: ignore[misc]
    pool = read_pool(world.write_data(tmp_path, names), names)
    make: Any = file["raw_pool"]
    made = make(pool, 20_000, seed=0)
    assert made.equals(make(pool, 20_000, seed=0))
    kinds = Counter(made["domain"].to_pylist())
    assert kinds["shuffled"] == kinds["symbols"] > 0
    assert kinds[file["JUNK"]] > 0
    shuffled = next(row for row in made.to_pylist() if row["domain"] == "shuffled")
    original = next(row for row in made.to_pylist() if f"{row['id']}/shuffled" == shuffled["id"])
    assert sorted(shuffled["text"].split()) == sorted(original["text"].split())
    assert shuffled["text"] != original["text"]


def test_the_pool_of_gneissweb_holds_repeats_and_gibberish(tmp_path: Path) -> None:
    file = world.module("gneissweb")
    names: Any = (*file["CLEAN"], *file["DIRTY"], file["CATEGORY"])  # type: ignore[misc]
    documents = read_pool(world.write_data(tmp_path, names), names)
    halves: Any = file["halves"]
    teaching, rest = halves(documents)
    assert not set(teaching["id"].to_pylist()) & set(rest["id"].to_pylist())
    make: Any = file["raw_pool"]
    made = make(rest, 10_000, seed=0)
    assert Counter(made["domain"].to_pylist())["gibberish"] == 1
    assert sum("/copy-" in id_ for id_ in made["id"].to_pylist()) >= 10
    assert len(gibberish(np.random.default_rng(0)).replace(" ", "")) == 2000
