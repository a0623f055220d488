"""How far a law is from cells that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from cupel.errors import BadInput
from cupel.scaling.cells import GridCell, check_cells
from cupel.scaling.fit import FitOptions, Problem, one_thread

__all__ = ["HeldOutError", "held_out_errors"]


@dataclass(frozen=True)
class HeldOutError:
    """Mean error on cells left out, as a share of the measured loss.

    Attributes
    ----------
    left_out
        What is left out at a time.
    folds
        How many times something was left out.
    repeats, chinchilla
        Error of each law, a fraction; each cell is predicted once, seeds of a cell are left out together.
    """

    left_out: str
    folds: int
    repeats: float
    chinchilla: float


def held_out_errors(
    cells: Sequence[GridCell], options: FitOptions = FitOptions()
) -> tuple[HeldOutError, ...]:
    """The error on cells left out one place at a time, and one epoch count at a time.

    A way of leaving out is missing where what is left would be too little to fit the law to.
    """
    ways: list[tuple[str, Callable[[GridCell], Hashable]]] = [
        ("one cell", lambda cell: cell.place),
        ("one number of epochs", lambda cell: float(f"{cell.epochs:.2g}")),
    ]
    with one_thread():
        errors = [_leave_out(cells, name, key, options) for name, key in ways]
    return tuple(error for error in errors if error is not None)


def _leave_out(
    cells: Sequence[GridCell], name: str, key: Callable[[GridCell], Hashable], options: FitOptions
) -> HeldOutError | None:
    folds = list(dict.fromkeys(key(cell) for cell in cells))
    errors: list[list[float]] = [[], []]
    for fold in folds:
        kept = [cell for cell in cells if key(cell) != fold]
        asked = [cell for cell in cells if key(cell) == fold]
        sized = len({cell.parameters for cell in kept}) > 1
        try:
            check_cells(kept, 7 if sized else 4)
        except BadInput:
            return None
        for repeats, into in zip((True, False), errors, strict=True):
            problem = Problem(kept, repeats, options)
            law = problem.law(problem.solve(problem.starts()[:2])[0])
            for cell in asked:
                predicted = float(law.loss(cell.parameters, cell.unique_tokens, cell.tokens))
                into.append(abs(predicted / cell.loss - 1))
    return HeldOutError(name, len(folds), float(np.mean(errors[0])), float(np.mean(errors[1])))
