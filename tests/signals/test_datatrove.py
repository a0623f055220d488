"""The kernel against datatrove's own functions and filters, given the same words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.conftest import examples

from .test_measure import measure, words_of
from .texts import real_texts, texts

gopher_repetition = pytest.importorskip("datatrove.pipeline.filters.gopher_repetition_filter")


def expected_repetition(text: str, words: list[str]) -> dict[str, float]:
    g = gopher_repetition
    fractions: dict[str, float] = {}
    for name, expression, body in (("paragraph", r"\n{2,}", text.strip()), ("line", r"\n+", text)):
        pieces = re.compile(expression).split(body)
        count, length = g.find_duplicates(pieces)
        fractions[f"duplicate_{name}_fraction"] = count / len(pieces)
        fractions[f"duplicate_{name}_character_fraction"] = length / len(text)
    for n in (2, 3, 4):
        grams = g.get_n_grams(words, n)
        fractions[f"top_{n}gram_character_fraction"] = (
            g.find_top_duplicate(grams) / len(text) if grams else 0.0
        )
    for n in range(5, 11):
        fractions[f"duplicate_{n}gram_character_fraction"] = g.find_all_duplicate(words, n) / len(text)
    return fractions


@settings(max_examples=examples(300), deadline=None)
@given(texts.filter(bool))
def test_repetition_equals_datatrove(text: str) -> None:
    expected = expected_repetition(text, words_of([text])[0])
    assert measure([text], list(expected))[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_repetition_equals_datatrove_on_real_text(shared: Path, thorough: bool) -> None:
    documents = real_texts(shared, each=20 if thorough else 2, seed=8)
    words = words_of(documents)
    columns = list(expected_repetition("x", ["x"]))
    for text, own, row in zip(documents, words, measure(documents, columns), strict=True):
        assert row == pytest.approx(expected_repetition(text, own), rel=1e-12, abs=1e-12), text[:200]


LIMITS = {
    "gopher": (
        ("non_symbol_word_count", 50, 100_000),
        ("mean_word_length", 3, 10),
        ("hash_to_word_ratio", None, 0.1),
        ("ellipsis_to_word_ratio", None, 0.1),
        ("bullet_line_fraction", None, 0.9),
        ("ellipsis_line_fraction", None, 0.3),
        ("alpha_word_fraction", 0.8, None),
        ("stop_word_count", 2, None),
    ),
    "fineweb": (
        ("nonblank_line_count", 1, None),
        ("terminal_punctuation_line_fraction", 0.12, None),
        ("short_line_fraction", None, 0.67),
        ("duplicate_nonblank_line_character_fraction", None, 0.01),
        ("newline_to_word_ratio", None, 0.3),
    ),
    "repetition": (
        ("character_count", 1, None),
        ("duplicate_line_fraction", None, 0.3),
        ("duplicate_paragraph_fraction", None, 0.3),
        ("duplicate_line_character_fraction", None, 0.2),
        ("duplicate_paragraph_character_fraction", None, 0.2),
        ("top_2gram_character_fraction", None, 0.2),
        ("top_3gram_character_fraction", None, 0.18),
        ("top_4gram_character_fraction", None, 0.16),
        *((f"duplicate_{n}gram_character_fraction", None, (20 - n) / 100) for n in range(5, 11)),
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_filters_decide_alike_on_real_text(
    name: str, shared: Path, thorough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datatrove.data import Document
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter

    filters = {
        "gopher": GopherQualityFilter,
        "fineweb": FineWebQualityFilter,
        "repetition": GopherRepetitionFilter,
    }
    documents = real_texts(shared, each=40 if thorough else 5, seed=9)
    words = dict(zip(documents, words_of(documents), strict=True))
    for module in ("gopher_quality_filter", "gopher_repetition_filter", "fineweb_quality_filter"):
        monkeypatch.setattr(
            f"datatrove.pipeline.filters.{module}.split_into_words", lambda text, _: words[text]
        )
    judge = filters[name]()
    rows = measure(documents, [column for column, _, _ in LIMITS[name]])
    kept = 0
    for text, row in zip(documents, rows, strict=True):
        verdict = judge.filter(Document(text=text, id="0"))
        own = all(
            (low is None or row[column] >= low) and (high is None or row[column] <= high)
            for column, low, high in LIMITS[name]
        )
        assert own == (verdict is True), (verdict, text[:200])
        kept += own
    assert 0 < kept < len(documents)
