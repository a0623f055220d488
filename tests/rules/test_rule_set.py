"""The rule engine on hand-made tables of signals."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.contract import Rule
from cupel.errors import BadOption, UnknownName
from cupel.rules import RuleSet, methods

SETS = {rule_set.name: rule_set for rule_set in methods()}


def gopher_table(**columns: list) -> pa.RecordBatch:
    """Signals of documents that pass gopher-quality, but for the columns given."""
    rows = len(next(iter(columns.values()))) if columns else 1
    good = {
        "non_symbol_word_count": 300,
        "mean_word_length": 4.5,
        "hash_to_word_ratio": 0.0,
        "ellipsis_to_word_ratio": 0.0,
        "bullet_line_fraction": 0.0,
        "ellipsis_line_fraction": 0.0,
        "alpha_word_fraction": 0.95,
        "stop_word_count": 6,
    }
    return pa.RecordBatch.from_pydict(
        {name: columns.get(name, [value] * rows) for name, value in good.items()}
    )


def rule_set(name: str, **options: object) -> RuleSet:
    return SETS[name].from_options(options)


def test_decides_at_the_thresholds_themselves() -> None:
    table = gopher_table(
        non_symbol_word_count=[49, 50, 100_000, 100_001],
        mean_word_length=[4.0, 3.0, 10.0, 4.0],
    )
    decision = rule_set("gopher-quality").decide(table)
    assert decision.kept.tolist() == [False, True, True, False]
    assert decision.first.tolist() == [0, -1, -1, 1]
    assert decision.first.dtype == np.int8
    assert decision.reason(0) == ("min_words", 49, 50)
    assert decision.reason(1) is None


def test_asks_every_rule_and_names_the_first() -> None:
    table = gopher_table(non_symbol_word_count=[10, 300], stop_word_count=[0, 0])
    decision = rule_set("gopher-quality").decide(table)
    assert decision.failed["min_words"].tolist() == [True, False]
    assert decision.failed["min_stop_words"].tolist() == [True, True]
    assert [decision.reason(row).rule for row in (0, 1)] == [
        "min_words",
        "min_stop_words",
    ]
    assert decision.failures.tolist() == [2, 1]


def test_a_missing_value_fails_unless_the_rule_says_otherwise() -> None:
    language = rule_set("language").decide(
        pa.RecordBatch.from_pydict({"language": ["en", None, "de"], "language_confidence": [0.9, 0.9, None]})
    )
    assert language.kept.tolist() == [True, False, False]
    assert language.failed["min_confidence"].tolist() == [False, False, True]
    blocked = rule_set("url-blocklist").decide(
        pa.RecordBatch.from_pydict({"url_domain_blocked": [True, False, None]})
    )
    assert blocked.kept.tolist() == [False, True, True]


@pytest.mark.parametrize("missing", [float("nan"), None])
@pytest.mark.parametrize(
    ("test", "threshold"),
    [("at_least", -1.0), ("at_most", 1.0), ("above", -1.0), ("below", 1.0)],
)
def test_not_a_number_is_missing(test: str, threshold: float, missing: float | None) -> None:
    column = pa.array([missing, 0.0], pa.float64())
    assert Rule("r", "s", test, threshold).failed(column).tolist() == [True, False]
    assert Rule("r", "s", test, threshold, missing="passes").failed(column).tolist() == [False, False]


def test_thresholds_are_options_and_null_switches_a_rule_off() -> None:
    own = rule_set("gopher-quality", min_words=5, min_stop_words=None)
    assert "stop_word_count" not in own.signals
    assert "stop_word_count" in {rule.signal for rule in type(own).rules}
    decision = own.decide(gopher_table(non_symbol_word_count=[5, 4], stop_word_count=[0, 0]))
    assert decision.kept.tolist() == [True, False]
    assert "min_stop_words" not in decision.failed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_words": "fifty"}, "gopher-quality: option 'min_words' is 'fifty'"),
        ({"min_words": "50"}, "option 'min_words' is '50'"),
        ({"min_words": 50.5}, "option 'min_words' is 50.5"),
        ({"min_words": True}, "option 'min_words' is True"),
        ({"max_mean_word_length": float("nan")}, "finite number"),
        ({"max_mean_word_length": True}, "option 'max_mean_word_length' is True"),
        ({"min_words": 100, "max_words": 10}, "no document can pass both min_words"),
    ],
)
def test_refuses_thresholds_that_make_no_sense(options: dict, message: str) -> None:
    with pytest.raises(BadOption, match=message.replace("(", "\\(")):
        SETS["gopher-quality"].from_options(options)


def test_a_whole_number_does_for_a_fraction() -> None:
    assert rule_set("gopher-quality", max_mean_word_length=12).options.max_mean_word_length == 12.0


def test_a_misspelt_threshold_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean 'min_words'"):
        rule_set("gopher-quality", min_word=3)


def test_a_step_that_would_do_nothing_is_refused() -> None:
    with pytest.raises(BadOption, match=r"every rule is off.*min_characters"):
        rule_set("length")
    everything_off = dict.fromkeys((rule.name for rule in SETS["fineweb"].rules), None)
    with pytest.raises(BadOption, match="every rule is off"):
        rule_set("fineweb", **everything_off)


def test_length_needs_only_what_it_is_asked() -> None:
    own = rule_set("length", min_characters=3)
    assert own.signals == ("character_count",)
    table = pa.RecordBatch.from_pydict({"character_count": [2, 3]})
    assert own.decide(table).kept.tolist() == [False, True]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UnknownName, match=r"rule 'languages'.*'language'"):
        rule_set("language").decide(pa.RecordBatch.from_pydict({"langauge": ["en"]}))


def test_a_threshold_that_does_not_fit_its_column_is_named() -> None:
    with pytest.raises(BadOption, match=r"rule 'min_confidence'.*language_confidence.*string"):
        rule_set("language").decide(
            pa.RecordBatch.from_pydict({"language": ["en"], "language_confidence": ["high"]})
        )


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_labels_of_any_string_type(type_: pa.DataType) -> None:
    labels = pa.array(["en", "de", None, "東京"], pa.string()).cast(type_)
    batch = pa.RecordBatch.from_arrays(
        [labels, pa.array([1.0] * 4)], names=["language", "language_confidence"]
    )
    decision = rule_set("language", languages=["de", "東京"]).decide(batch)
    assert decision.kept.tolist() == [False, True, False, True]


def test_no_rows() -> None:
    decision = rule_set("gopher-quality").decide(gopher_table().slice(0, 0))
    assert len(decision.first) == 0
    assert decision.kept.tolist() == []


def test_reasons_for_the_ledger() -> None:
    table = pa.RecordBatch.from_pydict(
        {"language": ["en", "de", "en"], "language_confidence": [0.9, 0.9, 0.25]}
    )
    decision = rule_set("language").decide(table)
    assert [decision.reason(row) for row in range(3)] == [
        None,
        ("languages", "de", ("en",)),
        ("min_confidence", 0.25, 0.65),
    ]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 200_000)),
            st.one_of(st.none(), st.floats(0, 20)),
            st.one_of(st.none(), st.floats(0, 1)),
        ),
        min_size=1,
    )
)
def test_same_as_one_row_at_a_time(rows: list) -> None:
    words, lengths, alpha = (list(column) for column in zip(*rows, strict=True))
    table = gopher_table(
        non_symbol_word_count=pa.array(words, pa.int64()),
        mean_word_length=pa.array(lengths, pa.float64()),
        alpha_word_fraction=pa.array(alpha, pa.float64()),
    )
    decision = rule_set("gopher-quality").decide(table)
    for row, (word, length, fraction) in enumerate(rows):
        expected = [
            ("min_words", word is None or word < 50),
            ("max_words", word is None or word > 100_000),
            ("min_mean_word_length", length is None or length < 3),
            ("max_mean_word_length", length is None or length > 10),
            ("min_alpha_word_fraction", fraction is None or fraction < 0.8),
        ]
        assert [(name, bool(decision.failed[name][row])) for name, _ in expected] == expected
        reason = decision.reason(row)
        assert (reason and reason.rule) == next((name for name, failed in expected if failed), None)
