"""Buckets: CCNet's rule word for word, percentiles by brute force, groups, and a whole run."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import cupel
from cupel.contract import Clusters, Resources
from cupel.errors import BadOption
from cupel.recipe.recipe import Recipe
from cupel.select.bucket import Bucket
from tests.conftest import prose
from tests.memory_view import MemoryView


def decide(
    values: Sequence[float | None], groups: Sequence[str | None] | None = None, **options: object
) -> Clusters:
    method = Bucket.from_options(
        {"by": "perplexity", **({"within": "language"} if groups is not None else {}), **options}
    )
    documents = pa.record_batch(
        {
            "text": pa.array(["text"] * len(values), pa.large_string()),
            "perplexity": pa.array(values, pa.float64()),
            "language": pa.array(groups or [None] * len(values), pa.string()),
        }
    )
    sketch = method.sketch_documents(documents)
    assert sketch.schema == method.sketch_schema
    return method.decide(MemoryView(sketch, documents["text"]), Resources())


def names(decision: Clusters) -> list[str]:
    return decision.members["reason"].to_pylist()


def published(perplexity: float | None, head: float, tail: float) -> str:
    """`PerplexityBucket.get_bucket` of cc_net."""
    if perplexity is None or perplexity < 0:
        return "all"
    if perplexity < head:
        return "head"
    return "middle" if perplexity < tail else "tail"


def test_buckets_are_those_of_the_published_rule() -> None:
    rng = random.Random(4)
    values = [round(rng.lognormvariate(5, 1), 1) for _ in range(500)]
    # Percentile p of n values, between neighbors by a straight line, by its definition.
    ordered = sorted(values)
    cutoffs = []
    for percent in (30, 60):
        place = percent / 100 * (len(ordered) - 1)
        low = math.floor(place)
        cutoffs.append(ordered[low] + (place - low) * (ordered[low + 1] - ordered[low]))
    head, tail = cutoffs
    assert names(decide(values)) == [published(value, head, tail) for value in values]
    assert Counter(names(decide(values))) == {"head": 150, "middle": 150, "tail": 200}


def test_each_language_has_percentiles_of_its_own() -> None:
    english, german = [float(n) for n in range(1, 11)], [1000.0 * n for n in range(1, 11)]
    mixed = [value for pair in zip(english, german, strict=True) for value in pair]
    decision = decide(mixed, ["en", "de"] * 10)
    assert names(decision)[::2] == names(decision)[1::2] == ["head"] * 3 + ["middle"] * 3 + ["tail"] * 4
    (section,) = decision.findings
    (table,) = section.blocks
    assert [row[0] for row in table.rows] == ["de", "en"]  # type: ignore[union-attr]
    assert table.rows[1][1:] == (pytest.approx(3.7), pytest.approx(6.4), 3, 3, 4, 0)  # type: ignore[union-attr]


def test_what_has_no_value_or_no_language_is_in_all() -> None:
    decision = decide([1.0, None, math.nan, 2.0, 3.0], ["en", "en", "en", None, "en"])
    assert names(decision) == ["head", "all", "all", "all", "tail"]
    assert decision.members["kept"].to_pylist() == [True, True, True, True, False]
    assert decision.members["score"].to_pylist() == [1.0, None, None, 2.0, 3.0]
    assert names(decide([])) == []
    assert names(decide([None, None])) == ["all", "all"]
    assert names(decide([5.0, 5.0])) == ["tail", "tail"]


def test_other_edges_and_names() -> None:
    values = [float(n) for n in range(8)]
    decision = decide(values, edges=[50], names=["low", "high"], keep=["high"], action="drop")
    assert names(decision) == ["low"] * 4 + ["high"] * 4
    assert decision.members["kept"].to_pylist() == [False] * 4 + [True] * 4


def test_bad_options_are_refused() -> None:
    for options, message in (
        ({"edges": [60, 30]}, "ascending"),
        ({"edges": [50]}, "1 edges make 2 buckets"),
        ({"edges": [0, 50]}, "edges"),
        ({"names": ["a", "a", "b"]}, "expected different ones"),
        ({"names": ["head", "all", "tail"]}, "none called 'all'"),
        ({"keep": ["heads"]}, "bucket 'heads'; expected some of head, middle, tail, all"),
    ):
        with pytest.raises(BadOption, match=message):
            Bucket.from_options({"by": "perplexity", **options})
    with pytest.raises(BadOption, match="option 'by'"):
        Bucket.from_options({})


def test_a_run_marks_and_drops_by_bucket(tmp_path: Path) -> None:
    rng = random.Random(6)
    rows = [json.dumps({"id": f"d{n}", "text": prose(rng, rng.randint(5, 90))}) for n in range(100)]
    (tmp_path / "pool.jsonl").write_text("\n".join(rows))

    def run(name: str, **options: object) -> list[dict[str, object]]:
        steps = ["counts", {"bucket": {"by": "word_count", **options}}]
        result = cupel.refine(
            Recipe.from_dict({"name": name, "steps": steps}),
            input=tmp_path / "pool.jsonl",
            output=tmp_path / name,
            target_shard_bytes=4000,
        )
        return result.corpus().to_arrow().to_pylist()

    marked = run("marked")
    assert len(marked) == 100
    counts = np.array([row["signals"]["word_count"] for row in marked])  # type: ignore[index]
    head, tail = np.percentile(counts, (30, 60))
    labels = [published(float(value), head, tail) for value in counts]
    assert [row["bucket_name"] for row in marked] == labels
    kept = run("dropped", action="drop", keep=["middle"])
    assert [row["id"] for row in kept] == [
        row["id"] for row, label in zip(marked, labels, strict=True) if label == "middle"
    ]
