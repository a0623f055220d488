"""Heuristics for lines of English text: which lines pass each."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.signals.text_lines import TextLines, cut, hashes

__all__ = ["DETERMINERS", "HEURISTICS", "STOP_WORDS", "Bools", "Heuristic", "passes"]

Bools = npt.NDArray[np.bool_]
Heuristic = Literal[
    "first_letter_capital",
    "not_all_capitals",
    "few_repeated_words",
    "few_digits_and_marks",
    "no_braces",
    "terminal_mark",
    "two_stop_words",
    "no_placeholder",
    "more_than_three_tokens",
    "word_count",
    "determiner",
]
HEURISTICS: tuple[Heuristic, ...] = get_args(Heuristic)

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
DETERMINERS = (
    *(
        "the",
        "a",
        "an",
        "this",
        "that",
        "these",
        "those",
        "my",
        "your",
        "his",
        "her",
        "its",
        "our",
        "their",
        "each",
    ),
    *(
        "every",
        "either",
        "neither",
        "some",
        "any",
        "no",
        "all",
        "both",
        "half",
        "such",
        "another",
        "what",
        "which",
    ),
    "whose",
)
_ASCII_MARKS = np.frombuffer(b"!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~", np.uint8)


def passes(lines: TextLines) -> dict[Heuristic, Bools]:
    """Which lines pass each heuristic: bool, one per line."""
    texts = lines.texts()
    words = lines.count(lines.word_begins)
    data = lines.data
    marks = _marks(data)
    digits = (data >= ord("0")) & (data <= ord("9"))
    upper, lower = (data >= ord("A")) & (data <= ord("Z")), (data >= ord("a")) & (data <= ord("z"))
    runs = digits | upper | lower | (data == ord("_")) | ((data >= 0x80) & ~marks.inside)
    begins, stops = _run_bounds(runs, lines)
    number_begins, _ = _run_bounds(digits, lines)
    keys = hashes(lines, np.flatnonzero(begins), np.flatnonzero(stops) + 1, fold_case=True)
    counted_marks = lines.count(marks.begins)
    return {
        "first_letter_capital": _mask(pc.match_substring_regex(texts, r"^\s*\p{Lu}")),
        "not_all_capitals": (lines.count(lower) > 0) | (lines.count(upper) == 0),
        "few_repeated_words": lines.distinct_words() * 5 >= words * 4,
        "few_digits_and_marks": (lines.count(number_begins) + counted_marks) * 4 <= words,
        "no_braces": lines.count(data == ord("{")) == 0,
        "terminal_mark": _mask(pc.match_substring_regex(pc.utf8_slice_codeunits(texts, -8), r"[.!?\"”]\s*$")),
        "two_stop_words": _occurrences(lines, begins, keys, STOP_WORDS) >= 2,
        "no_placeholder": ~_mask(pc.match_substring_regex(texts, r"(?i)javascript|lorem ipsum")),
        "more_than_three_tokens": lines.count(begins) + counted_marks > 3,
        "word_count": (words > 3) & (words < 256),
        "determiner": _occurrences(lines, begins, keys, DETERMINERS) > 0,
    }


class _Marks(NamedTuple):
    """Bytes where punctuation marks and symbols begin, and all their bytes beyond ASCII."""

    begins: Bools
    inside: Bools


def _marks(data: npt.NDArray[np.uint8]) -> _Marks:
    """Marks of ASCII but `_`, and those of Unicode's blocks of general and of Chinese punctuation."""
    begins = np.isin(data, _ASCII_MARKS)
    following = np.append(data[1:], np.uint8(0))
    wide = ((data == 0xE2) & ((following == 0x80) | (following == 0x81))) | (
        (data == 0xE3) & (following == 0x80)
    )
    inside = wide.copy()
    inside[1:] |= wide[:-1]
    inside[2:] |= wide[:-2]
    return _Marks(begins | wide, inside)


def _run_bounds(runs: Bools, lines: TextLines) -> tuple[Bools, Bools]:
    """The first and the last byte of each run of marked bytes within a line."""
    begins, stops = runs.copy(), runs.copy()
    begins[1:] &= ~runs[:-1]
    begins[lines.starts] = runs[lines.starts]
    stops[:-1] &= ~runs[1:]
    stops[lines.stops - 1] = runs[lines.stops - 1]
    return begins, stops


def _occurrences(
    lines: TextLines, begins: Bools, keys: npt.NDArray[np.uint64], words: tuple[str, ...]
) -> npt.NDArray[np.int64]:
    """How many of its words are in a list, for each line."""
    listed = cut(pa.array([" ".join(words)]))
    first = np.flatnonzero(listed.word_begins)
    last = np.append(np.flatnonzero(~listed.filled), len(listed.data))
    mask = np.zeros(len(lines.data), np.bool_)
    mask[np.flatnonzero(begins)[np.isin(keys, hashes(listed, first, last, fold_case=True))]] = True
    return lines.count(mask)


def _mask(values: Any) -> Bools:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.bool_)
