"""Cells of media in a row as parts, and these parts as cells again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cupel.corpus.cells import MediaCell
from cupel.corpus.media_reader import MediaReader
from cupel.corpus.parts import STORED, Media, Part, details_json

__all__ = ["fill_cells", "media_parts", "write_cell", "write_media"]


def media_parts(cells: Mapping[str, MediaCell | list[MediaCell]]) -> list[Part]:
    """A part for each medium, which notes the column that it comes from and the path that the cell named."""
    parts = []
    for column, value in cells.items():
        for cell in value if isinstance(value, list) else [value]:
            stored = {"column": column} | ({} if cell.path is None else {"path": cell.path})
            parts.append(Part(cell.kind, None, None, cell.media, details_json({STORED: stored})))
    return parts


def write_media(
    parts: Iterable[Part], columns: Mapping[str, str], reader: MediaReader | None, *, as_cells: bool = False
) -> dict[str, Any]:
    """The columns of media that parts came from.

    Parameters
    ----------
    columns
        Column → `one` or `list` (cells), `name` or `names` (of files). A column of which no medium is left is null, or
        an empty list.
    as_cells
        Write cells where there are names: `file_name` becomes `image`, and `mask_file_name` becomes `mask`.
    """
    row: dict[str, Any] = {name: [] if kind in ("list", "names") else None for name, kind in columns.items()}
    for part in parts:
        stored = part.details.get(STORED)
        if not isinstance(stored, dict) or "column" not in stored:
            continue
        column = stored["column"]
        kind = columns.get(column)
        named = kind in ("name", "names")
        value = (
            stored.get("path")
            if named and not as_cells
            else write_cell(part.media, stored.get("path"), reader)
        )
        if kind in ("list", "names"):
            row[column].append(value)
        else:
            row[column] = value
    if as_cells:
        return {_cell_column(name, columns[name]): value for name, value in row.items()}
    return row


def _cell_column(column: str, kind: str) -> str:
    plain = {"name": "file_name", "names": "file_names"}.get(kind)
    if plain is None:
        return column
    return column.removesuffix(plain).removesuffix("_") or ("image" if kind == "name" else "images")


def fill_cells(row: dict[str, Any], reader: MediaReader | None) -> dict[str, Any]:
    """The row with the cells that a layout left in its lists written out."""
    for name, value in row.items():
        if isinstance(value, list) and any(isinstance(item, MediaCell) for item in value):
            row[name] = [
                write_cell(item.media, item.path, reader) if isinstance(item, MediaCell) else item
                for item in value
            ]
    return row


def write_cell(media: Media | None, path: str | None, reader: MediaReader | None) -> dict[str, Any] | None:
    """The cell of a medium; without a reader it names where the bytes lie, and holds none.

    Raises
    ------
    BadInput
        The medium cannot be read.
    InputChanged
        It is not what it was when it was read.
    """
    if media is None:
        return None
    if media.digest is None:  # a reference from the start
        return {"bytes": None, "path": path if path is not None else media.uri}
    if reader is None:
        return {"bytes": None, "path": media.uri}
    return {"bytes": reader.read(media), "path": path}
