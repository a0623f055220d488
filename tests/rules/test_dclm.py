"""`dclm-heuristics` decides as DataComp-LM's published pipeline, told once more in plain Python."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings

from cupel import _kernels
from cupel.contract import Signal, find_method
from cupel.rules import methods
from tests.conftest import examples

from ..signals.texts import real_texts, texts
from . import dclm_reference as reference

RULE_SET = next(rule_set for rule_set in methods() if rule_set.name == "dclm-heuristics")
# One class of words, and runs of words short enough to repeat.
SMALL = texts.map(lambda text: (text + " ") * 3)


def segments(documents: list[str]) -> list[list[str]]:
    return pa.array(_kernels.words(pa.array(documents, pa.large_string()), "unicode")).to_pylist()


def failed_rules(documents: list[str]) -> list[dict[str, bool]]:
    batch = pa.record_batch({"text": pa.array(documents, pa.large_string())})
    signals = find_method("dclm-page", Signal).from_options({}).measure(batch)  # type: ignore[attr-defined]
    failed = RULE_SET.from_options({}).decide(signals).failed
    return [{name: bool(rows[row]) for name, rows in failed.items()} for row in range(len(documents))]


@settings(max_examples=examples(300), deadline=None)
@given(SMALL)
def test_generated_text(text: str) -> None:
    expected = reference.failed_rules(text, lambda _: segments([text])[0])
    assert failed_rules([text]) == [expected]


def test_real_text_given_the_same_segments(shared: Path, thorough: bool) -> None:
    documents = real_texts(shared, each=40 if thorough else 6, seed=11)
    words = dict(zip(documents, segments(documents), strict=True))
    dropped = dict.fromkeys(reference.failed_rules("x", str.split), 0)
    for text, ours in zip(documents, failed_rules(documents), strict=True):
        assert ours == reference.failed_rules(text, words.__getitem__), text[:200]
        for name, failed in ours.items():
            dropped[name] += failed
    never = {name for name, count in dropped.items() if not count}
    if thorough:
        assert never <= {"max_words", "max_bullet_line_fraction"}, "a rule that never drops was not compared"


def test_real_text_with_the_segments_of_the_pipeline(shared: Path, thorough: bool) -> None:
    pytest.importorskip("uniseg", reason="needs uniseg, with which the pipeline cuts words")
    documents = [text[:3000] for text in real_texts(shared, each=4 if thorough else 1, seed=12)]
    ours = failed_rules(documents)
    theirs = [reference.failed_rules(text, reference.uniseg_segments) for text in documents]
    for name in theirs[0]:
        differ = sum(our[name] != their[name] for our, their in zip(ours, theirs, strict=True))
        assert differ <= len(documents) / 200, name


def test_words_are_those_of_fasttext(shared: Path) -> None:
    fasttext = pytest.importorskip("fasttext.FastText")
    documents = [*real_texts(shared, each=10, seed=13), "a\0b\xa0c “d” \x1ce\x85f\u2003g"]
    batch = pa.record_batch({"text": pa.array(documents, pa.large_string())})
    counts = find_method("dclm-page", Signal).from_options({}).measure(batch)["dclm_word_count"]  # type: ignore[attr-defined]
    for text, count in zip(documents, counts.to_pylist(), strict=True):
        assert count == sum(word[0].isalnum() for word in fasttext.tokenize(text)), text[:200]


def test_rules_come_in_the_order_of_the_pipeline() -> None:
    """Every page rule before those on repetition, lines before paragraphs before runs of words."""
    steps = list(dict.fromkeys(rule.reference for rule in RULE_SET.rules))
    assert steps == [
        "page_length_filter",
        "word_length_filter",
        "symbol_ratio_filter",
        "bullet_count_filter",
        "ellipsis_count_filter",
        "alphabetic_word_ratio_filter",
        "stop_word_filter",
        "massive_web_repetition_filters",
    ]
    assert [rule.name.removeprefix("max_") for rule in RULE_SET.rules[9:13]] == [
        "recurring_line_fraction",
        "recurring_paragraph_fraction",
        "recurring_line_character_fraction",
        "recurring_paragraph_character_fraction",
    ]
