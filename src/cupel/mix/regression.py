"""Loss as a function of a mixture: fitted to a few mixtures, checked by leaving each out, minimized."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput

__all__ = ["FEWEST", "MixtureFit", "best_mixture", "draw_mixtures", "fit_mixtures"]

Floats = NDArray[np.float64]

FEWEST = 4
"""Mixtures below which nothing can be fitted and checked."""
_LEAST = 0.005
"""About the least share of a pool: none is left out of a mixture."""
_OFFSET = 0.02
"""Added to a share before its logarithm: what a pool's share of nearly 0 takes from others that are like it."""
_RIDGES = tuple(10.0 ** (power / 2) for power in range(-8, 5))
_CANDIDATES, _BEST = 100_000, 100


@dataclass(frozen=True)
class MixtureFit:
    """Loss by domain as a ridge regression on the shares of a mixture and their logarithms.

    Attributes
    ----------
    mean, scale
        Of the features, which are standardized.
    weights
        Features × domains.
    intercept
        By domain.
    left_out
        Mixtures × domains: what the fit predicts of each mixture without having seen it.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    intercept: Floats
    left_out: Floats

    def predict(self, mixtures: Floats) -> Floats:
        """Mixtures × pools → mixtures × domains."""
        predicted: Floats = (_features(mixtures) - self.mean) / self.scale @ self.weights + self.intercept
        return predicted


def draw_mixtures(base: Floats, count: int, concentration: float, rng: np.random.Generator) -> Floats:
    """Random shares around `base`: Dirichlet with parameters concentration × pools × base, in steps of 0.001.

    Examples
    --------
    >>> mixtures = draw_mixtures(np.array([0.5, 0.5]), 3, 1.0, np.random.default_rng(0))
    >>> mixtures.shape, mixtures.sum(axis=1).round(9).tolist()
    ((3, 2), [1.0, 1.0, 1.0])
    """
    drawn = rng.dirichlet(np.maximum(concentration * len(base) * base, 0.05), size=count)
    return _bounded(drawn)


def fit_mixtures(mixtures: Floats, losses: Floats) -> MixtureFit:
    """The fit of the losses (mixtures × domains); the ridge of each domain is that with the least error left out.

    A loss falls about as the logarithm of the text that is like it, so features are rⱼ and ln(rⱼ + 0.02) of each
    pool's share: the sum over domains has its minimum inside, where a fit that is linear in the shares alone has it
    in a corner.

    Raises
    ------
    BadInput
        Fewer than four mixtures.
    """
    if len(mixtures) < FEWEST:
        raise BadInput(f"{len(mixtures)} mixtures: expected {FEWEST} or more to fit")
    features = _features(mixtures)
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    x = (features - mean) / scale
    intercept = losses.mean(axis=0)
    weights = np.empty((x.shape[1], losses.shape[1]))
    left_out = np.empty_like(losses)
    left, singular, right = np.linalg.svd(x, full_matrices=False)
    for domain in range(losses.shape[1]):
        centered = losses[:, domain] - intercept[domain]
        least = np.inf
        for ridge in _RIDGES:
            shrink = singular / (singular**2 + ridge * len(x))
            leverage = np.einsum("ij,j,ij->i", left, shrink * singular, left) + 1 / len(x)
            errors = (centered - left @ (shrink * singular * (left.T @ centered))) / np.maximum(
                1 - leverage, 1e-9
            )
            if (squared := float((errors**2).sum())) < least:
                least = squared
                weights[:, domain] = right.T @ (shrink * (left.T @ centered))
                left_out[:, domain] = losses[:, domain] - errors
    return MixtureFit(mean, scale, weights, intercept, left_out)


def best_mixture(
    fit: MixtureFit, base: Floats, concentration: float, rng: np.random.Generator
) -> tuple[Floats, float]:
    """The mean of the hundred mixtures of 100,000 random ones whose mean loss is predicted to be least (RegMix,
    section 3.3), and what is predicted of it. It lies among mixtures that were tried, not beyond them."""
    candidates = draw_mixtures(base, _CANDIDATES, concentration, rng)
    predicted = fit.predict(candidates).mean(axis=1)
    best = _bounded(candidates[np.argsort(predicted)[:_BEST]].mean(axis=0, keepdims=True))
    return best[0], float(fit.predict(best).mean())


def _features(mixtures: Floats) -> Floats:
    return np.hstack([mixtures, np.log(mixtures + _OFFSET)])


def _bounded(mixtures: Floats) -> Floats:
    """No share far below the least one, and all in steps of a thousandth that add up to one."""
    raised = np.maximum(mixtures, _LEAST)
    steps = np.floor(1000 * raised / raised.sum(axis=1, keepdims=True) + 1e-9)
    largest = np.argmax(steps, axis=1)
    steps[np.arange(len(steps)), largest] += 1000 - steps.sum(axis=1)
    bounded: Floats = steps / 1000
    return bounded
