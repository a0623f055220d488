"""From a row of named fields to a document: which field is which, in every known layout.

Read without flags: datatrove (`text`, `id`, `metadata`), Dolma (`id`, `text`, `source`,
`added`, `created`, `metadata`), DCLM (`text`, `url`, `metadata`), Hugging Face text sets, and the
layouts of conversations in `cupel.corpus.layouts`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import orjson

from cupel.corpus import json_text
from cupel.corpus.columns import find_text_column
from cupel.corpus.media_files import file_cells
from cupel.corpus.part_rows import stored_parts, take_parts
from cupel.corpus.parts import Part, content_of, text_of
from cupel.corpus.records import BadRow, ReadOptions, Record

__all__ = ["parse_object", "row_to_record"]

WEIGHT = "weight"
"""The field for the number of times to count each document; see `cupel.recipe.job`."""


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object that a line or a value holds.

    Raises
    ------
    BadRow
        `invalid-json`, `invalid-utf8` or `lone-surrogate`.
    """
    try:
        row = json_text.loads(data)
    except orjson.JSONDecodeError as error:
        reason, detail = json_text.why_unreadable(data, error)
        if reason != "invalid-utf8":
            raise BadRow(reason, detail) from None
        try:
            # A bad byte costs its character, not the document.
            row = json_text.loads(data.decode("utf-8", "replace").encode())
        except orjson.JSONDecodeError:
            raise BadRow(reason, detail) from None
    if type(row) is not dict:
        raise BadRow("invalid-json", "not a JSON object")
    return row


def _take(row: dict[str, Any], nested: dict[str, Any], name: str | None, default: str) -> str | None:
    """The row's own field, else the one in its metadata; only strings and numbers count. Removes it."""
    key = name or default
    for fields in (row, nested) if nested else (row,):
        value = fields.get(key)
        if value is None or (type(value) is float and not math.isfinite(value)):
            continue
        # Called three times per document: exact types cost a third of isinstance.
        if type(value) is str or type(value) is int or type(value) is float:
            del fields[key]
            return value if type(value) is str else str(value)
    return None


def row_to_record(
    row: dict[str, Any], options: ReadOptions, ordinal: int, position: int, media: Collection[str] = ()
) -> Record:
    """The document that a row holds; consumes the row.

    Parameters
    ----------
    media
        Columns whose cells are media; see `cupel.corpus.cells`.

    Raises
    ------
    BadRow
        `missing-text`, `null-text`, `empty-text`, `not-text`, `too-large`, `lone-surrogate`, or what the
        layout of a conversation finds wrong.
    """
    if options.media_root is not None and (files := file_cells(row, options.media_root, options.io)):
        media = [*media, *files]
    column = None if media else find_text_column(row, options)
    if column is None:
        turns = take_parts(row, options, media)
        parts: list[Part] | None = turns
        text: Any = text_of(turns)
        column = "the text of its parts"
    else:
        parts = stored_parts(row) if "parts" in row else None
        text = row.pop(column)
    if text is None or (type(text) is float and not math.isfinite(text)):
        raise BadRow("null-text", f"'{column}' is null")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadRow("invalid-utf8", f"'{column}' is not UTF-8 at its byte {error.start}") from None
    if not isinstance(text, str):
        raise BadRow("not-text", f"'{column}' is {type(text).__name__}, not text")
    if not text or text.isspace():
        raise BadRow("empty-text", f"'{column}' is empty")
    size = len(text)
    if size * 4 > options.max_document_bytes and len(text.encode()) > options.max_document_bytes:
        raise BadRow("too-large", f"the text is larger than {options.max_document_bytes} bytes")
    nested = _nested_metadata(row)
    record = Record(ordinal, position, text=text, parts=parts)
    if parts is not None:
        record.content = content_of(parts)
    record.id = _take(row, nested, options.id_column, "id")
    record.source = _take(row, nested, options.source_column, "source")
    record.url = _take(row, nested, options.url_column, "url")
    for name, value in nested.items() if nested else ():
        # A name on both levels keeps both values.
        row[name if name not in row else f"metadata.{name}"] = value
    weight = row.get(WEIGHT)
    if type(weight) is float and not math.isfinite(weight):
        # As null it would look like a document without a weight, which counts once.
        row[WEIGHT] = str(weight)
    record.metadata = row
    return record


def _nested_metadata(row: dict[str, Any]) -> dict[str, Any]:
    """The row's `metadata` object, taken out; JSON text of an object counts too."""
    nested = row.get("metadata")
    if isinstance(nested, str) and nested.startswith("{"):
        try:
            nested = json_text.loads(nested.encode())
        except orjson.JSONDecodeError:
            return {}
    if not isinstance(nested, dict):
        return {}
    del row["metadata"]
    return nested
