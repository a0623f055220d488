"""The area under the ROC curve against its definition, and the coverage of its interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from cupel.verdict.auroc import auroc, rank_correlation

items = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40)


@given(items)
def test_equals_the_peers(drawn: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in drawn], float)
    positive = np.array([label for _, label in drawn])
    if positive.all() or not positive.any():
        with pytest.raises(ValueError, match="class without items"):
            auroc(scores, positive)
        return
    value, low, high = auroc(scores, positive)
    assert value == pytest.approx(roc_auc_score(positive, scores))
    assert 0 <= low <= value <= high <= 1


@given(items)
def test_rank_correlation_is_spearmans(drawn: list[tuple[int, bool]]) -> None:
    first = np.array([score for score, _ in drawn], float)
    second = np.array([3 * label + score % 2 for score, label in drawn], float)
    expected = (
        stats.spearmanr(first, second).statistic if len(set(first)) > 1 and len(set(second)) > 1 else 0.0
    )
    assert rank_correlation(first, second) == pytest.approx(expected)


def test_the_interval_covers_what_it_says() -> None:
    """95 % of intervals hold the true value: two normal distributions 1 apart have the area Φ(1/√2) = 0.7602."""
    rng = np.random.default_rng(0)
    truth = float(stats.norm.cdf(1 / np.sqrt(2)))
    positive = np.arange(120) < 50
    covered = 0
    for _ in range(2000):
        _, low, high = auroc(rng.normal(size=120) + positive, positive)
        covered += low <= truth <= high
    assert 0.93 < covered / 2000 < 0.965


def test_a_perfect_ranking_is_not_certain() -> None:
    value, low, high = auroc(np.arange(20.0), np.arange(20) >= 10)
    assert (value, high) == (1.0, 1.0)
    assert low == pytest.approx(0.7)
