"""Mojibake: what counts, and what does not."""

from __future__ import annotations

import pyarrow as pa
import pytest
from ftfy.badness import badness

from cupel.signals.mojibake import Mojibake

CLEAN = [
    "Le Café à côté de l’hôtel coûte 5 €.",
    "Übergrößenträger “süß” — ½ 10³",
    "東京は日本の首都です。",
    "Москва́ — столица России.",
    "ÂGE D’OR, À LA CARTE",
    "",
    "plain ASCII",
]


def counts(texts: list[str | None]) -> list[int]:
    column = pa.array(texts, pa.large_string())
    counted: list[int] = Mojibake().measure(pa.record_batch({"text": column}))["mojibake_count"].to_pylist()
    return counted


def test_clean_text_has_none() -> None:
    assert counts(CLEAN) == [0] * len(CLEAN)


@pytest.mark.parametrize(
    ("text", "charset"), [(CLEAN[0], "cp1252"), (CLEAN[3], "cp1251"), (CLEAN[2], "latin-1")]
)
def test_text_in_the_wrong_charset_has_some(text: str, charset: str) -> None:
    wrong = text.encode().decode(charset, "replace")
    assert counts([wrong]) > [0]
    assert counts([wrong]) == [badness(wrong) + wrong.count("\ufffd")]


def test_replacement_characters_count() -> None:
    assert counts(["a\ufffdb\ufffd", None]) == [2, 0]
    measured = Mojibake().measure(pa.record_batch({"text": ["a\ufffdbc", ""]}))
    assert measured["mojibake_fraction"].to_pylist() == [0.25, 0.0]


def test_hostile_text_and_neighbors() -> None:
    texts = ["Ã" * 200_000, "\x00\x1b[0m\x85" * 1000, "🚉" * 1000, None, "Ã© " * 1000]
    assert counts(texts) == [count for text in texts for count in counts([text])]
    assert counts([]) == []
