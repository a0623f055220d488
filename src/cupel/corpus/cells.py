"""Media in cells of tables: structs of `bytes` and `path`, as Hugging Face's features Image and Audio store them.

Bytes never travel in batches, so a cell becomes a reference: the table's path, and in the fragment the column, the row
from 0 and, in a list, the item: `pool.parquet#column=image&row=17`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import pyarrow as pa

from cupel.corpus.media import describe_bytes, media_kind
from cupel.corpus.parts import Media
from cupel.corpus.records import BadRow

__all__ = [
    "CELL",
    "TableCell",
    "MediaCell",
    "cell_of",
    "cell_uri",
    "column_batches",
    "media_cell",
    "media_columns",
]

CELL = pa.struct({"bytes": pa.binary(), "path": pa.string()})
"""The type of a cell, as Hugging Face's datasets write it."""

_FRAGMENT = re.compile(r"(.+)#column=([^#&]+)&row=(\d+)(?:&item=(\d+))?", re.DOTALL)
_ROWS_AT_ONCE = 16
"""Images are large, and of a row group perhaps only one is asked for."""


class TableCell(NamedTuple):
    """A place in a table: a row from 0, and in a list an item from 0."""

    path: str
    column: str
    row: int
    item: int | None = None


class MediaCell(NamedTuple):
    """What stands for a cell in a row: the reference, and the path that the cell names.

    `media` is null for a null in a list of media.
    """

    kind: str
    media: Media | None
    path: str | None = None


def cell_uri(cell: TableCell) -> str:
    """The address of a cell.

    Examples
    --------
    >>> cell_uri(TableCell("pool.parquet", "Bild 1", 17))
    'pool.parquet#column=Bild%201&row=17'
    """
    item = "" if cell.item is None else f"&item={cell.item}"
    return f"{cell.path}#column={quote(cell.column, safe='')}&row={cell.row}{item}"


def cell_of(uri: str) -> TableCell | None:
    """The cell that an address names; None if it is that of a file.

    Examples
    --------
    >>> cell_of("pool.parquet#column=Bild%201&row=17&item=2")
    TableCell(path='pool.parquet', column='Bild 1', row=17, item=2)
    >>> cell_of("pool/a.jpg")
    """
    match = _FRAGMENT.fullmatch(uri)
    if match is None:
        return None
    return TableCell(match[1], unquote(match[2]), int(match[3]), None if match[4] is None else int(match[4]))


def media_columns(schema: pa.Schema) -> list[str]:
    """The columns whose cells are media, or lists of media."""
    return [column.name for column in schema if _is_cell(column.type) or _is_list_of_cells(column.type)]


def _is_cell(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind) or {field.name for field in kind} != {"bytes", "path"}:
        return False
    data = kind.field("bytes").type
    return bool(pa.types.is_binary(data) or pa.types.is_large_binary(data) or pa.types.is_binary_view(data))


def _is_list_of_cells(kind: pa.DataType) -> bool:
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _is_cell(kind.value_type)


def media_cell(value: Any, place: TableCell) -> MediaCell | list[MediaCell] | None:
    """What stands for the value of a cell; None for null.

    Raises
    ------
    BadRow
        A medium that no trainer could read, as `cupel.corpus.media.describe` finds it.
    """
    if isinstance(value, list):
        return [_media_cell(item, place._replace(item=number)) for number, item in enumerate(value)]
    return None if value is None else _media_cell(value, place)


def _media_cell(value: dict[str, Any] | None, place: TableCell) -> MediaCell:
    if value is None:
        return MediaCell("data", None)
    data, path = value["bytes"], value["path"]
    where = f"'{place.column}'" if place.item is None else f"'{place.column}[{place.item}]'"
    if data is None and not path:
        raise BadRow("empty-medium", f"{where} has neither bytes nor a path")
    kind = media_kind(path or "") or "image"
    if data is None:
        return MediaCell(kind, Media(uri=path), path)
    media, fault = describe_bytes(data, cell_uri(place), name=path or "")
    if fault is not None:
        raise BadRow(fault.reason, f"{where}: {fault.detail}")
    by_content = (media.mime or "").partition("/")[0]
    return MediaCell(by_content if by_content in ("audio", "video") else kind, media, path)


def column_batches(source: Any, column: str, row: int) -> Iterator[tuple[int, pa.Array]]:
    """The values of a column from a piece that holds `row` on, each piece with the number of its first row.

    Parameters
    ----------
    source
        An open file of Parquet or Arrow, as PyArrow takes it.

    Raises
    ------
    KeyError
        There is no such column.
    ArrowException, OSError
        The file cannot be read.
    """
    magic = source.read(6)
    source.seek(0)
    first = 0
    if magic.startswith(b"PAR1"):
        import pyarrow.parquet as pq

        table = pq.ParquetFile(source)
        for group in range(table.metadata.num_row_groups):
            count = table.metadata.row_group(group).num_rows
            if first + count > row:
                start = first
                for batch in table.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=[column]):
                    yield start, batch.column(column)
                    start += batch.num_rows
            first += count
        return
    opened = pa.ipc.open_file(source) if magic == b"ARROW1" else pa.ipc.open_stream(source)
    batches = (
        (opened.get_batch(number) for number in range(opened.num_record_batches))
        if magic == b"ARROW1"
        else iter(opened)
    )
    for batch in batches:
        if first + batch.num_rows > row:
            yield first, batch.column(column)
        first += batch.num_rows
