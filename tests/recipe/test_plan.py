"""Plans: what is measured when, what is decided together, where a pass ends."""

from __future__ import annotations

import pytest

from cupel.errors import BadRecipe
from cupel.recipe.plan import Plan
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe
from cupel.recipe.steps import EditStep, StepGroup


def plan(*steps: object, annotated: dict[str, dict[str, str]] | None = None, **fields: object) -> Plan:
    return make_plan(Recipe.from_dict({"name": "x", "steps": list(steps), **fields}), annotated)


def groups(made: Plan) -> list[StepGroup]:
    return [
        operation
        for pass_ in made.passes
        for operation in pass_.operations
        if isinstance(operation, StepGroup)
    ]


def test_rules_without_an_edit_between_share_one_measurement() -> None:
    (group,) = groups(plan("gopher-quality", "gopher-repetition", "fineweb"))
    assert [step.label for step in group.rules] == ["gopher-quality", "gopher-repetition", "fineweb"]
    assert len(set(group.columns)) == len(group.columns)


def test_an_edit_splits_the_group_and_signals_are_measured_anew() -> None:
    first, second = groups(
        plan(
            "gopher-quality", "whitespace", {"threshold": {"signal": "alpha_word_fraction", "at_least": 0.5}}
        )
    )
    assert "alpha_word_fraction" in first.columns
    assert "alpha_word_fraction" in second.columns


def test_c4_brings_its_edit() -> None:
    made = plan("gopher-quality", "c4")
    kinds = [type(operation) for operation in made.passes[0].operations]
    assert kinds == [StepGroup, EditStep, StepGroup]
    options = plan({"c4-lines": {"require_terminal_punctuation": False}}, "c4").passes[0].operations
    edits = [operation for operation in options if isinstance(operation, EditStep)]
    assert len(edits) == 1
    assert edits[0].edit.options.model_dump()["require_terminal_punctuation"] is False


def test_deduplications_end_a_pass_and_neighbours_share_it() -> None:
    made = plan("gopher-quality", "exact", "minhash", "pii")
    assert [[step.label for step in pass_.decisions] for pass_ in made.passes] == [["exact", "minhash"], []]
    made = plan("exact", "whitespace", "minhash")
    assert [[step.label for step in pass_.decisions] for pass_ in made.passes] == [["exact"], ["minhash"], []]


def test_an_annotated_input_is_not_measured_again() -> None:
    columns: dict[str, dict[str, str]] = {name: {} for name in groups(plan("gopher-quality"))[0].columns}
    made = plan("gopher-quality", annotated=columns)
    assert groups(made)[0].columns == ()
    assert set(made.reused) == set(columns)
    after_edit = plan("whitespace", "gopher-quality", annotated=columns)
    assert after_edit.reused == ()
    assert set(groups(after_edit)[0].columns) == set(columns)


def test_signals_named_as_steps_stay_in_the_output() -> None:
    made = plan("counts", "gopher-quality")
    assert "word_count" in made.kept_columns
    assert "alpha_word_fraction" not in made.kept_columns


def test_a_rule_whose_signal_nobody_measures_is_refused() -> None:
    with pytest.raises(BadRecipe, match="it comes from the edit 'c4-lines'"):
        plan({"threshold": {"signal": "c4_sentence_count", "at_least": 3}})
    with pytest.raises(BadRecipe, match="nothing here measures"):
        plan({"threshold": {"signal": "wordcount", "at_least": 3}})


def test_extraction_comes_first_and_once() -> None:
    assert [
        e.name for e in plan({"extract": {"extractors": ["trafilatura", "plain"]}}, "exact").extractors
    ] == [
        "trafilatura",
        "plain",
    ]
    assert [e.name for e in plan("plain", "exact").extractors] == ["plain"]
    assert [e.name for e in plan("exact").extractors] == ["resiliparse"]
    with pytest.raises(BadRecipe, match="first step"):
        plan("exact", "plain")
