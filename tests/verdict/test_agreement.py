"""Agreement of judges against published examples and other implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cupel.verdict.agreement import Level, correlation_interval, krippendorff_alpha, weighted_kappa

_ = math.nan
# Krippendorff 2011, section C: four observers, twelve units; α = .743 nominal, .815 ordinal, .849 interval.
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
)


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(level: Level, alpha: float) -> None:
    assert krippendorff_alpha(OBSERVERS, level) == pytest.approx(alpha, abs=5e-4)


def test_alpha_of_the_binary_example() -> None:
    """Krippendorff 2011, section A: two observers, ten units, α = 0.095."""
    ratings = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], float)
    assert krippendorff_alpha(ratings, "nominal") == pytest.approx(0.095, abs=5e-4)


def test_alpha_counts_pairs_as_its_definition_does() -> None:
    """Against all pairs of ratings, one by one."""
    rng = np.random.default_rng(0)
    ratings = rng.integers(1, 6, (4, 30)).astype(float)
    ratings[rng.random(ratings.shape) < 0.3] = math.nan
    observed, pool = 0.0, []
    for item in ratings.T:
        own = item[~np.isnan(item)]
        if len(own) < 2:
            continue
        pool += own.tolist()
        observed += sum((a - b) ** 2 for a in own for b in own) / (len(own) - 1)
    expected = sum((a - b) ** 2 for a in pool for b in pool) / (len(pool) - 1)
    assert krippendorff_alpha(ratings) == pytest.approx(1 - observed / expected)


def test_kappa_of_a_published_table() -> None:
    """Cohen 1960, table 1 in proportions: κ = .492 over three diagnoses of 200 cases."""
    table = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    first = np.repeat(np.repeat([0.0, 1, 2], 3), table.ravel())
    second = np.repeat(np.tile([0.0, 1, 2], 3), table.ravel())
    assert weighted_kappa(first, second, "nominal") == pytest.approx(0.492, abs=5e-4)


@pytest.mark.parametrize(("level", "weights"), [("nominal", None), ("ordinal", "quadratic")])
def test_kappa_is_that_of_scikit_learn(level: Level, weights: str | None) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="compares with scikit-learn")
    rng = np.random.default_rng(1)
    first = rng.integers(1, 6, 400).astype(float)
    second = np.clip(first + rng.integers(-1, 2, 400), 1, 5)
    peer = metrics.cohen_kappa_score(first.astype(int), second.astype(int), weights=weights)
    assert weighted_kappa(first, second, level) == pytest.approx(peer)
    if level == "ordinal":  # the values are whole numbers in a row
        assert weighted_kappa(first, second, "interval") == pytest.approx(peer)


def test_what_one_judge_left_out_does_not_count() -> None:
    first, second = np.array([1.0, 2, 3, _]), np.array([1.0, 2, _, 3])
    assert weighted_kappa(first, second) == 1.0


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0]])
def test_nothing_to_agree_on_is_no_number(values: list[float]) -> None:
    ratings = np.array(values)
    assert math.isnan(weighted_kappa(ratings, ratings))
    assert math.isnan(krippendorff_alpha(np.stack([ratings, ratings])))


def test_the_interval_holds_the_correlation_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    from cupel.verdict.auroc import rank_correlation

    truth = 6 / math.pi * math.asin(0.6 / 2)  # Spearman's of a normal distribution with Pearson's 0.6
    held = 0
    for _number in range(1000):
        x = rng.normal(size=60)
        y = 0.6 * x + 0.8 * rng.normal(size=60)
        low, high = correlation_interval(rank_correlation(x, y), 60)
        held += low <= truth <= high
    assert 925 <= held <= 975
    assert correlation_interval(0.9, 3) == (-1.0, 1.0)
    assert correlation_interval(1.0, 10)[1] <= 1.0
