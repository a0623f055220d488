"""Recipes: what they take, and what they say of what they do not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cupel.contract import all_methods
from cupel.errors import BadOption, BadRecipe, UnknownName
from cupel.recipe.recipe import KINDS, Recipe, built_in_recipes

GOOD = {"name": "good", "steps": ["gopher-quality", {"minhash": {"bands": 10}}]}


@pytest.mark.parametrize("name", built_in_recipes())
def test_built_in_recipes_load_replay_and_fit_the_schema(name: str) -> None:
    recipe = Recipe.load(name)
    again = Recipe.from_dict(yaml.safe_load(recipe.to_yaml()))
    assert again.digest == recipe.digest
    jsonschema.validate(yaml.safe_load(built_in_recipes()[name]), Recipe.json_schema())
    assert recipe.title


def test_defaults_are_written_out() -> None:
    steps = Recipe.from_dict(GOOD).to_dict()["steps"]
    assert steps[0]["gopher-quality"]["min_words"] == 50
    assert steps[1]["minhash"]["bands"] == 10
    assert steps[1]["minhash"]["ngram"] == 5


def test_the_digest_follows_what_decides() -> None:
    recipe = Recipe.from_dict(GOOD)
    assert Recipe.from_dict({**GOOD, "name": "another", "title": "Title"}).digest == recipe.digest
    assert Recipe.from_dict(GOOD, ["gopher-quality.min_words=51"]).digest != recipe.digest
    assert Recipe.from_dict({**GOOD, "seed": 1}).digest != recipe.digest


def test_a_method_that_stands_twice_has_two_names() -> None:
    recipe = Recipe.from_dict({"name": "x", "steps": ["pii", "exact", "pii"]}, ["pii-2.phones=true"])
    assert [step.label for step in recipe.steps] == ["pii", "exact", "pii-2"]
    assert [step.options.get("phones") for step in recipe.steps] == [False, None, True]


@pytest.mark.parametrize(
    ("recipe", "error", "said"),
    [
        ({"name": "x", "steps": ["gopher-qualty"]}, UnknownName, "did you mean 'gopher-quality'"),
        ({"name": "x", "steps": [{"minhash": {"band": 3}}]}, UnknownName, "did you mean 'bands'"),
        ({"name": "x", "steps": [{"gopher-quality": {"min_words": "fifty"}}]}, BadOption, "min_words"),
        ({"name": "x", "steps": [{"minhash": {"bands": 0}}]}, BadOption, "bands"),
        ({"name": "x", "stps": []}, UnknownName, "did you mean 'steps'"),
        ({"name": "x", "steps": []}, BadRecipe, "expected a list of methods"),
        ({"name": "x", "steps": [["exact"]]}, BadRecipe, "step 1"),
        ({"name": "x", "steps": [{"exact": {}, "pii": {}}]}, BadRecipe, "step 1"),
        ({"name": "x", "steps": ["exact"], "seed": -1}, BadOption, "seed"),
        (
            {"name": "x", "steps": ["exact"], "signals": {"word-qualty": {}}},
            UnknownName,
            "did you mean 'word-quality'",
        ),
        ("exact", BadRecipe, "expected a mapping"),
    ],
)
def test_what_does_not_hold_is_said(recipe: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Recipe.from_dict(recipe)


@pytest.mark.parametrize(
    ("override", "error", "said"),
    [
        ("gopher-quality.min_words", BadOption, "STEP.OPTION=VALUE"),
        ("min_words=3", BadOption, "STEP.OPTION=VALUE"),
        ("counts.min_words=3", UnknownName, "no option is called 'min_words'"),
        ("gopher-qualit.min_words=3", UnknownName, "did you mean 'gopher-quality'"),
        ("gopher-quality.min_word=3", UnknownName, "did you mean 'min_words'"),
        ("gopher-quality.min_words=!!python/object:os.system 3", BadRecipe, "tags"),
    ],
)
def test_overrides_that_do_not_fit(override: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Recipe.from_dict(GOOD, [override])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: !!python/object/apply:os.system ['true']\nsteps: [exact]", "tags"),
        ("name: &a x\nsteps: [*a]", "anchors"),
        ("name: x\nname: y\nsteps: [exact]", "stands twice"),
        ("name: [", "not YAML"),
        ("\x00", "not YAML"),
        ("[" * 5000, "not YAML"),
    ],
)
def test_yaml_that_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(BadRecipe, match=said):
        Recipe.load(path)


def test_no_such_recipe() -> None:
    with pytest.raises(UnknownName, match="did you mean 'fineweb'"):
        Recipe.load("finweb")
    with pytest.raises(BadRecipe, match="cannot be read"):
        Recipe.load("nowhere/recipe.yaml")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, {}) for name in all_methods()),
        ("minhash", {"verify": False}),
        ("minhash", {"clusters": "connected"}),
        ("substring", {"min_tokens": 50, "tokenizer": "tokenizer.json"}),
    ],
)
def test_options_are_the_same_when_written_down_whole_and_read_again(name: str, arguments: dict) -> None:
    method = all_methods()[name]
    try:
        options = method.from_options(arguments).options
    except BadOption as error:
        pytest.skip(f"{name} has no defaults: {error}")
    assert method.from_options(options.model_dump(mode="json")).options == options


def test_every_method_is_in_the_schema() -> None:
    schema = Recipe.json_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema)
    steps = [name for name, method in all_methods().items() if issubclass(method, KINDS)]
    assert {"exact", "counts", "cartography"} <= set(steps)
    for name in steps:
        validator.validate({"name": "x", "steps": [name]})
    for wrong in ("gopher-qualty", "random-mixtures"):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({"name": "x", "steps": [wrong]})


@pytest.mark.parametrize(
    "step",
    [
        {"where": "word_count > 50 or lang = 'en'"},
        {"where": {"expression": "lang = 'en'", "name": "english"}},
        {"threshold": {"field": "meta.score", "at_least": 3}},
        {"threshold": {"field": "lang", "not_in": ["en", 1, True]}},
        {"exact": {"key": "url"}},
        {"exact": {"key": ["source", "title"]}},
    ],
    ids=str,
)
def test_steps_on_fields_fit_the_schema_and_replay(step: dict[str, Any]) -> None:
    recipe = Recipe.from_dict({"name": "own", "steps": [step]})
    for written in ({"name": "own", "steps": [step]}, recipe.to_dict()):
        jsonschema.validate(written, Recipe.json_schema())
        assert Recipe.from_dict(written).digest == recipe.digest


def test_only_some_methods_have_a_shorthand() -> None:
    with pytest.raises(BadRecipe, match=r"'exact': 'url'.*expected a method name"):
        Recipe.from_dict({"name": "own", "steps": [{"exact": "url"}]})
