"""How easily English reads for those who learned it as a foreign language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from cupel.contract import Column, Paper, Signal
from cupel.signals._columns import real

__all__ = ["McAlpineEflaw", "eflaw"]

MINI_WORD = 3
SHORTEST_SENTENCE = 3
_MARKS = re.compile(r"[^\w\s]")
_SENTENCES = re.compile(r"\b[^.!?]+[.!?]*")


class McAlpineEflaw(Signal):
    """McAlpine's EFLAW readability score: words and mini-words per sentence.

        (words + words of at most 3 characters) / sentences

    Many short function words in long sentences are hard for readers of English as a foreign language: up to 20 reads
    very easily, from 30 on a text confuses. GneissWeb (Emami Gohari et al. 2025) compared readability formulas as filters
    of web pages and found this the best; it keeps documents below 30, and below 70 in science, education, technology
    and medicine, whose sentences are longer.

    Words, sentences and mini-words are those of textstat, whose score the paper takes: punctuation is removed before a
    text is cut at white space; a sentence runs to the next `.`, `!` or `?`, and counts if it has three words or more; a
    text has one sentence at least. A text without words has 0.

    Examples
    --------
    >>> eflaw("The cat sat on the mat. It was a café in 東京!")
    11.5
    """

    name = "mcalpine-eflaw"
    papers = (
        Paper(
            title="GneissWeb: Preparing High Quality Data for LLMs at Scale",
            authors="Emami Gohari et al.",
            year=2025,
            url="https://arxiv.org/abs/2502.14907",
            section="3.3, and the recipe published with it",
        ),
    )
    cost = "About 10 MB/s per core."
    limits = (
        "English alone. A text without full stops, such as a list, is one long sentence and scores very high."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "mcalpine_eflaw": real(
            "words per sentence", "words and mini-words by sentences; lower reads more easily"
        ),
    }

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        scores = [eflaw(text or "") for text in documents.column("text").to_pylist()]
        return pa.record_batch({"mcalpine_eflaw": pa.array(scores, pa.float64())})


def eflaw(text: str) -> float:
    """The score of one text.

    >>> eflaw(""), eflaw("To be or not to be")
    (0.0, 12.0)
    """
    words = _MARKS.sub("", text).split()
    mini = sum(len(word) <= MINI_WORD for word in words)
    sentences = sum(
        len(_MARKS.sub("", sentence).split()) >= SHORTEST_SENTENCE for sentence in _SENTENCES.findall(text)
    )
    return (len(words) + mini) / max(1, sentences)
