"""RedPajama-V2's signals that need words of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column, KernelSignal
from cupel.signals._columns import REDPAJAMA, count, fraction, real

__all__ = ["NormalizedNgrams", "NormalizedWords", "RawTokens"]


class RawTokens(KernelSignal):
    r"""RedPajama-V2's measures of the raw text.

    Tokens are runs of word characters and runs of other visible characters (the expression
    `\w+|[^\w\s]+`), as RedPajama-V2 cuts the raw text. Sentences are matches of
    `\b[^.!?]+[.!?]*`. A text without tokens has 0, where RedPajama-V2 has no value.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = RawTokens().measure(pa.record_batch({"text": ["NATO met in Zürich ... again!"]}))
    >>> measured["raw_token_count"].to_pylist(), measured["regex_sentence_count"].to_pylist()
    ([7], [2])
    """

    name = "redpajama-tokens"
    papers = (REDPAJAMA,)
    cost = "one pass over the characters; see benchmarks/signals.py"
    limits = "No letter in a token means none of a to z: words of other scripts count as without."
    columns: ClassVar[Mapping[str, Column]] = {
        "raw_token_count": count("tokens", "tokens of the raw text"),
        "all_caps_word_fraction": fraction("share of tokens in capitals (rps_doc_frac_all_caps_words)"),
        "no_alphabetic_word_fraction": fraction("share of tokens without a-z (rps_doc_frac_no_alph_words)"),
        "symbol_to_word_ratio": real(
            "per token", "number of '#', '...' and '…' by tokens (rps_doc_symbol_to_word_ratio)"
        ),
        "regex_sentence_count": count("sentences", "sentences by an expression (rps_doc_num_sentences)"),
    }


class NormalizedWords(KernelSignal):
    """RedPajama-V2's measures of the normalized text.

    The text is stripped of ASCII punctuation, lower-cased, decomposed (NFD) and cut at white
    space. Measures of lines are means over the lines of a text, where RedPajama-V2 gives one
    value a line; lines end with a newline. A text without words or lines has 0.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = NormalizedWords().measure(pa.record_batch({"text": ["Stop! Don't stop the café."]}))
    >>> measured["normalized_word_count"].to_pylist(), measured["normalized_unique_word_fraction"].to_pylist()
    ([5], [0.8])
    """

    name = "redpajama-words"
    papers = (REDPAJAMA,)
    cost = "normalizes the whole text; see benchmarks/signals.py"
    limits = (
        "Words are parted by white space alone: a line of Chinese is a single word. "
        "Combining accents count as characters."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "normalized_word_count": count("words", "words of the normalized text (rps_doc_word_count)"),
        "normalized_mean_word_length": real("code points", "their mean length (rps_doc_mean_word_length)"),
        "normalized_unique_word_fraction": fraction("distinct by all of them (rps_doc_frac_unique_words)"),
        "normalized_unigram_entropy": real("nats", "entropy of their distribution (rps_doc_unigram_entropy)"),
        "normalized_lorem_ipsum_fraction": fraction(
            "occurrences of 'lorem ipsum' by characters of the normalized text (rps_doc_lorem_ipsum)"
        ),
        "words_per_line": real("words", "mean over lines of their normalized words (rps_lines_num_words)"),
        "javascript_words_per_line": real(
            "words", "mean over lines of the word 'javascript' (rps_lines_javascript_counts)"
        ),
        "mean_line_numeric_fraction": fraction(
            "mean over lines of the share of numeric characters (rps_lines_numerical_chars_fraction)"
        ),
        "mean_line_uppercase_fraction": fraction(
            "mean over lines of the share of capitals (rps_lines_uppercase_letter_fraction)"
        ),
        "end_mark_line_fraction": fraction(
            "share of lines that end with . ! ? or ” (rps_lines_ending_with_terminal_punctution_mark)"
        ),
        "bullet_symbol_line_fraction": fraction(
            "share of lines that begin with one of ten bullets (rps_lines_start_with_bulletpoint)"
        ),
    }


class NormalizedNgrams(KernelSignal):
    r"""RedPajama-V2's nine measures of n-grams that a document repeats.

    They take the ideas of Gopher's filters (see `repetition`) to the words of the normalized text (see
    `redpajama-words`), and differ from them in three ways. A word of `Don't stop` and of `dont STOP` is the
    same. Lengths are code points of words alone, without what stands between words, and so is the whole that
    they are divided by. And what repeats counts whole, the first occurrence included:

    - `normalized_top_{n}gram_character_fraction`: the length of the most frequent run of n words (the first
      of equals) times how often it occurs. Occurrences may overlap, so the value may exceed 1. 0 where no run
      occurs twice; Gopher's measure counts a run that occurs once.
    - `normalized_duplicate_{n}gram_character_fraction`: the share of all words, by their lengths, that lie in
      a run of n words that occurs twice or more. Each word counts once.

    Values equal those of the code published with RedPajama-V2, which rounds to eight decimals (of 1,980 documents of
    22 domains all do). A run measures texts without invisible marks, though, which are part of words there. In one
    pass with `redpajama-words` the text is normalized and cut once for both.

    Gopher's limits (top 2-, 3-, 4-grams 0.20, 0.18, 0.16; duplicate 5- to 10-grams 0.15, 0.14, 0.13, 0.12, 0.11,
    0.10) can be put on these columns. Those on duplicates are stricter here than with `repetition`, since the first
    occurrence counts.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts = ["Café! The end. Café: the END...", "東京 Café"]
    >>> measured = NormalizedNgrams().measure(pa.record_batch({"text": texts}))
    >>> [round(share, 6) for share in measured["normalized_top_3gram_character_fraction"].to_pylist()]
    [1.0, 0.0]
    >>> [round(share, 6) for share in measured["normalized_top_2gram_character_fraction"].to_pylist()]
    [0.727273, 0.0]
    """

    name = "redpajama-ngrams"
    papers = (REDPAJAMA,)
    cost = "normalizes the whole text and counts its n-grams; see benchmarks/signals.py"
    limits = (
        "Poems, lyrics, tables and code repeat themselves by nature. Punctuation is no word, so rows of marks "
        "that differ in nothing else do not count. Texts of scripts without spaces have few words, and score low."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        **{
            f"normalized_top_{n}gram_character_fraction": fraction(
                f"characters of the most frequent run of {n} normalized words by those of all words "
                f"(rps_doc_frac_chars_top_{n}gram)"
            )
            for n in (2, 3, 4)
        },
        **{
            f"normalized_duplicate_{n}gram_character_fraction": fraction(
                f"share of characters in runs of {n} normalized words that occur more than once "
                f"(rps_doc_frac_chars_dupe_{n}grams)"
            )
            for n in range(5, 11)
        },
    }
