"""Sentences against spaCy's sentencizer, which datatrove uses for English."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from cupel import _kernels

from .texts import real_texts


def sentences(documents: list[str]) -> list[list[str]]:
    return pa.array(_kernels.sentences(pa.array(documents, pa.large_string()))).to_pylist()


def test_golden() -> None:
    assert sentences(["Mr. Smith paid $5.50. Why?! He left... quietly.", "", "東京。京都！"]) == [
        ["Mr. Smith paid $5.50.", "Why?!", "He left... quietly."],
        [],
        ["東京。", "京都！"],
    ]


def test_null_stays_null() -> None:
    assert pa.array(_kernels.sentences(pa.array(["A b.", None]))).to_pylist() == [["A b."], None]
    assert pa.array(_kernels.words(pa.array(["A b.", None]))).to_pylist() == [["A", "b", "."], None]


def test_most_sentences_are_spacys(shared: Path, thorough: bool) -> None:
    spacy = pytest.importorskip("spacy")
    language = spacy.blank("en")
    language.add_pipe("sentencizer")
    documents = [
        text.strip()[:5000].strip()
        for text in real_texts(shared, each=15 if thorough else 3, seed=4)
        if text.isascii()
    ]
    same = total = 0
    for text, own in zip(documents, sentences(documents), strict=True):
        # An opening quotation mark goes with the sentence it opens here, with the one before in spaCy.
        theirs = [part for s in language(text).sents if (part := s.text.strip(' \n\t"'))]
        mine = [part for s in own if (part := s.strip(' \n\t"'))]
        same += sum((Counter(theirs) & Counter(mine)).values())
        total += max(len(theirs), len(mine))
    assert total > 1000
    assert same / total > 0.97
