"""Laws are found again in cells made from them, intervals hold what they say, and bad cells are named."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cupel.errors import BadInput, BadOption
from cupel.scaling.cells import GridCell
from cupel.scaling.fit import FitOptions, Problem, one_thread
from cupel.scaling.law import Law
from cupel.scaling.repeats import fit_chinchilla, fit_repeats
from tests.scaling.grids import EPOCHS, PAPER, PROXY, UNIQUE, cells

LARGE = {"sizes": (1e8, 1e9, 1e10), "unique": (1e9, 8e9, 6e10), "epochs": (1, 2, 4, 12, 30)}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():  # type: ignore[no-untyped-def]
    with one_thread():
        yield


def test_constants_are_found_again_without_noise() -> None:
    law = fit_repeats(cells(PROXY), replicates=2).law
    for name in ("E", "B", "beta", "repeats"):
        assert getattr(law, name) == pytest.approx(getattr(PROXY, name), rel=0.03), name
    assert law.A == 0


def test_constants_of_several_sizes_are_found_again() -> None:
    law = fit_repeats(cells(PAPER, **LARGE), replicates=2).law
    for name in ("E", "alpha", "beta", "repeats", "excess"):
        assert getattr(law, name) == pytest.approx(getattr(PAPER, name), rel=0.05), name


def test_intervals_hold_the_true_constants_as_often_as_they_say() -> None:
    """20 grids of 12 cells × 2 seeds that scatter by 0.5 %. Of 20 replicates the interval is the lowest to the
    highest, which should hold the true constant 19 times in 21; 14 or fewer hits of 20 would then come once in a
    hundred times (binomial). Wide open intervals would say nothing, so they must not be."""
    rng, hits, widths = np.random.default_rng(11), {"repeats": 0, "four": 0}, []
    answers: dict[str, Callable[[Law], float]] = {
        "repeats": lambda law: law.repeats,
        "four": lambda law: law.worth(1e6, 4)[1],
    }
    for number in range(20):
        fit = fit_repeats(
            cells(PROXY, seeds=2, noise=0.005, rng=rng),
            replicates=30,
            seed=number,
            options=FitOptions(starts=2),
        )
        for name, answer in answers.items():
            interval = fit.interval(answer)
            hits[name] += interval.low <= answer(PROXY) <= interval.high
        interval = fit.interval(answers["repeats"])
        widths.append(math.log(interval.high / interval.low))
    assert min(hits.values()) >= 15, hits
    assert np.median(widths) < 1.0


def test_fresh_worth_of_repetition_gives_chinchilla() -> None:
    """Cells for which every token is fresh: R* is found infinite, and both laws are one."""
    fit = fit_repeats(cells(replace(PROXY, repeats=math.inf), noise=1e-4), replicates=20)
    tokens = np.geomspace(3e5, 1.4e7, 9)
    assert fit.law.loss(1e6, 3e5, tokens) == pytest.approx(fit.chinchilla.loss(1e6, 3e5, tokens), rel=1e-3)
    assert fit.interval(lambda law: law.repeats).high > 100 * max(EPOCHS)
    assert fit.finite is not True


def test_wearing_repetition_is_told_from_chinchilla() -> None:
    fit = fit_repeats(cells(PROXY, seeds=2, noise=0.003), replicates=15)
    assert fit.finite is True
    assert [error.left_out for error in fit.held_out] == ["one cell", "one number of epochs"]
    assert [error.folds for error in fit.held_out] == [12, 4]
    for error in fit.held_out:
        assert error.repeats < 0.01 < error.chinchilla


def test_the_same_call_gives_the_same_result() -> None:
    grid_cells = cells(PROXY, seeds=2, noise=0.005)
    first, again = (fit_repeats(grid_cells, replicates=5) for _ in range(2))
    assert first == again
    assert fit_repeats(grid_cells, replicates=5, seed=1).replicates != first.replicates


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize(("law", "shape"), [(PROXY, {}), (PAPER, LARGE)])
def test_the_gradient_is_that_of_the_distance(
    law: Law, shape: dict[str, tuple[float, ...]], repeats: bool
) -> None:
    rng = np.random.default_rng(5)
    grid_cells = cells(law, **shape, noise=0.02, rng=rng)  # type: ignore[arg-type]
    problem, weights = Problem(grid_cells, repeats), rng.exponential(size=len(grid_cells))
    for start in problem.starts()[:3]:
        _, gradient = problem.distance(start, weights)
        for place in range(len(start)):
            step = np.zeros(len(start))
            step[place] = 1e-6
            up, down = (problem.distance(start + sign * step, weights)[0] for sign in (1, -1))
            assert gradient[place] == pytest.approx((up - down) / 2e-6, rel=2e-3, abs=1e-3)
        predicted = np.exp(problem.predict(start)[0])
        own = problem.law(start).loss(problem.size, problem.unique, problem.tokens)
        assert predicted == pytest.approx(own, rel=1e-9)


def test_one_wild_cell_does_not_move_the_law_far() -> None:
    grid_cells = cells(PROXY, seeds=2, noise=0.002)
    wild = [replace(grid_cells[0], loss=grid_cells[0].loss * 1.3), *grid_cells[1:]]
    assert fit_repeats(wild, replicates=1).law.repeats == pytest.approx(
        fit_repeats(grid_cells, replicates=1).law.repeats, rel=0.15
    )


def test_losses_that_rise_again_are_told() -> None:
    grid_cells = cells(PROXY)
    risen = [
        replace(c, loss=c.loss * 1.15) if c.unique_tokens == UNIQUE[0] and c.epochs == 12 else c
        for c in grid_cells
    ]
    assert fit_repeats(grid_cells, replicates=1).rising == ()
    assert fit_repeats(risen, replicates=1).rising == ((1e6, UNIQUE[0]),)


def test_chinchilla_is_fitted_as_published() -> None:
    true = Law(E=1.69, A=406.4, alpha=0.34, B=410.7, beta=0.28)
    law = fit_chinchilla(cells(true, sizes=(1e8, 1e9, 1e10), unique=(1e9, 1e10, 1e11), epochs=(1,)))
    assert (law.E, law.alpha, law.beta) == pytest.approx((1.69, 0.34, 0.28), rel=0.03)


def bad(**changed: float) -> list[GridCell]:
    grid_cells = cells(PROXY)
    return [*grid_cells[:3], replace(grid_cells[3], **changed), *grid_cells[4:]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("grid_cells", "message"),
    [
        (bad(loss=math.nan), r"cell 3: loss is nan: expected a finite number above 0"),
        (bad(loss=0.0), r"cell 3: loss is 0\.0"),
        (bad(tokens=-1.0), r"cell 3: tokens is -1\.0"),
        (bad(unique_tokens=math.inf), r"cell 3: unique_tokens is inf"),
        (cells(PROXY, epochs=(4,), unique=(1e5, 2e5, 4e5, 8e5)), r"every cell is seen 4 times or less"),
        (cells(PROXY, epochs=(0.25, 0.5, 1)), r"every cell is seen 1 times or less"),
        (cells(PROXY, unique=(1e6,)), r"same number of unique tokens"),
        (cells(PROXY, unique=(1e6, 2e6), epochs=(1,), seeds=9), r"2 different cells for 4 constants"),
        (
            cells(PAPER, sizes=(1e8, 1e9), unique=(1e9,), epochs=(1, 4, 8)),
            r"6 different cells for 7 constants",
        ),
        ([], r"0 different cells"),
    ],
)
def test_cells_that_no_law_fits_are_refused(grid_cells: list[GridCell], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        fit_repeats(grid_cells)


def test_options_are_checked() -> None:
    with pytest.raises(BadOption, match="delta is 0"):
        FitOptions(delta=0)
    with pytest.raises(BadOption, match="replicates is 0"):
        fit_repeats(cells(PROXY), replicates=0)


def test_too_few_cells_to_leave_any_out() -> None:
    fit = fit_repeats(cells(PROXY, unique=(3e5, 1.2e6), epochs=(1, 8)), replicates=1)
    assert fit.held_out == ()
    assert fit.finite is None
