"""Values written for people, always with their unit: in pages, terminals and charts; sizes as people write them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from cupel.errors import BadOption

__all__ = [
    "estimate_tokens",
    "read_count",
    "FORMATS",
    "read_bytes",
    "read_seconds",
    "write_age",
    "write_bytes",
    "write_count",
    "write_number",
    "write_percent",
    "write_scaled",
    "write_seconds",
    "written",
]

ABSENT = "–"


def write_count(value: float) -> str:
    """A whole number with thousands separated.

    >>> write_count(1234567)
    '1,234,567'
    """
    return f"{value:,.0f}"


def write_bytes(value: float) -> str:
    """A size in decimal units (1 kB = 1000 B), three significant digits.

    >>> write_bytes(512), write_bytes(1_234_000), write_bytes(999_999)
    ('512 B', '1.23 MB', '1.00 MB')
    """
    size, units = float(value), ("B", "kB", "MB", "GB", "TB", "PB")
    place = 0
    while abs(size) >= 999.5 and place < len(units) - 1:
        size /= 1000
        place += 1
    if place == 0:
        return f"{size:.0f} B"
    digits = 2 if abs(size) < 9.995 else 1 if abs(size) < 99.95 else 0
    return f"{size:.{digits}f} {units[place]}"


TEXT_BYTES_PER_TOKEN = 4.0
"""Of UTF-8 text: vocabularies of 32,000 to 128,000 tokens take 3 bytes of code, 4 to 5 of English prose."""


def estimate_tokens(text_bytes: float) -> float:
    """About how many tokens so much text has, whatever the tokenizer: one per four bytes.

    >>> estimate_tokens(10_000)
    2500.0
    """
    return text_bytes / TEXT_BYTES_PER_TOKEN


def write_scaled(value: float) -> str:
    """A number that is only about right, in two digits: thousands (k), millions (M), billions (B).

    >>> write_scaled(950), write_scaled(1_470_000), write_scaled(12.34e9), write_scaled(996)
    ('950', '1.5M', '12B', '1.0k')
    """
    size, suffixes = float(value), ("", "k", "M", "B", "T")
    place = 0
    while size >= 995 and place < len(suffixes) - 1:
        size /= 1000
        place += 1
    if place == 0:
        return f"{size:.0f}"
    return f"{size:.1f}{suffixes[place]}" if size < 9.95 else f"{size:.0f}{suffixes[place]}"


_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}


def read_bytes(text: str) -> int:
    """A size as people write it, in bytes.

    Raises
    ------
    BadOption
        It is none, or less than a byte.

    >>> read_bytes("256MB"), read_bytes("64 MiB"), read_bytes("1.5 kB")
    (256000000, 67108864, 1500)
    """
    digits = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = text.strip()[len(digits) :].strip().lower()
    try:
        size = int(float(digits) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        raise BadOption(f"'{text}': expected a size such as 256MB or 64MiB") from None
    if size < 1:
        raise BadOption(f"'{text}': expected a size of a byte or more")
    return size


def read_count(text: str) -> int:
    """A number as people write it.

    Raises
    ------
    BadOption
        It is none, or less than 1.

    >>> read_count("5M"), read_count("1.5k"), read_count("200_000")
    (5000000, 1500, 200000)
    """
    factors = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
    digits = text.strip().rstrip("kKmMgGbB")
    try:
        count = round(float(digits) * factors[text.strip()[len(digits) :].lower()])
    except (ValueError, KeyError, OverflowError):
        raise BadOption(f"'{text}': expected a number such as 200000 or 5M") from None
    if count < 1:
        raise BadOption(f"'{text}': expected 1 or more")
    return count


def write_percent(fraction: float) -> str:
    """A fraction in per cent; never rounded to 0 % or 100 % unless it is.

    >>> write_percent(0.1234), write_percent(0.00042), write_percent(0.99999), write_percent(1)
    ('12.3 %', '0.042 %', '> 99.99 %', '100 %')
    """
    percent = 100 * fraction
    size = abs(percent)
    if size in (0, 100):
        return f"{percent:.0f} %"
    if size < 0.001:
        return "< 0.001 %"
    if size < 0.95:
        return f"{percent:.2g} %"
    if 99.95 <= size < 100:
        return f"{percent:.2f} %" if size < 99.99 else "> 99.99 %"
    return f"{percent:.1f} %"


def write_number(value: float) -> str:
    """A number with three significant digits, or all of its whole part.

    >>> write_number(0.12345), write_number(98765.4), write_number(3)
    ('0.123', '98,765', '3')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_seconds(value: float) -> str:
    """A duration in the unit that fits it.

    >>> write_seconds(0.0123), write_seconds(4.56), write_seconds(75), write_seconds(3720)
    ('12.3 ms', '4.6 s', '1 min 15 s', '1 h 2 min')
    """
    if value < 0.9995:
        return f"{1000 * value:.3g} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


_SPANS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def read_seconds(text: str) -> float:
    """A span of time as people write it, in seconds.

    Raises
    ------
    BadOption
        It is none, or below 0.

    >>> read_seconds("30d"), read_seconds("1.5 h")
    (2592000.0, 5400.0)
    """
    digits = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz ")
    try:
        seconds = float(digits) * _SPANS[text.strip()[len(digits) :].strip()]
    except (ValueError, KeyError):
        raise BadOption(f"'{text}': expected a span of time such as 12h or 30d") from None
    if not 0 <= seconds < math.inf:
        raise BadOption(f"'{text}': expected a span of time of 0 or more")
    return seconds


def write_age(value: float) -> str:
    """How long ago something was, in its largest unit.

    >>> write_age(3), write_age(7300), write_age(40 * 86_400)
    ('3 s', '2 h', '40 d')
    """
    unit = next((unit for unit in ("d", "h", "min") if value >= _SPANS[unit]), "s")
    return f"{max(value, 0) // _SPANS[unit]:,.0f} {unit}"


FORMATS: Mapping[str, Callable[[float], str]] = {
    "count": write_count,
    "bytes": write_bytes,
    "percent": write_percent,
    "bar": write_percent,
    "number": write_number,
    "seconds": write_seconds,
    "age": write_age,
}
"""The numeric formats of a `cupel.findings.Table` column; `text` is the other one."""


def written(value: Any, unit: str = "text") -> str:
    """Any table value under its column's format; text stays as it is, nothing is a dash.

    >>> written(0.5, "percent"), written(None, "count"), written("n/a", "bytes"), written(True)
    ('50.0 %', '–', 'n/a', 'yes')
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if isinstance(value, float) and not math.isfinite(value):
            return ABSENT if math.isnan(value) else ("∞" if value > 0 else "−∞")
        if unit in FORMATS:
            return FORMATS[unit](value)
        return write_count(value) if isinstance(value, int) else write_number(value)
    return str(value)
