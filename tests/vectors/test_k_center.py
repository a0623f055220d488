"""Farthest-first traversal: what it chooses beside a plain computation, on half- and single-precision vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel import _kernels
from tests.conftest import examples


def lists(vectors: npt.NDArray[np.floating]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])


def plain(vectors: npt.NDArray[np.float64], budget: int, first: int) -> tuple[list[int], list[float], float]:
    """Rows, the distance of each to the ones before, and the radius: all compared with all."""
    rows, distances = [first], []
    while True:
        near = np.linalg.norm(vectors[:, None] - vectors[None, rows], axis=2).min(axis=1)
        if len(rows) == budget:
            return rows, distances, float(near.max())
        near[rows] = -1
        rows.append(int(near.argmax()))
        distances.append(float(near.max()))


@settings(max_examples=examples(60), deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40),
    width=st.sampled_from([1, 2, 63, 64, 65, 130]),
    kind=st.sampled_from([np.float16, np.float32]),
    threads=st.integers(1, 3),
)
def test_the_farthest_is_chosen_each_time(
    seed: int, count: int, width: int, kind: type[np.floating], threads: int
) -> None:
    # Small whole numbers: distances are exact, and many are equal.
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, (count, width)).astype(np.float64)
    budget, first = int(rng.integers(1, count + 1)), int(rng.integers(count))
    chosen, radius = _kernels.k_center(
        lists(vectors.astype(kind)), budget, first=first, metric="euclidean", threads=threads
    )
    rows, distances, expected = plain(vectors, budget, first)
    assert chosen["row"].to_pylist() == rows
    assert chosen["distance"].to_pylist()[1:] == pytest.approx(distances)
    assert chosen["distance"][0].as_py() is None
    assert radius == pytest.approx(expected)


def test_the_cosine_is_one_minus_the_cosine() -> None:
    vectors = np.array([[2, 0], [0, 5], [-1, 0], [3, 3]], np.float32)
    chosen, radius = _kernels.k_center(lists(vectors), 3)
    assert chosen["row"].to_pylist() == [0, 2, 1]
    assert chosen["distance"].to_pylist() == [None, 2.0, 1.0]
    assert radius == pytest.approx(1 - np.sqrt(0.5))


def test_all_of_them_are_chosen_once() -> None:
    vectors = np.ones((9, 4), np.float16)
    chosen, radius = _kernels.k_center(lists(vectors), 9, first=4)
    assert chosen["row"].to_pylist() == [4, 0, 1, 2, 3, 5, 6, 7, 8]
    assert radius == 0


def test_what_cannot_be_compared_is_said() -> None:
    good = lists(np.ones((2, 2), np.float32))
    for vectors, options, message in (
        (good, {"budget": 3}, "budget: expected 1 to 2, the number of vectors, got 3"),
        (good, {"budget": 1, "first": 2}, "first: expected a row from 0 to 1, got 2"),
        (good, {"budget": 1, "metric": "dot"}, "metric: expected cosine or euclidean, got 'dot'"),
        (
            lists(np.array([[1], [np.inf]], np.float32)),
            {"budget": 1},
            "row 1 holds a number that is not finite",
        ),
        (lists(np.zeros((1, 2), np.float32)), {"budget": 1}, "row 0 has length zero and no direction"),
        (pa.array([[1.0], None], pa.list_(pa.float32(), 1)), {"budget": 1}, "nulls are not allowed"),
        (pa.array([[1.0]]), {"budget": 1}, "expected fixed-size lists of float16 or float32"),
    ):
        with pytest.raises(ValueError, match=message):
            _kernels.k_center(vectors, **options)  # type: ignore[arg-type]
