"""How easily English reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column, Paper
from cupel.signals._columns import WordSignal, real

__all__ = ["Readability"]


class Readability(WordSignal):
    """Flesch reading ease.

    206.835 - 1.015 * words / sentences - 84.6 * syllables / words, over words with a letter.
    Syllables are groups of vowels (a, e, i, o, u, y), less a final silent e, and at least one.
    A text without such words or without sentences has 0 in all columns.

    90 and more reads like a children's book, 60 to 70 like plain English, below 30 like a
    scientific paper. Values below 0 and above 100 occur.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = Readability().measure(pa.record_batch({"text": ["The cat sat on the mat.", "東京"]}))
    >>> [round(value, 3) for value in measured["flesch_reading_ease"].to_pylist()]
    [116.145, 120.205]
    """

    name = "readability"
    papers = (
        Paper(
            "A new readability yardstick",
            "Flesch",
            1948,
            "https://doi.org/10.1037/h0057532",
            "Journal of Applied Psychology 32(3), 221-233",
        ),
    )
    cost = "one pass over the words and the sentences; see benchmarks/signals.py"
    limits = "English alone. Text without full stops is one long sentence and scores very low."
    columns: ClassVar[Mapping[str, Column]] = {
        "flesch_reading_ease": real("points", "Flesch's score; higher reads more easily"),
        "words_per_sentence": real("words", "words with a letter by sentences"),
        "syllables_per_word": real("syllables", "syllables by words with a letter"),
    }
