"""Strengths of items from judgments of pairs: the model of Bradley and Terry."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cupel.errors import BadInput

__all__ = ["bradley_terry"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STEPS = 100
TOLERANCE = 1e-9
"""Of the gradient, per judgment."""


def bradley_terry(
    first: Integers, second: Integers, preferred: Floats, items: int, ridge: float = 0.1
) -> Floats:
    """The strength of each item, by penalized maximum likelihood.

    The probability that item j is preferred to item i is σ(sⱼ - sᵢ) (Bradley and Terry 1952). QuRating (Wettig et al.
    2024, section 3.1) trains a model of text with this likelihood. Here the strengths themselves are estimated:

        maximize  Σ p ln σ(sⱼ - sᵢ) + (1 - p) ln σ(sᵢ - sⱼ)  -  ridge/2 Σ s²

    The ridge is a normal prior. With it there is always exactly one maximum, also where an item won all of its pairs
    or where no chain of pairs joins two items; it draws what was compared rarely towards 0.

    Newton's method, with conjugate gradients for each step and a line search: a matrix of all items is never made.

    Parameters
    ----------
    first, second
        The items of each judgment, from 0.
    preferred
        How far the second was preferred to the first: 1, 0, or a share of votes.
    items
        How many items there are.
    ridge
        Weight of the prior, above 0. At 0.1 a strength without judgments has a standard deviation of 3.2.

    Returns
    -------
    numpy.ndarray
        float64, (items,), with mean 0; differences are log odds.

    Raises
    ------
    BadInput
        Nothing to compare, or numbers out of range.

    References
    ----------
    R. A. Bradley, M. E. Terry. Rank analysis of incomplete block designs. Biometrika 39, 1952.

    Examples
    --------
    >>> wins = np.array([1.0, 1.0, 1.0, 0.0])
    >>> strengths = bradley_terry(np.array([0, 1, 0, 2]), np.array([1, 2, 2, 1]), wins, 3)
    >>> strengths.argsort().tolist(), bool(abs(strengths.sum()) < 1e-9)
    ([0, 1, 2], True)
    """
    _check(first, second, preferred, items, ridge)
    strengths = np.zeros(items)
    value = _loss(strengths, first, second, preferred, ridge)
    for _ in range(STEPS):
        probability = _sigmoid(strengths[second] - strengths[first])
        residual = probability - preferred
        gradient = (
            ridge * strengths + _scattered(second, residual, items) - _scattered(first, residual, items)
        )
        if np.abs(gradient).max() <= TOLERANCE * max(len(first), 1):
            break
        weight = probability * (1 - probability)
        step = _solve(first, second, weight, ridge, gradient)
        size, slope = 1.0, float(gradient @ step)
        while (trial := _loss(strengths - size * step, first, second, preferred, ridge)) > (
            value - 1e-4 * size * slope
        ) and size > 1e-10:
            size /= 2
        strengths, value = strengths - size * step, trial
    centered: Floats = strengths - strengths.mean()
    return centered


def _check(first: Integers, second: Integers, preferred: Floats, items: int, ridge: float) -> None:
    if not len(first):
        raise BadInput("no pair was judged: there is nothing to order items by")
    if not ridge > 0:
        raise BadInput(f"ridge is {ridge}; expected a number above 0")
    ends = np.concatenate([first, second])
    if ends.min() < 0 or ends.max() >= items:
        raise BadInput(f"a pair names item {int(ends.max())}; there are {items}, from 0")
    if not ((preferred >= 0) & (preferred <= 1)).all():
        raise BadInput("a preference is out of range; expected 0 (the first) to 1 (the second)")


def _loss(strengths: Floats, first: Integers, second: Integers, preferred: Floats, ridge: float) -> float:
    margin = strengths[second] - strengths[first]
    return float((np.logaddexp(0, margin) - preferred * margin).sum() + ridge / 2 * (strengths @ strengths))


def _solve(first: Integers, second: Integers, weight: Floats, ridge: float, target: Floats) -> Floats:
    """The Newton step, by conjugate gradients with the diagonal as preconditioner."""
    items = len(target)
    diagonal = ridge + _scattered(first, weight, items) + _scattered(second, weight, items)
    solution = np.zeros(items)
    residual = target.copy()
    scaled = residual / diagonal
    direction = scaled.copy()
    product = float(residual @ scaled)
    limit = 1e-20 * product
    for _ in range(10 * items):
        if product <= limit:
            break
        difference = weight * (direction[second] - direction[first])
        image = (
            ridge * direction + _scattered(second, difference, items) - _scattered(first, difference, items)
        )
        size = product / float(direction @ image)
        solution += size * direction
        residual -= size * image
        scaled = residual / diagonal
        previous, product = product, float(residual @ scaled)
        direction = scaled + product / previous * direction
    return solution


def _scattered(places: Integers, values: Floats, items: int) -> Floats:
    sums: Floats = np.bincount(places, values, items).astype(np.float64)
    return sums


def _sigmoid(margin: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -margin))
