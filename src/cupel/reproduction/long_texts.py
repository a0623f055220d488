"""Long texts that hang together, and texts of the same length that do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from cupel.reproduction.pool import shuffled

__all__ = ["KINDS", "joined", "texts_of"]

KINDS = ("documents", "unrelated", "shuffled")
PIECE = 0.125
"""Of a text: the pieces that are put together, and those that are shuffled."""


def joined(pieces: pa.Table) -> list[str]:
    """Whole works in a seeded order: the pieces of one, whose ids are its name, `#` and their number."""
    works: dict[str, dict[int, str]] = {}
    for id_, text in zip(pieces["id"].to_pylist(), pieces["text"].to_pylist(), strict=True):
        name, _, number = id_.rpartition("#")
        works.setdefault(name or id_, {})[int(number) if name and number.isdigit() else 0] = text
    table = pa.table(
        {"text": ["\n\n".join(parts[number] for number in sorted(parts)) for parts in works.values()]}
    )
    texts: list[str] = shuffled(table, seed=0)["text"].to_pylist()
    return texts


def texts_of(works: Sequence[str], size: int, count: int, seed: int) -> dict[str, list[str]]:
    """`count` texts of `size` characters of each kind: a stretch of one work; pieces of many; a stretch with its pieces
    shuffled.

    All have as many pieces of the same length, cut at the same places.
    """
    rng = np.random.default_rng(seed)
    long = (
        [work for work in works if len(work) >= 2 * size]
        or [work for work in works if len(work) >= size]
        or list(works)
    )
    piece = max(1, int(PIECE * size))
    made: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for _ in range(count):
        whole, other = (_pieces(long[rng.integers(len(long))], size, piece, rng) for _ in range(2))
        unrelated = [
            _pieces(works[int(rng.integers(len(works)))], piece, piece, rng)[0] for _ in range(len(whole))
        ]
        order = rng.permutation(len(other))
        while len(other) > 1 and (order == np.arange(len(other))).all():
            order = rng.permutation(len(other))
        made["documents"].append("".join(whole))
        made["unrelated"].append("".join(unrelated))
        made["shuffled"].append("".join(other[place] for place in order))
    return made


def _pieces(work: str, size: int, piece: int, rng: np.random.Generator) -> list[str]:
    """A stretch of a work, cut into pieces."""
    start = int(rng.integers(max(1, len(work) - size)))
    stretch = work[start : start + size]
    return [stretch[at : at + piece] for at in range(0, len(stretch), piece)] or [""]
