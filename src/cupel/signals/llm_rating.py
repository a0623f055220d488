"""A rating that a language model gives by a rubric."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field, model_validator

from cupel.contract import Asks, Column, Measure, NamesModel, Paper, Resources, Signal
from cupel.errors import BadInput
from cupel.models.model import Answer, Request
from cupel.signals._columns import real

__all__ = ["LlmRating"]

RUBRIC = """\
Rate how useful the text is for teaching, from 0 to 5. Begin with 0 and add a point for each of these that holds:
- It has some information about a subject of teaching, whatever else it has (advertising, navigation).
- It treats elements of a subject, if loosely or in poor order.
- It introduces main concepts, coherently, and could be used in a class with some editing.
- It is clear and consistent, as a chapter of a textbook or a tutorial is, with little that does not belong there.
- It is outstanding: detailed reasoning that is easy to follow, profound insight, and nothing that does not belong there.
"""
QUESTION = """\
{rubric}
The text:

{text}

Say in at most 60 words why, and end with a line of this form: "Score: N"."""
_SCORE = re.compile(r"score[^\w-]{0,6}(-?\d+(?:\.\d+)?)(?:\s*/\s*\d+)?", re.IGNORECASE)


class LlmRating(Asks, Signal):
    """A rating by a language model, after a rubric of your own or that of educational value.

    The model is shown the beginning of a document and the rubric, and asked for a reason and a score. FineWeb-Edu
    (Penedo et al. 2024) rated 460,000 pages in this way, by an additive scale from 0 to 5, trained a classifier on the
    ratings and kept pages of 3 or more. Rating each document of a corpus is expensive: rate a sample, and fit
    `quality-classifier` on the ratings.

    Answers are cached by the full request, so that an interrupted or repeated run asks nothing twice.
    An answer without a score, or with one outside of the scale, is refused: the document has no rating, and the
    report counts it. Budgets, limits and prices are options of the run.

    Examples
    --------
    >>> read_score("It explains osmosis well, with examples.\\n\\n**Score: 4**", 0, 5)
    4.0
    >>> read_score("Score: 9", 0, 5) is None
    True
    """

    name = "llm-rating"
    stages = ("pretraining", "instruction tuning")
    asks = "generate"
    papers = (
        Paper(
            title="The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale",
            authors="Penedo et al.",
            year=2024,
            url="https://arxiv.org/abs/2406.17557",
            section="4",
        ),
    )
    cost = "A request per document: the rubric and the beginning of the text in, some 80 tokens out."
    limits = (
        "Models prefer what is like their own text, long answers and confident tone; two models agree less than one thinks. "
        "Only the beginning of a document is seen. A text can ask for a good score."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "llm_rating": real("points", "the rating that the model gives; none where its answer was refused"),
    }
    files = ("rubric",)

    class Options(NamesModel):
        """Who rates, and how."""

        rubric: str = Field(
            "",
            description="A text file with what is to be rated, and how; empty: educational value, from 0 to 5.",
        )
        lowest: float = Field(0, description="The lowest score of the scale.")
        highest: float = Field(5, description="The highest score of the scale.")
        max_characters: int = Field(
            3000, ge=1, description="Of the text, from its beginning, that the model is shown."
        )
        max_tokens: int = Field(256, ge=1, description="Tokens of an answer, at most.")

        @model_validator(mode="after")
        def _is_scale(self) -> Any:
            if not self.lowest < self.highest:
                raise ValueError(
                    f"the scale goes from {self.lowest:g} to {self.highest:g}: expected lowest below highest"
                )
            return self

    options: Options

    def prepare(self, resources: Resources) -> Measure:
        """A function that asks the model."""
        rubric = self._rubric()
        ask = resources.asker(self.options.model, self.options.device)

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            texts = documents.column("text").to_pylist()
            answers = ask([self._request(rubric, text or "") for text in texts])
            return pa.record_batch({"llm_rating": pa.array(map(self._rating, answers), pa.float64())})

        return measure

    def _rubric(self) -> str:
        if not self.options.rubric:
            return RUBRIC
        try:
            return Path(self.options.rubric).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{self.name}: rubric {self.options.rubric} cannot be read: {error}") from None

    def _request(self, rubric: str, text: str) -> Request:
        beginning = text[: self.options.max_characters]
        return Request.chat(
            QUESTION.format(rubric=rubric, text=beginning), max_tokens=self.options.max_tokens
        )

    def _rating(self, answer: Answer) -> float | None:
        return (
            None
            if answer.text is None
            else read_score(answer.text, self.options.lowest, self.options.highest)
        )


def read_score(text: str, lowest: float, highest: float) -> float | None:
    """The last score that an answer names; None without one, or where it is outside of the scale."""
    scores = _SCORE.findall(text)
    score = float(scores[-1]) if scores else None
    return score if score is not None and lowest <= score <= highest else None
