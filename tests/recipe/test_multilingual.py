"""The recipe `multilingual` on real text: clean text of twelve languages stays, other languages and mojibake go.

The thresholds of its table were chosen on every second text; this looks at the others.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from cupel.recipe.check import check
from cupel.recipe.recipe import Recipe

CODES = ["ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh"]
LABELS = ["ara", "deu", "ell", "eng", "spa", "hin", "ron", "rus", "tha", "tur", "vie", "zho"]
LANGUAGES = dict(zip(LABELS, CODES, strict=True)) | {"arb": "ar", "ell_monotonic": "el", "cmn_hans": "zh"}
ENGLISH_RULES = {"steps": ["gopher-quality", "gopher-repetition"]}


def rows(shared: Path, name: str) -> Iterator[tuple[str, int, str]]:
    """Language, number within the language, and text."""
    numbers: Counter[str] = Counter()
    with zstandard.open(shared / f"data/multilingual/{name}.jsonl.zst", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            numbers[row["lang"]] += 1
            yield row["lang"], int(row.get("par", numbers[row["lang"]])), row["text"]


@pytest.fixture(scope="module")
def clean(shared: Path) -> list[tuple[str, str]]:
    return [
        (LANGUAGES[language], text)
        for name in ("xquad_paragraphs", "udhr", "wikipedia_samples")
        for language, number, text in rows(shared, name)
        if language in LANGUAGES and number % 2 and number < 100
    ]


def test_clean_text_of_each_language_stays(clean: list[tuple[str, str]]) -> None:
    checks = check(Recipe.load("multilingual"), [text for _, text in clean])
    total, kept = Counter(language for language, _ in clean), Counter()
    kept.update(language for (language, _), result in zip(clean, checks, strict=True) if result.kept)
    assert len(total) == 12
    shares = {language: kept[language] / total[language] for language in total}
    assert min(shares.values()) > 0.95, shares


def test_english_rules_drop_most_of_it(clean: list[tuple[str, str]]) -> None:
    texts = [text for language, text in clean if language != "en"]
    kept = sum(result.kept for result in check(Recipe.from_dict(ENGLISH_RULES), texts))
    assert kept < 0.05 * len(texts)


def test_mojibake_goes(clean: list[tuple[str, str]]) -> None:
    wrong = [
        text.encode().decode("latin-1" if number % 2 else "cp1252", "replace")
        for number, (_, text) in enumerate(clean)
        if not text.isascii()
    ]
    kept = sum(result.kept for result in check(Recipe.load("multilingual"), wrong))
    assert kept < 0.02 * len(wrong)


def test_other_languages_go(shared: Path) -> None:
    related = ("deu", "ell", "spa", "cmn", "ron")  # other spellings of the languages that stay
    texts = [
        text
        for language, number, text in rows(shared, "udhr")
        if number == 3 and language not in LANGUAGES and not language.startswith(related)
    ]
    texts += [text for _, number, text in rows(shared, "bible_verses") if number in (2, 4)]
    kept = sum(result.kept for result in check(Recipe.load("multilingual"), texts))
    assert len(texts) > 300
    assert kept < 0.05 * len(texts)
