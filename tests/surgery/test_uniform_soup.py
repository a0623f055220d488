"""Soups: the mean of the weights, loadable, compared; models that do not fit are refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import cupel
from cupel.errors import BadInput
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.trials import Machine, Trial
from cupel.models.checkpoint import load_checkpoint
from cupel.models.load import load_model
from cupel.store import Store
from cupel.surgery.weights import average
from tests.lab import tokens
from tests.reproduction import world

torch = pytest.importorskip("torch", reason="needs the extra lab")


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    """One trial, and two that go on from it on other documents."""
    folder = tmp_path_factory.mktemp("trials")
    bench = Lab(world.SCALE, tokens.tokenizer(folder), Store(folder), Machine("cpu", False, False, 1))
    first, *parts = [bench.tokens(tokens.texts(150, seed), f"part {seed}") for seed in (1, 2, 3)]
    (base,) = bench.train([TrialPlan("base", first, 0, {"tokens": 12_000})])
    weights = base.folder / "model.safetensors"
    gentle = {"tokens": 6_000, "training.learning_rate": 0.002}
    plans = [TrialPlan(f"part {number}", part, 0, gentle, weights) for number, part in enumerate(parts, 1)]
    return [base, *bench.train(plans)]


def soup(folders: list[Path], output: Path, **options: object) -> cupel.KeptFinding:
    return cupel.examine(
        "uniform-soup", folders, output=output, options=options, cache=output.parent / "cache", report=False
    )


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("held") / "held.jsonl"
    rows = [
        {"id": f"h{n}", "text": text, "domain": f"domain {n % 2}"}
        for n, text in enumerate(tokens.texts(40, 8))
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_soup_has_the_mean_of_the_weights_and_loads(
    trials: list[Trial], held_out: Path, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    members = [trial.folder for trial in trials[1:]]
    kept = soup(members, tmp_path / "soup", held_out=[str(held_out)])
    folder = kept.artifact("model")
    own = [load_file(member / "model.safetensors") for member in members]
    made = load_file(folder / "model.safetensors")
    assert set(made) == set(own[0])
    for name, weight in made.items():
        assert np.allclose(weight, (own[0][name] + own[1][name]) / 2, atol=1e-7)
    for reference in (f"trial:{folder}", str(folder)):
        assert load_model(reference, "log_probs").log_probs  # both load
    bits = kept.about["bits_per_byte"]
    assert list(bits) == ["soup", "part 1, seed 0", "part 2, seed 0"]
    # Ingredients that went on from one model lie in one valley.
    means = {name: np.mean(list(domains.values())) for name, domains in bits.items()}
    assert means["soup"] < max(means["part 1, seed 0"], means["part 2, seed 0"]) + 0.01
    (section,) = [section for section in kept.sections if section.key == "held-out"]
    for row in section.blocks[0].rows:  # type: ignore[union-attr]
        _, _, ingredient, of_soup, difference, low, high, word = row
        assert difference == pytest.approx(of_soup - ingredient)
        assert low < difference < high
        assert word == ("undecided" if low <= 0 <= high else "better" if high < 0 else "worse")
    assert not [block for section in kept.sections for block in section.blocks if block.block == "alarm"]


def test_trials_without_a_common_beginning_are_warned_of(trials: list[Trial], tmp_path: Path) -> None:
    kept = soup([trials[0].folder, trials[1].folder], tmp_path / "soup")
    (section,) = kept.sections
    assert [block.block for block in section.blocks] == ["table", "alarm"]


def test_a_soup_of_one_model_twice_is_refused(trials: list[Trial], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected 2 or more"):
        soup([trials[0].folder], tmp_path / "soup")


def test_what_does_not_fit_is_named(trials: list[Trial], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    first, second = trials[1].folder, trials[2].folder

    def changed(name: str) -> Path:
        return Path(shutil.copytree(second, tmp_path / name))

    wider = changed("wider")
    config = json.loads((wider / "config.json").read_text())
    (wider / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    with pytest.raises(BadInput, match=r"hidden_size is 64 in config.json, and 32 in"):
        soup([first, wider], tmp_path / "soup")
    other = changed("other")
    weights = load_file(other / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"][:-1].copy()
    save_file(weights, other / "model.safetensors")
    with pytest.raises(BadInput, match=r"parameter 'model.norm.weight' is 31, and 32 in"):
        soup([first, other], tmp_path / "soup")
    words = changed("words")
    (words / "tokenizer.json").write_text((words / "tokenizer.json").read_text() + " ")
    with pytest.raises(BadInput, match="a token would mean two things"):
        soup([first, words], tmp_path / "soup")
    bare = changed("bare")
    (bare / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="expected weights as safetensors"):
        soup([first, bare], tmp_path / "soup")
    assert not (tmp_path / "soup").exists()


def test_weights_in_several_files_and_half_precision(trials: list[Trial], tmp_path: Path) -> None:
    """The layout and number format of the first model are kept; the others may have another layout."""
    from safetensors.torch import load_file, save_file

    first, other = trials[1].folder, trials[2].folder
    sharded = Path(shutil.copytree(first, tmp_path / "sharded"))
    weights = {name: tensor.bfloat16() for name, tensor in load_file(first / "model.safetensors").items()}
    (sharded / "model.safetensors").unlink()
    places = {}
    for number, names in enumerate((sorted(weights)[::2], sorted(weights)[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: weights[name] for name in names}, sharded / file)
        places |= dict.fromkeys(names, file)
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    average([sharded, other], [0.5, 0.5], tmp_path / "mean")
    made = {
        name: tensor
        for file in sorted((tmp_path / "mean").glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }
    second = load_file(other / "model.safetensors")
    assert set(made) == set(second)
    for name, tensor in made.items():
        assert tensor.dtype == torch.bfloat16
        expected = ((weights[name].double() + second[name].double()) / 2).bfloat16()
        assert torch.equal(tensor, expected)
    assert load_checkpoint(tmp_path / "mean")[0].num_parameters() > 0
