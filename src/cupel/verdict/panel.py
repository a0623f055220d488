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

__all__ = ["MEAN", "Panel", "Row", "line_up"]

MEAN = "mean"
"""The subset that stands for the plain mean over all subsets of a metric."""


@dataclass(frozen=True)
class Row:
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
    rows: tuple[Row, ...]
    measures: tuple[tuple[Measure, ...], ...]

    def values(self, row: int) -> NDArray[np.float64]:
        """float64, (trials,): the row's value in each trial."""
        parts = self.rows[row].parts
        if parts:
            return np.asarray(np.mean([self.values(part) for part in parts], axis=0))
        return np.array([one.value for one in self.measures[row]])

    def resample(self, seed: int, replicates: int = REPLICATES) -> list[Resampled]:
        """Each row with its items resampled.

        Every row has a generator of its own, seeded by `seed` and its name: a row's result does not
        depend on which others there are.
        """
        found: dict[int, Resampled] = {}
        for place, row in enumerate(self.rows):
            if not row.parts:
                rng = np.random.default_rng([seed, zlib.crc32(row.name.encode())])
                found[place] = resample_items(self.measures[place], rng, replicates)
        for place, row in enumerate(self.rows):
            if row.parts:
                found[place] = mean_of([found[part] for part in row.parts])
        return [found[place] for place in range(len(self.rows))]


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
    rows: list[Row] = []
    measures: list[tuple[Measure, ...]] = []
    for metric in dict.fromkeys(one.metric for one in first.values()):
        parts = [one for one in first.values() if one.metric == metric]
        if len(parts) > 1:
            rows.append(_mean_row(parts, len(rows)))
            measures.append(())
        for one in parts:
            rows.append(Row(metric, one.subset, one.better, len(one.items), one.chance))
            measures.append(tuple(table[one.name] for table in tables))
    return Panel(names, tuple(rows), tuple(measures))


def _by_name(trial: str, measures: Sequence[Measure]) -> dict[str, Measure]:
    table: dict[str, Measure] = {}
    for one in measures:
        if one.name in table:
            raise BadInput(f"{trial}: it has the measure '{one.name}' twice; one was expected")
        table[one.name] = one
    return table


def _mean_row(parts: Sequence[Measure], place: int) -> Row:
    """The row at `place`, whose parts come right after it."""
    first = parts[0]
    if any(one.subset == MEAN for one in parts):
        raise BadInput(f"{first.metric}: a subset is called '{MEAN}', as the mean over all is; rename it")
    if any(one.better != first.better for one in parts):
        raise BadInput(f"{first.metric}: lower is better on some subsets and higher on others")
    chances = [one.chance for one in parts if one.chance is not None]
    chance = float(np.mean(chances)) if len(chances) == len(parts) else None
    return Row(
        first.metric,
        MEAN,
        first.better,
        sum(len(one.items) for one in parts),
        chance,
        tuple(range(place + 1, place + 1 + len(parts))),
    )


def _check_alike(first: str, one: Measure, second: str, other: Measure) -> None:
    name = one.name
    if one.version != other.version:
        raise BadInput(
            f"{name}: version {one.version} in {first}, version {other.version} in {second}; values of two "
            "versions do not compare. Evaluate the older trial again"
        )
    if one.better != other.better:
        raise BadInput(f"{name}: {one.better} is better in {first}, {other.better} in {second}")
    if one.items != other.items:
        unlike = next(
            (f": '{a}' and '{b}'" for a, b in zip(one.items, other.items, strict=False) if a != b), ""
        )
        raise BadInput(
            f"{name}: {len(one.items)} items in {first}, {len(other.items)} in {second}, not the same{unlike}; "
            "score both on the same items: what is removed for one arm must be removed for all"
        )
    if not np.array_equal(one.weight, other.weight):
        place = int(np.flatnonzero(one.weight != other.weight)[0])
        raise BadInput(
            f"{name}: item '{one.items[place]}' weighs {one.weight[place]:g} in {first} and "
            f"{other.weight[place]:g} in {second}; an item must weigh the same in all trials"
        )
