"""JSON as found in practice: what orjson reads, plus NaN and Infinity, which Python and pandas write."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson

__all__ = ["as_text", "loads", "why_unreadable"]


def loads(data: bytes) -> Any:
    """The value in `data`; NaN and infinities, which JSON lacks, become floats.

    Integers beyond 64 bits are read as doubles.

    Raises
    ------
    orjson.JSONDecodeError
        It is not JSON otherwise.

    Examples
    --------
    >>> loads(b'{"text": "NaN is Not a Number", "score": NaN, "loss": -Infinity}')
    {'text': 'NaN is Not a Number', 'score': nan, 'loss': -inf}
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in data and b"Infinity" not in data and "infinity" not in str(error):
            raise
        try:
            text = data.decode("utf-8")
            value = json.loads(text, parse_int=_integer)
        except (ValueError, RecursionError):
            raise error from None
        if "\\ud" in text.lower() and _has_lone_surrogate(text):
            raise
        return value


def _integer(digits: str) -> int | float:
    if len(digits) < 19:
        return int(digits)
    value = int(digits) if len(digits) < 25 else float(digits)
    return value if -(1 << 63) <= value < 1 << 64 else float(value)


def as_text(value: object) -> str:
    """A value that JSON lacks (times and bytes in Parquet's structs and lists) as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def why_unreadable(data: bytes, error: ValueError) -> tuple[str, str]:
    """The reason code and a sentence for data that is not JSON."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        return "invalid-utf8", f"not UTF-8 at its byte {fault.start}"
    if "\\ud" in text.lower() and _has_lone_surrogate(text):
        return "lone-surrogate", "half of a surrogate pair, which no text can contain"
    return "invalid-json", str(error).replace("line 1 column", "column")


def _has_lone_surrogate(text: str) -> bool:
    """Whether the text is JSON except for half a surrogate pair somewhere."""
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False
