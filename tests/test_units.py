"""Values written for people."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.units import FORMATS, write_bytes, write_percent, write_seconds, written


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1234567, "count", "1,234,567"),
        (0, "bytes", "0 B"),
        (999, "bytes", "999 B"),
        (999_600, "bytes", "1.00 MB"),
        (226_113_402, "bytes", "226 MB"),
        (0, "percent", "0 %"),
        (1.0, "percent", "100 %"),
        (0.123, "bar", "12.3 %"),
        (0.0000001, "percent", "< 0.001 %"),
        (0.9996, "percent", "99.96 %"),
        (59.99, "seconds", "1 min 0 s"),
        (0.9999, "seconds", "1.0 s"),
        (12345.6, "number", "12,346"),
        (0.000123, "number", "0.000123"),
        (None, "count", "–"),
        (math.nan, "number", "–"),
        (math.inf, "count", "∞"),
        (-math.inf, "bytes", "−∞"),
        (True, "count", "yes"),
        ("n/a", "count", "n/a"),
        (12, "", "12"),
    ],
)
def test_written(value: object, unit: str, expected: str) -> None:
    assert written(value, unit) == expected


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_a_fraction_never_looks_like_none_or_all(fraction: float) -> None:
    assert write_percent(fraction) not in ("0 %", "100 %", "0.0 %", "100.0 %")


@given(st.floats(min_value=0, max_value=1e15))
def test_bytes_have_at_most_three_digits_before_the_unit(size: float) -> None:
    number, unit = write_bytes(size).split(" ")
    assert 0 <= float(number) < 1000
    assert unit in ("B", "kB", "MB", "GB", "TB", "PB")


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(sorted(FORMATS)))
def test_every_float_can_be_written(value: float, unit: str) -> None:
    assert written(value, unit)


def test_seconds_carry_over() -> None:
    assert write_seconds(3599.9) == "1 h 0 min"
