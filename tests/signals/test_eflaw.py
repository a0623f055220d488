"""EFLAW: values by hand, and texts that are hostile to it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cupel.signals.eflaw import McAlpineEflaw, eflaw


@pytest.mark.parametrize(
    ("text", "words", "mini", "sentences"),
    [
        ("The cat sat on the mat.", 6, 6, 1),
        ("He ran. He stopped at once, didn't he? Yes!", 9, 6, 1),  # two sentences have fewer than three words
        ("Long sentences annoy foreign readers. Short sentences please them.", 9, 0, 2),
        ("no full stop in this line at all", 8, 4, 1),
        ("Version 3.14 of the café opens", 6, 3, 1),  # the point ends a sentence of two words
    ],
)
def test_values_by_hand(text: str, words: int, mini: int, sentences: int) -> None:
    assert eflaw(text) == pytest.approx((words + mini) / sentences)


def test_hostile_texts() -> None:
    texts = ["", None, " \n", "…!?", "東京", "🤰 🏖", "\x00\x01", "a" * 1_000_000, "a. " * 1000]
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    measured = McAlpineEflaw().measure(batch)["mcalpine_eflaw"].to_pylist()
    assert measured == [0, 0, 0, 0, 2, 0, 0 + measured[6], 1, 2000]
    assert McAlpineEflaw().measure(batch.slice(0, 0)).num_rows == 0
