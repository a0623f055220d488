from pathlib import Path

import numpy as np
import pytest

from cupel.errors import BadInput
from cupel.verdict.measures import Measure, read_measures, write_measures


def _measure(subset: str) -> Measure:
    return Measure("accuracy", subset, "higher", ("a", "東京"), np.array([1.0, 0.0]), np.ones(2), chance=0.25)


def test_measures_come_back_as_they_were(tmp_path: Path) -> None:
    write_measures([_measure("one"), _measure("two")], tmp_path / "m.npz")
    first, second = read_measures(tmp_path / "m.npz")
    assert (first.name, second.name) == ("accuracy one", "accuracy two")
    assert first.items == ("a", "東京")
    assert first.value == 0.5
    assert first.chance == 0.25
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    write_measures([_measure("one")], path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInput, match=r"m\.npz does not hold"):
        read_measures(path)


def test_lengths_must_agree() -> None:
    with pytest.raises(BadInput, match="2 items, 1 amounts"):
        Measure("m", "s", "lower", ("a", "b"), np.ones(1), np.ones(2))
