"""Lines of one kind stand together: the best sequence of kept and removed lines."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Smoothing", "best_sequence", "learn_smoothing", "line_f1"]

SWITCHES = (0.0, 0.5, 1.0, 2.0, 3.0, 4.5)
SHIFTS = (0.0, -0.5, 0.5, -1.0, 1.0, -1.5, 1.5)


@dataclass(frozen=True)
class Smoothing:
    """What a change from text to noise, and from noise to text, costs, and the shift of all lines, in nats."""

    into_noise: float
    into_text: float
    shift: float


def best_sequence(
    logits: npt.NDArray[np.float64], documents: npt.NDArray[np.int64], smoothing: Smoothing
) -> npt.NDArray[np.bool_]:
    """Which lines to remove: of all sequences the one of the greatest sum, by Viterbi's algorithm.

    A removed line counts its logit plus the shift, a kept one 0; each change between neighbors costs what `smoothing`
    says. Of equal sequences the one that keeps more at its end is taken.

    Parameters
    ----------
    logits
        The logarithm of the odds that each line is noise.
    documents
        Where the lines of each text begin, and the number of all lines.

    Examples
    --------
    >>> ends = np.array([0, 4])
    >>> best_sequence(np.array([3.0, -0.5, 3.0, -3.0]), ends, Smoothing(1.0, 1.0, 0.0)).tolist()
    [True, True, True, False]
    """
    removed = np.zeros(len(logits), np.bool_)
    values = (logits + smoothing.shift).tolist()
    into_noise, into_text = smoothing.into_noise, smoothing.into_text
    borders = documents.tolist()
    for start, stop in itertools.pairwise(borders):
        if start == stop:
            continue
        kept_score, removed_score = 0.0, values[start]
        back: list[tuple[bool, bool]] = []
        for value in values[start + 1 : stop]:
            from_noise, from_text = removed_score - into_text, kept_score - into_noise
            back.append((from_noise > kept_score, removed_score > from_text))
            kept_score = max(kept_score, from_noise)
            removed_score = max(removed_score, from_text) + value
        state = removed_score > kept_score
        states = [state]
        for kept_from_noise, removed_from_noise in reversed(back):
            state = removed_from_noise if state else kept_from_noise
            states.append(state)
        removed[start:stop] = states[::-1]
    return removed


def learn_smoothing(
    logits: npt.NDArray[np.float64], documents: npt.NDArray[np.int64], removed: npt.NDArray[np.bool_]
) -> Smoothing:
    """The costs and the shift of the highest F1 of removed lines; of equals the first tried."""

    def best_of(candidates: Iterable[Smoothing]) -> Smoothing:
        tried = list(candidates)
        values = [line_f1(best_sequence(logits, documents, each), removed) for each in tried]
        return tried[int(np.argmax(values))]

    costs = best_of(Smoothing(*pair, 0.0) for pair in itertools.product(SWITCHES, SWITCHES))
    return best_of(Smoothing(costs.into_noise, costs.into_text, shift) for shift in SHIFTS)


def line_f1(predicted: npt.NDArray[np.bool_], removed: npt.NDArray[np.bool_]) -> float:
    """The harmonic mean of precision and recall of removed lines; 1 where none is and none should be."""
    both = int((predicted & removed).sum())
    sizes = int(predicted.sum()) + int(removed.sum())
    return 2 * both / sizes if sizes else 1.0
