"""The tables that a run leaves behind join on `doc`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import cupel

STEPS: list[Any] = ["counts", {"threshold": {"signal": "word_count", "at_least": 40}}, "exact", "lines"]


@pytest.fixture(scope="module", params=["parquet", "jsonl"])
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> cupel.Result:
    from tests.conftest import write_pool

    folder = tmp_path_factory.mktemp("joined")
    write_pool(folder / "pool", 300, 3)
    recipe = cupel.Recipe.from_dict({"name": "joined", "steps": STEPS})
    # Small files and shards: the place of a document among the data files is not that in the input.
    return cupel.refine(
        recipe,
        input=folder / "pool",
        output=folder / "out",
        writing=cupel.OutputOptions(format=request.param, shard_bytes=20_000),
        target_shard_bytes=20_000,
    )


def kept(result: cupel.Result) -> dict[int, str]:
    rows = result.ledger().to_pylist()
    return {row["doc"]: row["id"] for row in rows if row["status"] == "kept"}


def test_every_document_joins_with_its_row_of_the_ledger(result: cupel.Result) -> None:
    corpus = result.corpus()
    table = corpus.to_arrow()
    assert dict(zip(table["doc"].to_pylist(), table["id"].to_pylist(), strict=True)) == kept(result)
    joined = corpus.to_daft().select("doc", "id").join(result.ledger(), on="doc").to_pylist()
    assert len(joined) == result.manifest["documents"]["kept"] > 100
    assert all(row["id"] == row["right.id"] for row in joined)
    streamed = [row for batch in corpus.batches() for row in batch.select(["doc", "id"]).to_pylist()]
    assert {row["doc"]: row["id"] for row in streamed} == kept(result)


def test_the_columns_are_those_of_the_files(result: cupel.Result) -> None:
    corpus = result.corpus()
    assert corpus.to_arrow().schema.equals(corpus.schema)
    if corpus.files[0].format == "parquet":
        assert corpus.schema.equals(pq.read_schema(corpus.files[0].path))
        assert {"signals", "lang", "doc"} <= set(corpus.schema.names)
        signals = corpus.to_arrow()["signals"].to_pylist()
        assert all(row["word_count"] is not None for row in signals)


def test_clusters_join_too(result: cupel.Result) -> None:
    ids = {row["doc"]: row["id"] for row in result.ledger().to_pylist()}
    rows = pq.read_table(result.output / "clusters" / "exact.parquet").to_pylist()
    assert rows
    assert all(ids[row["cluster"]] == row["survivor"] for row in rows)


def test_a_refined_corpus_that_is_refined_again_has_keys_of_its_own(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = cupel.Recipe.from_dict({"name": "once", "steps": ["exact"]})
    first = cupel.refine(recipe, input=make_pool(120, 2), output=tmp_path / "first")
    again = cupel.refine(recipe, input=first.output, output=tmp_path / "again")
    table = again.corpus().to_arrow()
    assert dict(zip(table["doc"].to_pylist(), table["id"].to_pylist(), strict=True)) == kept(again)
