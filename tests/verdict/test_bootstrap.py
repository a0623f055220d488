"""Items are resampled as one would by hand, and the same ones for every trial."""

from __future__ import annotations

import numpy as np
import pytest

from cupel.errors import BadInput
from cupel.verdict import bootstrap
from cupel.verdict.bootstrap import mean_of, resample_items
from cupel.verdict.measures import Measure
from tests.verdict.models import Model


def test_it_draws_what_drawing_by_hand_draws() -> None:
    """The same items drawn one by one, with replacement, give the same distribution."""
    (measure,) = Model(items=40, item=0.5).trials(np.random.default_rng(1), seeds=1, arms=1)
    replicates = resample_items([measure], np.random.default_rng(2), 20_000).replicates[:, 0]
    rng = np.random.default_rng(3)
    by_hand = []
    for _ in range(20_000):
        drawn = rng.integers(0, 40, 40)
        by_hand.append(measure.amount[drawn].sum() / measure.weight[drawn].sum())
    shares = [0.025, 0.16, 0.5, 0.84, 0.975]
    spread = np.std(by_hand)
    assert np.quantile(replicates, shares) == pytest.approx(np.quantile(by_hand, shares), abs=0.05 * spread)
    assert replicates.std() == pytest.approx(spread, rel=0.03)


def test_the_spread_is_that_of_a_ratio() -> None:
    """Cochran, Sampling Techniques, 1977, eq. 2.39: Σ(a − R·w)² / (Σw)²."""
    (measure,) = Model(items=900).trials(np.random.default_rng(4), seeds=1, arms=1)
    replicates = resample_items([measure], np.random.default_rng(5), 10_000).replicates[:, 0]
    expected = (
        np.sqrt(np.square(measure.amount - measure.value * measure.weight).sum()) / measure.weight.sum()
    )
    assert replicates.std() == pytest.approx(expected, rel=0.04)


def test_every_trial_gets_the_same_items() -> None:
    rng = np.random.default_rng(6)
    first, other = Model(seed=0.3).trials(rng, seeds=2, arms=1)
    resampled = resample_items([first, other], rng, 500)
    # Between them is nothing but the seed, which is the same for all items: it never changes.
    gap = resampled.replicates[:, 1] - resampled.replicates[:, 0]
    assert gap == pytest.approx(np.full(500, resampled.values[1] - resampled.values[0]))
    assert resampled.replicates[:, 0].std() > 0.01


def test_groups_of_items_stand_for_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their order: neighbours in a file are often alike, and must not share a group for that."""
    (measure,) = Model(items=2_500).trials(np.random.default_rng(7), seeds=1, arms=1)
    order = np.argsort(measure.amount / measure.weight)
    measure = Measure("m", "s", "lower", measure.items, measure.amount[order], measure.weight[order])
    monkeypatch.setattr(bootstrap, "MAX_GROUPS", 400)
    grouped = resample_items([measure], np.random.default_rng(8), 4_000)
    monkeypatch.setattr(bootstrap, "MAX_GROUPS", 10_000)
    single = resample_items([measure], np.random.default_rng(8), 4_000)
    assert grouped.values == pytest.approx(single.values)
    # The error of a standard error from 400 groups is 3.5 %, and 1.1 % from 4,000 replicates.
    assert grouped.replicates.std() == pytest.approx(single.replicates.std(), rel=0.12)


def test_the_number_of_items_is_what_their_weights_leave() -> None:
    weight = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    even = Measure("m", "s", "lower", tuple("abcde"), weight, weight)
    assert resample_items([even], np.random.default_rng(0), 10).items == 4
    weight = np.array([1e9, 1.0, 1.0, 1.0, 1.0])
    uneven = Measure("m", "s", "lower", tuple("abcde"), weight, weight)
    assert resample_items([uneven], np.random.default_rng(0), 10).items == pytest.approx(1, abs=1e-6)


def test_a_mean_is_drawn_part_by_part() -> None:
    rng = np.random.default_rng(9)
    parts = [resample_items(Model(items=50).trials(rng, 2, 1), rng, 3_000) for _ in range(4)]
    mean = mean_of(parts)
    assert mean.values == pytest.approx(np.mean([part.values for part in parts], axis=0))
    alone = np.mean([part.replicates[:, 0].var() for part in parts])
    assert mean.replicates[:, 0].var() == pytest.approx(alone / 4, rel=0.15)
    assert mean.items == min(part.items for part in parts)


@pytest.mark.parametrize(
    ("amount", "weight", "message"),
    [
        ([1.0, np.nan], [1.0, 1.0], "item 'b' has amount nan and weight 1.0"),
        ([1.0, 1.0], [np.inf, 1.0], "item 'a' has amount 1.0 and weight inf"),
        ([1.0, 1.0], [0.0, 0.0], "its 2 items weigh nothing"),
        ([1.0, 1.0], [-1.0, 2.0], "weigh nothing"),
    ],
)
def test_what_cannot_be_resampled_is_named(amount: list[float], weight: list[float], message: str) -> None:
    measure = Measure("m", "s", "lower", ("a", "b"), np.array(amount), np.array(weight))
    with pytest.raises(BadInput, match=message):
        resample_items([measure], np.random.default_rng(0), 10)
