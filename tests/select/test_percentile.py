"""Percentiles: against a sorted list, with ties, groups and missing values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cupel
from cupel.contract import Clusters, Resources
from cupel.errors import BadOption
from cupel.recipe.recipe import Recipe
from cupel.select.percentile import Percentile
from tests.memory_view import MemoryView


def select(scores: Sequence[float | None], groups: Sequence[str | None] = (), **options: object) -> Clusters:
    method = Percentile.from_options({"by": "quality", **options})
    rows = len(scores)
    documents = pa.record_batch(
        {
            "text": pa.array(["text"] * rows, pa.large_string()),
            "quality": pa.array(scores, pa.float64()),
            "language": pa.array(list(groups) or ["en"] * rows, pa.large_string()),
        }
    )
    sketch = method.sketch_documents(documents)
    assert sketch.schema == method.sketch_schema
    return method.decide(MemoryView(sketch, documents["text"]), Resources())


def kept(decision: Clusters) -> list[int]:
    return [row["doc"] for row in decision.members.to_pylist() if row["kept"]]


def test_the_highest_tenth_and_the_rest() -> None:
    scores = [float(value) for value in np.random.default_rng(0).permutation(50)]
    highest = kept(select(scores, at_least=90))
    assert sorted(scores[place] for place in highest) == [45, 46, 47, 48, 49]
    assert sorted(kept(select(scores, at_most=90)) + highest) == list(range(50))
    middle = kept(select(scores, at_least=20, at_most=90))
    assert sorted(scores[place] for place in middle) == list(range(10, 45))


def test_documents_at_the_border_and_without_a_value() -> None:
    scores = [1.0, 2.0, 2.0, 2.0, 3.0, None, math.nan]
    assert kept(select(scores, at_least=40)) == [1, 2, 3, 4]
    assert kept(select(scores, at_most=40)) == [0, 1, 2, 3]
    ranks = select(scores, at_least=40).members["score"].to_pylist()
    assert ranks == [0.0, 20.0, 20.0, 20.0, 80.0, None, None]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.floats(0, 100), st.floats(0, 100))
def test_it_is_what_a_sorted_list_says(values: list[int], low: float, high: float) -> None:
    low, high = min(low, high), max(low, high)
    if low == high:
        return
    ordered = sorted(values)
    first = math.floor(low * len(ordered) / 100 + 1e-9)
    last = math.floor(high * len(ordered) / 100 + 1e-9)
    inside = set(ordered[first:])
    below = set(ordered[:last])
    bounds = (min(inside, default=math.inf), max(below, default=-math.inf))
    expected = [place for place, value in enumerate(values) if bounds[0] <= value <= bounds[1]]
    assert kept(select([float(value) for value in values], at_least=low, at_most=high)) == expected


def test_groups_have_percentiles_of_their_own_where_they_are_large_enough() -> None:
    scores = [1.0, 2.0, 3.0, 4.0, 101.0, 102.0, 103.0, 104.0, 50.0]
    groups = ["de"] * 4 + ["en"] * 4 + ["fr"]
    decision = select(scores, groups, at_least=50, within="language", min_group=2)
    assert kept(decision) == [2, 3, 6, 7, 8]  # fr: from the median of all
    assert "1 groups have fewer than 2 documents" in decision.findings[0].lead
    table: Any = decision.findings[0].blocks[0]
    assert [row[:3] for row in table.rows] == [("de", 4, 3.0), ("en", 4, 103.0), ("fr", 1, 50.0)]


def test_nothing_to_select_from() -> None:
    assert kept(select([], at_least=90)) == []
    assert kept(select([None, math.nan], at_least=0)) == []
    assert kept(select([1.0, 2.0], at_most=0)) == []
    assert kept(select([1.0, 2.0], at_least=0)) == [0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give at_least, at_most or both"),
        ({"at_least": 101}, "option 'at_least' is 101"),
        ({"at_least": 60, "at_most": 40}, "nothing lies between"),
        ({"at_least": 50, "by": "Quality!"}, "option 'by'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        Percentile.from_options({"by": "quality", **options})


def test_in_a_recipe_of_sources(tmp_path: Path) -> None:
    rows = [
        {"id": f"{source}-{number}", "source": source, "text": "word " * (number + 1) * length}
        for source, length in (("short", 1), ("long", 10))
        for number in range(4)
    ]
    steps = [{"percentile": {"by": "word_count", "at_least": 75, "within": "source", "min_group": 1}}]
    recipe = Recipe.from_dict({"name": "longest", "steps": steps})
    cupel.refine(recipe, input=pa.Table.from_pylist(rows), output=tmp_path / "out")
    ids = cupel.Corpus.read([str(tmp_path / "out")]).to_arrow()["id"].to_pylist()
    assert sorted(ids) == ["long-3", "short-3"]
