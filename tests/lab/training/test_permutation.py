from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from cupel.lab.training.permutation import permute


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 17, 256, 257, 5000])
def test_each_place_once(length: int) -> None:
    assert sorted(permute(np.arange(length), length, key=3).tolist()) == list(range(length))


def test_pieces_agree_with_the_whole() -> None:
    whole = permute(np.arange(1000), 1000, key=9)
    pieces = [permute(np.arange(begin, begin + 100), 1000, key=9) for begin in range(0, 1000, 100)]
    assert np.concatenate(pieces).tolist() == whole.tolist()


def test_keys_give_all_permutations_about_as_often() -> None:
    draws = 480
    seen = Counter(tuple(permute(np.arange(4), 4, key=key).tolist()) for key in range(draws))
    assert set(seen) == set(permutations(range(4)))
    expected = draws / 24
    chi_square = sum((count - expected) ** 2 / expected for count in seen.values())
    # 23 degrees of freedom: above 49.7 in one of a thousand.
    assert chi_square < 49.7


def test_neighbours_do_not_stay_neighbours() -> None:
    permuted = permute(np.arange(100_000), 100_000, key=1)
    assert abs(np.corrcoef(np.arange(100_000), permuted)[0, 1]) < 0.02
    assert (np.abs(np.diff(permuted)) == 1).mean() < 0.001
