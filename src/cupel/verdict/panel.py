"""The measures of several trials lined up: the same rows for all, and the mean of each metric."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.verdict.bootstrap import REPLICATES, Resampled, mean_of, resample_items
from cupel.verdict.measures import Measure

__all__ = ["MEAN", "Panel", "PanelRow", "line_up"]

MEAN = "mean"
"""The subset that stands for the plain mean over all subsets of a metric."""


@dataclass(frozen=True)
class PanelRow:
    """What one measure is, without any trial's values.

    Attributes
    ----------
    items
        How many there are.
    chance
        What guessing gives; of a mean the mean, where all of its parts have one.
    parts
        Of a mean, the rows it is the mean of; empty for what was measured.
    """

    metric: str
    subset: str
    better: Literal["lower", "higher"]
    items: int
    chance: float | None
    parts: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Metric and subset."""
        return f"{self.metric} {self.subset}"


@dataclass(frozen=True)
class Panel:
    """Rows × trials. Metrics come in the order of the first trial, the mean before its parts.

    Attributes
    ----------
    trials
        What each trial is called.
    rows
        What was measured, and means.
    measures
        For each row the measure of every trial; none for means.
    """

    trials: tuple[str, ...]
    rows: tuple[PanelRow, ...]
    measures: tuple[tuple[Measure, ...], ...]

    def values(self, row: int) -> NDArray[np.float64]:
        """float64, (trials,): the row's value in each trial."""
        parts = self.rows[row].parts
        if parts:
            return np.asarray(np.mean([self.values(part) for part in parts], axis=0))
        return np.array([measure.value for measure in self.measures[row]])

    def resample(self, seed: int, replicates: int = REPLICATES) -> list[Resampled]:
        """Each row with its items resampled.

        Every row has a generator of its own, seeded by `seed` and its name: a row's result does not
        depend on which others there are.
        """
        resampled: dict[int, Resampled] = {}
        for place, row in enumerate(self.rows):
            if not row.parts:
                rng = np.random.default_rng([seed, zlib.crc32(row.name.encode())])
                resampled[place] = resample_items(self.measures[place], rng, replicates)
        for place, row in enumerate(self.rows):
            if row.parts:
                resampled[place] = mean_of([resampled[part] for part in row.parts])
        return [resampled[place] for place in range(len(self.rows))]


def line_up(trials: Mapping[str, Sequence[Measure]]) -> Panel:
    """The measures of trials, by the name of the trial, checked to be comparable.

    Raises
    ------
    BadInput
        No trial, a measure that one trial lacks or has twice, or one that differs in its items,
        version or direction.
    """
    if not trials:
        raise BadInput("no trial was given; there is nothing to compare")
    names = tuple(trials)
    tables = [_by_name(trial, measures) for trial, measures in trials.items()]
    first = tables[0]
    if not first:
        raise BadInput(f"{names[0]}: it has no measures; evaluate it first")
    for trial, table in zip(names[1:], tables[1:], strict=True):
        for name in [*first, *table]:
            if name not in first or name not in table:
                lacks, has = (trial, names[0]) if name not in table else (names[0], trial)
                raise BadInput(f"{lacks}: it has no measure '{name}', which {has} has; evaluate both alike")
            _check_alike(names[0], first[name], trial, table[name])
    rows: list[PanelRow] = []
    measures: list[tuple[Measure, ...]] = []
    for metric in dict.fromkeys(measure.metric for measure in first.values()):
        parts = [measure for measure in first.values() if measure.metric == metric]
        if len(parts) > 1:
            rows.append(_mean_row(parts, len(rows)))
            measures.append(())
        for measure in parts:
            rows.append(PanelRow(metric, measure.subset, measure.better, len(measure.items), measure.chance))
            measures.append(tuple(table[measure.name] for table in tables))
    return Panel(names, tuple(rows), tuple(measures))


def _by_name(trial: str, measures: Sequence[Measure]) -> dict[str, Measure]:
    table: dict[str, Measure] = {}
    for measure in measures:
        if measure.name in table:
            raise BadInput(f"{trial}: it has the measure '{measure.name}' twice; one was expected")
        table[measure.name] = measure
    return table


def _mean_row(parts: Sequence[Measure], place: int) -> PanelRow:
    """The row at `place`, whose parts come right after it."""
    first = parts[0]
    if any(part.subset == MEAN for part in parts):
        raise BadInput(f"{first.metric}: a subset is called '{MEAN}', as the mean over all is; rename it")
    if any(part.better != first.better for part in parts):
        raise BadInput(f"{first.metric}: lower is better on some subsets and higher on others")
    chances = [part.chance for part in parts if part.chance is not None]
    chance = float(np.mean(chances)) if len(chances) == len(parts) else None
    return PanelRow(
        first.metric,
        MEAN,
        first.better,
        sum(len(part.items) for part in parts),
        chance,
        tuple(range(place + 1, place + 1 + len(parts))),
    )


def _check_alike(first: str, measure: Measure, second: str, other: Measure) -> None:
    name = measure.name
    if measure.version != other.version:
        raise BadInput(
            f"{name}: version {measure.version} in {first}, version {other.version} in {second}; values of two "
            "versions do not compare. Evaluate the older trial again"
        )
    if measure.better != other.better:
        raise BadInput(f"{name}: {measure.better} is better in {first}, {other.better} in {second}")
    if measure.items != other.items:
        unlike = next(
            (f": '{a}' and '{b}'" for a, b in zip(measure.items, other.items, strict=False) if a != b), ""
        )
        raise BadInput(
            f"{name}: {len(measure.items)} items in {first}, {len(other.items)} in {second}, not the same{unlike}; "
            "score both on the same items: what is removed for one arm must be removed for all"
        )
    if not np.array_equal(measure.weight, other.weight):
        place = int(np.flatnonzero(measure.weight != other.weight)[0])
        raise BadInput(
            f"{name}: item '{measure.items[place]}' weighs {measure.weight[place]:g} in {first} and "
            f"{other.weight[place]:g} in {second}; an item must weigh the same in all trials"
        )
