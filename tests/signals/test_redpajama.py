"""RedPajama-V2's n-grams: values of its published code, and the families together and apart."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings

from cupel import _kernels
from cupel.signals.redpajama import NormalizedNgrams, NormalizedWords
from cupel.signals.repetition import Repetition
from tests.conftest import examples

from .texts import texts

TEXTS = {
    "empty": "",
    "marks": "... !? --- ... !? ---",
    "once": "The Café opens at nine.",
    "ties": "a b, ccc! A b ccc",
    "overlap": "no no no no no. No no",
    "copy": "The Café in 東京 doesn't close before ten at night.\n"
    "The cafe\u0301 in 東京 doesnt close before ten at night!",
    "chorus": "Row, row, row your boat, gently down the stream.\n"
    "Merrily, merrily, merrily, merrily: life is but a dream.\n\n"
    "Row, row, row your boat, gently up the creek.\n"
    "Merrily, merrily, merrily, merrily: life is but a dream.",
    "sigma": "ΟΔΟΣ ΚΑΙ οδος\u2003και ΟΔΌΣ, οδο\u0301ς και\x1cοδος",
    "spaces": "  eins\t\tzwei\n\n\u3000eins\u00a0zwei\u200beins zwei\r\n",
}

PUBLISHED = {
    "empty": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "marks": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "once": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "ties": [0.4, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "overlap": [1.71428571, 2.14285714, 2.28571429, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    "copy": [0.20512821, 0.25641026, 0.30769231, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    "chorus": [
        0.54193548,
        0.54193548,
        0.16774194,
        0.8516129,
        0.8516129,
        0.55483871,
        0.55483871,
        0.55483871,
        0.0,
    ],
    "sigma": [0.4516129, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "spaces": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
}
"""What the code published with RedPajama-V2 (main, `app/src/core/quality_signals/repetitions.py`) gives for these
texts, rounded to eight decimals by itself: top 2-, 3-, 4-gram, duplicate 5- to 10-grams."""


def batch(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_string())})


@pytest.mark.parametrize("name", TEXTS)
def test_the_published_code_gives_the_same(name: str) -> None:
    (row,) = NormalizedNgrams().measure(batch(TEXTS[name])).to_pylist()
    assert [round(value, 8) for value in row.values()] == PUBLISHED[name]


def test_gophers_measures_are_others() -> None:
    """Gopher's words keep case and marks, a run that occurs once counts, and first occurrences do not."""
    text = batch(TEXTS["copy"])
    (ours,) = NormalizedNgrams().measure(text).to_pylist()
    (gophers,) = Repetition().measure(text).to_pylist()
    for column, value in ours.items():
        assert gophers[column.removeprefix("normalized_")] != pytest.approx(value, abs=0.01), column


@settings(max_examples=examples(100), deadline=None)
@given(texts)
def test_families_measure_the_same_together_and_apart(text: str) -> None:
    families = (Repetition(), NormalizedWords(), NormalizedNgrams())
    names = [column for family in families for column in family.columns]
    together = pa.record_batch(
        _kernels.measure(pa.array([text], pa.large_string()), names, segmentation="prose")
    )
    apart = {}
    for family in families:
        apart |= family.measure(batch(text)).to_pydict()
    assert together.to_pydict() == apart


def test_no_text_has_zeros() -> None:
    columns = NormalizedNgrams().measure(batch(None, " \n\x00")).to_pydict()
    assert all(values == [0.0, 0.0] for values in columns.values())


def test_a_small_alphabet_is_counted_right() -> None:
    """Runs of ten words that share their first words by the hundred."""
    words = [format(number, "08b").replace("0", "a ").replace("1", "b ") for number in range(256)]
    text = "".join(words * 2)
    columns = NormalizedNgrams().measure(batch(text)).to_pydict()
    assert columns["normalized_duplicate_10gram_character_fraction"] == [1.0]
