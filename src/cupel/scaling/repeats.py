"""How much a repeated token is worth: the law fitted to cells, with intervals, beside Chinchilla's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cupel.errors import BadOption
from cupel.scaling.cells import GridCell, check_cells
from cupel.scaling.fit import FitOptions, Problem, Values, one_thread
from cupel.scaling.held_out import HeldOutError, held_out_errors
from cupel.scaling.law import Law

__all__ = ["Interval", "Repeats", "fit_chinchilla", "fit_repeats"]


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its 95 % interval; each may be infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Repeats:
    """A law fitted to cells, and what it answers.

    Attributes
    ----------
    cells
        What it was fitted to.
    law
        With repetition.
    chinchilla
        Fitted to the same cells, with every repeated token counted as fresh.
    replicates
        The law of each bootstrap replicate.
    options
        How both were fitted.
    """

    cells: tuple[GridCell, ...]
    law: Law
    chinchilla: Law
    replicates: tuple[Law, ...]
    options: FitOptions = field(default_factory=FitOptions)

    @property
    def sized(self) -> bool:
        """Whether several model sizes were measured; with one, E holds the term of size."""
        return self.law.A > 0

    @property
    def max_epochs(self) -> float:
        """The most epochs of any cell: beyond, answers are extrapolated."""
        return max(cell.epochs for cell in self.cells)

    def interval(self, answer: Callable[[Law], float]) -> Interval:
        """Any number that a law answers, with the 95 % percentile interval over the bootstrap replicates.

        `fit.interval(lambda law: law.repeats)` is R* of data.
        """
        answers = np.array([answer(law) for law in self.replicates])
        # By rank, as an infinite end cannot be interpolated.
        low, high = np.quantile(answers, [0.025, 0.975], method="inverted_cdf")
        return Interval(answer(self.law), float(low), float(high))

    def worth(self, unique_tokens: float, epochs: float) -> tuple[Interval, Interval]:
        """Fresh tokens that would match so many passes over so many unique ones, and their share of the tokens seen."""
        tokens = self.interval(lambda law: law.worth(unique_tokens, epochs)[0])
        return tokens, self.interval(lambda law: law.worth(unique_tokens, epochs)[1])

    def best_epochs(self, share: float = 0.5) -> Interval:
        """The epochs beyond which one more token adds less than `share` of what a fresh one would.

        Under this law it is the same for every number of unique tokens (`Law.best_epochs`).
        """
        return self.interval(lambda law: law.best_epochs(share))

    @cached_property
    def held_out(self) -> tuple[HeldOutError, ...]:
        """How far both laws are from cells that they were not fitted to; fitted when first asked for."""
        return held_out_errors(self.cells, self.options)

    @cached_property
    def finite(self) -> bool | None:
        """Whether R* is finite: the worth of repetition wears out within what was measured.

        True where the interval of R* has a finite upper end and the law is nearer than Chinchilla's to the cells
        left out, in every way of leaving them out; False where the interval reaches infinity and it is nearer in
        none; None is undecided.
        """
        bounded = math.isfinite(self.interval(lambda law: law.repeats).high)
        nearer = [error.repeats < error.chinchilla for error in self.held_out]
        if not nearer:
            return None
        if bounded and all(nearer):
            return True
        return False if not bounded and not any(nearer) else None

    @cached_property
    def rising(self) -> tuple[tuple[float, float], ...]:
        """Where more epochs made the loss worse: size and unique tokens.

        The loss of this law never rises with more epochs, so there it is too low; the mean over seeds at most
        epochs is compared with the lowest, and must lie 1 % above it.
        """
        keys = []
        for key in dict.fromkeys((cell.parameters, cell.unique_tokens) for cell in self.cells):
            losses: dict[float, list[float]] = {}
            for cell in self.cells:
                if (cell.parameters, cell.unique_tokens) == key:
                    losses.setdefault(cell.tokens, []).append(cell.loss)
            means = [float(np.mean(losses[tokens])) for tokens in sorted(losses)]
            if means[-1] > 1.01 * min(means):
                keys.append(key)
        return tuple(keys)


def fit_repeats(
    cells: Sequence[GridCell],
    *,
    options: FitOptions = FitOptions(),
    replicates: int = 200,
    seed: int = 0,
) -> Repeats:
    """Fit the law of data-constrained scaling, and Chinchilla's, to a grid of cells.

    With one model size the term of size cannot be told from E, and E holds both. Intervals come from a Bayesian
    bootstrap (Rubin 1981) over cells: each replicate weighs the places of the grid by exponential draws, and the
    seeds of a place by a Dirichlet draw, so that no replicate loses a corner of the grid. In 40 simulated grids of
    12 places × 2 seeds with a scatter of 0.5 % the interval of R* held the true one in 95 %; with 20 places in 98 %.
    Same cells, options and seed give the same result.

    Parameters
    ----------
    cells
        At two numbers of epochs and of unique tokens or more, and as many places as the law has constants: 4
        for one model size, 7 for several.
    replicates
        Of the bootstrap.

    Raises
    ------
    BadInput
        Cells that no law can be fitted to.
    BadOption
        No replicate.
    MissingExtra
        scipy is not installed.

    Examples
    --------
    >>> true = Law(E=1.2, B=60, beta=0.35, repeats=6)
    >>> cells = [
    ...     GridCell(1e6, unique, unique * epochs, float(true.loss(1e6, unique, unique * epochs)))
    ...     for unique in (2.5e5, 5e5, 1e6) for epochs in (1, 2, 4, 16)
    ... ]
    >>> fit = fit_repeats(cells, replicates=10)
    >>> round(fit.law.repeats, 1), round(fit.best_epochs().value, 1)
    (6.0, 5.2)
    """
    listed = tuple(cells)
    sized = len({cell.parameters for cell in listed}) > 1
    check_cells(listed, 7 if sized else 4)
    if replicates < 1:
        raise BadOption(f"replicates is {replicates}: expected 1 or more")
    problem, rng = Problem(listed, True, options), np.random.default_rng(seed)
    with one_thread():
        best, _ = problem.solve(problem.starts())
        drawn = [problem.solve([best], _weights(listed, rng))[0] for _ in range(replicates)]
        return Repeats(
            cells=listed,
            law=problem.law(best),
            chinchilla=fit_chinchilla(listed, options=options),
            replicates=tuple(problem.law(constants) for constants in drawn),
            options=options,
        )


def fit_chinchilla(cells: Sequence[GridCell], *, options: FitOptions = FitOptions()) -> Law:
    """Chinchilla's law fitted to the cells, for which a repeated token is as good as a fresh one."""
    problem = Problem(cells, False, options)
    return problem.law(problem.solve(problem.starts())[0])


def _weights(cells: Sequence[GridCell], rng: np.random.Generator) -> Values:
    """How much each cell counts in one replicate: first its place, then its seed."""
    places: dict[tuple[float, float, float], list[int]] = {}
    for number, cell in enumerate(cells):
        places.setdefault(cell.place, []).append(number)
    weights = np.empty(len(cells))
    for inside in places.values():
        weights[inside] = rng.exponential() * len(inside) * rng.dirichlet(np.ones(len(inside)))
    return weights
