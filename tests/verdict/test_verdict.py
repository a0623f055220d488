"""What is decided, said and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cupel.errors import BadInput, BadOption, UnknownName
from cupel.verdict.floor import floors_from_json, noise_floor
from cupel.verdict.measures import Measure
from cupel.verdict.statistics import Floor
from cupel.verdict.verdict import Verdict, compare
from tests.verdict.models import Model

DOCUMENTS = 400
Trials = dict[str, dict[int, list[Measure]]]


def bits(value: float, subset: str = "wiki", scatter: float = 0.0) -> Measure:
    names = tuple(map(str, range(DOCUMENTS)))
    amounts = value + scatter * np.resize([-1.0, 1.0], DOCUMENTS)
    return Measure("bits_per_byte", subset, "lower", names, amounts, np.ones(DOCUMENTS))


def answers(right: int, of: int = 400, task: str = "qa", chance: float = 0.25) -> Measure:
    names = tuple(map(str, range(of)))
    amount = np.zeros(of)
    amount[np.random.default_rng(right).permutation(of)[:right]] = 1.0
    return Measure("accuracy", task, "higher", names, amount, np.ones(of), chance=chance)


def trials(**arms: list[list[Measure]]) -> Trials:
    return {arm: dict(enumerate(measured)) for arm, measured in arms.items()}


def clear() -> Trials:
    """Refined is plainly better on wiki, plainly worse on code; junk cannot be told from raw."""
    noise = (-0.002, 0.0, 0.002)
    return trials(
        raw=[[bits(1.9 + n), bits(1.6 - n, "code")] for n in noise],
        refined=[[bits(1.8 + n * n), bits(1.7 + n * n, "code")] for n in noise],
        junk=[[bits(1.9 - 2 * n), bits(1.6 + n, "code")] for n in noise],
    )


def test_better_worse_and_undecided() -> None:
    verdict = compare(clear(), "raw")
    verdicts = {(comparison.arm, comparison.subset): comparison.verdict for comparison in verdict.comparisons}
    assert verdicts == {
        ("refined", "mean"): "undecided",
        ("refined", "wiki"): "better",
        ("refined", "code"): "worse",
        ("junk", "mean"): "undecided",
        ("junk", "wiki"): "undecided",
        ("junk", "code"): "undecided",
    }
    assert verdict.subsets("refined", "better") == ("wiki",)
    assert verdict.subsets("refined", "worse") == ("code",)
    assert all(
        bool(comparison.needed) == (comparison.verdict == "undecided") for comparison in verdict.comparisons
    )


def test_higher_can_be_better() -> None:
    by_arm = trials(raw=[[answers(150)]] * 3, refined=[[answers(250)]] * 3)
    assert compare(by_arm, "raw").headline("refined").verdict == "better"
    assert compare(by_arm, "refined").headline("raw").verdict == "worse"


def test_a_verdict_turned_round_is_the_same_verdict() -> None:
    there, back = compare(clear(), "raw").of("refined"), compare(clear(), "refined").of("raw")
    for comparison, other in zip(there, back, strict=True):
        assert comparison.difference == pytest.approx(-other.difference)
        assert (comparison.low, comparison.high) == pytest.approx(
            (-(other.high or 0), -(other.low or 0)), abs=1e-6
        )
        assert comparison.p == pytest.approx(other.p, abs=1e-6)


def test_the_sentence() -> None:
    by_arm = trials(
        raw=[[bits(value)] for value in (1.904, 1.905, 1.906)],
        refined=[[bits(value)] for value in (1.84, 1.842, 1.844)],
    )
    assert compare(by_arm, "raw").sentence("refined") == (
        "refined is better than raw: 1.842 against 1.905 bits per byte (−3.3 %, 95 % interval −3.4 to −3.2)"
    )
    alone = {arm: {0: by_arm[arm][0]} for arm in by_arm}
    assert compare(alone, "raw").sentence("refined") == (
        "refined against raw is undecided: 1.840 against 1.904 bits per byte (−3.4 %; no interval from one "
        "seed); needed: about 2 more seeds"
    )


def test_accuracies_differ_in_points() -> None:
    by_arm = trials(raw=[[answers(150)]] * 3, refined=[[answers(250)]] * 3)
    verdict = compare(by_arm, "raw")
    assert verdict.sentence("refined").startswith(
        "refined is better than raw: 62.5 % against 37.5 % accuracy (+25.0 points, 95 % interval +"
    )
    headline = verdict.headline("refined")
    assert (headline.centred, headline.baseline_centred) == (pytest.approx(0.5), pytest.approx(1 / 6))


def test_the_mean_is_that_of_the_subsets_whatever_their_size() -> None:
    by_arm = trials(
        raw=[[answers(100, 400, "qa", 0.25), answers(50, 100, "pairs", 0.5)]] * 3,
        refined=[[answers(200, 400, "qa", 0.25), answers(80, 100, "pairs", 0.5)]] * 3,
    )
    mean = compare(by_arm, "raw").headline("refined")
    assert (mean.subset, mean.parts, mean.items) == ("mean", 2, 500)
    assert mean.value == pytest.approx((0.5 + 0.8) / 2)
    assert mean.chance == pytest.approx(0.375)
    # The mean of centered values, and not the centered mean.
    assert mean.centred == pytest.approx(((0.5 - 0.25) / 0.75 + (0.8 - 0.5) / 0.5) / 2)


def test_no_better_than_guessing_is_said() -> None:
    by_arm = trials(
        raw=[[answers(100), answers(300, task="easy")]] * 3,
        refined=[[answers(104), answers(310, task="easy")]] * 3,
    )
    guessed = {comparison.subset: comparison.at_chance for comparison in compare(by_arm, "raw").comparisons}
    assert guessed == {"mean": False, "qa": True, "easy": False}
    needed = next(
        comparison.needed for comparison in compare(by_arm, "raw").comparisons if comparison.subset == "qa"
    )
    assert needed == "a larger scale; both arms are no better than guessing"


def test_one_seed_with_a_floor_can_decide() -> None:
    rng = np.random.default_rng(0)
    floors = noise_floor({seed: [bits(1.9 + rng.normal(0, 0.002))] for seed in range(10)})
    by_arm = trials(raw=[[bits(1.9)]], refined=[[bits(1.85)]])
    headline = compare(by_arm, "raw", floors).headline("refined")
    assert (headline.verdict, headline.source) == ("better", "floor")
    assert compare(by_arm, "raw").headline("refined").verdict == "undecided"


def test_floors_go_through_json_and_cover_means() -> None:
    floors = noise_floor({seed: [bits(1.9 + seed / 1000), bits(1.5, "code")] for seed in range(4)})
    assert set(floors) == {"bits_per_byte mean", "bits_per_byte wiki", "bits_per_byte code"}
    assert floors["bits_per_byte mean"].deviation == pytest.approx(floors["bits_per_byte wiki"].deviation / 2)
    verdict = compare(clear(), "raw", floors)
    recorded = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert floors_from_json(recorded["floors"]) == floors
    assert len(recorded["comparisons"]) == 6
    assert all(type(value) is Floor for value in verdict.floors.values())


def test_the_same_seed_gives_the_same_verdict_and_measures_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(1)
    wiki, code = (Model(item_arm=0.1).trials(rng, 3, subset=name) for name in ("wiki", "code"))
    both = {
        arm: {seed: [wiki[at + seed], code[at + seed]] for seed in range(3)}
        for arm, at in (("raw", 0), ("refined", 3))
    }
    alone = {arm: {seed: [code] for seed, (_, code) in seeds.items()} for arm, seeds in both.items()}
    first, second = compare(both, "raw"), compare(both, "raw")
    assert first == second
    assert first != compare(both, "raw", seed=1)
    comparison, other = first.of("refined")[2], compare(alone, "raw").of("refined")[0]
    assert (comparison.subset, comparison.p, comparison.low) == (other.subset, other.p, other.low)


def _drop_seed(by_arm: Trials) -> None:
    del by_arm["refined"][1]


def _drop_measure(by_arm: Trials) -> None:
    del by_arm["refined"][1][1]


def _more_measures(by_arm: Trials) -> None:
    by_arm["refined"][1].append(answers(100))


def _twice(by_arm: Trials) -> None:
    by_arm["refined"][1].append(by_arm["refined"][1][0])


def _version(by_arm: Trials) -> None:
    by_arm["refined"][1][0] = replace(by_arm["refined"][1][0], version=2)


def _items(by_arm: Trials) -> None:
    items = by_arm["refined"][1][0].items
    by_arm["refined"][1][0] = replace(by_arm["refined"][1][0], items=(items[0], "東京", *items[2:]))


def _weights(by_arm: Trials) -> None:
    by_arm["refined"][1][0] = replace(by_arm["refined"][1][0], weight=np.resize([1.0, 2.0], DOCUMENTS))


def _direction(by_arm: Trials) -> None:
    by_arm["refined"][1][0] = replace(by_arm["refined"][1][0], better="higher")


def _only_one(by_arm: Trials) -> None:
    del by_arm["refined"], by_arm["junk"]


def _none(by_arm: Trials) -> None:
    for arm in by_arm:
        by_arm[arm] = {}


def _called_mean(by_arm: Trials) -> None:
    for arm in by_arm.values():
        for seed in arm:
            arm[seed] = [
                replace(measure, subset="mean") if measure.subset == "code" else measure
                for measure in arm[seed]
            ]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop_seed, "refined: it has the seeds 0, 2, and raw has 0, 1, 2"),
        (_drop_measure, "refined, seed 1: it has no measure 'bits_per_byte code', which raw, seed 0 has"),
        (_more_measures, "raw, seed 0: it has no measure 'accuracy qa', which refined, seed 1 has"),
        (_twice, "refined, seed 1: it has the measure 'bits_per_byte wiki' twice"),
        (_version, "bits_per_byte wiki: version 1 in raw, seed 0, version 2 in refined, seed 1"),
        (_items, "400 items in raw, seed 0, 400 in refined, seed 1, not the same: '1' and '東京'"),
        (_weights, "item '1' weighs 1 in raw, seed 0 and 2 in refined, seed 1"),
        (_direction, "lower is better in raw, seed 0, higher in refined, seed 1"),
        (_only_one, "raw: it is the only arm"),
        (_none, "raw: it has no trials"),
        (_called_mean, "a subset is called 'mean'"),
    ],
)
def test_what_does_not_compare_is_refused_by_name(spoil: Callable[[Trials], None], message: str) -> None:
    by_arm = clear()
    spoil(by_arm)
    with pytest.raises(BadInput, match=message):
        compare(by_arm, "raw")


def test_a_misspelt_arm_and_too_few_replicates() -> None:
    with pytest.raises(UnknownName, match="did you mean 'raw'"):
        compare(clear(), "rwa")
    with pytest.raises(UnknownName, match="did you mean 'refined'"):
        compare(clear(), "raw").headline("refind")
    with pytest.raises(BadOption, match="100 replicates are too few for 6 comparisons"):
        compare(clear(), "raw", replicates=100)


def test_arms_keep_their_order() -> None:
    verdict: Verdict = compare(clear(), "refined")
    assert verdict.arms == ("raw", "junk")
    assert [comparison.arm for comparison in verdict.comparisons] == ["raw"] * 3 + ["junk"] * 3
