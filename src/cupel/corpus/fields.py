"""Which fields of documents become columns of their own, and of which type.

Between passes, documents carry their other fields as one JSON text, whatever file they came from.
While documents are read, the types that each field holds are counted; the counts over all documents
decide which fields become columns. So the outcome depends on the documents alone.

A field becomes a column if all its values are of one JSON type (nulls aside): booleans,
integers, numbers, strings, or lists of one of these. Integers and fractions together become
doubles, unless one of the integers would change. If all input is Parquet, the column keeps
its exact Arrow type. Everything else stays in the JSON.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["CarriedFields", "FieldCounts", "as_json_values", "carried_type", "declared_types", "restore"]

MAX_COLUMNS = 256
MAX_NAMES = 10_000
"""With more names than this, the names themselves are data, and no field becomes a column."""
MAX_NAME_BYTES = 255

# As crates/cupel-kernels/src/fields/kinds.rs has them.
_NULL, _BOOL, _INTEGER, _LONG, _UNSIGNED, _NEGATIVE, _NUMBER, _STRING = (1 << bit for bit in range(8))
_LIST = 1 << 9
_ELEMENT_SHIFT = 16
_ELEMENT_MASK = (1 << 9) - 1

_SIMPLE = {
    str(kind): kind
    for kind in (
        *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()),
        *(pa.large_string(), pa.large_binary(), pa.date32(), pa.date64()),
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
    )
}
_ZONED = re.compile(r"timestamp\[(s|ms|us|ns), tz=(.+)\]")
_DECIMAL = re.compile(r"decimal128\((\d+), (-?\d+)\)")  # Daft reads no larger one
_LIST_OF = re.compile(r"large_list<item: (.+)>")


@dataclass
class FieldCounts:
    """What the fields of some documents hold; counts of two sets of documents can be added.

    Attributes
    ----------
    seen
        Field → [bits of the JSON types it holds, number of documents with a value].
    declared
        Column of a Parquet file → names of its Arrow types; an empty name where a value cannot
        be restored from JSON.
    too_many
        There are more than `MAX_NAMES` names, so nothing is counted any longer.
    """

    seen: dict[str, list[int]] = field(default_factory=dict)
    declared: dict[str, list[str]] = field(default_factory=dict)
    too_many: bool = False

    def count(self, metadata: pa.Array) -> None:
        """Count the fields of these documents; `metadata` holds one JSON object each."""
        from cupel import _kernels

        if not self.too_many:
            kinds = _kernels.field_kinds(metadata)
            self._add(zip(*(column.to_pylist() for column in kinds.columns), strict=True))

    def declare(self, columns: Mapping[str, Iterable[str]]) -> None:
        """Note the types of a Parquet file's columns."""
        for name, types in columns.items():
            self.declared[name] = sorted({*self.declared.get(name, ()), *types})
        self._bound()

    def merge(self, other: FieldCounts) -> None:
        """Add the counts of other documents."""
        self.too_many |= other.too_many
        self._add((name, kinds, rows) for name, (kinds, rows) in other.seen.items())
        self.declare(other.declared)

    def _add(self, counts: Iterable[tuple[str, int, int]]) -> None:
        for name, kinds, rows in counts:
            if len(name) > MAX_NAME_BYTES:
                continue  # never a column, and too long to remember
            entry = self.seen.setdefault(name, [0, 0])
            entry[0] |= kinds
            entry[1] += rows
        self._bound()

    def _bound(self) -> None:
        self.too_many |= len(self.seen) > MAX_NAMES or len(self.declared) > MAX_NAMES
        if self.too_many:
            self.seen, self.declared = {}, {}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Counts from what `dataclasses.asdict` returned."""
        return cls(**value)


@dataclass(frozen=True)
class CarriedFields:
    """The fields that are columns of the output, by name.

    Attributes
    ----------
    columns
        Field → Arrow type.
    left
        Fields that stay in `metadata`, and why; if there are very many, only the most common.
    """

    columns: Mapping[str, pa.DataType]
    left: Mapping[str, str]

    @classmethod
    def of(cls, counts: FieldCounts, *, exact: bool, taken: Collection[str]) -> CarriedFields:
        """The columns that follow from the counts over all documents.

        Parameters
        ----------
        exact
            Whether all documents came from Parquet, so that its types apply to all of them.
        taken
            Column names that the output already has.
        """
        if counts.too_many:
            return cls({}, {"*": f"more than {MAX_NAMES} different names"})
        columns: dict[str, pa.DataType] = {}
        left: dict[str, str] = {}
        for name in sorted({*counts.seen, *(counts.declared if exact else ())}):
            kinds = counts.seen.get(name, [0, 0])[0]
            kind = _refused(name, taken) or _declared(counts, name, exact) or _type_of(kinds)
            if not isinstance(kind, str):
                columns[name] = kind
            elif name in counts.seen:
                left[name] = kind
        often = sorted(columns, key=lambda name: (-counts.seen.get(name, [0, 0])[1], name))
        for name in often[MAX_COLUMNS:]:
            del columns[name]
            left[name] = f"rarer than {MAX_COLUMNS} other fields"
        reported = dict(
            sorted(left.items(), key=lambda item: (-counts.seen[item[0]][1], item[0]))[:MAX_COLUMNS]
        )
        if len(left) > len(reported):
            reported["*"] = f"{len(left) - len(reported)} more fields, rarer ones"
        return cls(columns, reported)

    def split(self, metadata: pa.Array) -> dict[str, pa.Array]:
        """The columns, and `metadata` without their fields."""
        from cupel import _kernels

        if not self.columns:
            return {}
        names, types = list(self.columns), list(self.columns.values())
        parts = _kernels.split_fields(metadata, names, [_json_type(kind) for kind in types])
        carried = {
            name: _from_json(part, kind)
            for name, part, kind in zip(names, parts.columns, types, strict=False)
        }
        return carried | {"metadata": parts.column(len(names))}

    def to_json(self) -> dict[str, Any]:
        return {"columns": {name: str(kind) for name, kind in self.columns.items()}, "left": dict(self.left)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> CarriedFields:
        return cls({name: _parse(kind) for name, kind in value["columns"].items()}, value["left"])


def carried_type(kind: pa.DataType) -> str:
    """The name of the type in which a Parquet column is carried; empty if only JSON can hold it.

    Strings and lists are carried with 64-bit offsets, whatever they had.
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = carried_type(kind.value_type)
        simple = inner in _SIMPLE and _json_type(_SIMPLE[inner]) != pa.large_string()
        return f"large_list<item: {inner}>" if simple or inner == "large_string" else ""
    if _is_string(kind):
        return "large_string"
    if _is_binary(kind):
        return "large_binary"
    name = str(kind)
    return name if name in _SIMPLE or _ZONED.fullmatch(name) or _DECIMAL.fullmatch(name) else ""


def declared_types(declared: Mapping[str, Collection[str]]) -> dict[str, pa.DataType]:
    """Columns that have one type throughout, as `carried_type` names it, whose values JSON gives back.

    Examples
    --------
    >>> declared_types({"n": {"int32"}, "m": {"int32", "int64"}, "o": {""}})
    {'n': DataType(int32)}
    """
    return {
        name: _parse(next(iter(kinds))) for name, kinds in declared.items() if len(kinds) == 1 and any(kinds)
    }


def restore(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values of a column, as JSON holds them, in the type that the column had.

    Examples
    --------
    >>> restore(["2026-11-28", None], pa.date32()).to_pylist()
    [datetime.date(2026, 11, 28), None]
    """
    return _from_json(pa.array(values, _json_type(kind)), kind)


def as_json_values(column: pa.Array) -> tuple[pa.Array, bool]:
    """A Parquet column with values that JSON can hold, and whether the originals can be restored from them.

    Times are written as ISO 8601 (those with a zone in UTC), decimals as their digits, bytes
    as base64.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if _is_binary(kind):
        coded = [None if value is None else base64.b64encode(value).decode() for value in column.to_pylist()]
        return pa.array(coded, pa.large_string()), True
    if pa.types.is_timestamp(kind):
        zone = "Z" if kind.tz else ""
        written = pc.strftime(pc.cast(column, pa.timestamp(kind.unit)), f"%Y-%m-%dT%H:%M:%S{zone}")
    elif pa.types.is_date(kind) or pa.types.is_decimal(kind):
        written = pc.cast(column, pa.large_string())
    else:
        return _as_text(column), True
    try:
        return written, bool(pc.cast(written, kind).equals(column))
    except pa.ArrowInvalid:
        # Years before 1 or after 9999.
        return written, False


def _as_text(column: pa.Array) -> pa.Array:
    """Times and durations, including times in lists and structs, as text; everything else unchanged.

    Python has no nanoseconds: otherwise these values would depend on whether pandas is installed.
    """
    if pa.types.is_duration(column.type):
        count = pc.cast(pc.cast(column, pa.int64()), pa.large_string())
        parts = (pa.scalar(part, pa.large_string()) for part in (column.type.unit, " "))
        return pc.binary_join_element_wise(count, *parts)
    kind = _text_type(column.type)
    return column if kind == column.type else pc.cast(column, kind)


def _text_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        return pa.large_string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _text_type(kind.value_type)
        return pa.large_list(inner) if inner != kind.value_type else kind
    if pa.types.is_struct(kind):
        return pa.struct([item.with_type(_text_type(item.type)) for item in kind])
    return kind


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: pa.DataType) -> bool:
    known = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in known)


def _refused(name: str, taken: Collection[str]) -> str | None:
    """Why a field of this name cannot be a column, whatever it holds."""
    if name in taken:
        return "the output has a column of this name"
    if not name.strip() or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        return "not a valid name for a column"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"the name is longer than {MAX_NAME_BYTES} bytes"
    return None


def _declared(counts: FieldCounts, name: str, exact: bool) -> pa.DataType | None:
    types = counts.declared.get(name, ())
    return _parse(types[0]) if exact and len(types) == 1 and types[0] else None


def _type_of(kinds: int) -> pa.DataType | str:
    """The column type that holds values of all these kinds; if there is none, why."""
    if not kinds & _LIST:
        return _scalar_of(kinds) or _why_not(kinds)
    if kinds & ~(_NULL | _LIST) & _ELEMENT_MASK:
        return "lists and other values"
    inner = kinds >> _ELEMENT_SHIFT & _ELEMENT_MASK
    if not inner & ~_NULL:
        return "only empty lists"
    element = _scalar_of(inner)
    return pa.large_list(element) if element is not None else f"lists of {_why_not(inner)}"


def _scalar_of(kinds: int) -> pa.DataType | None:
    kinds &= ~_NULL
    if kinds in (_BOOL, _STRING):
        return pa.bool_() if kinds == _BOOL else pa.large_string()
    if kinds and not kinds & ~(_INTEGER | _LONG | _NEGATIVE):
        return pa.int64()
    if kinds and not kinds & ~(_INTEGER | _LONG | _UNSIGNED):
        return pa.uint64()
    if kinds and not kinds & ~(_INTEGER | _NEGATIVE | _NUMBER):
        return pa.float64()
    return None


def _why_not(kinds: int) -> str:
    if not kinds & ~_NULL:
        return "only nulls"
    if not kinds & ~(_NULL | _INTEGER | _LONG | _UNSIGNED | _NEGATIVE | _NUMBER):
        return "numbers that no one type holds exactly"
    return "objects" if not kinds & (_ELEMENT_MASK >> 1) & ~_NULL else "values of several types"


def _parse(name: str) -> pa.DataType:
    if name in _SIMPLE:
        return _SIMPLE[name]
    if match := _LIST_OF.fullmatch(name):
        return pa.large_list(_parse(match[1]))
    if match := _ZONED.fullmatch(name):
        return pa.timestamp(match[1], match[2])
    if match := _DECIMAL.fullmatch(name):
        return pa.decimal128(int(match[1]), int(match[2]))
    raise ValueError(f"unknown carried type: {name}")


def _json_type(kind: pa.DataType) -> pa.DataType:
    """The type in which JSON holds values of `kind`."""
    if pa.types.is_large_list(kind):
        return pa.large_list(_json_type(kind.value_type))
    if pa.types.is_unsigned_integer(kind):
        return pa.uint64()
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    return kind if pa.types.is_boolean(kind) else pa.large_string()


def _from_json(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if _is_binary(kind):
        values = [None if value is None else base64.b64decode(value) for value in column.to_pylist()]
        return pa.array(values, kind)
    return column if column.type == kind else pc.cast(column, kind)
