"""From a row of named fields to a document: which field is what, in every known layout.

Read without flags: datatrove (`text`, `id`, `metadata`), Dolma (`id`, `text`, `source`,
`added`, `created`, `metadata`), DCLM (`text`, `url`, `metadata`), Hugging Face text sets.
"""

from __future__ import annotations

from typing import Any

import orjson

from cupel.corpus.records import TEXT_COLUMNS, ReadOptions, Record

__all__ = ["MISSING", "BadRow", "find_text_column", "missing_column_message", "row_to_record"]

MISSING = "missing-text"


class BadRow(Exception):
    """A row that cannot be a document."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def find_text_column(columns: Any, options: ReadOptions) -> str | None:
    """The column of these that holds the text, if any does."""
    if options.text_column is not None:
        return options.text_column if options.text_column in columns else None
    if "text" in columns:  # nearly always, and asked for every row
        return "text"
    return next((name for name in TEXT_COLUMNS if name in columns), None)


def missing_column_message(path: str, columns: list[str], options: ReadOptions) -> str:
    """What to tell when no row of a file has a text column."""
    wanted = f"'{options.text_column}'" if options.text_column else "text"
    seen = ", ".join(columns[:20]) or "none"
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    return (
        f"{path}: no {wanted} column; there are: {seen}{more}. "
        f"Say which one holds the text: --text-column NAME (text_column=...)"
    )


def _take(row: dict[str, Any], nested: dict[str, Any], name: str | None, default: str) -> str | None:
    """The row's own field, else the one in its metadata; only strings and numbers count."""
    key = name or default
    for fields in (row, nested) if nested else (row,):
        value = fields.get(key)
        if value is None:
            continue
        # Called three times a document: exact types cost a third of isinstance.
        if type(value) is str or type(value) is int or type(value) is float:
            del fields[key]
            return value if type(value) is str else str(value)
    return None


def row_to_record(row: dict[str, Any], options: ReadOptions, ordinal: int, position: int) -> Record:
    """The document that a row holds; the row is used up.

    Raises
    ------
    BadRow
        `missing-text`, `null-text`, `empty-text`, `not-text`, `too-large` or `lone-surrogate`.
    """
    column = find_text_column(row, options)
    if column is None:
        raise BadRow(MISSING, "the row has no text column")
    text = row.pop(column)
    if text is None:
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
    record = Record(ordinal, position, text=text)
    record.id = _take(row, nested, options.id_column, "id")
    record.source = _take(row, nested, options.source_column, "source")
    record.url = _take(row, nested, options.url_column, "url")
    for name, value in nested.items() if nested else ():
        # A name on both levels keeps both values.
        row[name if name not in row else f"metadata.{name}"] = value
    record.metadata = row
    return record


def _nested_metadata(row: dict[str, Any]) -> dict[str, Any]:
    """The row's `metadata` object, taken out; JSON text of an object counts too."""
    nested = row.get("metadata")
    if isinstance(nested, str) and nested.startswith("{"):
        try:
            nested = orjson.loads(nested)
        except orjson.JSONDecodeError:
            return {}
    if not isinstance(nested, dict):
        return {}
    del row["metadata"]
    return nested
