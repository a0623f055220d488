"""Simulated assays between trials of the same data."""

from __future__ import annotations

import numpy as np
import pytest

from cupel.errors import BadInput
from cupel.verdict.calibration import Calibration, calibration, calibration_section
from cupel.verdict.floor import Floor
from cupel.verdict.measures import Measure
from tests.verdict.models import Model


def cached(trials: int, seed: int = 0) -> dict[int, list[Measure]]:
    rng = np.random.default_rng(seed)
    parts = [Model(item_seed=0.1).trials(rng, trials, arms=1, subset=name) for name in ("wiki", "code")]
    return {trial: [part[trial] for part in parts] for trial in range(trials)}


@pytest.fixture(scope="module")
def calibrated() -> Calibration:
    rng = np.random.default_rng(1)
    return calibration(cached(16), rng, assays=120, shifts=(0.0, 0.01, 0.2), replicates=1_000)


def test_equal_groups_are_undecided_and_large_shifts_found(calibrated: Calibration) -> None:
    none, small, large = calibrated.shifts
    assert none.undecided + none.wrong == calibrated.assays
    assert none.right == 0
    # Assays share trials, so that the share of false decisions scatters more than a binomial one.
    assert none.undecided >= 0.9 * calibrated.assays
    assert large.right == calibrated.assays
    assert none.undecided >= small.undecided >= large.undecided
    assert (none.covered, none.intervals) == (small.covered, calibrated.assays * 3)
    assert none.covered / none.intervals > 0.9


def test_a_floor_that_is_too_low_shows(calibrated: Calibration) -> None:
    """The table is no formality: with a floor of half the scatter it fails; one of a tenth is set aside."""
    names = ("bits_per_byte mean", "bits_per_byte wiki", "bits_per_byte code")
    undecided = {}
    for share in (0.5, 0.1):
        low = {name: Floor(2.0, share * 0.02, 0.0, 1.0, 1_000) for name in names}
        rng = np.random.default_rng(1)
        wrong = calibration(cached(16), rng, assays=60, shifts=(0.0,), floors=low, replicates=1_000)
        undecided[share] = wrong.shifts[0].undecided
    assert undecided[0.5] < 0.85 * 60
    assert undecided[0.1] >= 0.9 * 60


def test_the_trials_left_out_are_the_floor() -> None:
    """Without any floor three seeds find far less of the same shift."""
    right = {}
    for name, floors in (("left out", None), ("none", {})):
        rng = np.random.default_rng(3)
        calibrated = calibration(cached(16), rng, assays=60, shifts=(0.04,), floors=floors, replicates=500)
        right[name] = calibrated.shifts[0].right
    assert right["left out"] > right["none"] + 15


def test_the_same_generator_gives_the_same_table() -> None:
    first, other = (
        calibration(cached(8), np.random.default_rng(2), assays=10, replicates=500) for _ in range(2)
    )
    assert first == other


def test_too_few_trials_are_refused() -> None:
    with pytest.raises(BadInput, match="5 trials do not make two groups of 3; train the arm with 6 seeds"):
        calibration(cached(5), np.random.default_rng(0))


def test_the_table_says_what_was_counted(calibrated: Calibration) -> None:
    section = calibration_section(calibrated)
    assert section.lead.startswith("120 simulated assays, 3 seeds against 3, drawn from 16 trials")
    (table,) = section.blocks
    first = table.rows[0]  # type: ignore[union-attr]
    assert first == ("none", calibrated.shifts[0].undecided / 120, None, calibrated.shifts[0].wrong / 120)
