"""Thresholds by language: tables, decisions, limits."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.contract import Rule
from cupel.errors import BadOption, UnknownSignal
from cupel.recipe.check import check
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe
from cupel.rules._language_table import built_in_tables
from cupel.rules.by_language import ByLanguage, LanguageRule, language_rules

TABLE = {
    "all": {"max_mean_word_length": 10.0, "min_confidence": 0.5},
    "languages": {"en": {}, "de": {"max_mean_word_length": 14.0}, "ja": {"max_mean_word_length": None}},
}


def by_language(table: object) -> ByLanguage:
    return ByLanguage.from_options({"table": table})


def signals(
    languages: list[str | None], lengths: list[float | None], confidence: float = 0.9
) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "language": pa.array(languages, pa.large_string()),
            "mean_word_length": pa.array(lengths, pa.float64()),
            "language_confidence": pa.array([confidence] * len(languages), pa.float64()),
        }
    )


def test_each_document_has_the_thresholds_of_its_language() -> None:
    method = by_language(TABLE)
    documents = signals(["en", "de", "ja", "fr", None, "de"], [12.0, 12.0, 99.0, 5.0, 5.0, 15.0])
    decision = method.decide(documents)
    assert [rule.name for rule in decision.rules] == [
        "listed_language",
        "min_confidence",
        "max_mean_word_length",
    ]
    assert decision.kept.tolist() == [False, True, True, False, False, False]
    reasons = [None if reason is None else reason.rule for reason in map(decision.reason, range(6))]
    assert reasons == [
        "max_mean_word_length",
        None,
        None,
        "listed_language",
        "listed_language",
        "max_mean_word_length",
    ]
    assert method.rules[2].limits(documents)[:2] == [
        "mean_word_length ≤ 10 (en)",
        "mean_word_length ≤ 14 (de)",
    ]
    assert str(method.rules[2]) == "mean_word_length ≤ 10 to 14, by language"
    assert str(method.rules[0]) == "language in en, de, ja"


def test_other_languages_can_have_a_row() -> None:
    method = by_language(TABLE | {"others": {"max_mean_word_length": 4.0}})
    decision = method.decide(signals(["fr", "fr", None, None, "de"], [3.0, 5.0, 3.0, 5.0, 5.0]))
    assert decision.kept.tolist() == [True, False, True, False, True]
    assert method.rules[1].limits(signals([None], [5.0])) == ["mean_word_length ≤ 4 (no language)"]


def test_missing_signals_fail_where_the_rule_is_on() -> None:
    decision = by_language(TABLE).decide(signals(["en", "ja"], [None, None]))
    assert decision.kept.tolist() == [False, True]


def test_no_documents() -> None:
    assert by_language(TABLE).decide(signals([], [])).kept.tolist() == []


@given(
    st.lists(st.tuples(st.sampled_from(["en", "de", "ja", "fr", None]), st.floats(0, 20)), max_size=30),
    st.dictionaries(st.sampled_from(["en", "de", "ja"]), st.none() | st.floats(0, 20)),
    st.none() | st.floats(0, 20),
)
def test_decides_as_one_rule_per_language_would(
    rows: list[tuple[str | None, float]], thresholds: dict[str, float | None], others: float | None
) -> None:
    rule = language_rules()["max_mean_word_length"]
    batch = signals([language for language, _ in rows], [value for _, value in rows])
    expected = []
    for language, value in rows:
        bound = thresholds.get(language, others) if language is not None else others
        expected.append(
            bound is not None and bool(Rule("r", "s", "at_most", bound).failed(pa.array([value]))[0])
        )
    assert LanguageRule(rule, thresholds, others).fails(batch).tolist() == expected


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("multilingal", "did you mean 'multilingual'"),
        ("no/such.yaml", "there is no file no/such.yaml"),
        (
            {"languages": {"de": {"max_mean_word_lenght": 3}}},
            "languages.de.*did you mean 'max_mean_word_length'",
        ),
        ({"language": {}}, "did you mean 'languages'"),
        ({"languages": {"de": {"min_words": "many"}}}, "valid number"),
        ({"languages": {}}, "lists no languages"),
        ({"languages": {"de": {}}, "others": {}}, "every rule of the table is off"),
        ({"all": {}}, "field required"),
        (3, "valid dictionary"),
    ],
)
def test_bad_tables_are_refused(table: object, message: str) -> None:
    with pytest.raises(BadOption, match=message):
        by_language(table)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text("languages: {no: {min_words: 3}, 東京: }\n", encoding="utf-8")
    assert by_language(str(path)).options.table.languages == {"no": {"min_words": 3.0}, "東京": {}}
    path.write_text("languages: [", encoding="utf-8")
    with pytest.raises(BadOption, match="not readable as yaml"):
        by_language(str(path))
    with pytest.raises(BadOption, match="needs a table"):
        ByLanguage()


def test_built_in_tables_hold_and_replay() -> None:
    for name in built_in_tables():
        method = by_language(name)
        again = ByLanguage.from_options(method.options.model_dump(mode="json"))
        assert again.rules == method.rules
        recipe = Recipe.from_dict({"steps": [{"by-language": name}]})
        assert Recipe.from_dict(recipe.to_dict()).to_dict() == recipe.to_dict()
        jsonschema.validate({"name": "a", "steps": [{"by-language": {"table": name}}]}, Recipe.json_schema())
        jsonschema.validate(recipe.to_dict(), Recipe.json_schema())


def test_a_changed_file_is_another_recipe(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    digests = set()
    for words in (3, 4):
        path.write_text(f"languages: {{de: {{min_words: {words}}}}}")
        digests.add(str(Recipe.from_dict({"steps": [{"by-language": str(path)}]}).to_dict()))
    assert len(digests) == 2


def test_the_ledger_says_whose_threshold_it_was() -> None:
    table = {
        "all": {"max_mean_word_length": 6.0},
        "languages": {"en": {}, "de": {"max_mean_word_length": 3.0}},
    }
    recipe = Recipe.from_dict({"steps": [{"by-language": {"table": table}}]})
    texts = [
        "Der Kaffee in diesem Café ist heute wieder besonders gut gelungen.",
        "The coffee of this café is again very good today, as it was.",
        "Le café de cette ville est très bon, comme toujours.",
    ]
    german, english, french = check(recipe, texts)
    assert (german.reason, german.limit) == ("max_mean_word_length", "mean_word_length ≤ 3 (de)")
    assert english.kept
    assert (french.reason, french.value, french.limit) == ("listed_language", "fr", "language in en, de")


def test_every_rule_has_a_signal_that_something_measures() -> None:
    rules = dict.fromkeys(language_rules(), 1.0)
    recipe = Recipe.from_dict({"steps": [{"by-language": {"table": {"languages": {"de": rules}}}}]})
    try:
        plan = make_plan(recipe)
    except UnknownSignal as error:  # pragma: no cover
        pytest.fail(str(error))
    assert {rule.signal for rule in language_rules().values()} <= set(plan.measured)
    assert not np.isnan([float(rule.threshold or 0) for rule in language_rules().values()]).any()
