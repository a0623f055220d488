"""Few items, and items that all agree: what they may decide."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.verdict.bootstrap import resample_items
from cupel.verdict.exact import least_p, unseen_share
from cupel.verdict.measures import Measure
from cupel.verdict.statistics import Estimate, paired_difference, single_value

REPLICATES = 400


def estimate(arm: np.ndarray, base: np.ndarray) -> Estimate:
    """Of (seeds, items) of both arms: 1 where an answer was right, or bits of documents of one byte."""
    seeds, items = arm.shape
    names = tuple(map(str, range(items)))
    measures = [Measure("m", "s", "higher", names, row, np.ones(items)) for row in (*arm, *base)]
    resampled = resample_items(measures, np.random.default_rng(0), REPLICATES)
    return paired_difference(resampled.of(range(seeds)), resampled.of(range(seeds, 2 * seeds)))


@given(st.lists(st.integers(-3, 3), max_size=9))
def test_the_bound_is_the_share_of_sign_patterns(values: list[int]) -> None:
    differences = np.array(values, float)
    patterns = itertools.product((-1, 1), repeat=len(values))
    sums = [abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in patterns]
    assert least_p(differences) == pytest.approx(np.mean([s >= abs(sum(values)) for s in sums]))


def test_many_equal_differences_are_a_binomial_test() -> None:
    assert least_p(np.ones(20)) == pytest.approx(2 * 0.5**20)
    assert least_p(np.array([1.0] * 14 + [-1.0] * 6)) == pytest.approx(0.1153, abs=1e-4)
    assert least_p(np.ones(65)) == 0.0


@pytest.mark.parametrize("items", [1, 2, 3, 4, 5])
def test_so_few_items_decide_nothing_however_they_agree(items: int) -> None:
    difference = estimate(np.ones((3, items)), np.zeros((3, items)))
    assert difference.p_value() == 2 * 0.5**items
    low, high = difference.interval()
    assert low <= 0
    assert high == 1.0


@pytest.mark.parametrize("items", [8, 50, 1000])
def test_an_interval_is_never_a_point(items: int) -> None:
    """All agree: at one end what the measure can be, at the other what items not drawn leave open."""
    low, high = estimate(np.ones((3, items)), np.zeros((3, items))).interval()
    assert low == pytest.approx(1 - 2 * unseen_share(items, 0.95))
    assert high == 1.0
    equal = estimate(np.ones((3, items)), np.ones((3, items)))
    assert equal.p_value() == 1.0
    low, high = equal.interval()
    assert low < 0 < high


def test_intervals_stay_within_what_an_accuracy_can_be() -> None:
    rng = np.random.default_rng(1)
    for items, right in ((7, 0.9), (12, 0.95), (30, 0.97)):
        arm, base = (rng.random((3, items)) < share for share in (right, 0.5))
        low, high = estimate(arm.astype(float), base.astype(float)).interval()
        assert -1 <= low <= high <= 1
        names = tuple(map(str, range(items)))
        rows = [Measure("m", "s", "higher", names, row.astype(float), np.ones(items)) for row in arm]
        low, high = single_value(resample_items(rows, rng, REPLICATES)).interval()
        assert 0 <= low <= high <= 1


@pytest.mark.parametrize("seeds", [2, 3, 10])
@pytest.mark.parametrize("items", [1, 2, 3, 4, 5, 8, 16, 32])
def test_equal_arms_are_decided_in_at_most_five_of_a_hundred(items: int, seeds: int) -> None:
    """Quizzes that one arm answers and the other does not, by the toss of a coin, alike with every seed."""
    rng = np.random.default_rng([items, seeds])
    assays, decided = 200, 0
    for _ in range(assays):
        right = np.tile(rng.random(items) < 0.5, (seeds, 1))
        decided += estimate(right.astype(float), (~right).astype(float)).p_value() <= 0.05
    tolerance = 3 * (0.05 * 0.95 / assays) ** 0.5
    assert decided / assays <= 0.05 + tolerance


def test_caution_is_not_blindness() -> None:
    """Two percent of bits per byte at three seeds and 200 documents is found as before."""
    rng, decided = np.random.default_rng(3), 0
    for _ in range(50):
        base = 1 + rng.normal(0, 0.2, 200)
        arms = [base + rng.normal(0, 0.01, 200) + rng.normal(0, 0.003, (3, 1)) - gain for gain in (0.02, 0.0)]
        decided += estimate(*arms).p_value() <= 0.05
    assert decided >= 40
