"""DataComp-LM's published pipeline, told once more in plain Python: its page filters and line corrections.

Written from what the pipeline does, with its quirks, and slow: n-grams are counted one by one. Page
filters answer by the names of our rules.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

Segment = Callable[[str], Iterable[str]]
"""Cuts a text into the segments between word boundaries (UAX #29)."""

STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
TOP = {2: 0.20, 3: 0.18, 4: 0.16}
RECURRING = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
COUNTED = (
    "likes shares comments retweets reposts quotes bookmarks upvotes downvotes downloads views followers"
)


def uniseg_segments(text: str) -> Iterable[str]:
    """Segments of the package that the pipeline uses."""
    from uniseg.wordbreak import words

    return words(text)


def fasttext_words(text: str) -> list[str]:
    """Words of fastText's tokenizer that begin with a letter or a digit."""
    return [word for word in re.split("[ \n\r\t\v\f\0]+", text) if word and word[0].isalnum()]


def pieces(text: str, separator: str) -> list[str]:
    return [body for piece in text.split(separator) if (body := piece.strip())]


def failed_rules(text: str, segment: Segment) -> dict[str, bool]:
    """By rule, whether it would drop the page if it were asked alone."""
    return words_and_lines(text) | repeated_pieces(text) | repeated_runs(text, segment)


def words_and_lines(text: str) -> dict[str, bool]:
    words = text.split()
    counted = len(fasttext_words(text))
    lines = pieces(text, "\n")
    bullets = sum(line[0] in "●•*-" for line in lines)
    teasers = sum(line.endswith(("...", ". . .", "…")) for line in lines)
    symbols = sum(text.count(symbol) for symbol in ("#", "...", ". . .", "…"))
    wordless = sum(not any(c.isalpha() for c in word) for word in words)
    length = sum(map(len, words)) / len(words) if words else 0
    return {
        "min_words": counted < 50,
        "max_words": counted > 100_000,
        "min_mean_word_length": length < 3,
        "max_mean_word_length": length > 10,
        "max_symbol_to_word_ratio": bool(words) and symbols / len(words) > 0.1,
        "max_bullet_line_fraction": bullets > 0.9 * len(lines),
        "max_ellipsis_line_fraction": teasers > 0.3 * len(lines),
        "max_nonalphabetic_word_fraction": bool(words) and wordless / len(words) > 0.2,
        "min_stop_words": sum(word.lower() in STOP_WORDS for word in words) < 2,
    }


def repeated_pieces(text: str) -> dict[str, bool]:
    failed = {}
    for name, separator in (("line", "\n"), ("paragraph", "\n\n")):
        all_pieces = pieces(text, separator)
        often = {piece: count for piece, count in Counter(all_pieces).items() if count > 1}
        count = sum(often.values())
        characters = sum(len(piece) * count for piece, count in often.items())
        total = sum(map(len, all_pieces))
        failed[f"max_recurring_{name}_fraction"] = bool(total) and count / len(all_pieces) > 0.3
        failed[f"max_recurring_{name}_character_fraction"] = bool(total) and characters / total > 0.2
    return failed


def repeated_runs(text: str, segment: Segment) -> dict[str, bool]:
    words = [piece for piece in segment(text) if piece[0].isalnum()]
    total = sum(map(len, words))
    failed = {}
    for n, threshold in TOP.items():
        failed[f"max_top_{n}gram_character_fraction"] = top_length(words, n) > threshold * total
    for n, threshold in RECURRING.items():
        failed[f"max_recurring_{n}gram_character_fraction"] = recurring_length(words, n) > threshold * total
    return failed


def runs(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def top_length(words: Sequence[str], n: int) -> int:
    counts = Counter(runs(words, n))
    highest = max(counts.values(), default=1)
    if highest == 1:
        return 0
    return highest * max(sum(map(len, run)) for run, count in counts.items() if count == highest)


def recurring_length(words: Sequence[str], n: int) -> int:
    all_runs = runs(words, n)
    counts = Counter(all_runs)
    marked: set[int] = set()
    for start, run in enumerate(all_runs):
        if counts[run] > 1:
            marked |= set(range(start, start + n))
    return sum(len(words[i]) for i in marked)


# --- line corrections --------------------------------------------------------------------

_COUNTER = re.compile(rf"^\W*\d[\d,.]*[kmb]?\s+(?:{COUNTED.replace(' ', '|')})\W*$")
# The full stops of "Read more..." stand for any character in the pipeline.
_PHRASES = (r"\s?(?:items in cart)", r"\s?(?:read more...)$", r"^(?:sign-in)\s?")


def corrected(text: str) -> str:
    """The text after all line corrections; empty where the pipeline drops the page on the way."""
    text = _kept(text, lambda line: sum(c.isupper() for c in line) / len(line) <= 0.5).strip()
    text = _kept(text, lambda line: sum(c.isdigit() for c in line) / len(line) <= 0.999999).strip()
    text = _kept(text, lambda line: not _COUNTER.search(line.lower())).strip()
    text = _kept(text, lambda line: len(line.split()) >= 2)
    for phrase in _PHRASES:
        text = _without(text, re.compile(phrase, re.IGNORECASE)).strip()
    return text


def removed_word_fraction(before: str, after: str) -> float:
    words = len(fasttext_words(before))
    return (words - len(fasttext_words(after))) / words if words else 0.0


def _kept(text: str, good: Callable[[str], bool]) -> str:
    return "\n".join(line for line in text.split("\n") if not line or good(line))


def _without(text: str, phrase: re.Pattern[str]) -> str:
    lines = []
    for line in text.split("\n"):
        rest = phrase.sub("", line) if len(line.split()) <= 10 else line
        if not line or rest.strip():
            lines.append(rest)
    return "\n".join(lines)
