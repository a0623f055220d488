"""The noise floor: how much a measure scatters over seeds when the data are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.verdict.measures import Measure
from cupel.verdict.panel import line_up
from cupel.verdict.special import special

__all__ = ["Floor", "floor_of", "floors_from_json", "noise_floor", "recorded_floor"]


@dataclass(frozen=True)
class Floor:
    """How much a measure scatters over seeds when the data are the same.

    Attributes
    ----------
    mean, deviation
        Over the seeds; `deviation` with n − 1.
    low, high
        95 % interval of `deviation`, from the chi-square distribution with n − 1 degrees of freedom.
    seeds
        How many trials there were.
    """

    mean: float
    deviation: float
    low: float
    high: float
    seeds: int

    @property
    def relative(self) -> float:
        """The deviation as a share of the mean."""
        return self.deviation / abs(self.mean) if self.mean else 0.0


def noise_floor(trials: Mapping[int, Sequence[Measure]]) -> dict[str, Floor]:
    """The floor of each measure, and of the mean of each metric over its subsets.

    Parameters
    ----------
    trials
        The measures of trials of the same data, by seed.

    Raises
    ------
    BadInput
        Fewer than two trials, or trials that were not measured alike.
    """
    panel = line_up({f"seed {seed}": measures for seed, measures in trials.items()})
    return {row.name: floor_of(panel.values(place)) for place, row in enumerate(panel.rows)}


def floor_of(values: Sequence[float] | NDArray[np.float64]) -> Floor:
    """The noise floor of one measure, from its values in trials of identical data.

    Raises
    ------
    BadInput
        Fewer than two values.

    Examples
    --------
    >>> floor = floor_of([1.90, 1.91, 1.92])
    >>> round(floor.deviation, 4), round(floor.low, 4), round(floor.high, 4), floor.seeds
    (0.01, 0.0052, 0.0628, 3)
    """
    scores = np.asarray(values, dtype=np.float64)
    if len(scores) < 2:
        raise BadInput(
            f"a noise floor needs two trials of the same data at least, and there is {len(scores)}; "
            "train it with more seeds"
        )
    return _floor(float(scores.mean()), float(scores.std(ddof=1)), len(scores))


def recorded_floor(mean: float, relative: float, seeds: int) -> Floor:
    """A floor that was measured before, as a share of the mean, around the mean that a measure has now.

    >>> round(recorded_floor(2.0, 0.003, 10).deviation, 4)
    0.006
    """
    return _floor(mean, relative * abs(mean), seeds)


def floors_from_json(recorded: Mapping[str, Mapping[str, Any]]) -> dict[str, Floor]:
    """Floors by the name of their measure, as `dataclasses.asdict` wrote them."""
    return {name: Floor(**fields) for name, fields in recorded.items()}


def _floor(mean: float, deviation: float, seeds: int) -> Floor:
    degrees = seeds - 1
    high, low = (float(degrees / q) ** 0.5 for q in special().chdtri(degrees, [0.975, 0.025]))
    return Floor(mean, deviation, deviation * low, deviation * high, seeds)
