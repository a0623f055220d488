"""Sampling per group: golden budgets, each group as if alone, groups that run short, misnamed groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.contract import Clusters, Resources
from cupel.errors import BadOption
from cupel.findings import Prose, Table
from cupel.recipe.recipe import Recipe
from cupel.select.sample import GumbelSample
from tests.memory_view import MemoryView

SOURCES = ["wiki"] * 4 + ["web"] * 10 + ["code"] * 2


def decide(
    groups: Sequence[str | None],
    scores: Sequence[float | None] | None = None,
    tokens: Sequence[int] | None = None,
    rows_in_batch: int | None = None,
    **options: Any,
) -> Clusters:
    method = GumbelSample.from_options({"within": "source", **options})
    rows = len(groups)
    documents = pa.record_batch(
        {
            "id": pa.array([f"東京-{number}" for number in range(rows)], pa.large_string()),
            "text": pa.array(["Café"] * rows, pa.large_string()),
            "source": pa.array(groups, pa.large_string()),
            "language": pa.array(groups, pa.large_string()),
            "metadata": pa.array(
                [orjson.dumps({"meta": {"topic": group}}).decode() for group in groups], pa.large_string()
            ),
            "quality": pa.array(range(rows) if scores is None else scores, pa.float64()),
            "token_count": pa.array(tokens or [1] * rows, pa.int64()),
        }
    )
    step = rows_in_batch or max(rows, 1)
    parts = [method.sketch_documents(documents.slice(start, step)) for start in range(0, rows, step)]
    sketch = pa.Table.from_batches(parts, method.sketch_schema).combine_chunks()
    batches = sketch.to_batches() or [pa.RecordBatch.from_pylist([], method.sketch_schema)]
    view = MemoryView(batches[0], documents["text"], {"source": documents["source"]})
    return method.decide(view, Resources())


def kept(decision: Clusters) -> list[int]:
    return [row["doc"] for row in decision.members.to_pylist() if row["kept"]]


def by_group(decision: Clusters, groups: Sequence[str | None]) -> dict[str | None, int]:
    return dict(Counter(groups[doc] for doc in kept(decision)))


def test_an_amount_is_taken_of_each_and_a_share_of_each() -> None:
    assert by_group(decide(SOURCES, budget="2-documents"), SOURCES) == {"wiki": 2, "web": 2, "code": 2}
    assert by_group(decide(SOURCES, budget="50%"), SOURCES) == {"wiki": 2, "web": 5, "code": 1}
    assert by_group(decide(SOURCES, budget="3-documents"), SOURCES) == {"wiki": 3, "web": 3, "code": 2}


def test_the_best_of_each_group_in_both_directions() -> None:
    best = decide(SOURCES, by="quality", temperature=0, budget="2-documents")
    assert kept(best) == [2, 3, 12, 13, 14, 15]
    worst = decide(SOURCES, by="quality", temperature=0, lowest=True, budget="2-documents")
    assert kept(worst) == [0, 1, 4, 5, 14, 15]


def test_single_groups_have_budgets_of_their_own() -> None:
    options = {"by": "quality", "temperature": 0, "budget": "1-documents"}
    decision = decide(SOURCES, budgets={"wiki": "75%", "web": "7-tokens"}, tokens=[3] * 16, **options)
    assert kept(decision) == [1, 2, 3, 12, 13, 15]
    method = GumbelSample.from_options({"within": "source", "budgets": {"web": "7-tokens"}})
    assert method.signals == ("token_count",)
    assert GumbelSample.from_options({"within": "language", "by": "quality"}).signals == (
        "quality",
        "language",
    )


@pytest.mark.parametrize("within", ["source", "language", "field:meta.topic"])
def test_groups_are_sources_signals_or_fields(within: str) -> None:
    groups = [*SOURCES, None, None, None]
    decision = decide(groups, within=within, budget="1-documents")
    assert by_group(decision, groups) == {"wiki": 1, "web": 1, "code": 1, None: 1}
    nothing = decide(groups, within=within, budget="1-documents", budgets={"": "2-documents"})
    assert by_group(nothing, groups)[None] == 2
    method = GumbelSample.from_options({"within": within})
    assert dict(method.fields) == ({"meta.topic": ""} if within.startswith("field") else {})


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "東京", None]), st.floats(-5, 5)), max_size=60),
    st.sampled_from(["30%", "5-documents", "40%-tokens", "9-tokens", "20-bytes"]),
    st.sampled_from([0, 1, 2.5]),
    st.integers(0, 3),
)
def test_each_group_is_drawn_from_as_if_it_were_alone(
    rows: list[tuple[str | None, float]], budget: str, temperature: float, seed: int
) -> None:
    options = {"by": "quality", "budget": budget, "temperature": temperature, "seed": seed}
    groups = [group for group, _ in rows]
    scores = [score for _, score in rows]
    tokens = [1 + number % 4 for number in range(len(rows))]
    together = decide(groups, scores, tokens, **options)
    alone = []
    for group in set(groups):
        others = [score if own == group else None for own, score in rows]  # no score: not a candidate
        own_tokens = [count if own == group else 0 for own, count in zip(groups, tokens, strict=True)]
        if budget.endswith(("%", "bytes")):
            continue  # a share is of all that there is, also of what has no score
        alone += kept(decide([""] * len(rows), others, own_tokens, **options))
    if alone:
        assert kept(together) == sorted(alone)
    for rows_in_batch in (1, 7):
        again = decide(groups, scores, tokens, rows_in_batch=rows_in_batch, **options)
        assert again.members.equals(together.members)


def test_a_share_of_each_group_equals_a_share_of_it_alone() -> None:
    groups = [f"g{number % 7}" for number in range(300)]
    scores = np.random.default_rng(0).normal(size=300).tolist()
    together = set(kept(decide(groups, scores, by="quality", temperature=1, budget="30%")))
    for group in set(groups):
        own = [number for number in range(300) if groups[number] == group]
        method = GumbelSample.from_options({"by": "quality", "temperature": 1, "budget": "30%"})
        documents = pa.record_batch(
            {
                "id": pa.array([f"東京-{number}" for number in own], pa.large_string()),
                "text": pa.array(["Café"] * len(own), pa.large_string()),
                "quality": pa.array([scores[number] for number in own]),
            }
        )
        view = MemoryView(method.sketch_documents(documents), documents["text"])
        assert {own[doc] for doc in kept(method.decide(view, Resources()))} == together & set(own)


def test_groups_that_run_short_are_reported() -> None:
    (section,) = decide(SOURCES, budget="3-documents").findings
    prose = next(block for block in section.blocks if isinstance(block, Prose))
    assert prose.text.startswith("1 group holds less than the budget")
    assert "code (2 of 3 documents)" in prose.text
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert table.columns[:3] == ("source", "documents", "budget")
    assert [row[:4] for row in table.rows] == [
        ("web", 10, "3 documents", 3),
        ("wiki", 4, "3 documents", 3),
        ("code", 2, "3 documents", 2),
    ]
    (enough,) = decide(SOURCES, budget="2-documents").findings
    assert not any(isinstance(block, Prose) for block in enough.blocks)


def test_a_group_that_does_not_exist_stops_the_run() -> None:
    decision = decide(SOURCES, budget="1-documents", budgets={"wkii": "50%"})
    assert len(decision.stop) == 1
    assert "did you mean 'wiki'?" in decision.stop[0]
    assert decide(SOURCES, budgets={"wiki": "50%"}).stop == ()


def test_many_groups_are_listed_briefly() -> None:
    groups = [f"g{number:03}" for number in range(120)]
    (section,) = decide(groups, budget="2-documents").findings
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert len(table.rows) == 30
    assert table.caption == "The 30 largest of 120 groups."
    prose = next(block for block in section.blocks if isinstance(block, Prose))
    assert "and 115 more" in prose.text


def test_an_empty_corpus() -> None:
    assert decide([], budget="20%").members.num_rows == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"within": None, "budgets": {"a": "5%"}}, "'budgets' are of groups"),
        ({"budgets": {"wiki": "5"}}, "of 'wiki', budget is '5': of what"),
        ({"budgets": {"wiki": "120%"}}, "of 'wiki'.*at most 100 %"),
        ({"within": "Source"}, "option 'within'"),
        ({"within": "field:"}, "option 'within'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        GumbelSample.from_options({"within": "source", **options})


def test_a_recipe_without_groups_has_the_digest_it_had() -> None:
    with_defaults = Recipe.from_dict({"name": "r", "steps": [{"sample": {"budget": "5%"}}]})
    (step,) = with_defaults.to_dict()["steps"]
    assert not {"within", "budgets"} & set(step["sample"])
