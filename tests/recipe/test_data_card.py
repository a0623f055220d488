"""The data card of an output: the library `datasets` loads the folder by it, and edits by hand stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import cupel
from cupel.recipe.data_card import _block, _size_category
from cupel.units import write_bytes

datasets = pytest.importorskip("datasets")

STEPS: list[Any] = ["language-id", {"length": {"min_words": 20}}, "exact"]


def refine(pool: Path, output: Path, format: str = "parquet", **options: Any) -> cupel.Result:
    recipe = cupel.Recipe.from_dict({"name": "carded", "steps": STEPS})
    return cupel.refine(
        recipe, input=pool, output=output, writing=cupel.OutputOptions(format=format), **options
    )


def load(output: Path, cache: Path, name: str | None = None) -> Any:
    return datasets.load_dataset(str(output), name, cache_dir=str(cache), split="train")


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_datasets_loads_the_output(format: str, make_pool: Callable[..., Path], tmp_path: Path) -> None:
    result = refine(make_pool(120, 2), tmp_path / "out", format)
    loaded = load(result.output, tmp_path / "cache")
    table = result.corpus().to_arrow()
    assert loaded["id"] == table["id"].to_pylist()
    assert loaded["text"] == table["text"].to_pylist()
    if format == "jsonl":  # one format for all configurations of a data set
        return
    ledger = load(result.output, tmp_path / "cache", "ledger")
    assert len(ledger) == result.manifest["documents"]["in"]
    kept = {row["doc"] for row in ledger if row["status"] == "kept"}
    assert set(loaded["doc"]) == kept


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_datasets_loads_conversations(format: str, tmp_path: Path) -> None:
    chats = [
        {
            "messages": [
                {"role": "user", "content": f"What is the capital of country {n}?"},
                {"role": "assistant", "content": f"It is 東京 number {n}, " + "which lies at the sea " * 6},
            ]
        }
        for n in range(5)
    ]
    (tmp_path / "chats.jsonl").write_text("\n".join(map(json.dumps, chats)))
    result = refine(tmp_path / "chats.jsonl", tmp_path / "out", format)
    loaded = load(result.output, tmp_path / "cache")
    assert len(loaded) == 5
    if format == "jsonl":
        assert loaded[0]["messages"] == chats[0]["messages"]
    else:
        assert [part["role"] for part in loaded[0]["parts"] if part["kind"] == "text"] == [
            "user",
            "assistant",
        ]


def test_the_card_says_what_the_run_did_and_verify_checks_it(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    result = refine(make_pool(120, 2), tmp_path / "out")
    card = result.output / "README.md"
    front = yaml.safe_load(card.read_text().split("---\n")[1])
    assert front["license"] == "unknown"
    assert front["language"] == ["en"]
    assert front["size_categories"] == ["n<1K"]
    assert result.manifest["content_hash"] in card.read_text()
    assert not cupel.verify(result.output).damaged
    card.write_text(card.read_text().replace(result.manifest["content_hash"], "0" * 32))
    (damaged,) = cupel.verify(result.output).damaged
    assert damaged.path == card
    card.unlink()
    assert not cupel.verify(result.output).damaged
    refine(tmp_path / "pool", tmp_path / "out")
    assert result.manifest["content_hash"] in card.read_text()


def test_the_card_names_its_sources_and_not_where_they_lay(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(60, 2, name="odd|name")
    result = refine(pool, tmp_path / "out")
    card = (result.output / "README.md").read_text()
    size = write_bytes(sum(file.stat().st_size for file in pool.iterdir()))
    assert f"| collected from | `odd\\|name` (2 files, {size}) |" in card
    assert "| construction | collected |" in card
    assert f"| made on | {result.manifest['started'][:10]} |" in card
    assert "who publishes the data" in card
    assert str(tmp_path) not in card
    written = result.manifest | {"documents": result.manifest["documents"] | {"generated": 3}}
    assert "| construction | collected and written by a model |" in _block(written)
    places = ["s3://bucket/crawl", *(f"/home/alice/part-{n}" for n in range(6))]
    assert "`s3://bucket/crawl`, `part-0`" in _block(written | {"input": places})
    assert "`part-3` and 2 more (2 files" in _block(written | {"input": places})


def test_what_was_filled_in_stays(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    first = refine(make_pool(120, 2), tmp_path / "out")
    card = first.output / "README.md"
    edited = card.read_text().replace("license: unknown", "license: odc-by")
    card.write_text(edited.replace("Describe the data here.", "Essays, from Café to 東京."))
    assert not cupel.verify(first.output).damaged
    before = card.read_text()
    refine(tmp_path / "pool", tmp_path / "out")  # nothing to do
    assert card.read_text() == before
    again = refine(make_pool(60, 1, name="other"), tmp_path / "out", restart=True)
    text = card.read_text()
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "odc-by"
    assert "Essays, from Café to 東京." in text
    assert again.manifest["content_hash"] in text
    assert first.manifest["content_hash"] not in text
    assert not cupel.verify(again.output).damaged


@pytest.mark.parametrize(
    ("documents", "category"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (10**9, "1B<n<10B"),
        (10**4, "10K<n<100K"),
        (10**12, "n>1T"),
    ],
)
def test_size_categories(documents: int, category: str) -> None:
    assert _size_category(documents) == category
