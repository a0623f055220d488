"""Documents whose quality is planted: letters and words of them are spoiled, by degrees that are known."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["SHARES", "graded", "noisy_ratings"]

SHARES = (0.6, 0.35, 0.18, 0.07, 0.0)
"""Of the words that are spoiled, for ratings from 1 (worst) to 5."""

MENU = [
    "home",
    "login",
    "cookie",
    "share",
    "subscribe",
    "menu",
    "search",
    "cart",
    "checkout",
    "terms",
    "privacy",
    "contact",
    "newsletter",
    "sitemap",
    "copyright",
    "comments",
    "reply",
    "previous",
    "next",
    "archive",
    "tags",
    "category",
    "print",
    "email",
    "follow",
    "download",
    "advertisement",
    "sponsored",
]
"""What stands on pages and is on no topic."""

Floats = npt.NDArray[np.float64]


def graded(documents: pa.Table, seed: int) -> tuple[pa.Table, dict[str, Floats]]:
    """The documents with planted qualities, and these: `accuracy`, `topic_focus` and their mean, `overall_score`.

    Accuracy is lost by letters in a wrong order, topic focus by words of menus and footers in place of its own. Both are
    drawn for each document, from 1 to 5, independently.
    """
    rng = np.random.default_rng(seed)
    levels = {name: rng.integers(1, 6, documents.num_rows) for name in ("accuracy", "topic_focus")}
    texts = documents["text"].to_pylist()
    spoiled = []
    for row, text in enumerate(texts):
        pieces = re.split(r"(\s+)", text)
        words = [place for place, piece in enumerate(pieces) if piece.strip()]
        for name, changed in (("topic_focus", _other), ("accuracy", _scrambled)):
            share = SHARES[levels[name][row] - 1]
            for place in rng.choice(words, int(share * len(words)), replace=False) if words else ():
                pieces[place] = changed(pieces[place], rng)
        spoiled.append("".join(pieces))
    at = documents.schema.get_field_index("text")
    planted = {name: level.astype(np.float64) for name, level in levels.items()}
    planted["overall_score"] = (planted["accuracy"] + planted["topic_focus"]) / 2
    return documents.set_column(at, "text", pa.array(spoiled, pa.large_string())), planted


def noisy_ratings(qualities: Floats, noise: float, rng: np.random.Generator) -> Floats:
    """What a judge says of qualities from 1 to 5: a whole number, off by a normal error.

    >>> noisy_ratings(np.array([1.0, 5.0]), 0.0, np.random.default_rng(0)).tolist()
    [1.0, 5.0]
    """
    rated: Floats = np.clip(np.round(qualities + rng.normal(0, noise, len(qualities))), 1, 5)
    return rated


def _scrambled(word: str, rng: np.random.Generator) -> str:
    return "".join(rng.permutation(list(word)))


def _other(word: str, rng: np.random.Generator) -> str:
    return MENU[int(rng.integers(len(MENU)))]
