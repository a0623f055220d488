"""How often equal arms are called better or worse, by number of items and seeds; and what is found.

    python benchmarks/false_wins.py [--assays N]

Arms are equal over all items that might be asked, and differ on those that are: each item favors one arm or
the other by chance. `opposite` quizzes are answered right by exactly one arm, alike by every seed; `mixed`
ones by chance per arm and seed around that; `bits` are continuous, with noise of items, arms and seeds. The
share decided at 5 % should be at most 5 %. The second table has a true difference: the share found.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from pool import print_table

from cupel.verdict.bootstrap import resample_items
from cupel.verdict.measures import Measure
from cupel.verdict.statistics import paired_difference

ITEMS = (1, 2, 3, 4, 5, 6, 8, 12, 16, 32, 64, 200)
SEEDS = (2, 3, 5, 10)
REPLICATES = 400
Draw = Callable[[np.random.Generator, int, int, float], tuple[np.ndarray, np.ndarray]]


def opposite(rng: np.random.Generator, items: int, seeds: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """(seeds, items) of both arms: 1 where right."""
    right = rng.random(items) < 0.5 + shift / 2
    return np.tile(right, (seeds, 1)).astype(float), np.tile(~right, (seeds, 1)).astype(float)


def mixed(rng: np.random.Generator, items: int, seeds: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Each item has a difficulty per arm; each seed answers by chance around it."""
    base = rng.normal(0, 1.5, items)
    arms = [base + rng.normal(0, 0.7, items) + sign * shift / 2 for sign in (1, -1)]
    return tuple((rng.random((seeds, items)) < 1 / (1 + np.exp(-arm))).astype(float) for arm in arms)


def bits(rng: np.random.Generator, items: int, seeds: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Bits per byte of documents, around 1, with noise of one percent of items, arms and seeds."""
    base = 1 + rng.normal(0, 0.2, items)
    return tuple(
        base + rng.normal(0, 0.01, items) + rng.normal(0, 0.005, (seeds, 1)) - sign * shift / 2
        for sign in (1, -1)
    )


def decided(draw: Draw, items: int, seeds: int, assays: int, shift: float = 0.0) -> float:
    """Share of assays in which the arms are told apart at 5 %."""
    rng = np.random.default_rng([items, seeds])
    names = tuple(map(str, range(items)))
    count = 0
    for _ in range(assays):
        trials = np.concatenate(draw(rng, items, seeds, shift))
        measures = [Measure("m", "s", "higher", names, trial, np.ones(items)) for trial in trials]
        resampled = resample_items(measures, rng, REPLICATES)
        estimate = paired_difference(resampled.of(range(seeds)), resampled.of(range(seeds, 2 * seeds)))
        count += estimate.p_value() <= 0.05
    return count / assays


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--assays", type=int, default=400)
    assays = parser.parse_args().assays
    for title, shifts in (("equal arms", (0.0, 0.0, 0.0)), ("a true difference", (0.5, 0.8, 0.02))):
        rows = []
        for draw, shift in zip((opposite, mixed, bits), shifts, strict=True):
            for items in ITEMS:
                shares = [decided(draw, items, seeds, assays, shift) for seeds in SEEDS]
                rows.append([draw.__name__, items, *(f"{share:.1%}" for share in shares)])
        print_table(
            f"{title}: decided at 5 %, {assays} assays each",
            ["model", "items", *(f"{seeds} seeds" for seeds in SEEDS)],
            rows,
        )


if __name__ == "__main__":
    main()
