"""What DataComp-LM's pipeline measures of a page before it decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column, KernelSignal
from cupel.signals._columns import DCLM, REFINEDWEB, count, fraction, real

__all__ = ["DclmPage"]


class DclmPage(KernelSignal):
    """DataComp-LM's measures of words, lines and repetition.

    DataComp-LM's reproduction of RefinedWeb asks Gopher's questions, but measures its own way.
    Words are what white space parts, unless said otherwise.

    - `dclm_word_count` is the number of words that begin with a letter or a digit, as fastText's
      tokenizer parts them (a no-break space does not);
    - `dclm_symbol_to_word_ratio` is the number of `#`, `...`, `. . .` and `…` together, over words;
    - `dclm_stop_word_count` counts every occurrence of Gopher's eight stop words, in any case,
      where Gopher asks for different ones;
    - lines and paragraphs stand between `\\n` and `\\n\\n`, without white space around them, and
      count if something is left. Bullets are `●`, `•`, `*` and `-`;
    - a line or paragraph that occurs more than once counts as often as it occurs, the first time
      included, where Gopher leaves the first out. Shares of characters are of all lines or
      paragraphs without what parts them;
    - runs of words are of segments of UAX #29 that begin with a letter or a digit, and lengths are
      of the words alone. `dclm_top_{n}gram_character_fraction` is the length of the most
      frequent run (the longest of equals) times how often it occurs, over the length of all
      words, and 0 if it occurs once; occurrences may overlap, so it may exceed 1.
      `dclm_recurring_{n}gram_character_fraction` is the share of characters in words that belong
      to any run of n words that occurs more than once.

    Every value equals that of a plain rewriting of the published pipeline, given the same
    segments (see `docs/agreement.md`). A text without words or lines has 0.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = DclmPage().measure(pa.record_batch({"text": ["* The café\\n* the “end”\\n* The café"]}))
    >>> measured["dclm_word_count"].to_pylist(), measured["dclm_stop_word_count"].to_pylist()
    ([5], [3])
    >>> measured["dclm_bullet_line_fraction"].to_pylist(), measured["dclm_recurring_line_fraction"].to_pylist()
    ([1.0], [0.6666666666666666])
    """

    name = "dclm-page"
    papers = (DCLM, REFINEDWEB)
    cost = "two cuts into words and the runs of 2 to 10; see benchmarks/signals.py"
    limits = (
        "Made for English. Its pipeline segments with the package uniseg, whose tables are of another "
        "version of Unicode than those here (17)."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "dclm_word_count": count("words", "words that begin with a letter or a digit"),
        "dclm_mean_word_length": real("code points", "mean length of the words"),
        "dclm_symbol_to_word_ratio": real("per word", "number of '#', '...', '. . .' and '…' by words"),
        "dclm_bullet_line_fraction": fraction("share of lines that begin with '●', '•', '*' or '-'"),
        "dclm_ellipsis_line_fraction": fraction("share of lines that end with '...', '. . .' or '…'"),
        "dclm_nonalphabetic_word_fraction": fraction("share of words without a letter"),
        "dclm_stop_word_count": count("words", "occurrences of Gopher's stop words"),
        "dclm_recurring_line_fraction": fraction("share of lines that occur more than once"),
        "dclm_recurring_paragraph_fraction": fraction("share of paragraphs that occur more than once"),
        "dclm_recurring_line_character_fraction": fraction(
            "share of characters in lines that occur more than once"
        ),
        "dclm_recurring_paragraph_character_fraction": fraction(
            "share of characters in paragraphs that occur more than once"
        ),
        **{
            f"dclm_top_{n}gram_character_fraction": fraction(
                f"characters of the most frequent run of {n} words by those of all words"
            )
            for n in (2, 3, 4)
        },
        **{
            f"dclm_recurring_{n}gram_character_fraction": fraction(
                f"share of characters in runs of {n} words that occur more than once"
            )
            for n in range(5, 11)
        },
    }
