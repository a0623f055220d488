"""Fields read out of documents, against the same in plain Python."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.corpus.field_values import field_values

NAMES = st.sampled_from(["a", "b", "a.b", "c", "b.c", "a.b.c", "東京", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "3", " 3.5 ", "1e3", "inf", "nan", "True", "FALSE", "é", "a\nb", '"', "\\", "+1", "0x1", "٣"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=6)


def look_up(row: dict[str, Any], path: str) -> Any:
    for stop in sorted({i for i, c in enumerate(path) if c == "."} | {len(path)}, reverse=True):
        value = row.get(path[:stop])
        if value is None:
            continue
        value = value if stop == len(path) else descend(value, path[stop + 1 :])
        if value is not None:
            return value
    return None


def descend(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return look_up(value, path)
    if isinstance(value, list):
        inner = [match for element in value if (match := descend(element, path)) is not None]
        return inner or None
    return None


def scalars(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [scalar for element in value for scalar in scalars(element)]
    return [] if value is None or isinstance(value, dict) else [value]


def as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and not value.strip(" \t\n\r").isascii():
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.record_batch({"metadata": pa.array([json.dumps(row) for row in rows], pa.large_string())})


@given(ROWS, st.sampled_from(["a", "b", "a.b", "a.b.c", "b.c", "c", "東京", "", ".", "z"]))
def test_as_plain_python_reads_them(rows: list[dict[str, Any]], path: str) -> None:
    values = field_values(batch(rows), path)
    expected = [look_up(row, path) for row in rows]
    assert [None if text is None else text for text in values.shown.is_valid().to_pylist()] == [
        value is not None for value in expected
    ]
    assert values.listed.tolist() == [isinstance(value, list) for value in expected]
    flat = [(row, scalar) for row, value in enumerate(expected) for scalar in scalars(value)]
    assert values.scalars["row"].to_pylist() == [row for row, _ in flat]
    assert values.scalars["number"].to_pylist() == [as_number(scalar) for _, scalar in flat]
    texts = [scalar if isinstance(scalar, str) else json.dumps(scalar) for _, scalar in flat]
    assert values.scalars["text"].to_pylist() == texts
    truths = {"true": True, "false": False}
    assert values.scalars["boolean"].to_pylist() == [truths.get(text.strip().lower()) for text in texts]
    numbers = [as_number(value) if not isinstance(value, list | dict | None) else None for value in expected]
    assert values.number.to_pylist() == numbers


def test_of_a_list_one_element_is_enough() -> None:
    values = field_values(batch([{"n": [1, "x", 9]}, {"n": []}, {"n": ["x"]}, {"n": 9}, {}]), "n")
    assert values.any(pc.greater(values.scalars["number"], 5)).to_pylist() == [True, None, None, True, None]
    assert values.is_one_of(["x", 9]).to_pylist() == [True, None, True, True, None]
    assert values.length.to_pylist() == [3, 0, 1, 1, None]


def test_whole_numbers_beyond_doubles_are_told_apart() -> None:
    values = field_values(batch([{"n": 2**53 + 1}, {"n": 2**53 + 2}, {"n": str(2**53 + 1)}]), "n")
    assert values.is_one_of([2**53 + 1]).to_pylist() == [True, False, True]


@pytest.mark.parametrize("name", ["id", "source", "url", "text"])
def test_documents_own_columns(name: str) -> None:
    documents = pa.record_batch({name: ["7", None], "metadata": ['{"id":"no"}', "{}"]})
    values = field_values(documents, name)
    assert values.text.to_pylist() == ["7", None]
    assert values.number.to_pylist() == [7, None]


def test_what_stood_in_metadata_is_found_under_both_names() -> None:
    documents = batch([{"lang": "de"}, {"lang": "de", "metadata.lang": "fr"}])
    assert field_values(documents, "metadata.lang").text.to_pylist() == ["de", "fr"]
    assert field_values(pa.record_batch({"text": ["x"]}), "lang").text.to_pylist() == [None]
