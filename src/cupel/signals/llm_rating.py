"""Ratings that a language model gives by a rubric."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pyarrow as pa
from pydantic import Field, model_validator

from cupel.contract import Asks, Column, Measure, NamesModel, Paper, Resources, Signal
from cupel.models.model import Answer, Request
from cupel.signals._columns import ColumnsByOptions, real
from cupel.signals._rubrics import Rubric, is_plain, load_rubric, read_score

__all__ = ["LlmRating", "read_score"]


class LlmRating(Asks, Signal):
    """Ratings by a language model, after a rubric of one or several criteria.

    The model is shown the beginning of a document and the rubric. FineWeb-Edu (Penedo et al. 2024) rated 460,000 pages
    in this way, by an additive scale of educational value from 0 to 5, trained a classifier on the ratings and kept
    pages of 3 or more. DataMan (Peng et al. 2025) asks for fourteen criteria and the domain of a text in a single
    request. Rating each document of a corpus is expensive: rate a sample, and let [`rater`](rater.md) learn from it.

    Three rubrics are built in: `educational-value` (one score, 0 to 5), `dataman` (fourteen criteria from 1 to 5, and a
    domain of fifteen) and `qurating` (writing style, required expertise, facts and trivia, educational value, 1 to
    10). Their names and scales are those of the papers; the words are Cupel's. A rubric of your own is a YAML file:

    ```yaml
    name: recipes
    prompt: Rate the text as a cooking recipe.
    criteria:
      - {name: clarity, question: "Could a beginner follow it?", lowest: 1, highest: 5}
      - {name: cuisine, question: "Where it comes from.", labels: [French, Japanese, Other]}
    ```

    All criteria are asked for in one request. A rubric of one criterion gives the column `llm_rating`, one of several a
    column for each, such as `llm_rating_clarity`. A text file is a rubric, too: it says what is to be rated, and the
    options `lowest` and `highest` say on which scale.

    Answers are cached by the full request, so that an interrupted or repeated run asks nothing twice.
    A value that an answer lacks, or that is outside of its scale, is null; the report counts documents without the
    first. Budgets, limits and prices are options of the run.

    Examples
    --------
    >>> read_score("It explains osmosis well, with examples.\\n\\n**Score: 4**", 0, 5)
    4.0
    >>> read_score("Score: 9", 0, 5) is None
    True
    >>> rating = LlmRating.from_options({"model": "openai:http://127.0.0.1:8000/v1#judge", "rubric": "qurating"})
    >>> list(rating.columns)[:2]
    ['llm_rating_writing_style', 'llm_rating_required_expertise']
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
        Paper(
            title="DataMan: Data Manager for Pre-training Large Language Models",
            authors="Peng et al.",
            year=2025,
            url="https://arxiv.org/abs/2502.19363",
            section="2",
        ),
    )
    cost = "A request per document: the rubric and the beginning of the text in, some 80 tokens out."
    limits = (
        "Models prefer what is like their own text, long answers and confident tone; two models agree less than one thinks. "
        "Only the beginning of a document is seen. A text can ask for a good score. Criteria that are asked together "
        "lean on each other: `rater` reports how strongly they go together."
    )
    columns = ColumnsByOptions(  # type: ignore[assignment]
        {"llm_rating": real("points", "the rating that the model gives; none where its answer was refused")},
        lambda rating: rating.own_columns,
    )
    files = ("rubric",)

    class Options(NamesModel):
        """Who rates, and how."""

        rubric: str = Field(
            "educational-value",
            description="What is rated, and how: `educational-value`, `dataman`, `qurating`, a YAML file with criteria, or "
            "a text file that asks for one score.",
        )
        lowest: float = Field(
            0, description="The lowest score of the scale, of a rubric that is a text file."
        )
        highest: float = Field(5, description="The highest score of it.")
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
            if (self.lowest, self.highest) != (0, 5) and self.rubric and not is_plain(self.rubric):
                raise ValueError(
                    f"'lowest' and 'highest' are of rubrics that are text files; '{self.rubric}' has scales of its own"
                )
            return self

    options: Options

    @cached_property
    def rubric(self) -> Rubric:
        """What is rated.

        Raises
        ------
        UnknownName, BadInput
            There is no such rubric, or it cannot be read.
        """
        options = self.options
        return load_rubric(options.rubric or "educational-value", self.name, options.lowest, options.highest)

    @cached_property
    def own_columns(self) -> Mapping[str, Column]:
        """The columns of its rubric: `llm_rating`, or one for each criterion."""
        if self.rubric.is_single:
            return type(self).columns
        return {f"llm_rating_{each.name}": each.column for each in self.rubric.criteria}

    def prepare(self, resources: Resources) -> Measure:
        """A function that asks the model."""
        rubric, columns = self.rubric, self.columns
        ask = resources.asker(self.options.model, self.options.device)

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            texts = documents.column("text").to_pylist()
            answers = ask([self._request(rubric, text or "") for text in texts])
            return rated(rubric, answers, columns)

        return measure

    def _request(self, rubric: Rubric, text: str) -> Request:
        beginning = text[: self.options.max_characters]
        return Request.chat(rubric.question(beginning), max_tokens=self.options.max_tokens)


def rated(rubric: Rubric, answers: list[Answer], columns: Mapping[str, Column]) -> pa.RecordBatch:
    """What answers say, in a column for each criterion of the rubric, in its order."""
    read = [rubric.read(answer.text or "") for answer in answers]
    arrays = [
        pa.array([values[criterion.name] for values in read], column.type)
        for criterion, column in zip(rubric.criteria, columns.values(), strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))
