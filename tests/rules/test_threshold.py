"""A rule written in the recipe."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.errors import BadOption, UnknownName
from cupel.recipe.recipe import Recipe
from cupel.rules.threshold import OwnThreshold

DIGITS = pa.RecordBatch.from_pydict({"digit_fraction": [0.1, 0.2, 0.3, None]})


@pytest.mark.parametrize(
    ("test", "kept"),
    [
        ({"at_most": 0.2}, [True, True, False, False]),
        ({"at_least": 0.2}, [False, True, True, False]),
        ({"above": 0.2}, [False, False, True, False]),
        ({"below": 0.2}, [True, False, False, False]),
        ({"at_most": 0.2, "missing": "passes"}, [True, True, False, True]),
        ({"between": [0.2, 0.3]}, [False, True, True, False]),
    ],
)
def test_numbers(test: dict, kept: list[bool]) -> None:
    own = OwnThreshold.from_options({"signal": "digit_fraction", "name": "few_digits", **test})
    assert own.signals == ("digit_fraction",)
    assert own.decide(DIGITS).kept.tolist() == kept


def test_marks_and_labels() -> None:
    table = pa.RecordBatch.from_pydict({"mark": [True, False], "label": ["a", "b"]})
    assert OwnThreshold.from_options({"signal": "mark", "is": False}).decide(table).kept.tolist() == [
        False,
        True,
    ]
    assert OwnThreshold.from_options({"signal": "label", "is": "a"}).decide(table).kept.tolist() == [
        True,
        False,
    ]
    own = OwnThreshold.from_options({"signal": "label", "in": ["b", "c"]})
    assert own.decide(table).kept.tolist() == [False, True]
    own = OwnThreshold.from_options({"signal": "label", "not_in": ["b", "c"]})
    assert own.decide(table).kept.tolist() == [True, False]


def test_zero_and_negative_zero_are_one_number() -> None:
    table = pa.RecordBatch.from_pydict({"x": [-0.0, 0.0, 1.0]})
    for bounds in ([0, 5], [-0.0, 5.0]):
        own = OwnThreshold.from_options({"signal": "x", "in": bounds})
        assert own.decide(table).kept.tolist() == [True, True, False]


def test_is_called_what_the_recipe_says() -> None:
    own = OwnThreshold.from_options({"signal": "digit_fraction", "at_most": 0.2, "name": "few_digits"})
    assert own.decide(DIGITS).reason(2) == ("few_digits", 0.3, 0.2)


@pytest.mark.parametrize(
    "options",
    [
        {"signal": "digit_fraction"},
        {"signal": "digit_fraction", "at_most": 0.2, "at_least": 0.1},
        {"signal": "digit_fraction", "at_most": "0.2"},
        {"signal": "digit_fraction", "at_most": 0.2, "missing": "maybe"},
        {"at_most": 0.2},
        {"signal": "digit_fraction", "field": "score", "at_most": 0.2},
        {"field": "score"},
        {"field": "", "is": 1},
        {"field": "score", "at_least": "3"},
        {"field": "score", "at_least": float("nan")},
        {"field": "score", "between": [3, 1]},
        {"field": "score", "between": [1, "b"]},
        {"field": "score", "between": [1]},
        {"field": "score", "in": []},
        {"field": "score", "at_least": True},
    ],
)
def test_needs_one_signal_and_one_test(options: dict) -> None:
    with pytest.raises(BadOption, match="threshold"):
        OwnThreshold.from_options(options)


def test_a_misspelt_test() -> None:
    with pytest.raises(UnknownName, match="did you mean 'at_most'"):
        OwnThreshold.from_options({"signal": "digit_fraction", "atmost": 0.2})


def test_a_label_has_no_order() -> None:
    table = pa.RecordBatch.from_pydict({"label": ["a"]})
    with pytest.raises(BadOption, match="'label' is string and cannot be tested for ≤ 1"):
        OwnThreshold.from_options({"signal": "label", "at_most": 1}).decide(table)


VALUES: list[Any] = [
    2,
    "3",
    3.5,
    " 4 ",
    True,
    "good",
    "",
    [1, 5],
    [],
    {"x": 5},
    None,
    "2024-03-01",
    ["a", "good"],
    -1e300,
]


def documents(values: list[Any], name: str = "meta.f") -> pa.RecordBatch:
    outer, _, inner = name.partition(".")
    rows = [{outer: {inner: value}} if inner else {outer: value} for value in values]
    return pa.record_batch({"metadata": pa.array(map(json.dumps, rows), pa.large_string())})


@pytest.mark.parametrize(
    ("test", "kept"),
    [
        ({"at_least": 3}, ["3", 3.5, " 4 ", [1, 5]]),
        ({"at_most": 3}, [2, "3", [1, 5], -1e300]),
        ({"above": 3}, [3.5, " 4 ", [1, 5]]),
        ({"below": 3}, [2, [1, 5], -1e300]),
        ({"between": [3, 3.5]}, ["3", 3.5]),
        ({"is": 3}, ["3"]),
        ({"is": "good"}, ["good", ["a", "good"]]),
        ({"is": True}, [True]),
        ({"in": ["good", 2, 5]}, [2, "good", [1, 5], ["a", "good"]]),
        ({"not_in": ["good", 2, 5]}, ["3", 3.5, " 4 ", True, "", "2024-03-01", -1e300]),
        (
            {"not_in": ["good"], "missing": "passes"},
            [*VALUES[:5], "", [1, 5], [], {"x": 5}, None, "2024-03-01", -1e300],
        ),
        (
            {"at_least": datetime.date(2024, 2, 1)},
            ["3", 3.5, True, "good", [1, 5], "2024-03-01", ["a", "good"]],
        ),
        (
            {"at_least": 4, "missing": "passes"},
            [" 4 ", True, "good", "", [1, 5], [], {"x": 5}, None, "2024-03-01", ["a", "good"]],
        ),
    ],
    ids=str,
)
def test_fields_of_every_type(test: dict[str, Any], kept: list[Any]) -> None:
    own = OwnThreshold.from_options({"field": "meta.f", **test})
    flags = own.decide(documents(VALUES)).kept.tolist()
    assert [value for value, flag in zip(VALUES, flags, strict=True) if flag] == kept
    assert own.signals == ()
    assert list(own.fields) == ([] if test.get("missing") == "passes" else ["meta.f"])


@given(
    st.lists(st.none() | st.integers(-5, 5) | st.sampled_from(["1", "x", "-2.5"]), max_size=8),
    st.integers(-3, 3),
)
def test_tests_of_numbers_agree_with_each_other(values: list[Any], bound: int) -> None:
    def kept(**test: Any) -> list[bool]:
        flags: list[bool] = (
            OwnThreshold.from_options({"field": "f", **test}).decide(documents(values, "f")).kept.tolist()
        )
        return flags

    numbers = [None if value in (None, "x") else float(value) for value in values]
    assert kept(at_least=bound) == [number is not None and number >= bound for number in numbers]
    assert kept(below=bound) == [number is not None and number < bound for number in numbers]
    both = zip(kept(at_least=bound), kept(at_most=bound), strict=True)
    assert kept(between=[bound, bound]) == [low and high for low, high in both] == kept(**{"is": bound})
    assert kept(not_in=[bound]) == [
        value is not None and not same for value, same in zip(values, kept(**{"is": bound}), strict=True)
    ]


def test_the_reason_names_field_value_and_threshold() -> None:
    own = OwnThreshold.from_options({"field": "meta.f", "at_least": 3})
    decision = own.decide(documents([2, None, ["a", 1], "x" * 500]))
    reasons = [decision.reason(row) for row in range(4)]
    assert [reason.rule for reason in reasons if reason] == ["meta.f"] * 4
    assert [reason.value for reason in reasons if reason] == ["2", None, '["a", 1]', "x" * 200]
    assert str(own.rules[0]) == "meta.f ≥ 3"


def test_recipes_that_use_nothing_new_keep_their_digest() -> None:
    steps = [{"threshold": {"signal": "digit_fraction", "at_most": 0.2}}, "exact"]
    recipe = Recipe.from_dict({"name": "old", "steps": steps})
    assert recipe.digest == "63390a870e0c1d9393f90c10c269615b"
    assert Recipe.from_dict(recipe.to_dict()).digest == recipe.digest
    new = Recipe.from_dict(
        {
            "name": "n",
            "steps": [{"threshold": {"field": "a", "not_in": [1, "b", True]}}, {"exact": {"key": "u"}}],
        }
    )
    assert Recipe.from_dict(new.to_dict()).digest == new.digest
