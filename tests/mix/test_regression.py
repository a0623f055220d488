"""Fits of mixtures: a known function is found again, mixtures keep their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.errors import BadInput
from cupel.mix.regression import best_mixture, draw_mixtures, fit_mixtures

BASE = np.array([0.5, 0.3, 0.2])


def losses(mixtures: np.ndarray) -> np.ndarray:
    """Two domains that gain from a pool each, with diminishing returns; the third pool helps nobody."""
    first = 3 - 0.4 * np.log(mixtures[:, 0] + 0.02)
    second = 3 - 0.2 * np.log(mixtures[:, 1] + 0.02)
    return np.stack([first, second], axis=1)


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=8),
    st.floats(0.05, 20),
    st.integers(0, 1000),
)
def test_mixtures_add_up_and_leave_no_pool_out(shares: list[float], concentration: float, seed: int) -> None:
    base = np.array(shares) / sum(shares)
    mixtures = draw_mixtures(base, 50, concentration, np.random.default_rng(seed))
    assert np.allclose(mixtures.sum(axis=1), 1)
    assert mixtures.min() >= 0.003
    assert np.array_equal(mixtures, draw_mixtures(base, 50, concentration, np.random.default_rng(seed)))


def test_concentration_keeps_mixtures_near_the_natural_one() -> None:
    wide, near = (draw_mixtures(BASE, 2000, by, np.random.default_rng(0)) for by in (1.0, 30.0))
    assert np.allclose(near.mean(axis=0), BASE, atol=0.02)
    assert near.std(axis=0).max() < 0.3 * wide.std(axis=0).min()


def test_a_known_function_is_found_again() -> None:
    rng = np.random.default_rng(3)
    mixtures = draw_mixtures(BASE, 24, 1.0, rng)
    noise = rng.normal(0, 0.005, (24, 2))
    fit = fit_mixtures(mixtures, losses(mixtures) + noise)
    fresh = draw_mixtures(BASE, 500, 1.0, rng)
    assert np.abs(fit.predict(fresh) - losses(fresh)).max() < 0.15
    assert np.corrcoef(fit.predict(fresh).mean(axis=1), losses(fresh).mean(axis=1))[0, 1] > 0.99
    best, predicted = best_mixture(fit, BASE, 1.0, rng)
    # The minimum of the mean is where 0.4 / (r₁ + 0.02) = 0.2 / (r₂ + 0.02), with next to nothing of the third.
    assert best[0] == pytest.approx(0.69, abs=0.08)
    assert best[1] == pytest.approx(0.31, abs=0.08)
    assert predicted == pytest.approx(float(losses(best[None]).mean()), abs=0.03)


def test_what_is_left_out_is_predicted_as_by_a_fit_without_it() -> None:
    """At a fixed ridge the shortcut by leverages is exact; here the data choose the least ridge for all."""
    rng = np.random.default_rng(5)
    mixtures = draw_mixtures(BASE, 40, 1.0, rng)
    clean = losses(mixtures)
    fit = fit_mixtures(mixtures, clean)
    for place in range(0, 40, 7):
        others = np.arange(40) != place
        alone = fit_mixtures(mixtures[others], clean[others]).predict(mixtures[place][None])[0]
        assert np.abs(alone - fit.left_out[place]).max() < 0.02


def test_noise_is_not_explained() -> None:
    rng = np.random.default_rng(7)
    mixtures = draw_mixtures(BASE, 30, 1.0, rng)
    noise = rng.normal(size=(30, 1))
    errors = noise - fit_mixtures(mixtures, noise).left_out
    assert float((errors**2).sum()) > 0.8 * float(((noise - noise.mean()) ** 2).sum())


def test_three_mixtures_are_too_few() -> None:
    with pytest.raises(BadInput, match="3 mixtures: expected 4 or more"):
        fit_mixtures(np.full((3, 2), 0.5), np.ones((3, 1)))
