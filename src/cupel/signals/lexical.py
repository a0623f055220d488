"""How varied the words of a document are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column
from cupel.signals._columns import REDPAJAMA, WordSignal, fraction, real

__all__ = ["Vocabulary"]


class Vocabulary(WordSignal):
    """Variety of words.

    With W the words of a text (see `counts`), compared as they stand:

    - `unique_word_fraction` is the number of distinct words over |W|;
    - `single_use_word_fraction` is the number of words that occur once over |W|;
    - `unigram_entropy` is the sum over distinct words w of -p(w) ln p(w), p being its share of W.

    RedPajama-V2 measures the same on lower-cased text without punctuation; see
    `redpajama-words`. A text without words has 0.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = Vocabulary().measure(pa.record_batch({"text": ["東 東 京 京"]}))
    >>> measured["unique_word_fraction"].to_pylist(), round(measured["unigram_entropy"][0].as_py(), 4)
    ([0.5], 0.6931)
    """

    name = "vocabulary"
    papers = (REDPAJAMA,)
    cost = "one pass over the words; see benchmarks/signals.py"
    limits = "All three fall (the entropy rises) with the length of a text, so compare texts of like length."
    columns: ClassVar[Mapping[str, Column]] = {
        "unique_word_fraction": fraction("distinct words by words (see rps_doc_frac_unique_words)"),
        "single_use_word_fraction": fraction("words that occur once by words"),
        "unigram_entropy": real("nats", "entropy of the words (see rps_doc_unigram_entropy)"),
    }
