"""GneissWeb's ensemble: against its published condition, evaluated row by row, and in a run."""

from __future__ import annotations

import itertools
from pathlib import Path

import pyarrow as pa
import pytest

import cupel
from cupel.errors import BadOption, UnknownName
from cupel.models.fasttext import FastTextTraining, train
from cupel.recipe.recipe import Recipe, built_in_recipes
from cupel.rules.gneissweb import GneissWeb

OPTIONS = {"quality": {"dclm": 0.002, "cosmopedia": 0.03}, "categories": ["science", "medicine"]}


def published(
    dclm: float, cosmopedia: float, eflaw: float, ratio: float, science: float, medicine: float
) -> bool:
    """The filter of the published recipe: a label is that of its classifier's higher probability."""
    good = dclm > 0.002 or cosmopedia > 0.03
    category = science > 0.5 or medicine > 0.5
    readable = (eflaw < 70 and category) or (eflaw < 30 and not category)
    tokenized = (0.1 <= ratio <= 0.5 and category) or (0.22 <= ratio <= 0.28 and not category)
    return good and (readable or tokenized)


def test_every_document_is_decided_as_published() -> None:
    ratios = (0.09, 0.1, 0.22, 0.28, 0.29, 0.5, 0.51)
    values = itertools.product(
        (0.001, 0.002, 0.003), (0.03, 0.04), (29.9, 30.0, 69.9, 70.0), ratios, (0.5, 0.6), (0.1, 0.9)
    )
    rows = list(values)
    names = ("dclm", "cosmopedia", "mcalpine_eflaw", "token_to_character_ratio", "science", "medicine")
    batch = pa.record_batch([pa.array(column) for column in zip(*rows, strict=True)], names=names)
    decision = GneissWeb.from_options(OPTIONS).decide(batch)
    assert decision.kept.tolist() == [published(*row) for row in rows]
    assert {rule.name for rule in decision.rules} == {"quality", "readable_or_evenly_tokenized"}


def test_reasons_name_the_values() -> None:
    columns = {"good": [0.9], "mcalpine_eflaw": [50.0], "token_to_character_ratio": [0.6], "science": [None]}
    batch = pa.record_batch({name: pa.array(values, pa.float64()) for name, values in columns.items()})
    decision = GneissWeb.from_options({"quality": {"good": 0.5}, "categories": ["science"]}).decide(batch)
    reason = decision.reason(0)
    assert reason is not None
    assert reason.rule == "readable_or_evenly_tokenized"
    assert reason.value == "mcalpine_eflaw 50, token_to_character_ratio 0.6, science missing"
    assert (
        "in a category: mcalpine_eflaw < 70 or token_to_character_ratio between 0.1 and 0.5"
        in reason.threshold
    )


def test_missing_values_pass_nothing() -> None:
    columns = ("good", "mcalpine_eflaw", "token_to_character_ratio")
    batch = pa.record_batch({name: pa.array([None, None], pa.float64()) for name in columns})
    assert not GneissWeb.from_options({"quality": {"good": 0.5}}).decide(batch).kept.any()
    empty = batch.slice(0, 0)
    assert GneissWeb.from_options({}).decide(empty).kept.tolist() == []


def test_options_are_checked() -> None:
    with pytest.raises(BadOption, match=r"tokens_per_character is 0\.5 to 0\.1, which nothing is"):
        GneissWeb.from_options({"tokens_per_character": [0.5, 0.1]})
    with pytest.raises(UnknownName, match="did you mean 'categories'"):
        GneissWeb.from_options({"categorys": ["science"]})


def test_in_a_run_with_classifiers(tmp_path: Path) -> None:
    good = [
        "The cell takes in water. It grows by osmosis.",
        "We prove the lemma in three steps. It is short.",
    ]
    bad = ["buy now click here", "cheap pills click now"]
    labels = pa.array((["hq"] * 2 + ["cc"] * 2) * 10)
    (tmp_path / "scorer.bin").write_bytes(
        train(pa.array((good + bad) * 10), labels, FastTextTraining(dim=8, epochs=20))
    )
    scorer = {"classifier-score": {"scorer": f"fasttext:{tmp_path / 'scorer.bin'}", "label": "hq"}}
    step = {
        "gneissweb": {"quality": {"dclm": 0.5}, "categories": ["science"], "tokenization": "character_count"}
    }
    recipe = Recipe.from_dict({"name": "r", "signals": {"dclm": scorer, "science": scorer}, "steps": [step]})
    result = cupel.refine(
        recipe, input=pa.table({"id": list("abcd"), "text": good + bad}), output=tmp_path / "out"
    )
    assert sorted(result.corpus().to_arrow()["text"].to_pylist()) == sorted(good)
    reasons = [row["reason"] for row in result.ledger().to_arrow().to_pylist() if row["reason"]]
    assert reasons == ["quality", "quality"]


def test_the_built_in_recipe_holds_what_needs_no_classifier(tmp_path: Path) -> None:
    assert "gneissweb" in built_in_recipes()
    readable = "The cat sat on the mat. It was warm in the sun there.\n" * 3
    endless = "and so on it went and on and on " * 30
    result = cupel.refine("gneissweb", input=pa.table({"text": [readable, endless]}), output=tmp_path / "out")
    assert result.corpus().to_arrow().num_rows == 1
