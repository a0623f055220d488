"""Bradley and Terry's model: the maximum itself, strengths that were planted, and what has no order."""

from __future__ import annotations

import numpy as np
import pytest

from cupel.errors import BadInput
from cupel.verdict.auroc import rank_correlation
from cupel.verdict.bradley_terry import bradley_terry


def judged(strengths: np.ndarray, pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(strengths), pairs)
    second = (first + rng.integers(1, len(strengths), pairs)) % len(strengths)
    odds = 1 / (1 + np.exp(strengths[first] - strengths[second]))
    return first, second, (rng.random(pairs) < odds).astype(float)


def test_it_is_the_maximum() -> None:
    """Against a general optimizer on the likelihood as it is written."""
    optimize = pytest.importorskip("scipy.optimize", reason="compares with scipy")
    first, second, preferred = judged(np.array([-2.0, -1, 0, 1, 2]), 60, seed=0)
    preferred[:10] = 0.25

    def loss(strengths: np.ndarray) -> float:
        odds = 1 / (1 + np.exp(strengths[first] - strengths[second]))
        likelihood = preferred * np.log(odds) + (1 - preferred) * np.log(1 - odds)
        return float(-likelihood.sum() + 0.3 / 2 * (strengths**2).sum())

    peer = optimize.minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-8}).x
    strengths = bradley_terry(first, second, preferred, 5, ridge=0.3)
    assert strengths == pytest.approx(peer - peer.mean(), abs=1e-5)


def test_it_finds_planted_strengths() -> None:
    planted = np.random.default_rng(3).normal(0, 2, 500)
    first, second, preferred = judged(planted, 10_000, seed=4)
    strengths = bradley_terry(first, second, preferred, 500)
    assert rank_correlation(strengths, planted) > 0.95
    slope = float(np.polyfit(planted, strengths, 1)[0])
    assert 0.85 < slope < 1.1  # the scale is that of log odds, drawn in a little by the prior


def test_without_a_prior_it_is_the_published_solution() -> None:
    """Two items, three wins of four: log odds of 3."""
    strengths = bradley_terry(np.zeros(4, int), np.ones(4, int), np.array([1.0, 1, 1, 0]), 2, ridge=1e-9)
    assert strengths[1] - strengths[0] == pytest.approx(np.log(3), abs=1e-6)


def test_who_always_wins_and_who_was_never_compared_have_a_strength() -> None:
    strengths = bradley_terry(np.array([0, 0]), np.array([1, 1]), np.array([1.0, 1.0]), 4)
    assert np.isfinite(strengths).all()
    assert strengths[1] > strengths[2] == strengths[3] > strengths[0]


def test_turning_all_pairs_around_changes_nothing() -> None:
    first, second, preferred = judged(np.linspace(-1, 1, 20), 200, seed=5)
    assert bradley_terry(second, first, 1 - preferred, 20) == pytest.approx(
        bradley_terry(first, second, preferred, 20), abs=1e-7
    )


@pytest.mark.parametrize(
    ("first", "second", "preferred", "ridge", "message"),
    [
        ([], [], [], 0.1, "no pair was judged"),
        ([0], [1], [1.0], 0.0, "expected a number above 0"),
        ([0], [2], [1.0], 0.1, "names item 2; there are 2"),
        ([0], [1], [1.5], 0.1, "out of range"),
        ([0], [1], [float("nan")], 0.1, "out of range"),
    ],
)
def test_bad_judgments_are_refused(
    first: list[int], second: list[int], preferred: list[float], ridge: float, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        bradley_terry(np.array(first, int), np.array(second, int), np.array(preferred, float), 2, ridge)
