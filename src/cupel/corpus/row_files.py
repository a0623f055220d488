"""Rows of a layout as a file: JSON lines, or Parquet with media in its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from cupel.corpus import json_text
from cupel.corpus.cells import CELL
from cupel.corpus.fields import restore
from cupel.errors import BadInput

__all__ = ["write_json_lines", "write_parquet"]

_ROWS_AT_ONCE = 1024
_BYTES_AT_ONCE = 64 << 20


def write_json_lines(rows: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Writes each row as a line; how many there were."""
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row, default=json_text.as_text) + b"\n")
            count += 1
    return count


def write_parquet(
    bare_rows: Iterable[dict[str, Any]],
    rows: Callable[[], Iterator[dict[str, Any]]],
    declared: Callable[[], Mapping[str, pa.DataType]],
    path: Path,
) -> int:
    """Writes rows as Parquet; how many there were.

    Parameters
    ----------
    bare_rows
        The rows with cells of media that hold no bytes: what decides the types of columns.
    rows
        Gives the same rows with bytes.
    declared
        Types that columns had in Parquet, asked for when `bare_rows` is exhausted.

    Raises
    ------
    BadInput
        A column holds values that no type holds together.
    """
    import pyarrow.parquet as pq

    schema: pa.Schema | None = None
    for piece in _pieces(bare_rows):
        inferred = _inferred(piece)
        try:
            schema = (
                inferred
                if schema is None
                else pa.unify_schemas([schema, inferred], promote_options="permissive")
            )
        except pa.ArrowException as error:
            raise BadInput(f"no Parquet column holds all of it: {error}; write JSON lines instead") from None
    kinds = declared()
    columns = [(name, kinds.get(name, _cell_type(kind))) for name, kind in _columns(schema)]
    columns += [(name, kind) for name, kind in kinds.items() if name not in dict(columns)]  # only nulls
    final = pa.schema(columns)
    count = 0
    with pq.ParquetWriter(path, final, compression="zstd") as writer:
        for piece in _pieces(rows()):
            arrays = [
                restore([row.get(name) for row in piece], kind)
                if name in kinds
                else _array(piece, name, kind)
                for name, kind in columns
            ]
            writer.write_batch(pa.record_batch(arrays, schema=final))
            count += len(piece)
    return count


def _columns(schema: pa.Schema | None) -> list[tuple[str, pa.DataType]]:
    return [] if schema is None else list(zip(schema.names, schema.types, strict=True))


def _array(rows: list[dict[str, Any]], name: str, kind: pa.DataType | None = None) -> pa.Array:
    try:
        return pa.array([row.get(name) for row in rows], kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise BadInput(
            f"column '{name}': no Parquet column holds all of it: {str(error).splitlines()[0]}; write JSON lines "
            "instead"
        ) from None


def _inferred(rows: list[dict[str, Any]]) -> pa.Schema:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.schema([(name, _array(rows, name).type) for name in names])


def _pieces(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    piece: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        piece.append(row)
        size += sum(map(_cell_bytes, row.values()))
        if len(piece) >= _ROWS_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _cell_bytes(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_cell_bytes, value))
    data = value.get("bytes") if isinstance(value, dict) else None
    return len(data) if isinstance(data, bytes) else 0


def _cell_type(kind: pa.DataType) -> pa.DataType:
    """The type of a column whose cells held no bytes yet."""
    if pa.types.is_list(kind):
        return pa.list_(_cell_type(kind.value_type))
    is_cell = pa.types.is_struct(kind) and [field.name for field in kind] == ["bytes", "path"]
    return CELL if is_cell and pa.types.is_null(kind.field("bytes").type) else kind
