"""Sampling: its distribution against the definition, budgets, and what it may not depend on."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from cupel.contract import Clusters, Resources
from cupel.errors import BadOption
from cupel.select.sample import GumbelSample
from tests.memory_view import MemoryView


def select(
    scores: Sequence[float | None],
    ids: Sequence[str] | None = None,
    tokens: Sequence[int] | None = None,
    **options: object,
) -> Clusters:
    """What a sample of documents with these scores decides; `by` is set."""
    method = GumbelSample.from_options({"by": "quality", **options})
    ids = [f"d{number}" for number in range(len(scores))] if ids is None else ids
    documents = pa.record_batch(
        {
            "id": pa.array(ids, pa.large_string()),
            "text": pa.array(["text"] * len(ids), pa.large_string()),
            "quality": pa.array(scores, pa.float64()),
            "token_count": pa.array(tokens or [1] * len(ids), pa.int64()),
        }
    )
    sketch = method.sketch_documents(documents)
    assert sketch.schema == method.sketch_schema
    return method.decide(MemoryView(sketch, documents["text"]), Resources())


def kept(decision: Clusters) -> list[int]:
    return [row["doc"] for row in decision.members.to_pylist() if row["kept"]]


def test_temperature_zero_takes_the_best() -> None:
    scores = [0.1, 0.9, None, 0.5, math.nan, 0.7]
    assert kept(select(scores, budget="3-documents", temperature=0)) == [1, 3, 5]
    assert kept(select(scores, budget="2-documents", temperature=0, lowest=True)) == [0, 3]
    # What has no score is not selected, however large the budget.
    assert kept(select(scores, budget="100%", temperature=0)) == [0, 1, 3, 5]


def test_every_document_has_a_row_and_its_score() -> None:
    decision = select([0.25, None], budget="1-documents")
    assert decision.members.to_pylist() == [
        {"doc": 0, "kept": True, "score": 0.25},
        {"doc": 1, "kept": False, "score": None},
    ]


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_drawn_one_after_the_other_with_softmax_of_the_score(temperature: float) -> None:
    """Pairs of five documents, drawn with 4,000 seeds, beside the exact probabilities of drawing without replacement."""
    scores = np.array([0.0, 1.0, 2.0, 0.5, -1.0])
    weights = np.exp(scores / temperature)
    expected: Counter[frozenset[int]] = Counter()
    for first, second in itertools.permutations(range(5), 2):
        chance = weights[first] / weights.sum() * weights[second] / (weights.sum() - weights[first])
        expected[frozenset((first, second))] += chance
    draws = 4000
    drawn = Counter(
        frozenset(
            kept(
                select(
                    scores.tolist(),
                    budget="2-documents",
                    temperature=temperature,
                    standardize=False,
                    seed=seed,
                )
            )
        )
        for seed in range(draws)
    )
    statistic = sum((drawn[pair] - draws * p) ** 2 / (draws * p) for pair, p in expected.items())
    assert statistic < 21.67  # chi-squared with 9 degrees of freedom: p > 0.01 with these seeds


def test_standardized_scores_do_not_depend_on_the_unit() -> None:
    scores = [float(number % 17) for number in range(300)]
    bigger = [1000 * score - 7 for score in scores]
    first = kept(select(scores, budget="20%", temperature=1))
    assert first == kept(select(bigger, budget="20%", temperature=1))
    assert first != kept(select(bigger, budget="20%", temperature=1, standardize=False))
    assert len(first) == 60


def test_a_document_is_drawn_by_its_id_wherever_it_stands() -> None:
    ids = [f"東京-{number}" for number in range(200)]
    scores = [0.0] * 200
    forward = {ids[doc] for doc in kept(select(scores, ids, budget="30%"))}
    backward = {ids[::-1][doc] for doc in kept(select(scores, ids[::-1], budget="30%"))}
    assert forward == backward
    # In a pool twice as large, those that are drawn of the old ones were drawn before.
    more = [*ids, *(f"new-{number}" for number in range(200))]
    grown = {more[doc] for doc in kept(select([0.0] * 400, more, budget="60-documents"))}
    assert {id for id in grown if id in set(ids)} <= forward


def test_tokens_are_counted_by_their_signal() -> None:
    method = GumbelSample.from_options({"budget": "10-tokens"})
    assert method.signals == ("token_count",)
    assert kept(select([3, 2, 1], tokens=[6, 5, 1], budget="10-tokens", temperature=0)) == [0]
    assert kept(select([3, 2, 1], tokens=[6, 4, 1], budget="10-tokens", temperature=0)) == [0, 1]


def test_the_report_says_what_was_chosen_beside_what_was_not() -> None:
    (section,) = select([1.0, 3.0, 2.0], budget="1-documents", temperature=0).findings
    facts, table = section.blocks
    assert ("selected", "1 (33.3 %)") in facts.facts  # type: ignore[union-attr]
    assert table.rows == (("", 3, 1, 1 / 3, 3.0, 1.5),)  # type: ignore[union-attr]


def test_an_empty_corpus() -> None:
    assert select([], budget="20%").members.num_rows == 0


def test_bad_options_are_refused() -> None:
    with pytest.raises(BadOption, match="of what"):
        GumbelSample.from_options({"budget": "5"})
    with pytest.raises(BadOption, match="temperature"):
        GumbelSample.from_options({"temperature": -1})
