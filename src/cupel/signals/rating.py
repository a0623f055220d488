"""A rater: it learns from ratings of a sample how to rate a whole corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from cupel.contract import Column, Documents, Fitted, Learned, Measure, Paper, Resources, Signal
from cupel.errors import BadInput
from cupel.findings import Section
from cupel.models.reference import check_reference
from cupel.signals._columns import ColumnsByOptions, real
from cupel.signals._rater import LearnsRatings, column_of, load_rater, read_scales, train_rater
from cupel.signals._rater_card import agreement_section, counted, quality_section
from cupel.signals._ratings import Rated, RatingScale, ask_ratings, rated_by, read_table, scales_of
from cupel.signals._rubrics import Rubric, load_rubric
from cupel.signals._strata import draw_stratified
from cupel.units import write_count

__all__ = ["Rater"]


class Rater(Fitted, Signal):
    """Ratings by a model that learned them from a sample: several criteria in one pass, at the cost of a classifier.

    To rate each document of a corpus by a language model costs more than to train on it. FineWeb-Edu (Penedo et
    al. 2024) and DataMan (Peng et al. 2025) rate a sample by a strong model and train a small one on the ratings.
    Here the small one is a ridge regression for each criterion on the words and pairs of words of a text, which rates
    some 30 MB of text per second and core. The sample is rated by a model that you name, or it comes as a file of
    ratings by people or by whoever else:

    ```
    cupel fit rater pool --model openai:http://127.0.0.1:8000/v1#judge --rubric dataman --output judge
    cupel fit rater --ratings ratings.csv --output people
    ```

    **A model** is asked for `sample` documents by a `rubric`, all criteria in one request. Documents are drawn from
    strata (sources, and in each of them five groups by length; also languages, where there is a column `language`),
    as many of each. The options `--budget-tokens`, `--budget-money` and `--in-flight` hold as in a run. Where the budget
    is spent, the fit stops before the next request; answers are kept, so the same command resumes and asks nothing twice.
    With `people`, a file of ratings by people, the model rates their documents as well, and the report says how far it
    agrees with them.

    **A file** (CSV, TSV, JSON lines or Parquet) has a row per rating: `text`, or the `id` of a document of the input; a
    column per criterion, numbers or labels; and `judge`, if there are several. What is learned is the mean of the
    judges (of labels, the most common), and the report says how far they agree: Krippendorff's alpha, kappa, rank
    correlation.

    The columns are `rating_` and the name of each criterion. A share `held_out` of the rated documents is kept back, on
    which the report gives, for each criterion, Spearman's correlation with the ratings and its interval, the kappa, and the
    correlation with length; and the correlations between the criteria. A rater that measures length is said to.

    `features: embedding` and `fast` look at the vector of a text in place of its n-grams; use them for short texts, and
    for words that few texts share. On longer texts n-grams were better throughout: on 3,000 film reviews the rank
    correlation with the stars was 0.74 by n-grams and 0.67 by `fast`; with the judgment of people of 780 web pages, 0.85
    and 0.74; with three reading levels of news, 0.89 and 0.64.

    The artifact holds `weights.npy` (half precision, 0.5 MB per criterion), `rater.json`, and with `fast` the vectors.

    Examples
    --------
    >>> rater = Rater.from_options({"model": "openai:http://127.0.0.1:8000/v1#judge", "rubric": "qurating"})
    >>> list(rater.columns)[:2]
    ['rating_writing_style', 'rating_required_expertise']
    """

    name = "rater"
    learns = "raters"
    papers = (
        Paper(
            title="DataMan: Data Manager for Pre-training Large Language Models",
            authors="Peng et al.",
            year=2025,
            url="https://arxiv.org/abs/2502.19363",
            section="2",
        ),
        Paper(
            title="The FineWeb Datasets: Decanting the Web for the Finest Text Data at RatingScale",
            authors="Penedo et al.",
            year=2024,
            url="https://arxiv.org/abs/2406.17557",
            section="4",
        ),
    )
    cost = (
        "Some 30 MB/s per core to measure one criterion by n-grams, 18 MB/s for fourteen. To learn: a request per document "
        "of the sample, and seconds per criterion."
    )
    limits = (
        "It knows words, not arguments: what a judge sees in a line of reasoning is not in n-grams. It rates what is unlike "
        "its sample by guesswork. Ratings of a model carry the model's taste; compare with people."
    )
    columns = ColumnsByOptions(  # type: ignore[assignment]
        {
            "rating_educational_value": real(
                "points", "the rating, as the judge would give it; one column per criterion"
            )
        },
        lambda rater: rater.own_columns,
    )
    files = ("artifact", "ratings", "people", "rubric", "model", "embedder")

    class Options(LearnsRatings):
        """Whose ratings are learned, and how."""

        ratings: str | None = Field(
            None,
            description="A file of ratings: `text` or `id`, a column per criterion, and `judge` if there are several.",
        )
        criteria: tuple[str, ...] = Field(
            (), description="Columns of `ratings` that are learned; by default all numbers."
        )
        model: str | None = Field(
            None,
            description="In place of a file: a model that rates a sample of the documents that reach the method.",
        )
        rubric: str = Field(
            "educational-value",
            description="What the model is asked: `educational-value`, `dataman`, `qurating`, or a YAML file.",
        )
        people: str | None = Field(
            None,
            description="A file of ratings by people, with the rubric's criteria, to compare the model with.",
        )
        sample: int = Field(2000, ge=1, description="Documents that the model rates.")
        max_characters: int = Field(
            3000, ge=1, description="Of a text, from its beginning, that the model is shown."
        )
        max_tokens: int = Field(256, ge=1, description="Tokens of an answer, at most.")

        @model_validator(mode="after")
        def _has_source(self) -> Any:
            sources = [name for name in ("ratings", "model") if getattr(self, name) is not None]
            if self.artifact is None and len(sources) != 1:
                raise ValueError(
                    "name either 'ratings', a file, or a 'model' that rates"
                    + (
                        ", not both; 'people' compares a model with people"
                        if sources
                        else "; or an 'artifact'"
                    )
                )
            if self.people is not None and self.model is None:
                raise ValueError("'people' is compared with the ratings of a 'model', and none is named")
            return self

    options: Options

    @classmethod
    def from_options(cls, options: Mapping[str, Any], where: str = "") -> Self:
        """The rater with these options; the model is checked as far as possible without loading it."""
        method = super().from_options(options, where)
        if method.options.model is not None:
            check_reference(method.options.model, "generate", f"{where}{': ' if where else ''}{cls.name}")
        return method

    @property
    def reads_corpus(self) -> bool:
        """Whether documents of the input are rated, or looked up by their ids."""
        return self.options.ratings is None or "text" not in self._table.column_names

    @cached_property
    def own_columns(self) -> Mapping[str, Column]:
        """A column for each criterion of the artifact, the file, or the rubric."""
        return {
            f"rating_{scale.name}": column_of(scale, f"the rating of {scale.name.replace('_', ' ')}")
            for scale in self._scales
        }

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Gather the ratings, learn them, and say how well it did."""
        sections: list[Section] = []
        about: dict[str, Any] = {}
        if self.options.ratings is not None:
            rated = self._from_file(documents)
            facts = counted(rated.documents.num_rows, rated.judges)
            agreement = agreement_section(
                rated, "Judges", "How far those who rated the same documents agree.", "agreement"
            )
        else:
            rated, facts, agreement = self._from_model(documents, resources)
        if agreement is not None:
            sections.append(agreement[0])
            about["agreement"] = agreement[1]
        section, quality = quality_section(train_rater(rated, self.options, folder, self.name), facts)
        return Learned({"documents": rated.documents.num_rows, **quality, **about}, (section, *sections))

    def prepare(self, resources: Resources) -> Measure:
        """A function that rates by what was learned."""
        return load_rater(self.learned(resources), self.columns, self.options.device, self.name)

    @cached_property
    def _rubric(self) -> Rubric:
        return load_rubric(self.options.rubric, self.name)

    @cached_property
    def _table(self) -> pa.Table:
        table = read_table(str(self.options.ratings), f"{self.name}: ratings")
        if not {"text", "id"} & set(table.column_names):
            raise BadInput(
                f"{self.name}: ratings {self.options.ratings} has the columns {', '.join(table.column_names)}; expected "
                "'text' or 'id', which say what was rated"
            )
        return table

    @cached_property
    def _scales(self) -> tuple[RatingScale, ...]:
        if self.given is not None:
            return read_scales(self.given)
        if self.options.ratings is not None:
            return scales_of(
                self._table, self.options.criteria, f"{self.name}: ratings {self.options.ratings}"
            )
        return tuple(
            RatingScale(each.name, each.labels, meaning=each.question) for each in self._rubric.criteria
        )

    def _from_file(self, documents: Documents) -> Rated:
        where = f"{self.name}: ratings {self.options.ratings}"
        return rated_by(self._table, self._scales, _looked_up(self._table, documents), where)

    def _from_model(self, documents: Documents, resources: Resources) -> tuple[Rated, Any, Any]:
        options = self.options
        drawn = draw_stratified(documents, options.sample, options.seed)
        if not drawn.documents.num_rows:
            raise BadInput(f"{self.name}: no document with text reached it; there is nothing to rate")
        ask = resources.asker(str(options.model), options.device)

        def rate(table: pa.Table) -> Rated:
            return ask_ratings(table, self._rubric, ask, "model", options.max_characters, options.max_tokens)

        facts = (
            *counted(drawn.documents.num_rows, ()),
            ("strata", write_count(drawn.strata)),
            ("drawn of", write_count(drawn.total)),
        )
        agreement = None
        if options.people is not None:
            people = self._people(documents)
            agreement = agreement_section(
                _beside(people, rate(people.documents)),
                "Agreement with people",
                f"The ratings of {options.model} and the mean of people's, of the same documents.",
                "agreement",
            )
            kept = ~np.isin(drawn.documents["text"].to_pylist(), people.documents["text"].to_pylist())
            drawn = replace(drawn, documents=drawn.documents.filter(pa.array(kept)).combine_chunks())
        return rate(drawn.documents), facts, agreement

    def _people(self, documents: Documents) -> Rated:
        where = f"{self.name}: people {self.options.people}"
        table = read_table(str(self.options.people), f"{self.name}: people")
        own = {each.name for each in self._rubric.points}
        scales = tuple(scale for scale in scales_of(table, (), where) if scale.name in own)
        if not scales:
            raise BadInput(
                f"{where}: none of its columns is a criterion of the rubric: {', '.join(sorted(own))}"
            )
        return rated_by(table, scales, _looked_up(table, documents), where)


def _looked_up(table: pa.Table, documents: Documents) -> pa.Table:
    """`id` and `text` of the documents that a file of ratings names by their ids."""
    empty = pa.table({name: pa.array([], pa.large_string()) for name in ("id", "text")})
    if "text" in table.column_names:
        return empty
    wanted = table["id"].cast(pa.large_string()).combine_chunks()
    batches = [
        batch.select(["id", "text"]).filter(pc.is_in(batch.column("id").cast(pa.large_string()), wanted))
        for batch in documents
    ]
    return pa.Table.from_batches(batches) if batches else empty


def _beside(people: Rated, model: Rated) -> Rated:
    """People's mean as one judge, the model as the other."""
    values = {
        scale.name: np.stack([people.target(scale), model.values[scale.name][0]]) for scale in people.scales
    }
    return Rated(people.documents, people.scales, ("people", "model"), values)
