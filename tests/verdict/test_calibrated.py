"""What the verdict promises, counted on trials from a model whose truth is known.

Tolerances are three standard errors of a share: √(p·(1−p)/assays). The generators are seeded, so that
nothing here comes and goes.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from cupel.verdict.bootstrap import resample_items
from cupel.verdict.floor import Floor, floor_of
from cupel.verdict.panel import line_up
from cupel.verdict.statistics import Estimate, holm, paired_difference
from tests.verdict.models import Model

REPLICATES = 400
LEVEL = 0.05


def tolerance(share: float, count: int) -> float:
    return 3 * (share * (1 - share) / count) ** 0.5


def assay(model: Model, seeds: int, rng: np.random.Generator, floor: Floor | None = None) -> Estimate:
    resampled = resample_items(model.trials(rng, seeds), rng, REPLICATES)
    return paired_difference(resampled.of(range(seeds, 2 * seeds)), resampled.of(range(seeds)), floor)


def true_floor(model: Model, seeds: int, rng: np.random.Generator) -> Floor:
    """A floor as it would be recorded, from so many trials of one arm."""
    return floor_of([measure.value for measure in model.trials(rng, seeds, arms=1)])


def covered(estimate: Estimate, truth: float) -> bool:
    """Whether the 95 % interval holds the truth, without computing its ends."""
    return min(estimate.tails(truth)) >= LEVEL / 2


ONLY_SEEDS = Model()
ITEMS_TOO = Model(item_arm=0.15)
ALL_THREE = Model(item_arm=0.15, item_seed=0.15)
ONLY_TOGETHER = Model(seed=0.0, item_seed=0.15)


@pytest.mark.parametrize(
    ("model", "seeds", "floor_seeds", "exact"),
    [
        (ONLY_SEEDS, 3, 0, True),
        (ONLY_SEEDS, 3, 10, True),
        (ONLY_SEEDS, 1, 10, True),
        (ITEMS_TOO, 3, 10, True),
        (ALL_THREE, 3, 10, True),
        (ALL_THREE, 3, 0, False),
        (ALL_THREE, 10, 0, True),
        (ONLY_TOGETHER, 3, 10, False),
    ],
    ids=lambda value: str(value) if not isinstance(value, Model) else "",
)
def test_intervals_hold_the_truth(model: Model, seeds: int, floor_seeds: int, exact: bool) -> None:
    """In 95 of 100 assays; where the method is known to be cautious, in at least so many."""
    rng = np.random.default_rng([seeds, floor_seeds])
    assays = 600
    inside = 0
    for _ in range(assays):
        floor = true_floor(model, floor_seeds, rng) if floor_seeds else None
        inside += covered(assay(model, seeds, rng, floor), model.shift)
    share = inside / assays
    assert share >= 0.95 - tolerance(0.95, assays)
    if exact:
        # Seeds and items each have their own tail; their sum is at most a little too wide.
        assert share <= 0.95 + tolerance(0.95, assays) + 0.01


@pytest.mark.parametrize("floor_seeds", [0, 10])
def test_equal_arms_stay_undecided(floor_seeds: int, thorough: bool) -> None:
    """Four measures, two arms against a baseline, Holm over all eight: nothing is decided in 95 of 100."""
    rng = np.random.default_rng(floor_seeds)
    model = Model(items=40, item_arm=0.1, item_seed=0.1)
    assays, false = 150 if thorough else 60, 0
    for _ in range(assays):
        p_values = []
        for _ in range(4):
            # So many that the smallest p reported, 2/1,501, does not stand in the way of a decision.
            resampled = resample_items(model.trials(rng, 3, arms=3), rng, 1_500)
            floor = true_floor(model, floor_seeds, rng) if floor_seeds else None
            base = resampled.of(range(3))
            p_values += [
                paired_difference(resampled.of(range(at, at + 3)), base, floor).p_value() for at in (3, 6)
            ]
        false += min(holm(p_values)) <= LEVEL
    assert false / assays <= LEVEL + tolerance(LEVEL, assays)


def test_a_difference_of_known_size_is_found_as_often_as_theory_says() -> None:
    """Seeds alone scatter, five of them, no floor: the power is that of the paired t test."""
    model = Model(items=30, shift=0.05)
    rng = np.random.default_rng(7)
    assays = 500
    estimates = [assay(model, 5, rng) for _ in range(assays)]
    power = np.mean([estimate.p_value() <= LEVEL for estimate in estimates])
    edge, size = special.stdtrit(4, 0.975), 0.05 / (np.sqrt(2) * 0.02 / np.sqrt(5))
    expected = 1 - special.nctdtr(4, size, edge) + special.nctdtr(4, size, -edge)
    assert power == pytest.approx(expected, abs=tolerance(expected, assays) + 0.01)
    assert all(estimate.value > 0 for estimate in estimates if estimate.p_value() <= LEVEL), (
        "the direction is right"
    )


def test_a_floor_lets_three_seeds_find_what_they_could_not_alone() -> None:
    model = Model(shift=0.06)
    rng = np.random.default_rng(8)
    alone = np.mean([assay(model, 3, rng).p_value() <= LEVEL for _ in range(300)])
    floored = np.mean(
        [assay(model, 3, rng, true_floor(model, 10, rng)).p_value() <= LEVEL for _ in range(300)]
    )
    assert floored > alone + 0.2


def test_items_drawn_anew_for_each_seed_would_be_wrong() -> None:
    """What the docstring of the bootstrap says: nested, the item error would average away with seeds."""
    model = Model(seed=0.001, item_arm=0.3)
    rng = np.random.default_rng(9)
    crossed = nested = 0
    for _ in range(200):
        trials = model.trials(rng, 8)
        resampled = resample_items(trials, rng, REPLICATES)
        crossed += covered(paired_difference(resampled.of(range(8, 16)), resampled.of(range(8))), 0.0)
        pairs = [resample_items([trials[s], trials[s + 8]], rng, REPLICATES) for s in range(8)]
        means = np.mean([pair.replicates[:, 1] - pair.replicates[:, 0] for pair in pairs], axis=0)
        low, high = np.quantile(means, [0.025, 0.975])
        nested += low <= 0 <= high
    assert crossed / 200 >= 0.95 - tolerance(0.95, 200)
    assert nested / 200 < 0.7


def test_a_mean_over_domains_is_calibrated_too() -> None:
    """Domains share the seeds' effect, and each has its own items."""
    rng = np.random.default_rng(10)
    assays, inside = 300, 0
    for number in range(assays):
        parts = [Model(items=30, item_arm=0.15).trials(rng, 6, subset=name) for name in "abc"]
        for trial in range(12):
            common = rng.normal(0, 0.03)
            for part in parts:
                part[trial].amount[:] += common * part[trial].weight
        panel = line_up({str(trial): [part[trial] for part in parts] for trial in range(12)})
        mean = panel.resample(number, REPLICATES)[0]
        inside += covered(paired_difference(mean.of(range(6, 12)), mean.of(range(6))), 0.0)
    assert 0.95 - tolerance(0.95, assays) <= inside / assays
