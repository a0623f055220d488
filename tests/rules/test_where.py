"""Filters by expression: decisions written down, SQLite as the reference for logic, and errors that point."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.errors import BadOption
from cupel.rules.expression.parser import parse
from cupel.rules.where import Where

ROWS: list[dict[str, Any]] = [
    {
        "score": 4,
        "lang": "en",
        "tags": ["news", "sport"],
        "flag": True,
        "meta": {"q": "7", "a.b": 1},
        "n-x": 1,
    },
    {"score": "2", "lang": "de", "tags": [], "flag": "False", "meta": {"q": 1e3}},
    {"score": None, "lang": "EN-us", "tags": ["it's", 5], "flag": 1, "word_count": 9},
    {"lang": "東京", "score": "good", "meta": {"q": None}, "year": "2024-05-01"},
]
SIGNALS = {
    "word_count": pa.array([10, 100, None, 51], pa.int64()),
    "digit_fraction": pa.array([0.5, float("nan"), 0.0, 0.25]),
    "language": pa.array(["en", None, "de", "ja"]).dictionary_encode(),
    "ends_with_terminal": pa.array([True, False, None, True]),
}
KINDS = {
    "word_count": "number",
    "digit_fraction": "number",
    "language": "text",
    "ends_with_terminal": "truth",
}
DOCUMENTS = pa.RecordBatch.from_pydict(
    {
        "id": ["a", "b", "c", "d"],
        "text": ["One.", "Zwei drei", "", "東京"],
        "source": ["wiki", "web", "web", "wiki"],
        "url": ["https://e.org/1", None, "https://f.org/tag/x", "http://e.org"],
        "metadata": [json.dumps(row) for row in ROWS],
        **SIGNALS,
    }
)
Y, N, U = True, False, None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("word_count > 50", [N, Y, U, Y]),
        ("word_count > 50 or source = 'wiki'", [Y, Y, U, Y]),
        ("50 < word_count and not source == 'wiki'", [N, Y, U, N]),
        ("score >= 3", [Y, N, U, U]),
        ("score < 3 or score is null", [N, Y, Y, U]),
        ("score = 'good'", [N, N, U, Y]),
        ("score <> 2", [Y, N, U, Y]),
        ("coalesce(score, 5) > 4", [N, N, Y, Y]),
        ("lang in ('en', 'de')", [Y, Y, N, N]),
        ("lang NOT IN ('en', '東京')", [N, Y, Y, N]),
        ("score in (2, 4, 'good')", [Y, Y, U, Y]),
        ("word_count in (10, 51)", [Y, N, U, Y]),
        ("word_count between 10 and 51", [Y, N, U, Y]),
        ("word_count not between 10 and 51", [N, Y, U, N]),
        ("meta.q between 5 and 10", [Y, N, U, U]),
        ("year between '2024-01-01' and '2024-12-31'", [U, U, U, Y]),
        ("lang like 'e_'", [Y, N, N, N]),
        ("lang ilike 'EN%'", [Y, N, Y, N]),
        ("lang not like '%n%'", [N, Y, Y, Y]),
        ("url like '%/tag/%'", [N, U, Y, N]),
        ("tags = 'news'", [Y, U, N, U]),
        ("tags != 'news'", [N, U, Y, U]),
        ("tags = 'it''s' or tags = 5", [N, U, Y, U]),
        ("length(tags) >= 2", [Y, N, Y, U]),
        ("length(text) = 2", [N, N, N, Y]),
        ("length(lang) + 1 > word_count / 10", [Y, N, U, N]),
        ("flag", [Y, N, U, U]),
        ("not flag", [N, Y, U, U]),
        ("flag is not true", [N, Y, Y, Y]),
        ("flag = 1", [N, N, Y, U]),
        ("ends_with_terminal", [Y, N, U, Y]),
        ("ends_with_terminal = false", [N, Y, U, N]),
        ("ends_with_terminal IS NULL", [N, N, Y, N]),
        ("digit_fraction >= 0", [Y, U, Y, Y]),
        ("1 / digit_fraction > 2", [N, U, U, Y]),
        ("-word_count * 2 + 1 < -(50)", [N, Y, U, Y]),
        ("abs(word_count - 50) <= 1", [N, N, U, Y]),
        ("word_count - 10 - 5 = -5", [Y, N, U, N]),
        ("word_count = 10 or word_count = 51 and lang = 'en'", [Y, N, U, N]),
        ("lower(lang) = 'en-us'", [N, N, Y, N]),
        ("upper(lang) = 'DE'", [N, Y, N, N]),
        ("contains(text, '.') and starts_with(url, 'https')", [Y, N, N, N]),
        ("ends_with(url, 'org')", [N, U, N, Y]),
        ("matches(lang, '^[a-z]{2}$')", [Y, Y, N, N]),
        ("language = lang", [Y, U, N, N]),
        ("score > meta.q", [N, N, U, U]),
        ("meta.a.b = 1", [Y, U, U, U]),
        ('meta."a.b" = 1', [Y, U, U, U]),
        ('"n-x" = 1', [Y, U, U, U]),
        ("`n-x` = 1", [Y, U, U, U]),
        ("field('word_count') = 9", [U, U, Y, U]),
        ('"word_count" = 9', [U, U, Y, U]),
        ("meta is null", [N, N, Y, N]),
        ("no_such_field is null", [Y, Y, Y, Y]),
        ("true", [Y, Y, Y, Y]),
        ("word_count > 50\n  AND source\t=\n'wiki'", [N, N, N, Y]),
        ("id in ('a') or text = ''", [Y, N, Y, N]),
        ("source = 'wiki' = true", None),
    ],
)
def test_decisions(expression: str, expected: list[bool | None] | None) -> None:
    if expected is None:
        with pytest.raises(BadOption, match="expected AND, OR or the end"):
            parse(expression, KINDS)
        return
    assert parse(expression, KINDS).read(DOCUMENTS, "truth").to_pylist() == expected


@pytest.mark.parametrize(
    ("expression", "message", "at"),
    [
        ("", "the expression is empty", 0),
        ("word_count >", "expected a value, found the end", 12),
        ("word_count 50", "expected AND, OR or the end, found '50'; a comparison needs a sign", 11),
        ("score > 3 adn lang = 'en'", "found 'adn'; did you mean AND?", 10),
        ("1 < score < 3", "for a range write: a BETWEEN 1 AND 3", 10),
        ("score > 3 && flag", "write AND", 10),
        ("flag || flag", "write OR", 5),
        ("!flag", "write NOT", 0),
        ("lang = 'en", "this text has no end", 7),
        ('lang = "en', "this name has no end", 7),
        (
            "word_count > '3'",
            "a text cannot be compared with a number; numbers are written without quotes",
            13,
        ),
        ("language = 3", "a number cannot be compared with a text", 11),
        ("word_count in (1, 'a')", "a text cannot be compared with a number", 18),
        ("score = null", "= NULL is never true: write IS NULL", 8),
        ("length(text)", "expected a condition, which is true or false, and this is a number", 0),
        ("not word_count", "expected a condition", 4),
        ("flag and 3", "expected a condition", 9),
        ("lenght(text) > 3", "no function is called 'lenght'; did you mean length?", 0),
        ("__import__('os')", "no function is called '__import__'", 0),
        ("lower(lang, 'x') = 'a'", "lower takes 1 argument, not 2", 0),
        ("contains(lang) ", "contains takes 2 arguments, not 1", 0),
        ("contains(lang, source)", "contains takes a text in single quotes as its second argument", 15),
        ("matches(lang, '(')", "not a regular expression (RE2)", 14),
        ("coalesce(score, lang) > 3", "at least one of them no field", 0),
        ("(score > 3", "expected ) to close the parenthesis, found the end", 10),
        ("score in ()", "expected a number or a text in the list, found ')'", 10),
        ("'news' in tags", "for a field that holds a list write tags = …", 10),
        ("score between 3 or 4", "expected AND between the two bounds", 16),
        ("score between 4 and 3", "the lower bound comes first", 14),
        ("score not > 3", "expected IN, BETWEEN or LIKE after NOT", 10),
        ("score is 3", "expected NULL, TRUE or FALSE after IS, found '3'; other values take =", 9),
        ("flag > true", "true and false have no order", 5),
        ("lang like lang", "expected a pattern in single quotes", 10),
        ("meta. = 1", "expected a name after the dot", 6),
        ("3x = 1", "a name that begins with a digit stands in double quotes", 0),
        ("score % 2 = 0", "there is no remainder", 6),
        ("lang = ['en']", "lists are written in parentheses", 7),
        ("x = 1e999", "this number is too large", 4),
        ("score > 3\nand lang like\nor x", "found 'or'", 24),
        ("(" * 200 + "flag" + ")" * 200, "nested more than 100 deep", 100),
        ("not " * 5000 + "flag", "nested more than 100 deep", 400),
        ("- " * 5000 + "1 = 1", "nested more than 100 deep", 200),
    ],
)
def test_faults_are_shown_at_their_place(expression: str, message: str, at: int) -> None:
    with pytest.raises(BadOption) as raised:
        parse(expression, KINDS)
    first, line, caret = str(raised.value).splitlines()
    assert message in first
    before = expression[:at]
    assert line == "  " + expression.splitlines()[before.count("\n")] if expression else line == "  "
    assert len(caret) - 3 == at - (before.rfind("\n") + 1)


NUMBERS = {"x": [1.0, -2.0, None, 0.0, 3.5], "y": [None, 2.0, 2.0, 0.0, -1.0]}
TEXTS = {"s": ["a", None, "b", "", "é"], "t": ["a", "b", None, "ab", "É"]}


def numbers(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["x", "y", "1", "2.5", "0", "-1.5", "abs(x)"])
    if not depth:
        return leaf
    inner = numbers(depth - 1)
    return leaf | st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner)


def conditions(depth: int) -> st.SearchStrategy[str]:
    text = st.sampled_from(["s", "t", "'a'", "'b'", "''"])
    sign = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    leaf = st.one_of(
        st.builds("{} {} {}".format, numbers(2), sign, numbers(1)),
        st.builds("{} {} {}".format, text, sign, text),
        st.builds(
            "{} {} ({}, 2.5)".format, numbers(1), st.sampled_from(["IN", "NOT IN"]), st.sampled_from("01")
        ),
        st.builds("{} {} ('a', 'é')".format, text, st.sampled_from(["in", "not in"])),
        st.builds("{} BETWEEN {} AND {}".format, numbers(1), numbers(0), st.just("x")),
        st.builds(
            "{} {} '{}'".format,
            text,
            st.sampled_from(["LIKE", "NOT LIKE"]),
            st.sampled_from(["a%", "_", "%"]),
        ),
        st.builds("{} IS {}NULL".format, numbers(1) | text, st.sampled_from(["", "NOT "])),
        st.builds("coalesce({}, 1) > {}".format, numbers(0), numbers(0)),
    )
    if not depth:
        return leaf
    inner = conditions(depth - 1)
    return st.one_of(
        leaf,
        st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "or"]), inner),
        st.builds("NOT ({})".format, inner),
    )


@given(conditions(3), st.booleans())
def test_logic_is_that_of_sqlite(expression: str, as_fields: bool) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA case_sensitive_like = ON")
    database.execute("CREATE TABLE d (x REAL, y REAL, s TEXT, t TEXT)")
    columns = NUMBERS | TEXTS
    rows = list(zip(*columns.values(), strict=True))
    database.executemany("INSERT INTO d VALUES (?, ?, ?, ?)", rows)
    query = f"SELECT {expression} FROM d".replace("0)", "0.0)")
    expected = [None if value is None else bool(value) for (value,) in database.execute(query)]
    kinds = dict.fromkeys(NUMBERS, "number") | dict.fromkeys(TEXTS, "text")
    if as_fields:
        metadata = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        documents = pa.RecordBatch.from_pydict({"metadata": metadata})
    else:
        documents = pa.RecordBatch.from_pydict(columns)
    values = parse(expression, {} if as_fields else kinds).read(documents, "truth").to_pylist()
    assert values == expected


def test_the_reason_shows_the_expression_and_its_values() -> None:
    where = Where.from_options({"expression": "word_count > 50  or\n meta.q > 8", "name": "long"})
    assert where.signals == ("word_count",)
    assert dict(where.fields) == {"meta.q": ""}
    decision = where.decide(DOCUMENTS)
    assert decision.kept.tolist() == [False, True, False, True]
    assert decision.reason(0) == ("long", "word_count 10, meta.q 7", "word_count > 50 or meta.q > 8")
    assert decision.reason(2) == (
        "long",
        "word_count missing, meta.q missing",
        "word_count > 50 or meta.q > 8",
    )


def test_names_that_may_be_missing() -> None:
    where = Where.from_options(
        {"expression": "a > 1 or b is null or coalesce(c, 0) = 1 or b = 2 or wrd_count > 1"}
    )
    assert dict(where.fields) == {"a": "", "wrd_count": "did you mean the signal 'word_count'?"}
    assert (
        dict(Where.from_options({"expression": 'a = "x"'}).fields)["x"]
        == "a text stands in single quotes: 'x'"
    )


WORDS = [
    *(
        "and",
        "or",
        "not",
        "in",
        "between",
        "is",
        "null",
        "true",
        "false",
        "like",
        "ilike",
        "(",
        ")",
        ",",
        ".",
        "+",
        "-",
    ),
    *(
        "*",
        "/",
        "=",
        "!=",
        "<",
        ">=",
        "'a'",
        "'%'",
        "''",
        "1",
        "0",
        "2.5",
        "123456789012345678901234567890",
        "1e300",
    ),
    *(
        "word_count",
        "language",
        "ends_with_terminal",
        "score",
        "lang",
        "tags",
        "meta",
        "text",
        "url",
        '"n-x"',
        "meta.q",
    ),
    *(
        "length",
        "lower",
        "abs",
        "coalesce",
        "contains",
        "matches",
        "field",
        "flag",
        "é",
        "`",
        '"',
        "'",
        ";",
        "%",
        "\n",
    ),
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=20))
def test_whatever_is_written_is_a_condition_or_refused(expression: str) -> None:
    read_or_refuse(expression)


def read_or_refuse(expression: str) -> None:
    try:
        condition = parse(expression, KINDS)
    except BadOption:
        return
    result = condition.read(DOCUMENTS, "truth")
    assert len(result) == len(ROWS)
    assert pa.types.is_boolean(result.type)
    Where.from_options({"expression": expression}).decide(DOCUMENTS)


@given(conditions(2), st.sampled_from(WORDS), st.integers(0, 40))
def test_a_word_too_many_is_a_condition_or_refused(condition: str, word: str, at: int) -> None:
    read_or_refuse(f"{condition[:at]} {word} {condition[at:]}")


def test_zero_and_negative_zero_are_one_number() -> None:
    documents = pa.RecordBatch.from_pydict({"x": [-2.0, 0.0, 2.0]})
    for expression in ("x * 0 in (0, 2.5)", "x * 0 in (-0.0, 2.5)"):
        assert parse(expression, {"x": "number"}).read(documents, "truth").to_pylist() == [True, True, True]
