"""Each part of the error against its textbook form; corrections against brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from cupel.errors import BadInput
from cupel.verdict.bootstrap import Resampled
from cupel.verdict.floor import Floor, floor_of
from cupel.verdict.power import seeds_needed
from cupel.verdict.statistics import Estimate, holm, paired_difference, single_value

ZERO = np.zeros(1)


def still(values: list[float], replicates: int = 4_000) -> Resampled:
    """Trials whose items make no difference."""
    array = np.array(values)
    return Resampled(array, np.tile(array, (replicates, 1)), 1_000.0)


def floor(deviation: float, seeds: int, mean: float = 1.0) -> Floor:
    return Floor(mean, deviation, 0.0, 0.0, seeds)


def test_without_item_noise_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    for seeds in (2, 3, 5, 12):
        first, other = rng.normal(1.9, 0.02, seeds), rng.normal(1.95, 0.02, seeds)
        difference = paired_difference(still(list(first)), still(list(other)))
        mean, error = (first - other).mean(), (first - other).std(ddof=1) / seeds**0.5
        reach = special.stdtrit(seeds - 1, 0.975) * error
        assert difference.interval() == pytest.approx((mean - reach, mean + reach), rel=1e-4)
        # No p is reported that so few replicates cannot tell from zero.
        expected = 2 * special.stdtr(seeds - 1, -abs(mean) / error)
        assert difference.p_value() == pytest.approx(expected, abs=2 / 4_001)


def test_without_seed_noise_it_is_the_bootstrap_over_items() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.normal(0, 0.1, (20_000, 1))
    arm = Resampled(np.array([2.0, 2.0]), np.hstack([drawn + 2.0] * 2), 5_000.0)
    difference = paired_difference(arm, still([1.9, 1.9], 20_000))
    assert difference.seed_error == 0
    assert difference.item_error == pytest.approx(0.1, rel=0.02)
    low, high = difference.interval() or (0, 0)
    assert (low, high) == pytest.approx((0.1 - 0.196, 0.1 + 0.196), abs=0.006)
    assert difference.p_value() == pytest.approx(0.317, abs=0.02)


def test_what_seeds_and_items_do_together_counts_once() -> None:
    """Seeds differ item by item and in nothing else: the error is that of the mean over both."""
    rng = np.random.default_rng(2)
    errors = []
    for _ in range(300):
        noise = rng.normal(0, 1, (4, 100))
        values = noise.mean(axis=1)
        counts = rng.multinomial(100, np.full(100, 0.01), 400) / 100
        estimate = single_value(Resampled(values, counts @ noise.T, 1e9))
        errors.append(estimate.seed_error**2 + estimate.item_error**2)
    # Plain sums of both parts give twice the variance, a resample of both three times (Owen 2007). Not
    # going below what is certain costs something too: the larger of two estimates is too large.
    assert 1 <= 400 * np.mean(errors) < 1.5


def test_few_seeds_do_not_agree_more_closely_than_their_items_allow() -> None:
    rng = np.random.default_rng(3)
    drawn = 0.5 + rng.normal(0, 0.05, (5_000, 3))
    estimate = single_value(Resampled(np.full(3, 0.5), drawn, 1_000.0))
    assert estimate.seed_deviation == pytest.approx(0.05, rel=0.05)


def test_the_floor_is_pooled_by_degrees_of_freedom() -> None:
    """Smyth 2004: s̃² = (d₀·s₀² + d·s²)/(d₀ + d); a difference has twice the variance of a trial."""
    difference = paired_difference(still([1.02, 0.98, 1.0]), still([1.0, 1.0, 1.0]), floor(0.01, 10))
    assert difference.seed_deviation**2 == pytest.approx((9 * 2 * 0.01**2 + 2 * 0.02**2) / 11)
    assert (difference.degrees, difference.source) == (11, "seeds and floor")
    single = single_value(still([1.02, 0.98, 1.0]), floor=floor(0.01, 10))
    assert single.seed_deviation**2 == pytest.approx((9 * 0.01**2 + 2 * 0.02**2) / 11)
    scaled = paired_difference(still([2.04, 1.96, 2.0]), still([2.0, 2.0, 2.0]), floor(0.01, 10))
    assert scaled.seed_deviation == pytest.approx(2 * difference.seed_deviation)


def test_one_seed_rests_on_the_floor_alone_or_on_nothing() -> None:
    difference = paired_difference(still([1.05]), still([1.0]), floor(0.01, 10))
    assert difference.source == "floor"
    reach = special.stdtrit(9, 0.975) * np.sqrt(2) * 0.01 * 1.025
    assert difference.interval() == pytest.approx((0.05 - reach, 0.05 + reach), rel=1e-4)
    bare = paired_difference(still([1.05]), still([1.0]))
    assert (bare.source, bare.interval(), bare.p_value()) == ("nothing", None, 1.0)
    assert seeds_needed(bare, 0.05).text == "about 2 more seeds"


def test_a_floor_that_the_seeds_contradict_is_set_aside() -> None:
    wild = paired_difference(still([1.3, 1.0, 0.7]), still([1.0, 1.0, 1.0]), floor(0.005, 10))
    assert (wild.source, wild.degrees) == ("seeds, floor set aside", 2)
    assert wild.seed_deviation == pytest.approx(0.3)


def test_equal_arms_without_any_noise_are_not_told_apart() -> None:
    same = paired_difference(still([1.0, 1.0]), still([1.0, 1.0]))
    assert same.p_value() == 1.0
    assert same.interval() == pytest.approx((0, 0))


def test_gathered_draws_give_the_tails_of_all_draws() -> None:
    rng = np.random.default_rng(4)
    drawn = rng.normal(0, 0.1, (20_000, 1)) ** 3
    values = np.array([0.0, 0.02, 0.04])
    estimate = single_value(Resampled(values, drawn + values, 1e9))
    common = drawn[:, 0] - drawn.mean()
    assert len(estimate.draws) < 1_000
    for at in (-0.2, -0.05, 0.0, 0.03, 0.1):
        z = (at - 0.02 - common) / estimate.seed_error
        assert estimate.tails(at)[0] == pytest.approx(special.stdtr(2, z).mean(), abs=2e-4)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_is_closed_testing_with_bonferroni(p_values: list[float], level: float) -> None:
    """A hypothesis falls when every set it is in falls; a set falls by its least p times its size."""
    places = range(len(p_values))
    sets = [chosen for size in places for chosen in combinations(places, size + 1)]
    for place, corrected in enumerate(holm(p_values)):
        needed = max(
            min(1.0, len(chosen) * min(p_values[i] for i in chosen)) for chosen in sets if place in chosen
        )
        assert corrected == pytest.approx(needed)
        assert (corrected <= level) == (needed <= level) or corrected == pytest.approx(level)


def test_seeds_needed_are_those_that_reach_the_power() -> None:
    """The number asked for has a power just over 0.8, as counted in many t tests."""
    rng = np.random.default_rng(5)
    for effect in (0.7, 1.5):
        estimate = Estimate(effect, 3, 1.0, 2, 0.0, "seeds", ZERO, np.ones(1))
        more = seeds_needed(estimate, 0.01).more_seeds
        assert more is not None
        for seeds, lowest, highest in ((3 + more, 0.78, 0.9), (2 + more, 0.6, 0.82)):
            drawn = rng.normal(effect, 1.0, (4_000, seeds))
            t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / seeds**0.5)
            power = (np.abs(t) >= special.stdtrit(seeds - 1, 0.995)).mean()
            assert lowest <= power <= highest


def test_more_seeds_do_not_help_against_too_few_items() -> None:
    estimate = Estimate(0.5, 3, 1.0, 2, 0.4, "seeds", ZERO, np.ones(1))
    needed = seeds_needed(estimate, 0.05)
    assert needed.more_seeds is None
    # With no scatter between seeds, n items more make the item error √n times smaller.
    assert 0.4 / np.sqrt(needed.more_items or 0) * (1.96 + 0.8416) == pytest.approx(0.5, rel=1e-3)
    hopeless = Estimate(0.0, 3, 1.0, 2, 0.4, "seeds", ZERO, np.ones(1))
    assert seeds_needed(hopeless, 0.05).text == "more items than are likely to be had"
    tiny = Estimate(0.01, 3, 1.0, 2, 0.0, "seeds", ZERO, np.ones(1))
    assert seeds_needed(tiny, 0.05).text == "more than 100 more seeds"


def test_the_interval_of_a_floor_holds_the_true_deviation() -> None:
    rng = np.random.default_rng(6)
    inside = 0
    for _ in range(1_000):
        pooled = floor_of(rng.normal(2.0, 0.01, 10))
        inside += pooled.low <= 0.01 <= pooled.high
    assert 0.95 - 0.021 <= inside / 1_000 <= 0.95 + 0.021, "three standard errors of a share of 1,000"


def test_a_floor_needs_two_trials() -> None:
    with pytest.raises(BadInput, match="needs two trials"):
        floor_of([1.0])
