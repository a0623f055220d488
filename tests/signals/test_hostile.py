"""Texts that break slow or careless kernels."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from cupel import _kernels

from .test_measure import measure

ALL = [name for name in _kernels.signal_columns() if name != "compression_ratio"]

HOSTILE: dict[str, Callable[[int], str]] = {
    "one word": lambda n: "x" * (20 * n),
    "one word beyond ASCII": lambda n: "é" * (5 * n),
    "one repeated word": lambda n: "word " * (2 * n),
    "one repeated letter": lambda n: "a " * (3 * n),
    "full stops": lambda n: "." * (5 * n),
    "full stops apart": lambda n: ". " * (2 * n),
    "exclamation": lambda n: "!" * (5 * n),
    "blanks": lambda n: " " * (20 * n),
    "newlines": lambda n: "\n" * (5 * n),
    "carriage returns": lambda n: "\r" * (5 * n),
    "NUL": lambda n: "\0" * (5 * n),
    "marks": lambda n: "a" + "\u0301" * (3 * n),
    "stop and marks": lambda n: ("a." + "\u0301" * 50) * (n // 20),
    "joiners": lambda n: "\u200d" * (3 * n),
    "flags": lambda n: "🇫🇷" * (n // 2),
    "no blanks, two scripts": lambda n: "aé" * (3 * n),
    "apostrophes": lambda n: "a'" * (3 * n),
    "open tags": lambda n: "<a " * (2 * n),
    "open comments": lambda n: "<!--" * (2 * n),
    "open scripts": lambda n: "<script>" * n + "</" * n,
    "abbreviations": lambda n: "Mr." * (2 * n),
    "addresses": lambda n: "a.b" * (2 * n) + "://" * (n // 10),
}
"""By a number that a quadratic kernel would not live to see the square of."""


@pytest.mark.parametrize("name", HOSTILE)
def test_all_is_linear_and_finite(name: str, thorough: bool) -> None:
    text = HOSTILE[name](1_000_000 if thorough else 200_000)
    row = measure([text], ALL, bad_words=["a", "aa", "."])[0]
    assert row["character_count"] == len(text)
    assert row["byte_count"] == len(text.encode())


@pytest.mark.parametrize("sentences", [400_000, pytest.param(4_800_000, marks=pytest.mark.slow)])
def test_a_line_of_many_megabytes(sentences: int) -> None:
    text = "the quick brown fox jumps over a lazy dog " * sentences
    columns = ["word_count", "unique_word_count", "line_count", "duplicate_10gram_character_fraction"]
    row = measure([text], [*columns, "top_4gram_character_fraction", "duplicate_line_fraction"])[0]
    assert row["word_count"] == 9 * sentences
    assert row["unique_word_count"] == 9
    assert row["line_count"] == 1
    assert row["duplicate_10gram_character_fraction"] > 0.7


def test_millions_of_distinct_words(thorough: bool) -> None:
    words = 3_000_000 if thorough else 600_000
    row = measure(
        [" ".join(map(str, range(words)))], ["unique_word_count", "duplicate_5gram_character_fraction"]
    )[0]
    assert row == {"unique_word_count": words, "duplicate_5gram_character_fraction": 0.0}


def test_slices_of_a_view() -> None:
    array = pa.array(["a"] * 10 + ["b c"] * 10, pa.large_string()).slice(5, 10)
    assert (
        pa.record_batch(_kernels.measure(array, ["word_count"]))["word_count"].to_pylist()
        == [1] * 5 + [2] * 5
    )
