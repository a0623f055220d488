"""Trials drawn from a random-effects model whose true difference is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cupel.verdict.measures import Measure


@dataclass(frozen=True)
class Model:
    """Bits per byte of an item = 2 + item + seed + item × arm + item × seed, all normal.

    `shift` is added to all items of the second arm: the true difference.
    """

    items: int = 60
    item: float = 0.5
    seed: float = 0.02
    item_arm: float = 0.0
    item_seed: float = 0.0
    weights: float = 0.8
    shift: float = 0.0

    def trials(
        self, rng: np.random.Generator, seeds: int, arms: int = 2, subset: str = "wiki"
    ) -> list[Measure]:
        """The trials of the first arm, then those of the second, and so on."""
        weight = np.exp(rng.normal(0, self.weights, self.items))
        level = 2 + rng.normal(0, self.item, self.items)
        names = tuple(map(str, range(self.items)))
        measures = []
        for arm in range(arms):
            own = rng.normal(0, self.item_arm, self.items)
            for _ in range(seeds):
                bits = level + own + rng.normal(0, self.seed) + rng.normal(0, self.item_seed, self.items)
                measures.append(
                    Measure(
                        "bits_per_byte", subset, "lower", names, weight * (bits + arm * self.shift), weight
                    )
                )
        return measures


def ones(values: list[float], name: str = "wiki", **more: object) -> list[Measure]:
    """One measure a value, without any scatter between its two items."""
    return [
        Measure("bits_per_byte", name, "lower", ("a", "b"), np.array([value, value]), np.ones(2))
        for value in values
    ]
