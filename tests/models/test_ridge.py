"""Ridge regression against its normal equations, and hashed n-grams against a count by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from cupel import _kernels
from cupel.models.features import SparseCounts, compact, hashed_ngrams, joined
from cupel.models.ridge import PENALTIES, choose_ridge, fit_ridge

TEXTS = [
    "The river is by the mountain, by the river.",
    "Der Fluss liegt am Berg.",
    "東京の川 東京",
    "😀 😀 café\u0301 CAFÉ",
    "",
    None,
    "\x00\x07",
    "مرحبا بالعالم",
    "word " * 20_000,
    "x" * 1_000_000,
]


def dense(counts: SparseCounts, width: int) -> np.ndarray:
    matrix = np.zeros((len(counts), width))
    matrix[counts.rows, counts.features] = counts.values
    return matrix


def by_hand(text: str | None, bits: int) -> dict[int, float]:
    """Counts of words and of pairs of neighbors in their buckets, at length 1."""
    (hashes,) = _kernels.word_hashes(pa.array([text], pa.large_string()), most=1 << 14).to_pylist()
    mask, first, second = (1 << 64) - 1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
    grams = list(hashes or [])
    grams += [((a * first) & mask) ^ ((b * second) & mask) for a, b in pairwise(grams)]
    counts = Counter(((gram * first) & mask) >> (64 - bits) for gram in grams)
    length = sum(count**2 for count in counts.values()) ** 0.5
    return {bucket: count / length for bucket, count in counts.items()}


@pytest.mark.parametrize("bits", [6, 18])
def test_ngrams_are_counted_as_by_hand(bits: int) -> None:
    counts = hashed_ngrams(pa.array(TEXTS, pa.large_string()), bits)
    assert len(counts) == len(TEXTS)
    for row, text in enumerate(TEXTS):
        own = slice(counts.starts[row], counts.starts[row + 1])
        expected = by_hand(text, bits)
        assert counts.features[own].tolist() == sorted(expected)
        assert counts.values[own] == pytest.approx([expected[name] for name in sorted(expected)])


def test_rows_do_not_depend_on_each_other() -> None:
    texts = pa.array(TEXTS, pa.large_string())
    together = hashed_ngrams(texts)
    alone = joined([hashed_ngrams(texts.slice(row, 1)) for row in range(len(TEXTS))])
    sliced = hashed_ngrams(pa.array(["before", *TEXTS], pa.large_string()).slice(1))
    for other in (alone, sliced):
        for name in ("starts", "features", "values"):
            assert (getattr(together, name) == getattr(other, name)).all()
    assert len(hashed_ngrams(pa.array([], pa.large_string()))) == 0


def test_products_and_rows() -> None:
    counts = hashed_ngrams(pa.array(TEXTS, pa.large_string()), 8)
    matrix = dense(counts, 256)
    weights = np.random.default_rng(0).normal(size=256)
    assert counts.times(weights) == pytest.approx(matrix @ weights)
    rows = np.array([3, 0, 4, 3])
    assert dense(counts.take(rows), 256) == pytest.approx(matrix[rows])
    small, used = compact(counts)
    assert dense(small, len(used)) == pytest.approx(matrix[:, used])
    assert not matrix[:, np.setdiff1d(np.arange(256), used)].any()


def planted(rows: int, seed: int) -> tuple[SparseCounts, np.ndarray]:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice([f"w{number}" for number in range(40)], 25)) for _ in range(rows)]
    counts, _ = compact(hashed_ngrams(pa.array(texts)))
    width = int(counts.features.max()) + 1
    weights = rng.normal(size=width)
    return counts, counts.times(weights) + 3 + rng.normal(0, 0.1, rows)


@pytest.mark.parametrize("is_sparse", [True, False])
def test_it_solves_the_normal_equations_for_every_penalty(is_sparse: bool) -> None:
    counts, targets = planted(90, seed=1)
    width = int(counts.features.max()) + 1
    matrix = dense(counts, width)
    if not is_sparse:
        matrix = matrix[:, :50]
        width = 50
    features = counts if is_sparse else matrix
    centered = matrix - matrix.mean(axis=0)
    for line in fit_ridge(features, targets, width, PENALTIES):
        normal = centered.T @ centered + line.penalty * np.eye(width)
        exact = np.linalg.solve(normal, centered.T @ (targets - targets.mean()))
        assert line.weights == pytest.approx(exact, abs=1e-6)
        assert line.intercept == pytest.approx(targets.mean() - matrix.mean(axis=0) @ exact, abs=1e-6)
        assert line.predict(features) == pytest.approx(matrix @ exact + line.intercept)


def test_the_penalty_is_the_best_of_those_tried() -> None:
    counts, targets = planted(200, seed=2)
    width = int(counts.features.max()) + 1
    judged = np.arange(200) % 5 == 0
    chosen = choose_ridge(counts, targets, width, judged)
    rows, held = np.flatnonzero(~judged), np.flatnonzero(judged)
    path = fit_ridge(counts.take(rows), targets[rows], width, PENALTIES)
    errors = [np.square(line.predict(counts.take(held)) - targets[held]).sum() for line in path]
    assert chosen.penalty == PENALTIES[int(np.argmin(errors))]
    noise = choose_ridge(counts, np.random.default_rng(3).normal(size=200), width, judged)
    assert noise.penalty >= 10 * chosen.penalty


def test_a_target_that_is_constant_is_its_intercept() -> None:
    counts, _ = planted(40, seed=3)
    width = int(counts.features.max()) + 1
    line = choose_ridge(counts, np.full(40, 2.5), width, np.arange(40) < 8)
    assert line.predict(counts) == pytest.approx(np.full(40, 2.5))
