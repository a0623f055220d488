"""What words tell of a document's quality, after Gopher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column
from cupel.signals._columns import GOPHER, REDPAJAMA, WordSignal, count, fraction, real

__all__ = ["WordQuality"]


class WordQuality(WordSignal):
    """Gopher's measures of words and lines.

    With W the words of a text (see `counts`) and S those of W that are not symbols alone (a
    symbol is ASCII punctuation or one of datatrove's `PUNCTUATION_SET`):

    - `mean_word_length` is the sum of the lengths of S over |S|;
    - `hash_to_word_ratio` is the number of `#` over |W|, `ellipsis_to_word_ratio` the number of
      `...` and `…` over |W|;
    - `alpha_word_fraction` is the share of W with at least one letter;
    - the line fractions are over all lines, blank ones included.

    Every value equals datatrove 0.10's, given the same words. A text without words or lines has
    0 in each column, where datatrove divides by zero or drops the text before.

    Gopher keeps texts of 50 to 100,000 words, a mean length of 3 to 10 characters, symbol ratios
    up to 0.1, bullet lines up to 90 %, ellipsis lines up to 30 %, and alphabetic words from 80 %.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = WordQuality().measure(pa.record_batch({"text": ["- One café\\n- Two...", ""]}))
    >>> measured["bullet_line_fraction"].to_pylist(), measured["ellipsis_line_fraction"].to_pylist()
    ([1.0, 0.0], [0.5, 0.0])
    """

    name = "word-quality"
    papers = (GOPHER, REDPAJAMA)
    cost = "one pass over the words; see benchmarks/signals.py"
    limits = (
        "Made for English prose. Mean word length means nothing where words are single characters "
        "(Chinese, Japanese, Thai); tables and lists have few alphabetic words."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "non_symbol_word_count": count("words", "words that are not symbols alone"),
        "mean_word_length": real(
            "code points",
            "mean length of the words that are not symbols alone (see rps_doc_mean_word_length)",
        ),
        "hash_to_word_ratio": real("per word", "number of '#' by number of words"),
        "ellipsis_to_word_ratio": real("per word", "number of '...' and '…' by number of words"),
        "alpha_word_fraction": fraction("share of words with a letter (see rps_doc_frac_no_alph_words)"),
        "bullet_line_fraction": fraction("share of lines that begin with '•' or '-'"),
        "ellipsis_line_fraction": fraction(
            "share of lines that end with '...' or '…' (rps_doc_frac_lines_end_with_ellipsis)"
        ),
    }
