"""Options of a method on the command line: what they may look like, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from cupel.cli._method_options import method_options
from cupel.contract import Fitted, find_method
from cupel.errors import BadOption, UnknownName
from cupel.select.sample import GumbelSample

CLASSIFIER = find_method("quality-classifier", Fitted)  # type: ignore[type-abstract]


@pytest.mark.parametrize(
    ("words", "names", "options"),
    [
        ([], [], {}),
        (["pool", "more/"], ["pool", "more/"], {}),
        (["--min-count", "3", "pool"], ["pool"], {"min_count": 3}),
        (["pool", "--learning-rate=0.5"], ["pool"], {"learning_rate": 0.5}),
        (["--positives", "a.jsonl:5", "--positives", "b"], [], {"positives": ["a.jsonl:5", "b"]}),
        (["--buckets", "null"], [], {"buckets": None}),
    ],
)
def test_options(words: list[str], names: list[str], options: dict[str, Any]) -> None:
    assert method_options(CLASSIFIER, words, kept_out=("artifact",)) == (names, options)


def test_a_switch_needs_no_value() -> None:
    assert method_options(GumbelSample, ["--lowest"]) == ([], {"lowest": True})
    assert method_options(GumbelSample, ["--lowest", "pool"]) == (["pool"], {"lowest": True})
    assert method_options(GumbelSample, ["--lowest", "false", "--by", "quality"]) == (
        [],
        {"lowest": False, "by": "quality"},
    )


def test_what_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean '--positives'"):
        method_options(CLASSIFIER, ["--positive", "a"])
    with pytest.raises(UnknownName, match="no option is called '--artifact'"):
        method_options(CLASSIFIER, ["--artifact", "a"], kept_out=("artifact",))
    with pytest.raises(BadOption, match="--epochs needs a value"):
        method_options(CLASSIFIER, ["--epochs", "--dim", "3"])
    with pytest.raises(BadOption, match="--epochs needs a value"):
        method_options(CLASSIFIER, ["--epochs"])
    with pytest.raises(BadOption, match="--dim is given twice"):
        method_options(CLASSIFIER, ["--dim", "3", "--dim", "4"])
    with pytest.raises(BadOption, match="not YAML"):
        method_options(CLASSIFIER, ["--dim", "[3"])
