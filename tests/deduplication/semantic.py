"""Vectors for tests of the semantic methods, and what resolves them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cupel.contract import Clusters
from cupel.vectors.fields import unit
from cupel.vectors.kmeans import Cells, cells_of
from cupel.vectors.mapped import Vectors
from cupel.vectors.workers import Workers

from .conftest import Resolve


def families(
    seed: int, groups: int = 8, each: int = 6, dimensions: int = 12, spread: float = 0.12
) -> np.ndarray:
    """Unit vectors in groups; some are copies of others to the bit."""
    rng = np.random.default_rng(seed)
    centers = unit(rng.standard_normal((groups, dimensions)))
    vectors = np.repeat(centers, each, axis=0) + spread * rng.standard_normal((groups * each, dimensions))
    copies = rng.choice(len(vectors), len(vectors) // 6, replace=False)
    vectors[copies] = vectors[(copies + 1) % len(vectors)]
    return rng.permutation(unit(vectors).astype(np.float16))


def fields(vectors: np.ndarray) -> list[dict[str, object]]:
    """Metadata that holds these vectors."""
    return [{"vector": row.astype(float).tolist()} for row in vectors]


def resolve_vectors(
    resolve: Resolve, method: type, vectors: np.ndarray, options: Mapping[str, object], **view_options: object
) -> Clusters:
    """The clusters of these vectors."""
    made = method.from_options({"column": "vector", **options})
    return resolve(made, [f"text {n}" for n in range(len(vectors))], fields=fields(vectors), **view_options)


def mapped(vectors: np.ndarray) -> Vectors:
    """The vectors as they are once read."""
    halves = unit(vectors).astype(np.float16)
    return Vectors(np.arange(len(vectors)), halves, len(vectors))


def clustered(vectors: np.ndarray, threads: int = 1, **options: object) -> Cells:
    """Their cells."""
    asked = {"clusters": None, "iterations": 20, "seed": 1, **options}
    with Workers.start(threads) as workers:
        return cells_of(mapped(vectors), workers, **asked)  # type: ignore[arg-type]
