"""Rows of conversations as documents with parts, and documents with parts as rows.

Of a row in one of the layouts, the reader takes what any row has (an id, a source, an address, an object
`metadata`). The document's first part notes what that was, so that the row can be written as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from cupel.corpus import json_text
from cupel.corpus.columns import MISSING, fitting_layouts
from cupel.corpus.layouts import (
    Layout,
    find_layout,
    frame_of,
    layout_of_row,
    read_row,
    write_as,
    write_row,
)
from cupel.corpus.parts import LAYOUT, Part, parts_of
from cupel.corpus.records import BadRow, ReadOptions
from cupel.errors import BadInput

__all__ = ["came_in_row", "stored_parts", "take_parts", "to_row"]


def take_parts(row: dict[str, Any], options: ReadOptions) -> list[Part]:
    """The parts of a row without a text column; takes the fields of its layout out of it.

    Raises
    ------
    BadRow
        `missing-text`, `several-layouts`, or what the layout finds wrong.
    """
    parts, others = read_row(row, _layout(row, options), _taken(row, options))
    row.clear()
    row.update(others)
    return parts


def _layout(row: Mapping[str, Any], options: ReadOptions) -> Layout:
    layouts = fitting_layouts(row, options)
    layout = layouts[0] if layouts and options.layout is not None else layout_of_row(row, layouts)
    if layout is None:
        raise BadRow(MISSING, "the row has no text column")
    return layout


def _taken(row: Mapping[str, Any], options: ReadOptions) -> dict[str, Any]:
    """Which fields become columns of the document's own, and the values that these do not hold as they were."""
    names = {
        options.id_column or "id": "id",
        options.source_column or "source": "source",
        options.url_column or "url": "url",
    }
    taken: dict[str, str] = {}
    original: dict[str, Any] = {}
    for name, column in names.items():
        value = row.get(name)
        if type(value) is str or type(value) is int or (type(value) is float and math.isfinite(value)):
            taken[name] = column
            if type(value) is not str:
                original[name] = value
    if _object(row.get("metadata")) is not None:
        original["metadata"] = row["metadata"]
    return {name: value for name, value in (("taken", taken), ("original", original)) if value}


def _object(value: object) -> dict[str, Any] | None:
    """The object that a field `metadata` holds, also as JSON text; None if it is something else."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json_text.loads(value.encode())
        except orjson.JSONDecodeError:
            return None
    return value if isinstance(value, dict) else None


def stored_parts(row: dict[str, Any]) -> list[Part] | None:
    """The parts in a row that Cupel wrote, taken out of it; None where a field `parts` is something else."""
    value = row.get("parts")
    if not isinstance(value, list) or not value:
        return None
    try:
        parts = parts_of(value)
    except ValueError:
        return None
    if parts is None or parts[0].kind != LAYOUT:
        return None
    del row["parts"]
    return parts


def came_in_row(value: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a value of the column `parts` is that of a row, which `to_row` gives back, and not of a sample."""
    parts = parts_of(value)
    return bool(parts) and "fields" in frame_of(parts or ())


def to_row(document: Mapping[str, Any], layout: str | None = None) -> dict[str, Any]:
    """The row that a document with parts was read from, or one that says the same in another layout.

    Parameters
    ----------
    document
        With `id`, `source`, `url`, `metadata` (JSON) and `parts`, as `Corpus.to_arrow` gives it.
    layout
        Its new layout; by default the one it came in.

    Raises
    ------
    BadInput
        It has no parts, or is no row: a plain text, a sample of an archive.
    LossyConversion
        The layout has no room for something that the document holds.
    UnknownName
        No layout has this name.
    """
    parts = parts_of(document["parts"])
    if parts is None:
        raise BadInput(
            f"document '{document['id']}' is a plain text; only documents with parts are rows of a layout"
        )
    frame = frame_of(parts)
    if "fields" not in frame:
        raise BadInput(
            f"document '{document['id']}' is a sample of an archive and no row; Corpus.write_tar writes it"
        )
    others: dict[str, Any] = orjson.loads(document["metadata"] or b"{}")
    original = frame.get("original", {})
    nested = _object(original.get("metadata"))
    if nested is not None:
        for name in nested:
            others.pop(f"metadata.{name}" if name in frame["fields"] else name, None)
        others["metadata"] = original["metadata"]
    for name, column in frame.get("taken", {}).items():
        value = document[column]
        others[name] = original[name] if name in original and str(original[name]) == value else value
    if layout is None or layout == frame["layout"]:
        return write_row(parts, others)
    ordered = {name: others[name] for name in frame["fields"] if name in others}
    return write_as(parts, ordered | others, find_layout(layout))
