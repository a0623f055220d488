"""Interpolated Kneser-Ney by its definition, over lists of words, written as an ARPA file."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

BEGIN = "<s>"
Gram = tuple[str, ...]


class KneserNey:
    """Chen and Goodman (1999), section 3.2, with one discount per order, kept within 0.1 and 0.9.

    Attributes
    ----------
    counts
        By order: how often an n-gram of the highest order occurs; below it, how many different words stand
        before an n-gram, or how often it occurs at the beginning of a text.
    """

    def __init__(self, texts: Iterable[list[str]], order: int) -> None:
        self.order = order
        self.counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
        grams: list[set[Gram]] = [set() for _ in range(order)]
        for text in texts:
            words = (BEGIN, *text)
            for end in range(2, len(words) + 1):
                for length in range(1, min(order, end) + 1):
                    gram = words[end - length : end]
                    grams[length - 1].add(gram)
                    if length in (order, end):
                        self.counts[length - 1][gram] += 1
        for shorter, longer in zip(self.counts, grams[1:], strict=False):
            shorter.update(gram[1:] for gram in longer)
        self.totals: dict[Gram, int] = defaultdict(int)
        self.followers: dict[Gram, int] = defaultdict(int)
        for counts in self.counts:
            for gram, count in counts.items():
                self.totals[gram[:-1]] += count
                self.followers[gram[:-1]] += 1
        self.discounts = [_discount(counts.values()) for counts in self.counts]

    def probability(self, gram: Gram) -> float:
        """Of the last word after the others."""
        context = gram[:-1]
        lower = self.probability(gram[1:]) if context else 1 / (len(self.counts[0]) + 1)
        if not self.totals[context]:
            return lower
        kept = max(self.counts[len(context)][gram] - self.discounts[len(context)], 0.0)
        return kept / self.totals[context] + self.back_off(context) * lower

    def back_off(self, context: Gram) -> float:
        """What is left for words that were never seen after the context."""
        if not self.totals[context]:
            return 1.0
        return self.discounts[len(context)] * self.followers[context] / self.totals[context]

    def arpa(self) -> Iterator[str]:
        """The lines of the model as a file of back-off probabilities."""
        unknown = self.back_off(()) / (len(self.counts[0]) + 1)
        yield "\\data\\"
        for length, counts in enumerate(self.counts, 1):
            yield f"ngram {length}={len(counts) + 3 * (length == 1)}"
        for length, counts in enumerate(self.counts, 1):
            yield f"\n\\{length}-grams:"
            if length == 1:
                yield f"{math.log10(unknown)!r}\t<unk>\t0"
                yield f"-99\t{BEGIN}\t{math.log10(self.back_off((BEGIN,)))!r}"
                yield "-99\t</s>\t0"
            for gram in sorted(counts):
                line = f"{math.log10(self.probability(gram))!r}\t{' '.join(gram)}"
                yield line if length == self.order else f"{line}\t{math.log10(self.back_off(gram))!r}"
        yield "\n\\end\\"


def _discount(counts: Iterable[int]) -> float:
    of_counts = Counter(counts)
    return min(max(of_counts[1] / (of_counts[1] + 2 * of_counts[2]), 0.1), 0.9)
