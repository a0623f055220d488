"""What lines tell of a document's quality, after FineWeb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column
from cupel.signals._columns import FINEWEB, WordSignal, fraction, real

__all__ = ["LineQuality"]


class LineQuality(WordSignal):
    """FineWeb's measures of lines.

    Lines are what stands between single newlines and is not blank.

    - `terminal_punctuation_line_fraction`: lines whose last character is a terminal mark of any
      script (datatrove's `TERMINAL_PUNCTUATION`; quotation marks are none), over lines;
    - `short_line_fraction`: lines of up to 30 characters, over lines;
    - `duplicate_nonblank_line_character_fraction`: characters of lines that occurred before,
      over all characters but newlines;
    - `newline_to_word_ratio`: newlines over words.

    Every value equals datatrove 0.10's, given the same words. A text without lines or words has 0.

    FineWeb drops texts with terminal marks on fewer than 12 % of lines, more than 67 % of short
    lines, more than 1 % of duplicated characters, or more than 0.3 newlines a word.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = LineQuality().measure(pa.record_batch({"text": ["Menü\\nÜber uns\\nWir sind hier。", ""]}))
    >>> measured["terminal_punctuation_line_fraction"].to_pylist()
    [0.3333333333333333, 0.0]
    """

    name = "line-quality"
    papers = (FINEWEB,)
    cost = "one pass over the lines; see benchmarks/signals.py"
    limits = "Verse, lists, subtitles and code have short lines without terminal marks."
    columns: ClassVar[Mapping[str, Column]] = {
        "terminal_punctuation_line_fraction": fraction(
            "share of lines that end with a terminal mark "
            "(see rps_lines_ending_with_terminal_punctution_mark)"
        ),
        "short_line_fraction": fraction("share of lines of up to 30 characters"),
        "duplicate_nonblank_line_character_fraction": fraction(
            "share of characters in lines that occurred before"
        ),
        "newline_to_word_ratio": real("per word", "number of newlines by number of words"),
    }
