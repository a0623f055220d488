"""MinHash deduplication in plain Python: the definitions, one by one."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence

import xxhash

MASK = (1 << 64) - 1


def words(text: str) -> list[str]:
    """Words of Latin, Greek and Cyrillic text."""
    text = unicodedata.normalize("NFD", text.lower().replace("ς", "σ"))
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return re.findall(r"[^\W_]+", re.sub(r"\d+(?:[.,]\d+)*", "0", text))


def shingles(text: str, ngram: int = 5) -> set[int]:
    """Hashes of the word n-grams; of all words where there are fewer."""
    found = words(text)
    if not found:
        return set()
    windows = [found[i : i + ngram] for i in range(max(1, len(found) - ngram + 1))]
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
    found = []
    for number, start in enumerate(range(0, len(minima), rows)):
        data = b"".join(minimum.to_bytes(4, "little") for minimum in minima[start : start + rows])
        found.append(xxhash.xxh3_64_intdigest(data, seed=number))
    return found


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
    found: dict[int, set[int]] = {}
    for index in range(len(sets)):
        found.setdefault(find(index), set()).add(index)
    return {frozenset(members) for members in found.values() if len(members) > 1}
