from pathlib import Path

import pytest

from cupel.errors import BadOption, BadRecipe, UnknownName
from cupel.lab.scale import Scale, built_in_scales
from cupel.lab.training.job import LLAMA, NEXT_TOKEN
from cupel.store import digest_json


def test_all_built_in_scales_hold() -> None:
    names = list(built_in_scales())
    assert names == ["nano", "micro", "mini", "small", "411M-1x", "1B-1x", "nano-sft"]
    assert all(Scale.load(name).name == name for name in names)


@pytest.mark.parametrize(
    ("name", "parameters", "tokens"),
    [("411M-1x", 411_616_256, 8_232_325_120), ("1B-1x", 1_439_795_200, 28_795_904_000)],
)
def test_scales_of_datacomp_have_its_sizes(name: str, parameters: int, tokens: int) -> None:
    """The counts of the published configurations."""
    scale = Scale.load(name)
    assert scale.shape.parameters(scale.tokenizer.vocabulary)[1] == parameters
    assert scale.tokens == tokens


def test_values_may_be_changed_and_names_are_checked() -> None:
    scale = Scale.load("nano", {"tokens": 5000, "training.learning_rate": 0.1})
    assert (scale.tokens, scale.training.learning_rate, scale.noise_floor) == (5000, 0.1, None)
    with pytest.raises(UnknownName, match=r"did you mean 'training\.learning_rate'"):
        Scale.load("nano", {"training.learning_rat": 0.1})
    with pytest.raises(BadOption, match="tokens is -1"):
        Scale.load("nano", {"tokens": -1})
    with pytest.raises(UnknownName, match="did you mean 'nano'"):
        Scale.load("nan")


def test_the_digest_follows_what_decides_a_trial() -> None:
    scale = Scale.load("nano")
    assert scale.changed({"evaluation.task_items": 7}).digest == scale.digest
    assert scale.changed({"training.warmup": 0.3}).digest != scale.digest


def test_files_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(built_in_scales()["nano"].replace("heads: 5", "heads: 7"))
    with pytest.raises(BadOption, match="even multiple of 7 heads"):
        Scale.load(path)
    path.write_text("- a\n")
    with pytest.raises(BadRecipe, match="expected a mapping"):
        Scale.load(path)
    with pytest.raises(BadRecipe, match="cannot be read"):
        Scale.load(tmp_path / "none.yaml")


def test_parts_of_a_trial_are_chosen_by_name_and_options() -> None:
    plain = Scale.load("nano")
    assert (plain.chosen("objective"), plain.chosen("body")) == (NEXT_TOKEN, LLAMA)
    changed = plain.changed({"objective": {"next-token": {"z_loss": 1e-4}}, "body": "qwen3"})
    assert changed.chosen("objective").decisive() == {
        "name": "next-token",
        "version": 1,
        "options": {"z_loss": 1e-4},
    }
    assert changed.chosen("body").function == "cupel.lab.training.bodies:qwen3"
    assert changed.digest != plain.digest
    assert plain.changed({"objective": {"next-token": {"z_loss": 0.0}}}).chosen("objective") == NEXT_TOKEN
    with pytest.raises(UnknownName, match="did you mean 'next-token'"):
        plain.changed({"objective": "next-tokn"}).chosen("objective")
    with pytest.raises(UnknownName, match="scale nano: objective: next-token"):
        plain.changed({"objective": {"next-token": {"z_los": 1.0}}}).chosen("objective")
    with pytest.raises(UnknownName, match="evaluation"):
        plain.changed({"evaluation.method": "held-ot"}).evaluation_method(1)
    with pytest.raises(BadOption, match="expected a name, or one name"):
        plain.changed({"body": {"llama": {}, "qwen3": {}}})


def test_the_digest_of_a_scale_without_choices_is_what_it_was() -> None:
    """Recorded results of claims compare it."""
    before = Scale.load("nano").model_dump(include={"model", "tokenizer", "tokens", "training"})
    assert Scale.load("nano").digest == digest_json(before)


def test_a_base_can_be_changed_by_dotted_names() -> None:
    scale = Scale.load("nano-sft", {"base.arm": "pool", "base.tokens": 1000})
    assert scale.base is not None
    assert (scale.base.arm, scale.base.tokens, scale.base.scale) == ("pool", 1000, "nano")
    assert Scale.load("nano", {"base.seed": 1}).base is not None
    with pytest.raises(UnknownName, match=r"did you mean 'base\.arm'"):
        Scale.load("nano-sft", {"base.arn": "pool"})
    with pytest.raises(BadOption, match="it names both a trial"):
        Scale.load("nano-sft", {"base.arm": "pool", "base.trial": "folder"})
