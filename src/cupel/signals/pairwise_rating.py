"""A rater that learns from judgments of pairs: which of two texts has more of a quality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from cupel.contract import Column, Documents, Fitted, Learned, Measure, Paper, Resources, Signal
from cupel.errors import BadInput
from cupel.findings import Alarm, Block, Section, Table
from cupel.models.reference import check_reference
from cupel.signals._columns import ColumnsByOptions, real
from cupel.signals._judgments import (
    Judgments,
    ask_pairs,
    draw_pairs,
    preference_columns,
    read_judgments,
)
from cupel.signals._rater import LearnsRatings, load_rater, read_scales, train_rater
from cupel.signals._rater_card import quality_section
from cupel.signals._ratings import Rated, RatingScale, read_table
from cupel.signals._rubrics import Rubric, load_rubric
from cupel.signals._strata import draw_stratified
from cupel.units import write_count
from cupel.verdict.agreement import krippendorff_alpha
from cupel.verdict.bradley_terry import bradley_terry

__all__ = ["PairwiseRating"]

POSITION_ALARM = 0.65
"""Share of answers that choose the first text above which its place counts for too much; or below 1 minus it."""


class PairwiseRating(Fitted, Signal):
    """Ratings learned from judgments of pairs: which of two texts has more of a quality.

    QuRating (Wettig et al. 2024) asks a model which of two texts is better written, asks more expertise, has more facts,
    or teaches more, since models compare more reliably than they rate; it trains a model on 250,000 such
    judgments that gives each text a number. Here, too:

    1. Pairs of a stratified sample are judged, each in both orders. A model that prefers what stands first is found out: the
       report says how often it does, and how many pairs it judges otherwise in the other order. Such a pair counts as a
       tie.
    2. Each text of the sample gets the strength that makes the judgments likeliest (Bradley and Terry 1952),

           p(b preferred to a) = σ(s_b - s_a)

       with a normal prior of weight `ridge`, so that a text that won all its pairs has a finite strength.
    3. A [`rater`](rater.md) learns the strengths, and rates the corpus. Strengths are divided by their standard deviation,
       so that the columns are in units of it, with mean 0 over the sample.

    ```
    cupel fit pairwise-rating pool --model openai:http://127.0.0.1:8000/v1#judge --output quality
    ```

    In place of a `model`, `judgments` names a file with a row per judgment: `a` and `b`, ids of documents of the input;
    `preference` (`a`, `b`, `tie`, or the share of votes for b), or a column for each criterion; and `judge`, if there are
    several.

    QuRating selects by softmax of the rating over a temperature, without replacement, of ratings in units of their
    standard deviation: `sample: {by: pairwise_educational_value, temperature: 2.0, budget: 10%}`. The best
    temperature there was 2.0; the top alone made worse models.

    Examples
    --------
    >>> method = PairwiseRating.from_options({"model": "openai:http://127.0.0.1:8000/v1#judge"})
    >>> list(method.columns)[:2]
    ['pairwise_writing_style', 'pairwise_required_expertise']
    """

    name = "pairwise-rating"
    learns = "raters"
    papers = (
        Paper(
            title="QuRating: Selecting High-Quality Data for Training Language Models",
            authors="Wettig, Gupta, Malik, Chen",
            year=2024,
            url="https://arxiv.org/abs/2402.09739",
            section="3",
        ),
        Paper(
            title="Rank analysis of incomplete block designs: I. The method of paired comparisons",
            authors="Bradley, Terry",
            year=1952,
            url="https://doi.org/10.2307/2334029",
        ),
    )
    cost = (
        "Some 30 MB/s per core to measure one criterion. To learn: two requests per pair and criterion, each with two "
        "texts in and a letter out."
    )
    limits = (
        "Strengths are relative: they say nothing of whether the sample is good. With few pairs per text they are noise, "
        "which the rater smooths out and cannot undo. A text can ask to be preferred."
    )
    columns = ColumnsByOptions(  # type: ignore[assignment]
        {
            f"pairwise_{name}": real("standard deviations", f"{name.replace('_', ' ')}, against the sample")
            for name in ("writing_style", "required_expertise", "facts_and_trivia", "educational_value")
        },
        lambda rater: rater.own_columns,
    )
    files = ("artifact", "judgments", "rubric", "model", "embedder")

    class Options(LearnsRatings):
        """Whose judgments are learned, and how."""

        model: str | None = Field(
            None, description="A model that judges pairs of the documents that reach the method."
        )
        judgments: str | None = Field(
            None,
            description="In place of a model: a file with `a`, `b` (ids), `preference` (`a`, `b`, `tie` or the share of "
            "votes for b) and, if there are several, `judge`.",
        )
        rubric: str = Field(
            "qurating",
            description="The criteria: `qurating`, or a YAML file whose questions ask about two texts.",
        )
        sample: int = Field(1000, ge=2, description="Documents that the model compares.")
        pairs: int = Field(
            5000,
            ge=1,
            description="Pairs that it judges, by each criterion. Each pair is asked in both orders.",
        )
        max_characters: int = Field(
            2000, ge=1, description="Of each text, from its beginning, that the model is shown."
        )
        ridge: float = Field(
            0.1, gt=0, le=1000, description="Weight of the prior: how strongly strengths are drawn to 0."
        )

        @model_validator(mode="after")
        def _has_source(self) -> Any:
            sources = [name for name in ("judgments", "model") if getattr(self, name) is not None]
            if self.artifact is None and len(sources) != 1:
                raise ValueError(
                    "name either a 'model' that judges, or 'judgments', a file"
                    + (", not both" if sources else "; or an 'artifact'")
                )
            return self

    options: Options

    @classmethod
    def from_options(cls, options: Mapping[str, Any], where: str = "") -> Self:
        """The method with these options; the model is checked as far as possible without loading it."""
        method = super().from_options(options, where)
        if method.options.model is not None:
            check_reference(method.options.model, "generate", f"{where}{': ' if where else ''}{cls.name}")
        return method

    @cached_property
    def own_columns(self) -> Mapping[str, Column]:
        """A column for each criterion of the artifact, the file, or the rubric."""
        return {
            f"pairwise_{name}": real(
                "standard deviations", f"{name.replace('_', ' ')}, against the sample that was compared"
            )
            for name in self._criteria
        }

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Gather judgments, find strengths, learn them, and say how well it did."""
        table, judgments, judges = (
            self._judged(documents, resources) if self.options.model is not None else self._read(documents)
        )
        strengths = {name: self._strengths(own, table.num_rows) for name, own in judgments.items()}
        scales = tuple(RatingScale(name) for name in judgments)
        rated = Rated(table, scales, ("",), {name: values[None, :] for name, values in strengths.items()})
        facts = (("compared documents", write_count(table.num_rows)),)
        section, quality = quality_section(train_rater(rated, self.options, folder, self.name), facts)
        pairs, about = _judgments_section(judgments, judges)
        return Learned({"documents": table.num_rows, "judgments": about, **quality}, (pairs, section))

    def prepare(self, resources: Resources) -> Measure:
        """A function that rates by what was learned."""
        return load_rater(self.learned(resources), self.columns, self.options.device, self.name)

    @cached_property
    def _rubric(self) -> Rubric:
        rubric = load_rubric(self.options.rubric, self.name)
        if not rubric.points:
            raise BadInput(f"{self.name}: rubric {self.options.rubric} has no criterion on a scale")
        return rubric

    @cached_property
    def _table(self) -> pa.Table:
        return read_table(str(self.options.judgments), f"{self.name}: judgments")

    @property
    def _where(self) -> str:
        return f"{self.name}: judgments {self.options.judgments}"

    @cached_property
    def _criteria(self) -> tuple[str, ...]:
        if self.given is not None:
            return tuple(scale.name for scale in read_scales(self.given))
        if self.options.judgments is not None:
            return tuple(preference_columns(self._table, self._where))
        return tuple(each.name for each in self._rubric.points)

    def _judged(
        self, documents: Documents, resources: Resources
    ) -> tuple[pa.Table, dict[str, Judgments], tuple[str, ...]]:
        options = self.options
        table = draw_stratified(documents, options.sample, options.seed).documents
        if table.num_rows < 2:
            raise BadInput(
                f"{self.name}: {table.num_rows} documents with text reached it; expected two or more to compare"
            )
        pairs = draw_pairs(table.num_rows, options.pairs, np.random.default_rng(options.seed))
        ask = resources.asker(str(options.model), options.device)
        judgments = ask_pairs(table["text"].to_pylist(), self._rubric, pairs, ask, options.max_characters)
        for name, own in judgments.items():
            if not len(own.first):
                raise BadInput(
                    f"{self.name}: none of {own.asked:,} answers on '{name}' names A or B; try another model or rubric"
                )
        return table, judgments, ("model",)

    def _read(self, documents: Documents) -> tuple[pa.Table, dict[str, Judgments], tuple[str, ...]]:
        preference_columns(self._table, self._where)
        wanted = pa.concat_arrays(
            [self._table[end].cast(pa.large_string()).combine_chunks() for end in ("a", "b")]
        ).unique()
        batches = [
            batch.select(["id", "text"]).filter(pc.is_in(batch.column("id").cast(pa.large_string()), wanted))
            for batch in documents
        ]
        table = (
            pa.Table.from_batches(batches).combine_chunks() if batches else pa.table({"id": [], "text": []})
        )
        has_text = pc.greater(pc.binary_length(pc.utf8_trim_whitespace(table["text"])), 0)
        table = table.filter(has_text).combine_chunks()
        places = {name: place for place, name in enumerate(table["id"].to_pylist())}
        judgments, judges = read_judgments(self._table, places, self._where)
        return table, judgments, judges

    def _strengths(self, judgments: Judgments, documents: int) -> Any:
        """In units of their standard deviation; NaN for documents that were not compared."""
        strengths = bradley_terry(
            judgments.first, judgments.second, judgments.preferred, documents, self.options.ridge
        )
        compared = np.zeros(documents, bool)
        compared[judgments.first] = compared[judgments.second] = True
        spread = float(strengths[compared].std()) or 1.0
        return np.where(compared, (strengths - strengths[compared].mean()) / spread, math.nan)


def _judgments_section(
    judgments: Mapping[str, Judgments], judges: tuple[str, ...]
) -> tuple[Section, dict[str, Any]]:
    """How many pairs were judged, and how far judges agree with each other and with themselves."""
    rows: list[tuple[Any, ...]] = []
    blocks: list[Block] = []
    about: dict[str, Any] = {}
    for name, own in judgments.items():
        place = own.chose_first / own.in_both if own.in_both else None
        turned = 2 * own.turned / own.in_both if own.in_both else None
        alpha = _agreement(own, len(judges))
        about[name] = {"pairs": len(own.first), "unusable": own.unusable}
        for key, value in (("chose_first", place), ("turned", turned), ("krippendorff_alpha", alpha)):
            about[name] |= {} if value is None else {key: round(value, 6)}
        rows.append((name, len(own.first), own.unusable, place, turned, alpha))
        if place is not None and abs(place - 0.5) > POSITION_ALARM - 0.5:
            blocks.append(
                Alarm(
                    text=f"'{name}': the judge chooses the text that stands first in {100 * place:.0f} % of its answers."
                )
            )
    table = Table(
        columns=("criterion", "pairs", "unusable answers", "chose the first", "turned", "alpha"),
        rows=tuple(rows),
        formats=("text", "count", "count", "percent", "percent", "number"),
        caption="How often the text that stood first was chosen (half, by a judge without a bias), how many pairs were "
        "judged otherwise in the other order, and Krippendorff's alpha of several judges.",
    )
    return Section(title="Judgments of pairs", key="judgments", blocks=(*blocks, table)), about


def _agreement(judgments: Judgments, judges: int) -> float | None:
    """Krippendorff's alpha over the pairs that several judges compared; None where there are none."""
    if judges < 2:
        return None
    low, high = np.minimum(judgments.first, judgments.second), np.maximum(judgments.first, judgments.second)
    turned = judgments.first > judgments.second
    _, pair = np.unique(np.stack([low, high]), axis=1, return_inverse=True)
    pair = pair.ravel()
    ratings = np.full((judges, int(pair.max(initial=-1)) + 1), math.nan)
    ratings[judgments.judges, pair] = np.where(turned, 1 - judgments.preferred, judgments.preferred)
    alpha = krippendorff_alpha(ratings)
    return None if math.isnan(alpha) else alpha
