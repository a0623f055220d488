"""Texts that break slow or careless kernels."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cupel import _kernels

from .test_measure import measure

ALL = [name for name in _kernels.signal_columns() if name != "compression_ratio"]

HOSTILE = {
    "one word": "x" * 20_000_000,
    "one word beyond ASCII": "é" * 5_000_000,
    "one repeated word": "word " * 2_000_000,
    "one repeated letter": "a " * 3_000_000,
    "full stops": "." * 5_000_000,
    "full stops apart": ". " * 2_000_000,
    "exclamation": "!" * 5_000_000,
    "blanks": " " * 20_000_000,
    "newlines": "\n" * 5_000_000,
    "carriage returns": "\r" * 5_000_000,
    "NUL": "\0" * 5_000_000,
    "marks": "a" + "\u0301" * 3_000_000,
    "stop and marks": ("a." + "\u0301" * 50) * 50_000,
    "joiners": "\u200d" * 3_000_000,
    "flags": "🇫🇷" * 500_000,
    "no blanks, two scripts": "aé" * 3_000_000,
    "apostrophes": "a'" * 3_000_000,
    "open tags": "<a " * 2_000_000,
    "open comments": "<!--" * 2_000_000,
    "open scripts": "<script>" * 1_000_000 + "</" * 1_000_000,
    "abbreviations": "Mr." * 2_000_000,
    "addresses": "a.b" * 2_000_000 + "://" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_all_is_linear_and_finite(name: str) -> None:
    text = HOSTILE[name]
    row = measure([text], ALL, bad_words=["a", "aa", "."])[0]
    assert row["character_count"] == len(text)
    assert row["byte_count"] == len(text.encode())


@pytest.mark.parametrize("sentences", [800_000, pytest.param(4_800_000, marks=pytest.mark.slow)])
def test_a_line_of_many_megabytes(sentences: int) -> None:
    text = "the quick brown fox jumps over a lazy dog " * sentences
    columns = ["word_count", "unique_word_count", "line_count", "duplicate_10gram_character_fraction"]
    row = measure([text], [*columns, "top_4gram_character_fraction", "duplicate_line_fraction"])[0]
    assert row["word_count"] == 9 * sentences
    assert row["unique_word_count"] == 9
    assert row["line_count"] == 1
    assert row["duplicate_10gram_character_fraction"] > 0.7


def test_three_million_distinct_words() -> None:
    text = " ".join(map(str, range(3_000_000)))
    row = measure([text], ["unique_word_count", "duplicate_5gram_character_fraction"])[0]
    assert row == {"unique_word_count": 3_000_000, "duplicate_5gram_character_fraction": 0.0}


def test_slices_of_a_view() -> None:
    array = pa.array(["a"] * 10 + ["b c"] * 10, pa.large_string()).slice(5, 10)
    assert (
        pa.record_batch(_kernels.measure(array, ["word_count"]))["word_count"].to_pylist()
        == [1] * 5 + [2] * 5
    )
