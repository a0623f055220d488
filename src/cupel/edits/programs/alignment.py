"""Which lines of a noisy text are missing from its clean version."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict

import numpy as np
import numpy.typing as npt

__all__ = ["missing_lines", "missing_words"]

MAX_PAIRS = 1_000_000
"""Pairs of equal lines that are compared exactly; beyond, the lines repeated most often are left to what stands around."""
SHINGLE = 4
MIN_COVERED = 0.5


def missing_lines(text: str, clean: str) -> npt.NDArray[np.bool_]:
    r"""The lines of `text` that are not in a longest common subsequence of the lines of both.

    Lines are compared by their words: white space does not count, and blank lines are never missing. The subsequence is
    computed by the algorithm of Hunt and Szymanski (1977), in O((n + r) log n) for r pairs of equal lines.

    Returns
    -------
    numpy.ndarray
        bool, one per line of `text.split("\n")`.

    Examples
    --------
    >>> missing_lines("Home\nCafé\n\nHome\n東京", "Café\n東京").tolist()
    [True, False, False, True, False]
    """
    noisy = [" ".join(line.split()) for line in text.split("\n")]
    wanted = [key for line in clean.split("\n") if (key := " ".join(line.split()))]
    missing = np.array([bool(key) for key in noisy], np.bool_)
    places = [place for place, key in enumerate(noisy) if key]
    kept = _common([noisy[place] for place in places], wanted)
    missing[[places[place] for place in kept]] = False
    return missing


def missing_words(text: str, clean: str) -> npt.NDArray[np.bool_]:
    r"""The lines of `text` of whose words less than half stand in runs of four that `clean` has as well.

    For clean text whose lines are other ones than those of the noisy text, such as that of another extractor. Lines of
    fewer than four words stay where a line of the clean text equals them, or where it has their words in a row
    and the nearest other lines, before and after, stay.

    Examples
    --------
    >>> missing_words("Home\nThe Café opens at nine.\nAbout us", "The Café opens at nine. It is in 東京.").tolist()
    [True, False, True]
    """
    noisy = [_words(line) for line in text.split("\n")]
    wanted = _words(clean)
    runs = {tuple(wanted[place : place + SHINGLE]) for place in range(len(wanted) - SHINGLE + 1)}
    whole = {tuple(_words(line)) for line in clean.split("\n")}
    short = {
        tuple(wanted[place : place + size])
        for size in range(1, SHINGLE)
        for place in range(len(wanted) - size + 1)
    }
    missing = np.zeros(len(noisy), np.bool_)
    unsure: list[int] = []
    for place, words in enumerate(noisy):
        if len(words) >= SHINGLE:
            missing[place] = _covered(words, runs) < MIN_COVERED
        elif words and tuple(words) not in whole:
            missing[place] = True
            if tuple(words) in short:
                unsure.append(place)
    others = sorted({place for place, words in enumerate(noisy) if words} - set(unsure))
    for place in unsure:
        number = bisect_left(others, place)
        around = others[max(0, number - 1) : number + 1]
        missing[place] = not around or bool(missing[around].any())
    return missing


def _words(line: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in line.lower()).split()


def _covered(words: list[str], runs: set[tuple[str, ...]]) -> float:
    covered = [False] * len(words)
    for place in range(len(words) - SHINGLE + 1):
        if tuple(words[place : place + SHINGLE]) in runs:
            covered[place : place + SHINGLE] = [True] * SHINGLE
    return sum(covered) / len(words)


def _common(first: list[str], second: list[str]) -> list[int]:
    """Places in `first` of a longest common subsequence."""
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    stop = 0
    while stop < min(len(first), len(second)) - start and first[-1 - stop] == second[-1 - stop]:
        stop += 1
    ends = [*range(start), *range(len(first) - stop, len(first))]
    one_side, other_side = first[start : len(first) - stop], second[start : len(second) - stop]
    return sorted([*ends, *(start + place for place in _hunt_szymanski(one_side, other_side))])


def _hunt_szymanski(first: list[str], second: list[str]) -> list[int]:
    counts = Counter(first)
    places: dict[str, list[int]] = defaultdict(list)
    for place, key in enumerate(second):
        if key in counts:
            places[key].append(place)
    compared = _affordable(counts, places)
    ends: list[int] = []  # the lowest place in `second` at which a subsequence of each length ends
    chains: list[tuple[int, object]] = []
    for place, key in enumerate(first):
        if key not in compared:
            continue
        for other in reversed(places[key]):
            length = bisect_left(ends, other)
            chain = (place, chains[length - 1] if length else None)
            if length == len(ends):
                ends.append(other)
                chains.append(chain)
            elif other < ends[length]:
                ends[length] = other
                chains[length] = chain
    result: list[int] = []
    link: object = chains[-1] if chains else None
    while isinstance(link, tuple):
        result.append(link[0])
        link = link[1]
    return result[::-1]


def _affordable(counts: Counter[str], places: dict[str, list[int]]) -> set[str]:
    """Lines to compare, the rarest first, as long as there are at most `MAX_PAIRS` pairs."""
    pairs = 0
    compared = set()
    for key in sorted(places, key=lambda key: (counts[key] * len(places[key]), key)):
        pairs += counts[key] * len(places[key])
        if pairs > MAX_PAIRS:
            break
        compared.add(key)
    return compared
