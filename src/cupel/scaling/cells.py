"""Cells: what was measured on a grid of model sizes, unique tokens and epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cupel.errors import BadInput
from cupel.lab.trials import Trial
from cupel.verdict.measures import Measure

__all__ = ["GridCell", "cells_of", "check_cells", "mean_bits"]


@dataclass(frozen=True)
class GridCell:
    """One trial of a grid: how large, on what, and how well.

    Attributes
    ----------
    parameters
        Of the model, without embeddings.
    unique_tokens
        How many the trial could draw from.
    tokens
        How many it was trained on; beyond `unique_tokens` they are repeated.
    loss
        On held-out text: bits per byte, or nats per token; the same for all cells.
    seed
        Of the trial.

    Examples
    --------
    >>> GridCell(950_000, 250_000, 1_000_000, 1.93).epochs
    4.0
    """

    parameters: float
    unique_tokens: float
    tokens: float
    loss: float
    seed: int = 0

    @property
    def epochs(self) -> float:
        """How often each unique token was seen; below one, some were not."""
        return self.tokens / self.unique_tokens

    @property
    def place(self) -> tuple[float, float, float]:
        """What all seeds of one place in the grid share."""
        return self.parameters, self.unique_tokens, self.tokens


def cells_of(
    trials: Sequence[Trial],
    measures: Sequence[Sequence[Measure]],
    loss: Callable[[Sequence[Measure]], float] | None = None,
) -> tuple[GridCell, ...]:
    """Cells from trials and what each of them scored.

    Unique tokens are those that one epoch draws: where documents weigh differently, a document of weight
    one half counts half.

    Parameters
    ----------
    measures
        One sequence a trial, as `Lab.score` gives it.
    loss
        The number to fit; by default bits per byte, the mean over domains.

    Raises
    ------
    BadInput
        Fewer or more measures than trials, or none of bits per byte.
    """
    if len(trials) != len(measures):
        raise BadInput(f"{len(trials)} trials and measures of {len(measures)}: expected one for each")
    cells = []
    for trial, scored in zip(trials, measures, strict=True):
        tokens = float(trial.record["tokens"])
        unique = tokens / float(trial.record["epochs"])
        size = float(trial.record["parameters"]["without_embeddings"])
        try:
            value = (loss or mean_bits)(scored)
        except BadInput as error:
            raise BadInput(f"trial {trial.arm}, seed {trial.seed}: {error}") from None
        cells.append(GridCell(size, unique, tokens, value, trial.seed))
    return tuple(cells)


def mean_bits(measures: Sequence[Measure]) -> float:
    """Bits per byte, the mean over domains.

    Raises
    ------
    BadInput
        None was measured.
    """
    bits = [measure.value for measure in measures if measure.metric == "bits_per_byte"]
    if not bits:
        raise BadInput("no bits per byte were measured; score it on HeldOut, or name another loss")
    return sum(bits) / len(bits)


def check_cells(cells: Iterable[GridCell], needed: int) -> None:
    """Whether a law with `needed` constants can be fitted to the cells.

    Raises
    ------
    BadInput
        A number that is none, too few places, one epoch count only, or one number of unique tokens only.
    """
    listed = list(cells)
    for place, cell in enumerate(listed):
        for name in ("parameters", "unique_tokens", "tokens", "loss"):
            value = getattr(cell, name)
            if not (math.isfinite(value) and value > 0):
                raise BadInput(
                    f"cell {place}: {name} is {value!r}: expected a finite number above 0 ({cell})"
                )
    places = {cell.place for cell in listed}
    if len(places) < needed:
        raise BadInput(
            f"{len(places)} different cells for {needed} constants: expected {needed} or more; "
            "add epoch counts or numbers of unique tokens (seeds of one cell count once)"
        )
    epochs = {_repetitions(cell) for cell in listed}
    if len(epochs) < 2:
        raise BadInput(
            f"every cell is seen {next(iter(epochs)):g} times or less: what repetition is worth shows only "
            "beside another number of epochs; train some cells for 1, 2, 4, 8 … epochs"
        )
    if len({cell.unique_tokens for cell in listed}) < 2:
        raise BadInput(
            "every cell has the same number of unique tokens: what fresh tokens are worth shows only beside "
            "another number; train some cells on a half or a quarter of the corpus"
        )


def _repetitions(cell: GridCell) -> float:
    """The epochs to two digits: budgets are whole steps, so they differ a little from what was asked."""
    return float(f"{max(cell.epochs, 1.0):.2g}")
