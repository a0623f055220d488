"""Whether a file holds JSON objects, and how they follow each other, judged by its first bytes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from cupel.corpus import json_text
from cupel.corpus.json_splitter import ValueSplitter
from cupel.corpus.records import TEXT_COLUMNS

__all__ = ["JsonLayout", "json_layout"]

_COMMENTS = re.compile(rb"(?:[\s\x1e]|//[^\n]*+(?:\n|\Z)|#[^\n]*+(?:\n|\Z)|/\*.*?\*/)*+", re.DOTALL)
_KEY = re.compile(rb'"((?:[^"\\]|\\.){1,255}+)"\s*:')
_MAX_LINES = 50


@dataclass(frozen=True)
class JsonLayout:
    """How a file's JSON objects follow each other.

    Attributes
    ----------
    kind
        `lines`: one object per line. `values`: an array, pretty-printed or concatenated objects, or a
        text sequence.
    many
        Whether there is more than one object, or an array, which has room for more.
    columns
        Field names of the first objects; for an object larger than the head, nested names, too.
    odd
        How many of the first lines are not objects.
    """

    kind: Literal["lines", "values"]
    many: bool
    columns: frozenset[str]
    odd: int = 0

    def has_text(self, text_columns: Collection[str] = ()) -> bool:
        """Whether one of these columns, or of the usual ones, is there."""
        return any(name in self.columns for name in text_columns or TEXT_COLUMNS)


def json_layout(head: bytes, *, whole: bool, named_lines: bool = False) -> JsonLayout | None:
    """The layout of the JSON objects that a file begins with; None if it holds none.

    Parameters
    ----------
    head
        Its first bytes, about 64 KiB.
    whole
        Whether that is all of it.
    named_lines
        Whether its name says that it holds lines: then one object on the first line is enough,
        however broken the other lines are.

    Examples
    --------
    >>> json_layout(b'{"text": "A"}\\n{"text": "B"}\\n', whole=True).kind
    'lines'
    >>> json_layout(b'[\\n {"passage": "A"}\\n]', whole=True)
    JsonLayout(kind='values', many=True, columns=frozenset({'passage'}), odd=0)
    >>> json_layout(b"# A title", whole=True)
    """
    start = head.removeprefix(b"\xef\xbb\xbf")
    if b"{" not in start:
        return None
    return _lines(start, whole, named_lines) or _values(start, whole)


def _lines(head: bytes, whole: bool, named: bool) -> JsonLayout | None:
    complete, _, partial = head.rpartition(b"\n")
    if whole:
        complete, partial = head, b""
    lines = [line for line in complete.split(b"\n", 2 * _MAX_LINES)[: 2 * _MAX_LINES] if line.strip()]
    rows = [row for line in lines[:_MAX_LINES] if (row := _object(line)) is not None]
    odd = len(lines[:_MAX_LINES]) - len(rows)
    if not lines and len(partial) > 60_000 and partial.startswith(b'{"'):
        # A first line longer than the head: only data is written like this.
        return JsonLayout("lines", True, _keys(partial))
    begins = named and bool(lines) and _object(lines[0]) is not None
    if not rows or (odd > max(1, len(rows)) and not begins):
        return None
    columns = frozenset(name for row in rows for name in row)
    return JsonLayout("lines", len(rows) > 1 or not whole, columns, odd)


def _values(head: bytes, whole: bool) -> JsonLayout | None:
    comments = _COMMENTS.match(head)
    start = head[comments.end() if comments else 0 :]
    if not start.startswith((b"{", b"[")):
        # One line of something else may come first.
        start = start.partition(b"\n")[2].lstrip()
        if not start.startswith((b"{", b"[")):
            return None
    splitter = ValueSplitter(len(head))
    values = [value for _, value in zip(range(3), splitter.feed(start), strict=False)]
    array = start.startswith(b"[")
    if not values:
        left = splitter.finish()
        if whole or left is None or not left.data.startswith(b"{"):
            return None
        return JsonLayout("values", array, _keys(left.data))
    row = _object(values[0].data)
    if row is None:
        return None
    left = splitter.finish()
    following = [*values[1:], *([left] if left is not None else [])]
    if following and not array and not any(value.data.startswith((b"{", b"[")) for value in following):
        return None  # prose or code behind an object
    return JsonLayout("values", array or bool(following), frozenset(row))


def _object(data: bytes) -> dict[str, Any] | None:
    if b"{" not in data[:100]:
        return None
    try:
        row = json_text.loads(data)
    except orjson.JSONDecodeError:
        return None
    return row if type(row) is dict else None


def _keys(data: bytes) -> frozenset[str]:
    return frozenset(key.decode("utf-8", "replace") for key in _KEY.findall(data))
