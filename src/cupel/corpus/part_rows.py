"""Rows of conversations, pages and images as documents with parts, and documents with parts as rows.

Of a row in one of the layouts, the reader takes what any row has (an id, a source, an address, an object
`metadata`). The document's first part notes what that was, so that the row can be written as it was.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from cupel.corpus import json_text
from cupel.corpus.columns import MISSING, caption_column, fitting_layouts
from cupel.corpus.layouts import (
    Layout,
    find_layout,
    frame_of,
    layout_of_row,
    read_row,
    write_as,
    write_row,
)
from cupel.corpus.layouts.image_text import CAPTIONS, ImageText
from cupel.corpus.media import MEDIA_KINDS
from cupel.corpus.media_fields import fill_cells, media_parts, write_cell, write_media
from cupel.corpus.media_files import file_columns
from cupel.corpus.media_reader import MediaReader
from cupel.corpus.parts import LAYOUT, STORED, Part, parts_of
from cupel.corpus.records import BadRow, ReadOptions
from cupel.errors import BadInput, LossyConversion

__all__ = ["came_in_row", "stored_parts", "take_parts", "to_row"]


def take_parts(row: dict[str, Any], options: ReadOptions, media: Collection[str] = ()) -> list[Part]:
    """The parts of a row without a text column, or with media; takes the fields of its layout out of it.

    Parameters
    ----------
    media
        Columns whose cells are media; the row holds `MediaCell` there.

    Raises
    ------
    BadRow
        `missing-text`, `several-layouts`, or what the layout finds wrong.
    """
    layout = _layout(row, options, media)
    cells = {name: row[name] for name in media if row.get(name) is not None and name not in layout.required}
    about = _taken(row, options)
    if cells:
        about["media"] = {name: _column_kind(name, value, options) for name, value in cells.items()}
    parts, others = read_row(row, layout, about)
    row.clear()
    row.update({name: value for name, value in others.items() if name not in media})
    shown = media_parts(cells)
    return [parts[0], *shown, *parts[1:]] if isinstance(layout, ImageText) else [*parts, *shown]


def _column_kind(name: str, value: object, options: ReadOptions) -> str:
    """What a column of media holds, for `write_media`."""
    of_files = options.media_root is not None and name in file_columns([name])
    return ("names" if of_files else "list") if isinstance(value, list) else "name" if of_files else "one"


def _layout(row: Mapping[str, Any], options: ReadOptions, media: Collection[str]) -> Layout:
    caption = caption_column(row, options) if media and options.layout in (None, ImageText.name) else None
    if caption is not None and caption not in CAPTIONS:
        return ImageText(caption)
    layouts = fitting_layouts(row, options)
    layout = layouts[0] if layouts and options.layout is not None else layout_of_row(row, layouts)
    if layout is None and caption is not None:
        return ImageText(caption)  # beside a conversation, it is one field of many
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


def to_row(
    document: Mapping[str, Any], layout: str | None = None, media: MediaReader | None = None
) -> dict[str, Any]:
    """The row that a document with parts was read from, or one that says the same in another layout.

    Parameters
    ----------
    document
        With `id`, `source`, `url`, `metadata` (JSON) and `parts`, as `Corpus.to_arrow` gives it.
    layout
        Its new layout; by default the one it came in. A sample of an archive or folder becomes a row of
        `image-text`.
    media
        Reads the bytes that cells of media hold. Without it, they name where the bytes lie and hold none.

    Raises
    ------
    BadInput
        It has no parts, or a medium cannot be read.
    InputChanged
        A medium is not what it was when it was read.
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
    others: dict[str, Any] = orjson.loads(document["metadata"] or b"{}")
    if "fields" not in frame:
        return _sample_row(document, parts, others, layout, media)
    original = frame.get("original", {})
    nested = _object(original.get("metadata"))
    if nested is not None:
        for name in nested:
            others.pop(f"metadata.{name}" if name in frame["fields"] else name, None)
        others["metadata"] = original["metadata"]
    for name, column in frame.get("taken", {}).items():
        value = document[column]
        others[name] = original[name] if name in original and str(original[name]) == value else value
    as_cells = layout == ImageText.name
    others |= write_media(parts, frame.get("media", {}), media, as_cells=as_cells)
    said = [part for part in parts if "column" not in part.details.get(STORED, {})]
    if layout is None or layout == frame["layout"]:
        return fill_cells(write_row(said, others), media)
    ordered = {name: others[name] for name in frame["fields"] if name in others}
    return fill_cells(write_as(said, ordered | others, find_layout(layout)), media)


def _sample_row(
    document: Mapping[str, Any],
    parts: Sequence[Part],
    others: dict[str, Any],
    layout: str | None,
    media: MediaReader | None,
) -> dict[str, Any]:
    """A sample of an archive or folder as a row of `image-text`: its one medium, its caption and its fields."""
    own = str(parts[0].details.get("layout"))
    if layout not in (None, ImageText.name):
        raise LossyConversion(str(layout), [f"media of the layout '{own}'"])
    captions = [part.text for part in parts if part.kind == "text"]
    shown = [part for part in parts if part.kind in MEDIA_KINDS and part.media is not None]
    if len(shown) != 1 or len(captions) != 1:
        raise LossyConversion(ImageText.name, [f"{len(shown)} media and {len(captions)} captions"])
    (medium,) = shown
    others.pop("member", None)
    path = str(medium.details.get("member", medium.media and medium.media.uri)).rsplit("/", 1)[-1]
    cell = write_cell(medium.media, path, media)
    own_fields = {"id": document["id"], medium.kind: cell, "text": captions[0]}
    twice = [name for name in own_fields if name in others]
    if twice:
        raise LossyConversion(ImageText.name, [f"another field of the name '{twice[0]}'"])
    return own_fields | others
