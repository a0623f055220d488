"""A rule written in the recipe."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cupel.errors import BadOption, UnknownName
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
