"""Cells made from a known law, with the scatter of seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cupel.scaling.cells import GridCell
from cupel.scaling.law import Law

PROXY = Law(E=1.2, B=60, beta=0.35, repeats=6)
"""Like a small model's bits per byte."""

PAPER = Law(
    E=float(np.exp(0.6254804)),
    A=float(np.exp(6.255414)),
    alpha=0.3526596,
    B=float(np.exp(7.3049974)),
    beta=0.3526596,
    repeats=15.387756,
    excess=5.309743,
)
"""The constants that Muennighoff et al. published: E 1.87, A 521, B 1488, R* 15.4 and 5.3."""

UNIQUE = (300_000, 600_000, 1_200_000)
EPOCHS = (1, 2, 4, 12)


def cells(
    law: Law,
    *,
    sizes: Sequence[float] = (1e6,),
    unique: Sequence[float] = UNIQUE,
    epochs: Sequence[float] = EPOCHS,
    seeds: int = 1,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
) -> list[GridCell]:
    draw = rng or np.random.default_rng(0)
    return [
        GridCell(
            n, u, u * e, float(law.loss(n, u, u * e)) * float(np.exp(noise * draw.standard_normal())), seed
        )
        for n in sizes
        for u in unique
        for e in epochs
        for seed in range(seeds)
    ]
