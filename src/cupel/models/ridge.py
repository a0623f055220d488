"""Ridge regression on sparse counts or on vectors, for a whole path of penalties at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cupel.models.features import SparseCounts

__all__ = ["PENALTIES", "Ridge", "choose_ridge", "fit_ridge"]

PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""What is tried, for features of which a row has about length 1."""
STEPS = 120
SMALL = 1e-9
"""Of the first off-diagonal: what is left of the target below it is rounding."""

Floats = npt.NDArray[np.float64]
Features = SparseCounts | Floats


@dataclass(frozen=True)
class Ridge:
    """A linear function of features.

    Attributes
    ----------
    weights
        float64, one per feature.
    intercept
        What is added.
    penalty
        Of the squared weights.
    """

    weights: Floats
    intercept: float
    penalty: float

    def predict(self, features: Features) -> Floats:
        """A number per row."""
        return _times(features, self.weights) + self.intercept


def fit_ridge(features: Features, targets: Floats, width: int, penalties: tuple[float, ...]) -> list[Ridge]:
    """The ridge regressions of a target on features, one for each penalty.

        minimize  Σ (yᵢ - b - xᵢ·w)² + λ |w|²

    A Krylov space does not depend on λ: Lanczos' method is carried out once, with full reorthogonalization, and all
    penalties are solved in its small tridiagonal matrix. For counts it works on rows (X Xᵀ), for vectors on
    their dimensions (Xᵀ X). No library of linear algebra with threads is called on large matrices, so that the
    number of threads does not change a bit.

    Parameters
    ----------
    features
        `SparseCounts`, or a matrix of one vector per row.
    targets
        float64, (rows,), finite.
    width
        Number of features.

    Examples
    --------
    >>> (line,) = fit_ridge(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]), 1, (1e-9,))
    >>> round(line.intercept, 6), line.weights.round(6).tolist()
    (1.0, [2.0])
    """
    center = float(targets.mean())
    middle = _transposed(features, np.full(len(targets), 1 / len(targets)), width)
    aims = targets - center

    def centered(weights: Floats) -> Floats:
        return _times(features, weights) - float(_dot(middle, weights))

    def back(values: Floats) -> Floats:  # what comes here has mean 0, so that features need not be centered
        return _transposed(features, values, width)

    if isinstance(features, SparseCounts):
        solutions = _solve(lambda values: centered(back(values)), aims, penalties)
        paths = [back(values) for values in solutions]
    else:
        paths = _solve(lambda weights: back(centered(weights)), back(aims), penalties)
    return [
        Ridge(weights, center - float(_dot(middle, weights)), penalty)
        for weights, penalty in zip(paths, penalties, strict=True)
    ]


def choose_ridge(features: Features, targets: Floats, width: int, judged: npt.NDArray[np.bool_]) -> Ridge:
    """The ridge regression whose penalty is best on some rows, fitted to all.

    Parameters
    ----------
    judged
        The rows that choose the penalty, by their squared error; the others are fitted for it. Both are fitted in the
        end.
    """
    fitted, held = np.flatnonzero(~judged), np.flatnonzero(judged)
    if len(fitted) < 2 or not len(held):
        return fit_ridge(features, targets, width, (1.0,))[0]
    path = fit_ridge(_rows(features, fitted), targets[fitted], width, PENALTIES)
    kept = _rows(features, held)
    errors = [float(np.square(line.predict(kept) - targets[held]).mean()) for line in path]
    return fit_ridge(features, targets, width, (PENALTIES[int(np.argmin(errors))],))[0]


def _solve(apply: Callable[[Floats], Floats], target: Floats, penalties: tuple[float, ...]) -> list[Floats]:
    """x of (A + λ) x = target for each λ, by Lanczos' method; `apply` multiplies by A, which is symmetric."""
    length = float(np.sqrt(_dot(target, target)))
    if not length > 0:
        return [np.zeros_like(target) for _ in penalties]
    basis = [target / length]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(STEPS, len(target))):
        image = apply(basis[-1])
        diagonal.append(float(_dot(image, basis[-1])))
        for _twice in range(2):  # once is not enough to keep the basis orthogonal to the last digits
            for vector in basis:
                image = image - _dot(image, vector) * vector
        size = float(np.sqrt(_dot(image, image)))
        if size <= SMALL * max(abs(diagonal[0]), 1e-30):
            break
        beside.append(size)
        basis.append(image / size)
    solutions = []
    for penalty in penalties:
        solution = np.zeros_like(target)
        shares = _solve_tridiagonal([value + penalty for value in diagonal], beside, length)
        for share, vector in zip(shares, basis, strict=False):
            solution += share * vector
        solutions.append(solution)
    return solutions


def _solve_tridiagonal(diagonal: list[float], beside: list[float], first: float) -> list[float]:
    """x of T x = (first, 0, 0, …), for a symmetric tridiagonal T that is positive definite.

    >>> _solve_tridiagonal([2.0, 2.0], [1.0], 3.0)
    [2.0, -1.0]
    """
    pivots, shares = [diagonal[0]], [first]
    for value, next_to in zip(diagonal[1:], beside, strict=False):
        ratio = next_to / pivots[-1]
        pivots.append(value - ratio * next_to)
        shares.append(-ratio * shares[-1])
    solution = [shares[-1] / pivots[-1]]
    for place in range(len(pivots) - 2, -1, -1):
        solution.append((shares[place] - beside[place] * solution[-1]) / pivots[place])
    return solution[::-1]


def _times(features: Features, weights: Floats) -> Floats:
    if isinstance(features, SparseCounts):
        return features.times(weights)
    return np.einsum("ij,j->i", features, weights)


def _transposed(features: Features, values: Floats, width: int) -> Floats:
    if isinstance(features, SparseCounts):
        sums = np.bincount(features.features, features.values * values[features.rows], width)
        return sums.astype(np.float64)
    return np.einsum("ij,i->j", features, values)


def _rows(features: Features, rows: npt.NDArray[np.int64]) -> Features:
    return features.take(rows) if isinstance(features, SparseCounts) else features[rows]


def _dot(first: Floats, second: Floats) -> float:
    return float(np.einsum("i,i->", first, second))
