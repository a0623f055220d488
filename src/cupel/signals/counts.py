"""How many characters, words, lines and sentences a document has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column
from cupel.signals._columns import GOPHER, REDPAJAMA, WordSignal, count

__all__ = ["Counts"]


class Counts(WordSignal):
    """Counts of characters, words, lines, paragraphs and sentences.

    Characters are Unicode code points. Words are, by choice (`segmentation`):

    - `prose`, the default: as `unicode`, but symbols inside a run of characters (addresses, tags,
      formulas) stay with it, as tokenizers of prose do;
    - `unicode`: the segments between the word boundaries of UAX #29 that are not white space;
    - `whitespace`: what stands between white space.

    In the first two a punctuation mark is a word, a run of full stops or of hyphens is one, a
    Chinese or Hiragana character is a word and so is a run of Katakana. Thai, Lao, Khmer and
    Burmese need a dictionary for their words: there each base character with its marks counts as
    one, so word counts are several times what a reader would count.

    Lines end where Python's `str.splitlines` ends them. Paragraphs stand between blank lines.
    Sentences follow spaCy's rule-based sentencizer for English, and the sentence marks of other
    scripts.

    Gopher and FineWeb ask for 50 to 100,000 words.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = Counts().measure(pa.record_batch({"text": ["Café au lait.\\n\\nWhy not?", "東京"]}))
    >>> measured["word_count"].to_pylist(), measured["character_count"].to_pylist()
    ([7, 2], [23, 2])
    >>> measured["sentence_count"].to_pylist(), measured["paragraph_count"].to_pylist()
    ([2, 1], [2, 1])
    """

    name = "counts"
    stages = ("pretraining", "instruction tuning")
    papers = (GOPHER, REDPAJAMA)
    cost = "one pass over the words; see benchmarks/signals.py"
    limits = "Word counts of languages written without spaces are of characters, not of dictionary words."
    columns: ClassVar[Mapping[str, Column]] = {
        "character_count": count("code points", "length of the text (ccnet_length of RedPajama-V2)"),
        "byte_count": count("bytes", "length of the text in UTF-8"),
        "word_count": count("words", "words, punctuation marks included"),
        "unique_word_count": count("words", "distinct words, compared as they stand"),
        "max_word_length": count("code points", "length of the longest word"),
        "line_count": count("lines", "lines, blank ones included (ccnet_nlines of RedPajama-V2)"),
        "nonblank_line_count": count("lines", "lines between newlines that are not blank"),
        "paragraph_count": count("paragraphs", "pieces between two or more newlines; none in a blank text"),
        "sentence_count": count("sentences", "sentences; none in a blank text"),
    }
