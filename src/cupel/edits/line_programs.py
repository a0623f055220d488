"""Programs that a small classifier writes, which is fitted to those of a teacher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from cupel.contract import Column, Documents, Edit, Edited, Fitted, Learned, Learns, Paper, Resources, Revise
from cupel.contract.draws import sample, uniform
from cupel.edits.program_edits import Bounds, Call, carry_out
from cupel.edits.programs.classifier import Judged, LineClassifier, train_classifier
from cupel.edits.programs.held_out import report
from cupel.edits.programs.teacher import Lesson, ask_teacher, read_lessons
from cupel.errors import BadInput
from cupel.models.fasttext import FastTextTraining
from cupel.models.reference import check_reference

__all__ = ["LinePrograms"]

FEWEST = 40
"""Pages below which no classifier is fitted."""


class LinePrograms(Fitted, Edit):
    """Programs that remove lines and drop documents, written by a classifier that is fitted to a teacher's.

    ProX (Zhou et al. 2024) has a large model write programs for a sample of pages, tunes a small language model on them
    (0.3B to 1.7B parameters), and runs that over the corpus: it decides first whether a document is dropped, then which
    lines go. Here the small model is a classifier of lines in their context, which reads megabytes per second and core.
    Its programs are carried out as those of `program-edits` are: nothing is removed that no call names.

    The teacher is one of

    - `pairs`: files with rows of `text` and `clean`, the same text without noise; empty: the document is dropped. Lines
      of `text` that are not in the longest common subsequence of the lines of both are removed. Where `clean` comes from
      another extractor and has other lines, `match: words` compares runs of four words. Rows may have `programs`
      instead, calls on lines numbered from 0.
    - `model`: an endpoint or a local model that writes programs for `sample` documents of the corpus.

    ```
    cupel fit line-programs --pairs pages.jsonl --output programs
    ```

    A line is noise by an additive logistic regression,

        ln(p / (1 − p)) = b + Σᵢ wᵢ[bin of feature i]

    over what it looks like (length, digits, capitals, marks, addresses, repeated words), where it stands, how much prose is
    around it, and the score of a fastText classifier of its words, its neighbors' and the means of its neighborhoods. The
    best sequence of kept and removed lines under learned costs of a change is that of Viterbi's algorithm. A blank line
    goes where the lines before and after it go, or where it would begin or end the text. Documents are dropped by a
    second regression, over what is left of them and a classifier of their words, if the teacher dropped 20 or more.

    A share `held_out` of the sites (hosts of `url`, else documents) teaches nothing: the report has precision, recall and
    F1 of removed lines on it, and how well the probability of dropping is calibrated.

    Examples
    --------
    >>> program([2, 3, 4, 7])
    [Call(name='remove_lines', arguments=(2, 4)), Call(name='remove_lines', arguments=(7, 7))]
    """

    name = "line-programs"
    learns = "classifiers"
    papers = (
        Paper(
            title="Programming Every Example: Lifting Pre-training Data Quality like Experts at Scale",
            authors="Zhou et al.",
            year=2024,
            url="https://arxiv.org/abs/2409.17115",
            section="3",
        ),
    )
    cost = "About 8 MB/s per core to apply, 1 MB/s to fit; see benchmarks/programs.py."
    limits = (
        "It knows the noise of its teacher's pages: fit it on pages of your own crawl, extractor and language. It removes "
        "whole lines and writes no `normalize`. A page whose program would remove more than `max_removed` stays as it is."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "line_program": Column(pa.large_string(), "code", "the calls that were carried out, one per line"),
        "line_program_removed_lines": Column(pa.int64(), "lines", "lines that the program removed"),
        "line_program_refused": Column(pa.int64(), "programs", "programs beyond the bounds"),
        "line_program_drop_probability": Column(
            pa.float64(), "probability", "that the document is to be dropped; none where that was not learned"
        ),
    }
    applied = frozenset({"max_removed", "min_drop_probability"})
    files = ("artifact", "pairs")

    class Options(Learns):
        """The teacher, the training, and what programs may do."""

        pairs: tuple[str, ...] = Field(
            (), description="Files with `text` and `clean`, or `text` and `programs`."
        )
        match: Literal["lines", "words"] = Field(
            "lines",
            description="How lines of `clean` are recognized: as whole lines, or by runs of four words.",
        )
        model: str | None = Field(
            None, description="A model that writes programs for a sample of the corpus, in place of `pairs`."
        )
        sample: int = Field(2000, ge=1, description="Documents that the model is asked about.")
        max_characters: int = Field(6000, ge=1, description="Of a text that the model is shown at once.")
        max_tokens: int = Field(256, ge=1, description="Tokens of a program, at most.")
        held_out: float = Field(
            0.2, gt=0, lt=1, description="Share of the sites that is kept back to measure it."
        )
        dim: int = Field(16, ge=1, le=4096, description="Numbers per vector of the classifier of words.")
        epochs: int = Field(5, ge=1, le=1000, description="Passes over the lines.")
        learning_rate: float = Field(0.3, gt=0, le=10, description="Of the first line; it falls to 0.")
        seed: int = Field(0, ge=0, lt=1 << 62, description="Of all draws and of the training.")
        max_removed: float = Field(
            0.95, gt=0, le=1, description="The share of a text that a program may remove without dropping it."
        )
        min_drop_probability: float = Field(
            0.5, gt=0, le=1, description="From which probability on a document is dropped."
        )

        @model_validator(mode="after")
        def _has_teacher(self) -> Any:
            if self.artifact is None and bool(self.pairs) == (self.model is not None):
                raise ValueError(
                    "name 'pairs' or a 'model' to learn from, or an 'artifact' that was learned before"
                )
            return self

    options: Options

    @classmethod
    def from_options(cls, options: Mapping[str, Any], where: str = "") -> LinePrograms:
        """The method with these options. A model is checked as far as possible without loading it."""
        method = super().from_options(options, where)
        if method.options.model is not None:
            check_reference(method.options.model, "generate", f"{where}{': ' if where else ''}{cls.name}")
        return method

    @property
    def reads_corpus(self) -> bool:
        """Whether a model writes programs for documents of the corpus."""
        return self.options.model is not None

    def paths(self) -> Iterator[str]:
        """The artifact and the files of pairs."""
        yield from filter(None, [self.options.artifact, *self.options.pairs])

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Train on the teacher's lessons, and measure on those that were kept back."""
        options = self.options
        lessons, refused = self._lessons(documents, resources)
        if len(lessons) < FEWEST:
            raise BadInput(
                f"{self.name}: there are {len(lessons)} pages to learn from; expected {FEWEST} or more"
            )
        draws = uniform(pa.array([lesson.group for lesson in lessons]), options.seed + 1)
        limit = max(options.held_out, float(np.min(draws)))  # one site at least
        kept_back = draws <= limit
        taught = [lesson for lesson, back in zip(lessons, kept_back, strict=True) if not back]
        if not taught:
            raise BadInput(
                f"{self.name}: all pages are of one site; expected several, some of which are kept back"
            )
        training = FastTextTraining(
            dim=options.dim, epochs=options.epochs, learning_rate=options.learning_rate, seed=options.seed
        )
        classifier, words, page_words = train_classifier(taught, training, options.seed + 2)
        classifier.save(folder, words, page_words)
        held_out = [lesson for lesson, back in zip(lessons, kept_back, strict=True) if back]
        return report(classifier, taught, held_out, refused)

    def prepare(self, resources: Resources) -> Revise:
        """A function that writes and carries out programs with the learned classifier."""
        classifier = LineClassifier.load(self.learned(resources))

        def edit(documents: pa.RecordBatch) -> Edited:
            column = documents.column("text").fill_null("")
            programs = self.programs(classifier.judge(column), column.to_pylist())
            return self._carried_out(column.to_pylist(), *programs)

        return edit

    def programs(self, judged: Judged, texts: Sequence[str]) -> tuple[list[list[Call]], list[float | None]]:
        """The program of each text, and the probability that it is to be dropped."""
        borders = judged.lines.documents
        drop = [None] * len(texts) if judged.drop is None else judged.drop.tolist()
        programs = []
        for place, text in enumerate(texts):
            own = slice(borders[place], borders[place + 1])
            probability = drop[place]
            if probability is not None and probability >= self.options.min_drop_probability:
                programs.append([Call("drop_doc", ())])
                continue
            numbers = with_blank(judged.lines.numbers[own], judged.removed[own], text.count("\n") + 1)
            programs.append(program(numbers) or [Call("keep_doc", ())])
        return programs, drop

    def _carried_out(
        self, texts: Sequence[str], programs: Sequence[list[Call]], drop: Sequence[float | None]
    ) -> Edited:
        bounds = Bounds(removed=self.options.max_removed)
        new: list[str] = []
        written: list[str | None] = []
        removed: list[int] = []
        for text, calls in zip(texts, programs, strict=True):
            result = carry_out(calls, text, bounds)
            new.append(text if result is None else result)
            written.append(None if result is None else "\n".join(map(str, calls)))
            removed.append(0 if result is None else _lines(text) - _lines(result))
        return Edited(
            pa.array(new, pa.large_string()),
            {
                "line_program": pa.array(written, pa.large_string()),
                "line_program_removed_lines": pa.array(removed, pa.int64()),
                "line_program_refused": pa.array([int(calls is None) for calls in written], pa.int64()),
                "line_program_drop_probability": pa.array(drop, pa.float64()),
            },
        )

    def _lessons(self, documents: Documents, resources: Resources) -> tuple[list[Lesson], int]:
        """What there is to learn, and how many programs of the model could not be read."""
        options = self.options
        if options.model is None:
            return read_lessons(options.pairs, options.match, self.name), 0
        drawn = sample(documents, options.sample, options.seed)
        ask = resources.asker(options.model)
        answers = list(ask_teacher(drawn.to_batches(), ask, options.max_characters, options.max_tokens))
        lessons = [lesson for lesson in answers if lesson is not None]
        return lessons, len(answers) - len(lessons)


def program(numbers: Sequence[int]) -> list[Call]:
    """The calls that remove these lines, ascending, one per run.

    >>> program([0])
    [Call(name='remove_lines', arguments=(0, 0))]
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [Call("remove_lines", (first, last)) for first, last in runs]


def with_blank(numbers: npt.NDArray[np.int64], removed: npt.NDArray[np.bool_], lines: int) -> list[int]:
    """The numbers of removed lines, and of blank ones beside them that would separate nothing.

    A blank line goes where the lines before and after it go, and where it would begin or end what is left.

    Parameters
    ----------
    numbers
        Of the lines that are not blank.
    removed
        Which of these are removed.
    lines
        Of the text.

    Examples
    --------
    >>> with_blank(np.array([1, 3, 5]), np.array([True, True, False]), 7)
    [0, 1, 2, 3, 4]
    """
    chosen: list[int] = []
    kept = numbers[~removed]
    first_kept, last_kept = (int(kept[0]), int(kept[-1])) if len(kept) else (lines, -1)
    position, last_removed = 0, True
    for number, remove in zip(numbers.tolist(), removed.tolist(), strict=True):
        begins = number == first_kept and bool(chosen)
        ends = remove and number > last_kept
        if (last_removed and (remove or begins)) or ends:
            chosen.extend(range(position, number))
        if remove:
            chosen.append(number)
        position, last_removed = number + 1, remove
    if chosen and last_removed:
        chosen.extend(range(position, lines))
    return chosen


def _lines(text: str) -> int:
    """The lines of a text; an empty text has none."""
    return text.count("\n") + 1 if text else 0
