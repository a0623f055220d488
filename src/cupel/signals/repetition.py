"""How much of a document repeats itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column
from cupel.signals._columns import GOPHER, WordSignal, fraction

__all__ = ["Repetition"]


class Repetition(WordSignal):
    """Gopher's measures of repetition.

    - Lines are what stands between runs of newlines, paragraphs what stands between runs of two
      or more, in the text without white space around it. A line or paragraph that occurred
      before is a duplicate; its share is by number and by characters of the whole text.
    - `top_{n}gram_character_fraction`: of all runs of n words, joined by blanks, the most
      frequent one (the first of equals), its length times how often it occurs, over the length
      of the text. A run that occurs once counts too, so short texts score high; occurrences may
      overlap, so the value may exceed 1.
    - `duplicate_{n}gram_character_fraction`: reading from the left, a run of n words, joined by
      nothing, that occurred before adds its length and is jumped over whole.

    Every value equals datatrove 0.10's, given the same words. Lengths are in code points. RedPajama-V2 takes
    these measures on words of its own and in its own way: see `redpajama-ngrams`.

    Gopher's limits (table A1): duplicate lines and paragraphs 0.30, by characters 0.20; top
    2-, 3-, 4-grams 0.20, 0.18, 0.16; duplicate 5- to 10-grams 0.15, 0.14, 0.13, 0.12, 0.11, 0.10.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = Repetition().measure(pa.record_batch({"text": ["eins\\nzwei\\neins", "naïve 東"]}))
    >>> measured["duplicate_line_fraction"].to_pylist()
    [0.3333333333333333, 0.0]
    >>> measured["top_2gram_character_fraction"].to_pylist()[1]
    1.0
    """

    name = "repetition"
    papers = (GOPHER,)
    cost = "the dearest of the word measures; see benchmarks/signals.py"
    limits = (
        "Poems, lyrics, tables and code repeat themselves by nature. Short texts score high on top n-grams."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "duplicate_line_fraction": fraction("share of lines that occurred before"),
        "duplicate_line_character_fraction": fraction("share of characters in lines that occurred before"),
        "duplicate_paragraph_fraction": fraction("share of paragraphs that occurred before"),
        "duplicate_paragraph_character_fraction": fraction(
            "share of characters in paragraphs that occurred before"
        ),
        **{
            f"top_{n}gram_character_fraction": fraction(
                f"characters of the most frequent run of {n} words by those of the text"
            )
            for n in (2, 3, 4)
        },
        **{
            f"duplicate_{n}gram_character_fraction": fraction(
                f"share of characters in runs of {n} words that occurred before"
            )
            for n in range(5, 11)
        },
    }
