"""The classifier of lines and of pages: trained on lessons, kept as files, asked for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.contract.draws import uniform
from cupel.edits.programs.additive import Additive
from cupel.edits.programs.features import line_features, page_features, with_neighbors
from cupel.edits.programs.smoothing import Smoothing, best_sequence, learn_smoothing
from cupel.edits.programs.teacher import Lesson
from cupel.errors import BadInput
from cupel.models.fasttext import FastText, FastTextTraining, train
from cupel.signals.text_lines import TextLines, cut

__all__ = ["LineClassifier", "Judged", "train_classifier"]

FILE, LINES, PAGES = "model.json", "lines.bin", "pages.bin"
NOISE, TEXT = "noise", "text"
FEWEST_DROPPED = 20
"""Dropped pages, and kept ones, below which nothing can be learned of dropping."""
LIMIT = 1e-4

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """What is thought of a batch of texts.

    Attributes
    ----------
    lines
        Their lines, blank ones left out.
    removed
        Which lines to remove, after smoothing.
    words_alone, in_context
        The logarithm of the odds that each line is noise: by its words, and with all features.
    drop
        The probability that each text is to be dropped; None where that was not learned.
    """

    lines: TextLines
    removed: Bools
    words_alone: Floats
    in_context: Floats
    drop: Floats | None


@dataclass(frozen=True)
class LineClassifier:
    """Words of a line, its looks and its neighbors → noise or text; lines of a page → keep or drop it."""

    words: FastText
    lines: Additive
    smoothing: Smoothing
    pages: tuple[FastText, Additive] | None

    def judge(self, texts: pa.Array) -> Judged:
        """Which lines to remove, and how probably a text is to be dropped.

        What is said of a text depends on nothing else in the batch.
        """
        lines = cut(texts)
        strings = lines.texts()
        words = _logits(self.words, strings)
        features = line_features(lines, strings)
        context = self.lines.logits(features | with_neighbors(lines, "words", words))
        removed = best_sequence(context, lines.documents, self.smoothing)
        drop = None
        if self.pages is not None:
            page_words, pages = self.pages
            drop = pages.probabilities(
                page_features(lines, _probability(context), features) | {"words": _logits(page_words, texts)}
            )
        return Judged(lines, removed, words, context, drop)

    def save(self, folder: Path, words: bytes, page_words: bytes | None) -> None:
        """Write the files of the artifact; `words` and `page_words` are those of the fastText models."""
        (folder / LINES).write_bytes(words)
        if page_words is not None:
            (folder / PAGES).write_bytes(page_words)
        record = {
            "lines": self.lines.to_json(),
            "smoothing": asdict(self.smoothing),
            "pages": None if self.pages is None else self.pages[1].to_json(),
        }
        (folder / FILE).write_text(json.dumps(record, sort_keys=True) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        BadInput
            A file is missing or damaged.
        """
        try:
            record = json.loads((folder / FILE).read_bytes())
            lines, smoothing = Additive.from_json(record["lines"]), Smoothing(**record["smoothing"])
            pages = None if record["pages"] is None else Additive.from_json(record["pages"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{folder / FILE}: {error}; fit line-programs again") from None
        page_words = None if pages is None else FastText.load(folder / PAGES)
        return cls(
            FastText.load(folder / LINES),
            lines,
            smoothing,
            None if pages is None or page_words is None else (page_words, pages),
        )


def train_classifier(
    lessons: Sequence[Lesson], training: FastTextTraining, seed: int
) -> tuple[LineClassifier, bytes, bytes | None]:
    """Learn from lessons; the classifier, and the files of its fastText models for lines and, where there is one, pages.

    The classifier of words is trained on one half of the groups and scores the other, and the other way round: what
    combines scores must see them as they are on text that is new to it.

    Raises
    ------
    BadInput
        All lines are of one kind.
    """
    half = np.asarray(uniform(pa.array([lesson.group for lesson in lessons]), seed) < 0.5)
    lines, noise = labeled_lines(lessons)
    strings = lines.texts()
    taught = ~np.array([lesson.dropped for lesson in lessons], np.bool_)
    usable = taught[lines.owners]
    words = _cross_scores(strings, noise, half[lines.owners], training, usable, "lines")
    features = line_features(lines, strings)
    context = features | with_neighbors(lines, "words", words)
    additive = Additive.fit({name: values[usable] for name, values in context.items()}, noise[usable])
    logits = additive.logits(context)
    kept = np.flatnonzero(taught)
    documents = np.concatenate([[0], np.cumsum(np.diff(lines.documents)[kept])])
    smoothing = learn_smoothing(logits[usable], documents, noise[usable])
    word_file = _train(strings.filter(pa.array(usable)), noise[usable], training)
    pages, page_file = _train_pages(
        lessons, page_features(lines, _probability(logits), features), half, training
    )
    return LineClassifier(FastText(word_file), additive, smoothing, pages), word_file, page_file


def labeled_lines(lessons: Sequence[Lesson]) -> tuple[TextLines, Bools]:
    """The lines of all lessons that are not blank, and which of them the teacher removes."""
    lines = cut(pa.array([lesson.text for lesson in lessons], pa.large_string()))
    borders = lines.documents
    parts = [
        lesson.removed[lines.numbers[borders[place] : borders[place + 1]]]
        for place, lesson in enumerate(lessons)
    ]
    return lines, np.concatenate([np.zeros(0, np.bool_), *parts])


def _train_pages(
    lessons: Sequence[Lesson], features: Mapping[str, Floats], half: Bools, training: FastTextTraining
) -> tuple[tuple[FastText, Additive] | None, bytes | None]:
    dropped = np.array([lesson.dropped for lesson in lessons], np.bool_)
    classes = [int((dropped[half == side] == kind).sum()) for side in (True, False) for kind in (True, False)]
    if min(int(dropped.sum()), int((~dropped).sum())) < FEWEST_DROPPED or not min(classes):
        return None, None
    texts = pa.array([lesson.text for lesson in lessons], pa.large_string())
    words = _cross_scores(texts, dropped, half, training, np.ones(len(lessons), np.bool_), "pages")
    additive = Additive.fit({**features, "words": words}, dropped, bins=8)
    file = _train(texts, dropped, training)
    return (FastText(file), additive), file


def _cross_scores(
    texts: pa.Array, noise: Bools, half: Bools, training: FastTextTraining, usable: Bools, what: str
) -> Floats:
    """Scores of each half by a model of the other."""
    scores = np.zeros(len(texts))
    for side in (True, False):
        learned = usable & (half != side)
        kinds = np.bincount(noise[learned].astype(np.int64), minlength=2)
        if not kinds.all():
            raise BadInput(
                f"line-programs: half of the pairs have {kinds[1]} {what} that are removed and {kinds[0]} that stay; "
                "expected both; name more pairs"
            )
        model = FastText(_train(texts.filter(pa.array(learned)), noise[learned], training))
        scored = half == side
        scores[scored] = _logits(model, texts.filter(pa.array(scored)))
    return scores


def _train(texts: pa.Array, noise: Bools, training: FastTextTraining) -> bytes:
    return train(texts, pa.array(np.where(noise, NOISE, TEXT)), training)


def _logits(model: FastText, texts: pa.Array) -> Floats:
    """The logarithm of the odds of noise, rounded; 0 for a text without known words."""
    if not len(texts):
        return np.zeros(0)
    scores = model.classify(texts, threads=1)[:, model.labels.index(NOISE)].astype(np.float64)
    scores = np.clip(np.nan_to_num(scores, nan=0.5), LIMIT, 1 - LIMIT)
    return np.asarray(np.round(np.log(scores / (1 - scores)), 4), np.float64)


def _probability(logits: Floats) -> Floats:
    return np.asarray(np.round(1 / (1 + np.exp(-np.clip(logits, -30, 30))), 6), np.float64)
