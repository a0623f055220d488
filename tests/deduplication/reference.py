"""Deduplication in plain Python: the definitions, one by one."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

MASK = (1 << 64) - 1


_OPERAND = r"[0-9A-Za-z()\[\]\x80-\U0010FFFF]"
OPERATOR = "|".join(
    [
        r"[+<=>|~^$%&@/\\]",
        r"(?<=[0-9A-Za-z])#",
        r"!(?==)",
        r"(?<![0-9A-Za-z)\]\x80-\U0010FFFF-])-(?=[0-9])",
        r"(?<=[0-9] )-(?= [0-9])",
        # One asterisk or two between operands, with a space on both sides or on none.
        rf"(?<={_OPERAND})\*(?=\*?{_OPERAND})",
        rf"(?<={_OPERAND}\*)\*(?={_OPERAND})",
        rf"(?<={_OPERAND} )\*(?=\*? {_OPERAND})",
        rf"(?<={_OPERAND} \*)\*(?= {_OPERAND})",
    ]
)
"""ASCII characters that are symbols, as a pattern."""


def is_symbol(c: str) -> bool:
    return c > "\x7f" and unicodedata.category(c) in ("Sm", "Sc", "So")


def folded(text: str) -> str:
    """Full case folding, with one letter for all the i's of Turkish."""
    return "".join("i" if c in "ıİ" else c.casefold() for c in text)


def words(text: str, fold_numbers: bool = True) -> list[str]:
    """Words of Latin, Greek and Cyrillic text, as FineWeb has them: symbols only separate."""
    text = unicodedata.normalize("NFD", folded(text))
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return re.findall(r"[^\W_]+", re.sub(r"\d+(?:[.,]\d+)*", "0", text) if fold_numbers else text)


def words_and_symbols(text: str) -> list[str]:
    """Words and runs of symbols of Latin, Greek and Cyrillic text."""
    text = unicodedata.normalize("NFD", folded(text))
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    symbols = "".join(c for c in set(text) if is_symbol(c))
    symbol = f"{OPERATOR}|[{symbols}]" if symbols else OPERATOR
    return re.findall(rf"[^\W_]{{1,256}}|(?:{symbol}){{1,256}}", text)


def shingles(text: str, ngram: int = 5, symbols: bool = False) -> set[int]:
    """Hashes of the word n-grams; of all words where there are fewer."""
    tokens = words_and_symbols(text) if symbols else words(text)
    if not tokens:
        return set()
    windows = [tokens[i : i + ngram] for i in range(max(1, len(tokens) - ngram + 1))]
    return {xxhash.xxh3_64_intdigest(" ".join(window).encode()) for window in windows}


def splitmix64(seed: int) -> Iterable[int]:
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def signature(shingle_set: set[int], permutations: int, seed: int) -> list[int]:
    draws = (draw >> 32 for draw in splitmix64(seed))
    minima = []
    for _ in range(permutations):
        a, b = next(draws) | 1, next(draws)  # type: ignore[call-overload]
        minima.append(min((a * (x >> 32) + b) % (1 << 32) for x in shingle_set))
    return minima


def bands(minima: Sequence[int], rows: int) -> list[int]:
    hashes = []
    for number, start in enumerate(range(0, len(minima), rows)):
        data = b"".join(minimum.to_bytes(4, "little") for minimum in minima[start : start + rows])
        hashes.append(xxhash.xxh3_64_intdigest(data, seed=number))
    return hashes


def jaccard(left: set[int], right: set[int]) -> float:
    union = len(left | right)
    return len(left & right) / union if union else 0.0


def clusters(sets: Sequence[set[int]], threshold: float) -> set[frozenset[int]]:
    """Connected components of all pairs at or above the threshold; two members or more."""
    parents = list(range(len(sets)))

    def find(index: int) -> int:
        while parents[index] != index:
            index = parents[index]
        return index

    for left, right in itertools.combinations(range(len(sets)), 2):
        if jaccard(sets[left], sets[right]) >= threshold:
            parents[find(left)] = find(right)
    components: dict[int, set[int]] = {}
    for index in range(len(sets)):
        components.setdefault(find(index), set()).add(index)
    return {frozenset(members) for members in components.values() if len(members) > 1}


Spans = list[tuple[int, int]]
"""Byte ranges of a text."""

# White space as Unicode has it; Python's own adds four control characters.
WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


@dataclass(frozen=True)
class Unit:
    """A line or paragraph: its words, and the bytes that go with it."""

    words: str
    start: int
    stop: int


def units(text: str, unit: str, min_characters: int = 1) -> list[Unit]:
    """Lines, or runs of lines without a blank one between, each up to where the next begins."""
    groups: list[tuple[int, list[str]]] = []
    at, open_ = 0, False
    for line in re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text):
        blank = re.fullmatch(f"[{WHITE}]*", line) is not None
        if not blank:
            if open_ and unit == "paragraph":
                groups[-1][1].append(line)
            else:
                groups.append((at, [line]))
        open_ = not blank
        at += len(line.encode())
    starts = [start for start, _ in groups] + [at]
    cut = [
        Unit(_trimmed("".join(lines)), start, starts[place + 1])
        for place, (start, lines) in enumerate(groups)
    ]
    return [piece for piece in cut if sum(map(width, piece.words)) >= min_characters]


SYLLABLE = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9d\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)


def width(c: str) -> int:
    """A syllable of Chinese, Japanese or Korean counts as three characters, what nobody sees as none."""
    if INVISIBLE.match(c):
        return 0
    return 3 if SYLLABLE.match(c) else 1


def _trimmed(text: str) -> str:
    return re.sub(f"^[{WHITE}]+|[{WHITE}]+$", "", text)


INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def plain(text: str, normalize: bool) -> str:
    """What two lines must have in common to be equal."""
    text = INVISIBLE.sub("", text)
    if normalize:
        text = folded(unicodedata.normalize("NFD", text)).replace("i\u0307", "i")
    text = unicodedata.normalize("NFC", text)
    if normalize:
        operators = {match.start() for match in re.finditer(OPERATOR, text)}
        says = [
            unicodedata.category(c)[0] in "LNM" or is_symbol(c) or at in operators
            for at, c in enumerate(text)
        ]
        if any(says):
            text = "".join(c for c, kept in zip(text, says, strict=True) if kept or re.match(f"[{WHITE}]", c))
    return " ".join(re.findall(f"[^{WHITE}]+", text))


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Their union; spans come by ascending start."""
    union: Spans = []
    for start, stop in spans:
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(stop, union[-1][1]))
        else:
            union.append((start, stop))
    return union


def copied_units(
    texts: Sequence[str | None], unit: str, min_characters: int, normalize: bool
) -> dict[int, Spans]:
    """Spans of the lines or paragraphs that stood before, by document."""
    seen: set[str] = set()
    spans = {}
    for doc, text in enumerate(texts):
        copies = []
        for piece in units(text or "", unit, min_characters):
            key = plain(piece.words, normalize)
            if key in seen:
                copies.append((piece.start, piece.stop))
            seen.add(key)
        if copies:
            spans[doc] = joined(copies)
    return spans


Windows = Callable[[bytes, int], npt.NDArray[np.generic]]
"""A label for each window of so many bytes, the same for equal windows."""


def copied_passages(
    texts: Sequence[str | None], length: int, windows: Windows | None = None
) -> dict[int, Spans]:
    """Spans of the windows whose first equal ends at or before they start, by document."""
    encoded = [(text or "").encode() for text in texts]
    labels = (windows or ranked_windows)(b"".join(encoded), length)
    # Windows that do not reach over the end of their document.
    ends = np.cumsum([len(data) for data in encoded])
    places = np.arange(len(labels))
    whole = np.flatnonzero(places + length <= ends[np.searchsorted(ends, places, "right")])
    order = np.argsort(labels[whole])
    places, labels = whole[order], labels[whole][order]
    begins = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]])) if len(labels) else places
    firsts = np.minimum.reduceat(places, begins) if len(labels) else places
    firsts = np.repeat(firsts, np.diff(np.append(begins, len(places))))
    copied = np.sort(places[firsts + length <= places])
    spans_by_document = {}
    base = 0
    for doc, data in enumerate(encoded):
        here = copied[np.searchsorted(copied, base) : np.searchsorted(copied, base + len(data))] - base
        spans = [_whole_characters(data, *span) for span in joined((at, at + length) for at in here.tolist())]
        if spans:
            spans_by_document[doc] = spans
        base += len(data)
    return spans_by_document


def ranked_windows(data: bytes, length: int) -> npt.NDArray[np.int64]:
    """No hash: ranks of ever longer pieces."""
    if len(data) < length:
        return np.zeros(0, dtype=np.int64)
    ranks = np.frombuffer(data, dtype=np.uint8).astype(np.int64)
    size = 1
    while size < length:
        step = min(size, length - size)
        pairs = ranks[:-step] * (int(ranks.max()) + 1) + ranks[step:]
        ranks = np.unique(pairs, return_inverse=True)[1]
        size += step
    return ranks


def hashed_windows(data: bytes, length: int) -> npt.NDArray[np.uint64]:
    """A polynomial over a random number for each byte value, modulo 2^64: for texts of many megabytes.

    With prefix sums P of x[j] B^j the window at i is (P[i + length] - P[i]) B^-i. Among 25 million windows
    the chance that any two different ones meet is 2 in 100,000.
    """
    rng = np.random.default_rng(1)
    values = rng.integers(0, 1 << 64, 256, dtype=np.uint64)
    base = int(rng.integers(0, 1 << 63)) << 1 | 1
    if len(data) < length:
        return np.zeros(0, dtype=np.uint64)
    powers = np.full(len(data), base, dtype=np.uint64)
    powers[0] = 1
    np.cumprod(powers, out=powers)
    terms = values[np.frombuffer(data, dtype=np.uint8)] * powers
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms)])
    inverse = np.full(len(data) - length + 1, pow(base, -1, 1 << 64), dtype=np.uint64)
    inverse[0] = 1
    return (sums[length:] - sums[:-length]) * np.cumprod(inverse)


def _whole_characters(data: bytes, start: int, stop: int) -> tuple[int, int]:
    while start < stop and data[start] & 0xC0 == 0x80:
        start += 1
    while start < stop < len(data) and data[stop] & 0xC0 == 0x80:
        stop -= 1
    return start, stop


def ngrams(text: str, ngram: int) -> list[tuple[str, ...]]:
    """Word n-grams, numbers and symbols kept apart; of all words where there are fewer."""
    tokens = words_and_symbols(text)
    return [tuple(tokens[i : i + ngram]) for i in range(max(1, len(tokens) - ngram + 1))] if tokens else []


Ngrams = Callable[[str, int], tuple[int, list[Any]]]
"""How many words a text has, and its n-grams."""


def judged_units(
    texts: Sequence[str | None], unit: str, ngram: int, min_words: int, count: Ngrams | None = None
) -> Iterator[tuple[int, Unit, list[Any]]]:
    """Document, unit and n-grams of every unit that a Bloom filter judges."""
    for doc, text in enumerate(texts):
        whole = [Unit(text or "", 0, len((text or "").encode()))]
        for piece in whole if unit == "document" else units(text or "", unit):
            number, grams = (count or _tuples)(piece.words, ngram)
            if grams and number >= min_words:
                yield doc, piece, grams


def _tuples(text: str, ngram: int) -> tuple[int, list[Any]]:
    grams = ngrams(text, ngram)
    return (len(grams) + len(grams[0]) - 1 if grams else 0), grams


class AsciiNgrams:
    """N-grams of ASCII text as numbers of 64 bits, by a table of the words met: for many documents."""

    def __init__(self, seed: int = 1) -> None:
        self._numbers: dict[str, int] = {}
        self._words = re.compile(f"[0-9a-z]{{1,256}}|(?:{OPERATOR}){{1,256}}")
        self._rng = np.random.default_rng(seed)
        self._powers = np.cumprod(np.full(64, int(self._rng.integers(0, 1 << 63)) << 1 | 1, dtype=np.uint64))
        self._random: npt.NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)

    def __call__(self, text: str, ngram: int) -> tuple[int, list[int]]:
        tokens = self._words.findall(text.lower())
        numbers = self._numbers
        codes = [numbers.setdefault(word, len(numbers)) for word in tokens]
        if not codes:
            return 0, []
        while len(numbers) > len(self._random):
            more = self._rng.integers(0, 1 << 64, 1 << 16, dtype=np.uint64)
            self._random = np.concatenate([self._random, more])
        drawn = self._random[codes]
        size = min(ngram, len(codes))
        windows = np.lib.stride_tricks.sliding_window_view(drawn, size)
        # A shorter text is one n-gram of its own length, unlike any longer one.
        return len(codes), (windows @ self._powers[:size]).tolist()


def levenshtein(left: list[str], right: list[str]) -> int:
    """Insertions, deletions and substitutions that turn one sequence into the other."""
    row = list(range(len(right) + 1))
    for i, item in enumerate(left, 1):
        before, row = row, [i]
        for j, other in enumerate(right, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (item != other)))
    return row[-1]


def semdedup(
    vectors: np.ndarray, cells: Sequence[Sequence[int]], centroids: np.ndarray
) -> tuple[dict[int, float], dict[int, int]]:
    """Each document's score, and the document that gave it (-1 for none): Abbas et al., by the letter.

    In each cell the matrix of similarities of the documents, the least similar to the centroid first;
    its upper triangle without the diagonal, the rest zero; the maximum of each column.
    """
    scores, nearest = {}, {}
    for cell, centroid in zip(cells, centroids, strict=True):
        inside = sorted(cell, key=lambda doc: (float(sum(vectors[doc] * centroid)), doc))
        chosen = vectors[inside]
        upper = np.triu(chosen @ chosen.T, 1)
        for place, doc in enumerate(inside):
            scores[doc] = float(np.clip(upper[:, place].max(), 0, 1))
            nearest[doc] = inside[int(upper[:place, place].argmax())] if place else -1
    return scores, nearest
