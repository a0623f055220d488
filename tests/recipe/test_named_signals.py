"""Several signals of one family in a recipe, under names of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest

import cupel
from cupel.errors import BadOption, BadRecipe, UnknownName
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe

TEXTS = ["Café in 東京, and a café in Paris.", "one two", "The sea, the sea; the open sea."]


def recipe(**fields: Any) -> Recipe:
    return Recipe.from_dict({"name": "named", **fields})


def refined(made: Recipe, output: Path, source: Any = None) -> list[dict[str, Any]]:
    documents = source if source is not None else pa.table({"id": ["a", "b", "c"], "text": TEXTS})
    cupel.refine(made, input=documents, output=output)
    rows = cupel.Corpus.read([str(output)]).to_arrow().to_pylist()
    return sorted(rows, key=lambda row: row["id"])


def test_two_signals_of_a_family_stand_side_by_side(tmp_path: Path) -> None:
    signals = {
        "plain-words": {"counts": {"segmentation": "whitespace"}},
        "marks": {"counts": {"segmentation": "unicode"}},
    }
    rows = refined(recipe(signals=signals, steps=["plain-words", "marks", "counts"]), tmp_path / "out")
    counted = [
        (
            row["signals"]["plain_words_word_count"],
            row["signals"]["marks_word_count"],
            row["signals"]["word_count"],
        )
        for row in rows
    ]
    plain, marks, prose = counted[2]
    assert plain == 7
    assert marks > plain
    assert prose >= plain
    assert counted[1][0] == 2


def test_one_column_has_the_signals_own_name_and_rules_know_it(tmp_path: Path) -> None:
    made = recipe(
        signals={"zipped": {"compression": {}}},
        steps=[
            "zipped",
            {"where": "zipped > 0 and length(text) > 10"},
            {"threshold": {"signal": "zipped", "above": 0}},
        ],
    )
    assert list(make_plan(made).columns) == ["zipped"]
    rows = refined(made, tmp_path / "out")
    assert [row["id"] for row in rows] == ["a", "c"]
    assert rows[0]["signals"]["zipped"] > 0


def test_a_recipe_with_names_is_written_and_read_back() -> None:
    made = recipe(signals={"marks": {"counts": {"segmentation": "unicode"}}, "counts": {}}, steps=["marks"])
    again = Recipe.from_dict(made.to_dict())
    assert again.digest == made.digest
    assert again.to_dict() == made.to_dict()
    assert again.steps[0].label == "marks"
    other = recipe(signals={"marks": {"counts": {"segmentation": "prose"}}, "counts": {}}, steps=["marks"])
    assert other.digest != made.digest


def test_options_of_a_named_signal_are_set_by_its_name() -> None:
    record = {"name": "n", "signals": {"marks": {"counts": {}}}, "steps": ["marks"]}
    made = Recipe.from_dict(record, ["marks.segmentation=unicode"])
    assert made.named_signals["marks"].options.segmentation == "unicode"  # type: ignore[attr-defined]
    with pytest.raises(UnknownName, match="no option is called 'segmentatoin'"):
        Recipe.from_dict(record, ["marks.segmentatoin=unicode"])
    with pytest.raises(UnknownName, match="did you mean 'marks'"):
        Recipe.from_dict(record, ["mark.segmentation=unicode"])


@pytest.mark.parametrize(
    ("signals", "error", "message"),
    [
        ({"marks": {"count": {}}}, UnknownName, "did you mean 'counts'"),
        ({"count": {"segmentation": "unicode"}}, UnknownName, "did you mean 'counts'"),
        ({"exact": {"counts": {}}}, BadRecipe, "'exact' is the name of a method"),
        ({"My Words": {"counts": {}}}, BadRecipe, "expected lower-case letters"),
        ({"marks": {"counts": "unicode"}}, BadRecipe, "expected options, found 'unicode'"),
        ({"marks": "counts"}, BadRecipe, "expected a mapping of options, found 'counts'"),
        ({"marks": {"counts": {"segmentation": "words"}}}, BadOption, "option 'segmentation' is 'words'"),
    ],
)
def test_what_is_no_named_signal_is_refused(signals: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        recipe(signals=signals, steps=["counts"])


def test_options_beside_a_name_are_refused() -> None:
    with pytest.raises(BadRecipe, match="its options stand under 'signals'"):
        recipe(signals={"marks": {"counts": {}}}, steps=[{"marks": {"segmentation": "unicode"}}])


def test_two_names_for_one_column_are_refused() -> None:
    made = recipe(signals={"a-b": {"compression": {}}, "a_b": {"compression": {}}}, steps=["a-b"])
    with pytest.raises(BadRecipe, match="'a_b' and 'a-b' both have a column 'a_b'"):
        make_plan(made)
    shadowed = recipe(signals={"word_count": {"compression": {}}}, steps=["word_count", "counts"])
    with pytest.raises(BadRecipe, match="its column 'word_count' is that of the signal 'word_count'"):
        make_plan(shadowed)


def test_annotations_are_reused_only_where_they_were_measured_in_the_same_way(tmp_path: Path) -> None:
    signals = {"marks": {"counts": {"segmentation": "unicode"}}}
    refined(recipe(signals=signals, steps=["marks"]), tmp_path / "annotated")

    def reused(name: str, **fields: Any) -> list[str]:
        steps = [{"threshold": {"signal": "marks_word_count", "at_least": 3}}]
        done = cupel.refine(
            recipe(steps=steps, **fields), input=str(tmp_path / "annotated"), output=tmp_path / name
        )
        return list(done.manifest["reused_signals"])

    assert reused("same", signals=signals) == ["marks_word_count"]
    assert reused("undefined") == ["marks_word_count"]
    assert reused("other", signals={"marks": {"counts": {"segmentation": "whitespace"}}}) == []


def test_family_options_decide_whether_annotations_are_reused(tmp_path: Path) -> None:
    unicode = {"counts": {"segmentation": "unicode"}}
    refined(recipe(signals=unicode, steps=["counts"]), tmp_path / "annotated")

    def reused(name: str, signals: dict[str, Any]) -> list[str]:
        steps = [{"threshold": {"signal": "word_count", "at_least": 1}}]
        made = recipe(signals=signals, steps=steps)
        done = cupel.refine(made, input=str(tmp_path / "annotated"), output=tmp_path / name)
        return list(done.manifest["reused_signals"])

    assert reused("same", unicode) == ["word_count"]
    assert reused("default", {}) == ["word_count"]
    assert reused("other", {"counts": {"segmentation": "whitespace"}}) == []


def test_the_schema_takes_names_only_where_there_are_some() -> None:
    schema = Recipe.json_schema()
    record = {"name": "n", "signals": {"marks": {"counts": {"segmentation": "unicode"}}}, "steps": ["marks"]}
    jsonschema.validate(record, schema)
    for wrong in (
        {**record, "signals": {"counts": {}}},
        {**record, "signals": {"marks": {"count": {}}}},
        {**record, "signals": {"marks": {"counts": {}, "compression": {}}}},
        {**record, "steps": [{"marks": {}}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
