"""The kernel against plain Python, on generated and on real text."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings

from cupel import _kernels
from tests.conftest import examples

from . import reference
from .texts import real_texts, texts

LINES = list(reference.of_lines(""))
WORDS = list(reference.of_words("", []))
CHARACTERS = list(reference.of_characters(""))
REDPAJAMA = list(reference.of_redpajama(""))


def measure(documents: list[str], columns: list[str], **options: object) -> list[dict[str, float]]:
    columns_measured = _kernels.measure(pa.array(documents, pa.large_string()), columns, **options)  # type: ignore[arg-type]
    return pa.record_batch(columns_measured).to_pylist()


def words_of(documents: list[str], segmentation: str = "unicode") -> list[list[str]]:
    return pa.array(_kernels.words(pa.array(documents, pa.large_string()), segmentation)).to_pylist()


def check(values: dict[str, float], expected: dict[str, float], text: str) -> None:
    for column, value in expected.items():
        assert values[column] == pytest.approx(value, rel=1e-12, abs=1e-12), f"{column} of {text[:200]!r}"


@settings(max_examples=examples(300), deadline=None)
@given(texts)
def test_lines_and_phrases_equal_plain_python(text: str) -> None:
    check(measure([text], LINES)[0], reference.of_lines(text), text)


@settings(max_examples=examples(300), deadline=None)
@given(texts)
def test_words_equal_plain_python(text: str) -> None:
    for segmentation in ("unicode", "whitespace"):
        words = words_of([text], segmentation)[0]
        check(measure([text], WORDS, segmentation=segmentation)[0], reference.of_words(text, words), text)


@settings(max_examples=examples(300), deadline=None)
@given(texts)
def test_characters_equal_plain_python(text: str) -> None:
    check(measure([text], CHARACTERS)[0], reference.of_characters(text), text)


@settings(max_examples=examples(300), deadline=None)
@given(texts)
def test_redpajama_equals_plain_python(text: str) -> None:
    check(measure([text], REDPAJAMA)[0], reference.of_redpajama(text), text)


@settings(max_examples=examples(200), deadline=None)
@given(texts)
def test_whitespace_words_are_those_of_split(text: str) -> None:
    assert words_of([text], "whitespace")[0] == text.split()


@settings(max_examples=examples(200), deadline=None)
@given(texts)
def test_values_are_in_range(text: str) -> None:
    names = _kernels.signal_columns()
    row = measure([text], names, bad_words=["a", "word"])[0]
    for name in names:
        value = row[name]
        if value is None:
            assert name == "html_visible_fraction"
        elif isinstance(value, float):
            assert math.isfinite(value), name
            if name.endswith("_fraction") and "top_" not in name:
                assert 0 <= value <= 1, name
        else:
            assert value >= 0, name


@settings(max_examples=examples(100), deadline=None)
@given(texts, texts)
def test_a_row_does_not_depend_on_its_neighbours(first: str, second: str) -> None:
    names = _kernels.signal_columns()
    assert measure([first, second, first], names) == [
        measure([text], names)[0] for text in (first, second, first)
    ]


@pytest.mark.parametrize("segmentation", ["unicode", "whitespace"])
def test_real_text_equals_plain_python(shared: Path, segmentation: str, thorough: bool) -> None:
    documents = real_texts(shared, each=25 if thorough else 2)
    rows = measure(documents, LINES + WORDS, segmentation=segmentation)
    for text, words, row in zip(documents, words_of(documents, segmentation), rows, strict=True):
        check(row, reference.of_lines(text) | reference.of_words(text, words), text)


def test_real_text_equals_plain_python_for_redpajama(shared: Path, thorough: bool) -> None:
    documents = real_texts(shared, each=25 if thorough else 2, seed=6)
    for text, row in zip(documents, measure(documents, REDPAJAMA + CHARACTERS), strict=True):
        check(row, reference.of_redpajama(text) | reference.of_characters(text), text)


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()])
def test_any_string_type_and_slices(type_: pa.DataType) -> None:
    array = pa.array(["x", "one two", None, "東京 café"], type_).slice(1)
    batch = pa.record_batch(_kernels.measure(array, ["word_count", "byte_count"]))
    assert batch.to_pydict() == {"word_count": [2, 0, 3], "byte_count": [7, 0, 12]}


def test_names_and_types() -> None:
    batch = pa.record_batch(_kernels.measure(pa.array(["a"]), ["xml_mark", "word_count", "digit_fraction"]))
    assert batch.schema.names == ["xml_mark", "word_count", "digit_fraction"]
    assert batch.schema.types == [pa.bool_(), pa.int64(), pa.float64()]
    with pytest.raises(KeyError, match="wrod_count"):
        _kernels.measure(pa.array(["a"]), ["wrod_count"])
    with pytest.raises(ValueError, match="whitespace"):
        _kernels.measure(pa.array(["a"]), ["word_count"], segmentation="spaces")
    with pytest.raises(ValueError, match="strings"):
        _kernels.measure(pa.array([1]), ["word_count"])
    assert pa.record_batch(_kernels.measure(pa.array(["a", "b"]), [])).num_columns == 0


def test_golden() -> None:
    text = "Lorem Ipsum dolor\n\n- one...\n- one...\n\nLorem Ipsum dolor"
    columns = [
        "paragraph_count",
        "duplicate_paragraph_fraction",
        "duplicate_line_fraction",
        "bullet_line_fraction",
    ]
    columns += ["ellipsis_line_fraction", "lorem_ipsum_count", "word_count", "top_2gram_character_fraction"]
    row = measure([text], columns)[0]
    # Lines by runs of newlines: Lorem, one, one, Lorem. By splitlines: six, two of them blank.
    assert row["paragraph_count"] == 3
    assert row["duplicate_paragraph_fraction"] == pytest.approx(1 / 3)
    assert row["duplicate_line_fraction"] == 0.5
    assert row["bullet_line_fraction"] == pytest.approx(2 / 6)
    assert row["ellipsis_line_fraction"] == pytest.approx(2 / 6)
    assert row["lorem_ipsum_count"] == 2
    assert row["word_count"] == 3 + 3 + 3 + 3
    # "Lorem Ipsum" twice, 11 characters; all other pairs that occur twice come later.
    assert row["top_2gram_character_fraction"] == 2 * 11 / len(text)


def test_a_top_gram_that_occurs_once_counts() -> None:
    assert measure(["aa bb cc"], ["top_2gram_character_fraction"])[0]["top_2gram_character_fraction"] == 5 / 8


def test_duplicate_grams_are_joined_by_nothing() -> None:
    words = ["ab", "c", "d", "e", "f", "x", "a", "bc", "d", "e", "f", "y", "z"]
    expected = reference.duplicate_gram_length(words, 5)
    assert expected == 6
    text = " ".join(words)
    values = measure([text], ["duplicate_5gram_character_fraction"])[0]
    assert values["duplicate_5gram_character_fraction"] == 6 / len(text)
