"""Which fields become columns, and that none changes on the way there and back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel import _kernels
from cupel.corpus import fields
from cupel.corpus.fields import CarriedFields, FieldCounts, as_json_values, carried_type

TAKEN = {"id", "text", "doc"}


def carried(rows: list[Any]) -> tuple[CarriedFields, list[dict[str, Any]]]:
    """What becomes of the rows' fields, and the rows put together again."""
    metadata = pa.array([json.dumps(row) for row in rows], pa.large_string())
    counts = FieldCounts()
    counts.count(metadata)
    kept_fields = CarriedFields.of(counts, exact=False, taken=TAKEN)
    parts = kept_fields.split(metadata) or {"metadata": metadata}
    columns = {name: parts[name].to_pylist() for name in kept_fields.columns}
    rest = [json.loads(text) for text in parts["metadata"].to_pylist()]
    again = [
        left | {name: values[row] for name, values in columns.items() if values[row] is not None}
        for row, left in enumerate(rest)
    ]
    return kept_fields, again


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, None, False], pa.bool_()),
        ([1, -(2**53) - 1, None], pa.int64()),
        ([1, 2**64 - 1], pa.uint64()),
        ([1, 2.5], pa.float64()),
        (["a", "東京", None], pa.large_string()),
        ([["a", None], []], pa.large_list(pa.large_string())),
        ([[1, 2.5], None], pa.large_list(pa.float64())),
        ([[True]], pa.large_list(pa.bool_())),
        ([2**53 + 1, 2.5], "numbers that no one type holds exactly"),
        ([-1, 2**64 - 1], "numbers that no one type holds exactly"),
        ([1, "1"], "values of several types"),
        ([True, 1], "values of several types"),
        ([{"a": 1}], "objects"),
        ([["a"], "a"], "lists and other values"),
        ([[1, "a"]], "lists of values of several types"),
        ([[[1]]], "lists of objects"),
        ([[], []], "only empty lists"),
        ([None], "only nulls"),
    ],
)
def test_types(values: list[Any], expected: pa.DataType | str) -> None:
    rows = [{"field": value} for value in values]
    kept_fields, again = carried([*rows, {}])
    assert {**kept_fields.columns, **kept_fields.left} == {"field": expected}
    shown = [row for row in rows if row["field"] is not None or isinstance(expected, str)]
    assert [row for row in again if row] == shown


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("doc", "the output has"),
        ("", "not a valid name"),
        ("a\nb", "not a valid name"),
        ("é" * 128, "longer than 255"),
    ],
)
def test_names_that_no_column_can_have(name: str, reason: str) -> None:
    kept_fields, again = carried([{name: 1, "fine.name": 2}])
    assert kept_fields.columns == {"fine.name": pa.int64()}
    assert reason in kept_fields.left[name]
    assert again == [{name: 1, "fine.name": 2}]


def test_of_too_many_fields_the_rarest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MAX_COLUMNS", 2)
    kept_fields, _ = carried(
        [{"rare": 1, "often": 1, "always": 1}, {"often": None, "always": 1}, {"always": 1}]
    )
    assert sorted(kept_fields.columns) == ["always", "often"]
    monkeypatch.setattr(fields, "MAX_NAMES", 3)
    rows = [{f"key-{number}": number} for number in range(4)]
    kept_fields, again = carried(rows)
    assert not kept_fields.columns
    assert kept_fields.left == {"*": "more than 3 different names"}
    assert again == rows


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, width=64)
values = st.recursive(
    scalars.filter(lambda value: value not in (float("inf"), float("-inf"))) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
rows_of_json = st.lists(
    st.dictionaries(st.sampled_from([*"abcdé", "doc", ""]), values, max_size=5), max_size=8
)


def exactly(row: dict[str, Any]) -> dict[str, str]:
    """The fields with a value, so that True and 1, but not 1 and 1.0, differ."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return float(value) if type(value) is int and abs(value) <= 2**53 else value

    return {name: repr(plain(value)) for name, value in row.items() if value is not None}


@given(rows_of_json)
def test_fields_in_are_fields_out(rows: list[dict[str, Any]]) -> None:
    _, again = carried(rows)
    assert [exactly(row) for row in again] == [exactly(row) for row in rows]


@given(rows_of_json, st.integers(0, 8))
def test_counts_add_up_however_the_documents_are_cut(rows: list[dict[str, Any]], at: int) -> None:
    texts = [json.dumps(row) for row in rows]
    whole, left, right = FieldCounts(), FieldCounts(), FieldCounts()
    whole.count(pa.array(texts, pa.large_string()))
    left.count(pa.array(texts[:at], pa.large_string()))
    right.count(pa.array(texts[at:], pa.large_string()))
    right.merge(left)
    assert right == whole


def test_too_many_names_in_one_part_are_too_many_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MAX_NAMES", 3)
    few, many = FieldCounts(), FieldCounts()
    few.count(pa.array(['{"a":1}'], pa.large_string()))
    many.count(pa.array(['{"a":1,"b":1,"c":1,"d":1}'], pa.large_string()))
    few.merge(many)
    assert few == FieldCounts(too_many=True)


MOMENT = datetime(2024, 2, 29, 12, 30, 15, 123456, UTC)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.int8(), [-128, None, 127]),
        (pa.uint64(), [2**64 - 1, 0]),
        (pa.float32(), [0.1, None]),
        (pa.float16(), [0.5, None]),
        (pa.date32(), [date(2024, 2, 29), None]),
        (pa.timestamp("us"), [MOMENT.replace(tzinfo=None), None]),
        (pa.timestamp("us", "Europe/Berlin"), [MOMENT, None]),
        (pa.timestamp("ns", "UTC"), [1_700_000_000_123_456_789, None]),
        (pa.timestamp("s"), [0, -1]),
        (pa.decimal128(10, 2), [Decimal("-1.50"), None]),
        (pa.binary(), [b"\xff\x00", None, b""]),
        (pa.list_(pa.int16()), [[1, None], None, []]),
        (pa.dictionary(pa.int8(), pa.string()), ["a", None, "a"]),
    ],
)
def test_exact_types_come_back(kind: pa.DataType, values: list[Any]) -> None:
    column = pa.array(values, kind)
    written, exact = as_json_values(column)
    assert exact
    import orjson

    rows = [{} if value is None else {"x": value} for value in written.to_pylist()]
    metadata = pa.array([orjson.dumps(row).decode() for row in rows], pa.large_string())
    counts = FieldCounts()
    counts.count(metadata)
    counts.declare({"x": [carried_type(kind)]})
    kept_fields = CarriedFields.of(counts, exact=True, taken=())
    assert CarriedFields.from_json(json.loads(json.dumps(kept_fields.to_json()))) == kept_fields
    parts = kept_fields.split(metadata)
    plain = column.dictionary_decode() if pa.types.is_dictionary(kind) else column
    assert parts["x"].cast(plain.type).equals(plain)
    if not (pa.types.is_dictionary(kind) or pa.types.is_binary(kind) or pa.types.is_list(kind)):
        assert parts["x"].type == kind


def test_years_that_no_text_holds_are_written_as_text() -> None:
    column = pa.array([-800_000], pa.int32()).cast(pa.date32())
    written, exact = as_json_values(column)
    assert not exact
    assert written.to_pylist() == ["-0221-09-04"]
    counts = FieldCounts()
    counts.count(pa.array(['{"x":"-0221-09-04"}'], pa.large_string()))
    counts.declare({"x": ["date32[day]"]})
    counts.declare({"x": [""]})
    assert CarriedFields.of(counts, exact=True, taken=()).columns == {"x": pa.large_string()}


def test_types_that_differ_between_files_fall_back_to_what_json_holds() -> None:
    counts = FieldCounts()
    counts.count(pa.array(['{"x":1}', '{"x":2.5}'], pa.large_string()))
    counts.declare({"x": ["int32"]})
    counts.declare({"x": ["float"]})
    assert CarriedFields.of(counts, exact=True, taken=()).columns == {"x": pa.float64()}


@pytest.mark.parametrize(
    "kind",
    [pa.struct([("a", pa.int8())]), pa.time64("us"), pa.null(), pa.duration("s"), pa.decimal256(50, 3)],
)
def test_types_that_only_json_holds(kind: pa.DataType) -> None:
    assert carried_type(kind) == ""


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pa.duration("ns"), 5, "5 ns"),
        (pa.time64("ns"), 1, "00:00:00.000000001"),
        (pa.list_(pa.timestamp("ns")), [1], ["1970-01-01 00:00:00.000000001"]),
        (pa.struct([("at", pa.timestamp("ns", "UTC"))]), {"at": 1}, {"at": "1970-01-01 00:00:00.000000001Z"}),
    ],
)
def test_nanoseconds_need_no_pandas(kind: pa.DataType, value: Any, expected: Any) -> None:
    written, _ = as_json_values(pa.array([value, None], kind))
    assert written.to_pylist() == [expected, None]


def test_names_without_bound_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MAX_COLUMNS", 2)
    kept_fields, again = carried([{"x" * 300: 1, "a": {}, "b": {}, "c": {}}, {"c": {}}])
    assert kept_fields.left == {"c": "objects", "a": "objects", "*": "1 more fields, rarer ones"}
    assert again[0] == {"x" * 300: 1, "a": {}, "b": {}, "c": {}}


def test_the_kernel_refuses_what_is_no_object() -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        _kernels.field_kinds(pa.array(["[1]"], pa.large_string()))
