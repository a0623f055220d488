"""LongAttn's choice: the score of its code, ties, and documents that were not measured."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

import cupel
from cupel.contract import Clusters, Resources
from cupel.errors import BadOption, UnknownName
from cupel.recipe.recipe import Recipe
from cupel.select.long_dependence import LongDependence
from tests.conftest import prose
from tests.memory_view import MemoryView
from tests.models import tiny


def select(
    strengths: Sequence[float | None], variances: Sequence[float | None], **options: object
) -> Clusters:
    method = LongDependence.from_options(options)
    count = len(strengths)
    documents = pa.record_batch(
        {
            "text": pa.array(["text"] * count, pa.large_string()),
            "long_range_strength": pa.array(strengths, pa.float64()),
            "long_range_variance": pa.array(variances, pa.float64()),
            "token_count": pa.array([1] * count, pa.int64()),
        }
    )
    sketch = method.sketch_documents(documents)
    assert sketch.schema == method.sketch_schema
    return method.decide(MemoryView(sketch, documents["text"]), Resources())


def test_the_score_is_that_of_the_published_code() -> None:
    members = select([0.2, 0.6, 0.4, 0.5], [1e-6, 9e-6, 5e-6, 1e-6]).members.to_pylist()
    # Strength scaled: 0, 1, 0.5, 0.75; variance scaled: 0, 1, 0.5, 0.
    assert [row["score"] for row in members] == pytest.approx([0, 0.5, 0.25, 0.75])
    assert [row["kept"] for row in members] == [False, True, False, True]
    alone = select([0.2, 0.6, 0.4, 0.5], [1e-6, 9e-6, 5e-6, 1e-6], variance_weight=0, budget="1-documents")
    assert alone.members["kept"].to_pylist() == [False, True, False, False]


def test_what_is_not_measured_is_not_selected() -> None:
    members = select([None, 0.5, 0.5], [None, 1e-6, 1e-6], budget="100%").members.to_pylist()
    assert [row["kept"] for row in members] == [False, True, True]
    assert [row["score"] for row in members] == [None, 0.25, 0.25]  # one value everywhere
    assert select([0.5, 0.5], [1e-6, 1e-6], budget="1-documents").members["kept"].to_pylist() == [True, False]
    assert select([], []).members.num_rows == 0
    assert not any(select([None], [None]).members["kept"].to_pylist())


def test_it_chooses_in_a_run(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'lab'")
    model = f"trial:{tiny.save(tmp_path / 'trial')}"
    rng = random.Random(1)
    rows = [json.dumps({"id": f"d{row}", "text": prose(rng, 40 if row else 1)}) for row in range(11)]
    (tmp_path / "pool.jsonl").write_text("\n".join(rows))
    steps = [
        {"long-range": {"model": model, "min_tokens": 16}},
        {"long-dependence": {"budget": "4-documents"}},
    ]
    result = cupel.refine(
        Recipe.from_dict({"name": "long", "steps": steps}),
        input=tmp_path / "pool.jsonl",
        output=tmp_path / "out",
    )
    kept = result.corpus().to_arrow()["id"].to_pylist()
    assert len(kept) == 4
    assert "d0" not in kept  # one word


def test_bad_options_are_refused() -> None:
    with pytest.raises(BadOption, match="variance_weight"):
        LongDependence.from_options({"variance_weight": -1})
    with pytest.raises(UnknownName, match="did you mean 'variance_weight'"):
        LongDependence.from_options({"variance_wight": 1})
