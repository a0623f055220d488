"""Stop words of each document's own language."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from cupel.errors import BadInput
from cupel.signals.language_stop_words import LanguageStopWords, stop_words_by_language

TEXTS = [
    "The end of the café, and the rest of the story.",
    "Das Ende und der Anfang der Geschichte, die wir nicht kennen.",
    "ประเทศไทยเป็นประเทศที่อยู่ในเอเชีย และมีเมืองหลวงคือกรุงเทพ",
    "东京是日本的首都，也是最大的城市。",
    "",
    None,
]


def measured(texts: list[str | None], **options: object) -> list[tuple[int | None, float | None]]:
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    columns = LanguageStopWords.from_options(options).measure(batch).to_pydict()
    return list(zip(columns["language_stop_word_count"], columns["language_stop_word_fraction"], strict=True))


def test_the_words_of_the_own_language_are_counted() -> None:
    english, german, thai, chinese, empty, null = measured(TEXTS)
    words = stop_words_by_language()
    lower = TEXTS[1].lower().replace(",", "").replace(".", "").split()
    assert german[0] == len({word for word in lower if word in words["de"]})
    assert german[1] == pytest.approx(sum(word in words["de"] for word in lower) / (len(lower) + 2))
    assert english[0] >= 3
    assert thai[0] == sum(word in TEXTS[2] for word in words["th"])
    assert thai[0] > 2
    assert thai[1] is None
    assert chinese[0] > 2
    assert empty == null == (None, None)


def test_a_language_without_a_list_has_no_value() -> None:
    assert measured(["Þetta er íslenska og hún er töluð á Íslandi af fólki."]) == [(None, None)]


def test_values_do_not_depend_on_neighbors() -> None:
    assert measured(TEXTS) == [value for text in TEXTS for value in measured([text])]
    assert measured([]) == []


def test_hostile_text() -> None:
    assert len(measured(["the " * 50_000, "的" * 50_000, "\x00\x1b", "🚉" * 1000, "İ" * 1000])) == 5


def test_a_missing_model_is_refused() -> None:
    with pytest.raises(BadInput, match=r"no model file at nowhere\.bin"):
        measured(["a"], model="nowhere.bin")


def test_the_lists_are_those_of_stopwords_iso(shared: Path) -> None:
    with zstandard.open(shared / "data/lookup/stopwords_iso.json.zst", "rt", encoding="utf-8") as file:
        published = json.load(file)
    lists = stop_words_by_language()
    assert set(lists) == set(published)
    for language, words in lists.items():
        assert set(words) <= {word.strip() for word in published[language]}
        assert len(words) >= 29
