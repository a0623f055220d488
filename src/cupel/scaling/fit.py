"""Fitting a law to cells: Huber loss on the logarithm of the loss, L-BFGS from a grid of starts.

The procedure is that of Hoffmann et al. 2022, appendix D.3, with three changes. The terms of size and data
are taken relative to the middle of the grid, so that A and B do not depend on alpha and beta as strongly as
they do at one parameter and one token. The starts follow from the losses measured, and only the best of them
are run. All constants are fitted at once; Muennighoff et al. 2023 (appendix A) fit R* after the others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput, BadOption, MissingExtra
from cupel.scaling.cells import GridCell
from cupel.scaling.law import Law

__all__ = ["FitOptions", "Problem", "Values", "one_thread"]

Values = NDArray[np.float64]

_FREE = 1e3
"""R* of so many times the repetitions in the grid changes no cell by more than 0.05 %: it counts as infinite."""
_LEAST = 0.02
"""The least R*: all repetitions together are worth 2 % of the unique tokens."""
_SHARES = (0.3, 0.6, 0.85, 0.97)
_EXPONENTS = (0.15, 0.35, 0.8)
_LIMITS = (0.5, 3.0, 20.0)


@dataclass(frozen=True)
class FitOptions:
    """How a law is fitted.

    Attributes
    ----------
    delta
        Where the Huber loss turns from squares to absolute values, in log loss; the published 0.001. A larger
        one makes the fit more precise (log R* by a sixth at 0.01), but its intervals too narrow:
        82 % to 90 % of them held the true R*, in simulations where 95 % to 98 % did at 0.001.
    starts
        The best starts of the grid, from which L-BFGS runs.
    max_exponent
        Bound of alpha and beta.
    """

    delta: float = 1e-3
    starts: int = 8
    max_exponent: float = 3.0

    def __post_init__(self) -> None:
        for name in ("delta", "starts", "max_exponent"):
            if not 0 < getattr(self, name) < math.inf:
                raise BadOption(f"{name} is {getattr(self, name)!r}: expected a number above 0")


def one_thread() -> AbstractContextManager[object]:
    """Keeps linear algebra on one thread: for matrices of seven columns others only wait for each other.

    Measured on two cores: a fit takes 25 times the processor time without it.

    Raises
    ------
    MissingExtra
        scipy is not installed.
    """
    # scipy brings a BLAS of its own, which must be loaded to be limited.
    _minimize()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


class Problem:
    """Cells as arrays, and the law's distance from them.

    Constants stand in this order: log E, log b, beta, then log a, alpha where there are several sizes, then
    log R* of data and, with several sizes, log R* of parameters where repetition counts; a and b are the terms
    of size and data in the middle of the grid.
    """

    def __init__(self, cells: Sequence[GridCell], repeats: bool, options: FitOptions = FitOptions()) -> None:
        self.options, self.repeats = options, repeats
        self.loss = np.log([cell.loss for cell in cells])
        self.tokens = np.array([cell.tokens for cell in cells], np.float64)
        self.unique = np.minimum([cell.unique_tokens for cell in cells], self.tokens)
        self.size = np.array([cell.parameters for cell in cells], np.float64)
        self.repetitions = self.tokens / self.unique - 1
        self.sized = len(set(self.size.tolist())) > 1
        self.middle_tokens = float(np.log(self.tokens).mean())
        self.middle_size = float(np.log(self.size).mean())

    @property
    def constants(self) -> int:
        """How many are fitted."""
        return 3 + 2 * self.sized + self.repeats * (1 + self.sized)

    @cached_property
    def bounds(self) -> list[tuple[float, float]]:
        """Lowest and highest value of each constant."""
        highest, lowest = float(self.loss.max()), float(self.loss.min())
        exponent = (1e-3, self.options.max_exponent)
        term = (highest - 12, highest + 3)
        limits = [(lowest - 7, lowest), term, exponent]
        if self.sized:
            limits += [term, exponent]
        if self.repeats:
            free = _FREE * max(float(self.repetitions.max()), 1.0)
            limits.append((math.log(_LEAST), math.log(free)))
            if self.sized:
                limits.append((math.log(_LEAST), math.log(_FREE)))
        return limits

    def starts(self) -> list[Values]:
        """The grid's best, the best first."""
        lowest = math.exp(float(self.loss.min()))
        mean = math.exp(float(self.loss.mean()))
        grid = []
        for share, beta in itertools.product(_SHARES, _EXPONENTS):
            rest = math.log(max(mean - share * lowest, 1e-3 * mean))
            front = [[math.log(share * lowest), rest, beta]]
            if self.sized:
                half = rest - math.log(2)
                front = [[front[0][0], half, beta, half, alpha] for alpha in _EXPONENTS]
            ends: list[tuple[float, ...]] = [()]
            if self.repeats:
                ends = list(itertools.product([math.log(limit) for limit in _LIMITS], repeat=1 + self.sized))
            grid += [np.array([*start, *end]) for start in front for end in ends]
        weights = np.ones(len(self.loss))
        ranked = sorted(range(len(grid)), key=lambda place: self.distance(grid[place], weights)[0])
        return [grid[place] for place in ranked[: int(self.options.starts)]]

    def solve(self, starts: Sequence[Values], weights: Values | None = None) -> tuple[Values, float]:
        """The constants nearest to the cells, and their distance.

        Raises
        ------
        BadInput
            No start led to finite constants.
        MissingExtra
            scipy is not installed.
        """
        minimize = _minimize()
        cell_weights = np.ones(len(self.loss)) if weights is None else weights
        best, least = np.empty(0), math.inf
        for start in starts:
            done = minimize(
                self.distance,
                start,
                args=(cell_weights,),
                jac=True,
                method="L-BFGS-B",
                bounds=self.bounds,
                options={"maxiter": 1000, "maxfun": 3000, "ftol": 1e-10, "gtol": 1e-4, "maxcor": 20},
            )
            if done.fun < least:
                best, least = done.x, float(done.fun)
        if not len(best):
            raise BadInput("no law could be fitted: the distance to the cells is not finite at any start")
        return best, least

    def distance(self, constants: Values, weights: Values) -> tuple[float, Values]:
        """Mean Huber loss of the log losses, in units of delta², and its gradient."""
        predicted, slopes = self.predict(constants)
        apart = (predicted - self.loss) / self.options.delta
        clipped = np.clip(apart, -1, 1)
        total = float(weights.sum())
        value = float((weights * clipped * (apart - clipped / 2)).sum()) / total
        return value, slopes.T @ (weights * clipped) / (self.options.delta * total)

    def predict(self, constants: Values) -> tuple[Values, Values]:
        """Log loss of each cell, and its gradient (cells × constants)."""
        slopes = np.zeros((len(self.loss), len(constants)))
        last = 3 + 2 * self.sized
        seen, seen_slope = _effective(
            self.unique, self.repetitions, constants[last] if self.repeats else None
        )
        seen = seen - self.middle_tokens
        terms = [np.full(len(self.loss), constants[0]), constants[1] - constants[2] * seen]
        if self.sized:
            size, size_slopes = self._size(constants)
            size = size - self.middle_size
            terms.append(constants[3] - constants[4] * size)
        joined = np.logaddexp.reduce(terms, axis=0)
        share = [np.exp(term - joined) for term in terms]
        slopes[:, 0] = share[0]
        slopes[:, 1] = share[1]
        slopes[:, 2] = -share[1] * seen
        if self.repeats:
            slopes[:, last] = -share[1] * constants[2] * seen_slope
        if self.sized:
            slopes[:, 3] = share[2]
            slopes[:, 4] = -share[2] * size
            slopes -= (share[2] * constants[4])[:, None] * size_slopes
        return joined, slopes

    def _size(self, constants: Values) -> tuple[Values, Values]:
        """Log N' of each cell, and its gradient, through U_N in all constants of both terms."""
        slopes = np.zeros((len(self.loss), len(constants)))
        log_b, beta, log_a, alpha = (float(value) for value in constants[1:5])
        if not self.repeats:
            return np.log(self.size), slopes
        both, unique = alpha + beta, np.log(self.unique)
        ratio = (
            math.log(alpha / beta) + log_a + alpha * self.middle_size - log_b - beta * self.middle_tokens
        ) / both
        log_size = np.log(self.size)
        # A size e^30 times too large is as good as any larger one, and stays a number.
        fills = np.clip(ratio + beta / alpha * (ratio + unique), log_size - 30, log_size)
        excess = self.size / np.exp(fills) - 1
        log_effective, slope = _effective(np.exp(fills), excess, constants[6])
        slopes[:, 6] = slope
        over = (fills < log_size) & (fills > log_size - 30)
        # Of log N' in log U_N, at a fixed size.
        through = np.where(
            over, 1 - np.exp(-excess / math.exp(constants[6])) * self.size / np.exp(log_effective), 0.0
        )
        by_ratio = through * (1 + beta / alpha)
        slopes[:, 1] = -by_ratio / both
        slopes[:, 2] = by_ratio * (-1 / beta - self.middle_tokens - ratio) / both
        slopes[:, 2] += through * (ratio + unique) / alpha
        slopes[:, 3] = by_ratio / both
        slopes[:, 4] = by_ratio * (1 / alpha + self.middle_size - ratio) / both
        slopes[:, 4] -= through * (ratio + unique) * beta / alpha**2
        return log_effective, slopes

    def law(self, constants: Values) -> Law:
        """The law with these constants; R* at its upper bound is infinite."""
        beta = float(constants[2])
        named: dict[str, float] = {
            "E": math.exp(constants[0]),
            "B": math.exp(constants[1] + beta * self.middle_tokens),
            "beta": beta,
        }
        if self.sized:
            alpha = float(constants[4])
            named |= {"A": math.exp(constants[3] + alpha * self.middle_size), "alpha": alpha}
        if self.repeats:
            last = 3 + 2 * self.sized
            for place, name in zip(range(last, len(constants)), ("repeats", "excess"), strict=False):
                if constants[place] < self.bounds[place][1] - 1e-3:
                    named[name] = math.exp(constants[place])
        law = Law(**named)
        if self.sized and not (self.size > law.parameters_for(self.unique)).any():
            # No cell has more parameters than its tokens fill: nothing was learned of excess ones.
            return Law(**{**named, "excess": math.inf})
        return law


def _minimize() -> Callable[..., Any]:
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise MissingExtra("fitting a scaling law", "lab") from None
    function: Callable[..., Any] = minimize
    return function


def _effective(base: Values, times: Values, log_limit: float | None) -> tuple[Values, Values]:
    """log(base (1 + R* (1 − exp(−times/R*)))), and its derivative in log R*; without a limit, R* infinite."""
    if log_limit is None:
        return np.log(base * (1 + times)), np.zeros(len(base))
    limit = math.exp(log_limit)
    worn = -np.expm1(-times / limit)
    grown = 1 + limit * worn
    slope = (limit * worn - times * (1 - worn)) / grown
    return np.log(base) + np.log(grown), slope
