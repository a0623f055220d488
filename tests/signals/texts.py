"""Texts to measure: hypothesis strategies and a sample of real ones."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path

import zstandard
from hypothesis import strategies as st

PIECES = [
    "a",
    "the",
    "The",
    "of",
    "word",
    "Word",
    "café",
    "東京",
    "カタカナ",
    "ก็",
    "1",
    "2,000.5",
    "...",
    "…",
    "..",
    ".",
    "!",
    "?",
    "-",
    "--",
    "•",
    "#",
    "_",
    "'",
    "’",
    '"',
    "{",
    "}",
    "javascript",
    "JavaScript",
    "lorem ipsum",
    "privacy policy",
    "coo\u212aies",
    "use cookies",
    " ",
    " ",
    " ",
    "\n",
    "\n",
    "\n\n",
    "\n\n\n",
    "\r\n",
    "\r",
    "\t",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1f",
    "\x85",
    "\u2028",
    "\xa0",
    "\u3000",
    "\u200b",
    "\u0301",
    "\u200d",
    "\0",
    "😀",
    "é",
    "ß",
    "İ",
    "Σ",
    "ſ",
    "½",
    "٣",
    "。",
    "؟",
    "‣",
    "”",
    "same line here\n",
    "same line here\n",
]

texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=120).map("".join),
    st.lists(st.sampled_from(["a", "b", "ab", "ba", "aa", " "]), max_size=200).map(" ".join),
    st.text(st.characters(blacklist_categories=("Cs", "Cn")), max_size=200),
)


def real_texts(shared: Path, each: int, seed: int = 5) -> list[str]:
    """Some texts of every pool and of every language file."""
    rng = random.Random(seed)
    texts = []
    data = shared / "data"
    for path in sorted([*(data / "pool").glob("*.zst"), *(data / "multilingual").glob("*.zst")]):
        lines = _lines(path)
        for line in rng.sample(lines, min(each, len(lines))):  # 200 MB are not parsed for the sake of a few
            row = json.loads(line)
            texts += [text for key in ("text", "sentence", "context") if (text := row.get(key))]
    if not texts:
        raise FileNotFoundError(f"{data} has no pools")
    return texts


@cache
def _lines(path: Path) -> list[bytes]:
    with zstandard.open(path, "rb") as file:
        return file.read().splitlines()
