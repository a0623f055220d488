"""The recipe `ccnet` from end to end: repeated lines go, and pages like the model's text are its head."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import zstandard

import cupel
from cupel.recipe.recipe import Recipe

SENTENCES = """\
The old station was built in the winter of that year and closed again before the war.
Most of the people who live in the valley work in the small factories along the river.
She wrote her first novel while she was teaching at a school in the north of the country.
The museum shows paintings, letters and tools from the early days of the town.
After the long journey the ships returned with silk, tea and a few passengers.
Scientists have found that the birds return to the same garden every spring.
The church stands on a hill above the market and can be seen from far away.
He was elected to the council twice and later became the mayor of the city.
The engine was replaced by a stronger one after the accident near the bridge.
Water is pumped from the lake into the fields during the dry months of summer.
The team won the cup for the third time when they beat their old rivals at home.
A new road through the mountains made the trip to the coast much shorter.
""".splitlines()
"""Whole sentences: their words in another order are as English, and no language."""

MENU = ["Home | About us | Contact 24", "Copyright 2019 Example"]


def fitted(folder: Path, texts: list[str], out: Path) -> Recipe:
    """The recipe, with a model of these texts."""
    pool = folder / "wikipedia.jsonl"
    pool.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    cupel.fit("ngram-perplexity", input=[pool], output=out)
    return Recipe.load("ccnet", [f"ngram-perplexity.artifact={out}"])


def page(rng: random.Random) -> str:
    return " ".join(rng.choice(SENTENCES) for _ in range(12))


def scrambled(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    rng.shuffle(words)
    return " ".join(words)


def test_pages_like_the_models_text_are_the_head(tmp_path: Path) -> None:
    rng = random.Random(3)
    recipe = fitted(tmp_path, [page(rng) for _ in range(30)], tmp_path / "wikipedia-en")
    rows = []
    for number in range(60):
        text = page(rng)
        menu = [line.replace("24", str(10 + number)).replace("2019", str(2000 + number)) for line in MENU]
        body = scrambled(text, rng) if number % 3 else text
        rows.append(
            {
                "id": f"d{number}",
                "text": "\n".join([menu[0].upper() if number % 2 else menu[0], body, menu[1]]),
            }
        )
    rows += [{"id": "short", "text": "Too short."}, {"id": "other", "text": "東京は日本の首都です。" * 40}]
    pool = tmp_path / "crawl.jsonl"
    pool.write_text("\n".join(json.dumps(row) for row in rows))
    result = cupel.refine(recipe, input=pool, output=tmp_path / "out")
    kept = {row["id"]: row for row in result.corpus().to_arrow().to_pylist()}
    assert set(kept) == {f"d{number}" for number in range(60)}
    buckets = {id_: row["bucket_name"] for id_, row in kept.items()}
    assert {bucket: list(buckets.values()).count(bucket) for bucket in ("head", "middle", "tail")} == {
        "head": 18,
        "middle": 18,
        "tail": 24,
    }
    plain = {f"d{number}" for number in range(0, 60, 3)}
    assert {id_ for id_, bucket in buckets.items() if bucket == "head"} <= plain
    # The menu stands on the first page alone, whatever its case and its numbers.
    assert "Copyright" in kept["d0"]["text"]
    assert not any(
        "opyright" in row["text"] or "bout" in row["text"].lower() for id_, row in kept.items() if id_ != "d0"
    )


@pytest.mark.slow
def test_real_pages(shared: Path, tmp_path: Path) -> None:
    def texts(name: str, count: int) -> list[str]:
        data = (shared / "data" / "pool" / f"{name}.jsonl.zst").read_bytes()
        lines = zstandard.ZstdDecompressor().stream_reader(data).read(20_000_000).splitlines()
        return [json.loads(line)["text"] for line in lines[:count]]

    recipe = fitted(tmp_path, texts("wiki_en", 1500), tmp_path / "wikipedia-en")
    pool = tmp_path / "crawl.jsonl"
    rows = [
        {"id": f"{name}-{number}", "text": text}
        for name in ("wiki_simple", "chat_irc")
        for number, text in enumerate(texts(name, 200))
    ]
    pool.write_text("\n".join(json.dumps(row) for row in rows))
    result = cupel.refine(recipe, input=pool, output=tmp_path / "out")
    table = result.corpus().to_arrow().to_pylist()
    heads = [row["id"].split("-")[0] for row in table if row["bucket_name"] == "head"]
    assert heads.count("wiki_simple") > 20 * heads.count("chat_irc")
