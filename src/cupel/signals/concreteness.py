"""How concrete a caption is: a rater of words, learned from a lexicon of human ratings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from cupel.contract import Column, Documents, Fitted, Learned, Measure, Paper, Resources, Signal
from cupel.errors import UnknownName
from cupel.signals._columns import real
from cupel.signals._rater import LearnsRatings, load_rater, train_rater
from cupel.signals._rater_card import counted, quality_section
from cupel.signals._ratings import Rated, RatingScale, rated_by, read_table

__all__ = ["Concreteness"]

DEFAULT_EMBEDDER = "sentence-transformers/all-MiniLM-L6-v2"


class Concreteness(Fitted, Signal):
    """How concrete a text is, learned from people's ratings of words.

    A caption that says what can be seen ("a red ball under the table") teaches a model of images more than one that does not
    ("memories of a wonderful time"). ICC (Yanuka et al. 2024) scores captions by how much of them survives being drawn and
    described again, distills the score into a small model of text, and keeps the most concrete captions; its score
    correlates with human judgments of concreteness. Here the human judgments themselves are learned, from a lexicon of
    words such as that of Brysbaert et al. (2014), 40,000 English words rated from 1 (abstract) to 5 (concrete), which
    does not come with Cupel:

    ```
    cupel fit concreteness --ratings brysbaert.tsv --words Word --rating Conc.M --output concrete
    ```

    A ridge regression on the vectors of the words learns their ratings; a text is rated by its own vector. By default
    that is the mean vector of its tokens, distilled from a model of sentences (`features: fast`): on 8,092 words
    kept back, Spearman's correlation with the ratings is 0.75.

    Examples
    --------
    >>> Concreteness.from_options({"ratings": "brysbaert.tsv", "words": "Word", "rating": "Conc.M"}).options.features
    'fast'
    """

    name = "concreteness"
    learns = "raters"
    papers = (
        Paper(
            title="ICC: Quantifying Image Caption Concreteness for Multimodal Dataset Curation",
            authors="Yanuka, Alper, Averbuch-Elor, Giryes",
            year=2024,
            url="https://arxiv.org/abs/2403.01306",
            section="3",
        ),
        Paper(
            title="Concreteness ratings for 40 thousand generally known English word lemmas",
            authors="Brysbaert, Warriner, Kuperman",
            year=2014,
            url="https://doi.org/10.3758/s13428-013-0403-5",
        ),
    )
    cost = "Thousands of captions per second and core by `fast`, some tens by `embedding`; to learn, minutes."
    limits = (
        "Of words, not of pictures: it does not know whether a caption fits its image, and the score of ICC itself is not "
        "computed. It knows the language of the lexicon, and reads no word order."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "concreteness": real(
            "points of the lexicon", "how concrete the text is, as people would rate a word"
        ),
    }
    files = ("artifact", "ratings", "embedder")

    class Options(LearnsRatings):
        """The lexicon, and what is looked at of a text."""

        ratings: str | None = Field(
            None, description="The lexicon: a row per word. Required if no artifact is named."
        )
        words: str = Field("text", description="The column of it that holds the words.")
        rating: str = Field("concreteness", description="The column that holds their ratings.")
        features: Literal["ngrams", "embedding", "fast"] = Field(
            "fast",
            description="What of a text is looked at: the mean vector of its tokens, distilled from `embedder` (`fast`); "
            "its vector by `embedder` (`embedding`); or its words alone (`ngrams`), which knows only words of the lexicon.",
        )
        embedder: str | None = Field(
            None,
            description="A model of sentences, a folder or `hf:org/name@revision`; with `fast` also a folder that "
            f"`cupel fit semdedup --embed fast` made. By default `{DEFAULT_EMBEDDER}`.",
        )

        @model_validator(mode="before")
        @classmethod
        def _default_embedder(cls, options: Any) -> Any:
            if not isinstance(options, dict) or options.get("features", "fast") == "ngrams":
                return options
            return {**options, "embedder": options.get("embedder") or DEFAULT_EMBEDDER}

        @model_validator(mode="after")
        def _has_lexicon(self) -> Any:
            if self.artifact is None and self.ratings is None:
                raise ValueError(
                    "name 'ratings', a lexicon to learn from, or an 'artifact' that was learned before"
                )
            return self

    options: Options

    @property
    def reads_corpus(self) -> bool:
        """Never: the lexicon has the words."""
        return False

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Learn the ratings of the words."""
        rated = self._lexicon
        evaluations = train_rater(rated, self.options, folder, self.name)
        section, about = quality_section(evaluations, counted(rated.documents.num_rows, ()))
        return Learned({"words": rated.documents.num_rows, **about}, (section,))

    def prepare(self, resources: Resources) -> Measure:
        """A function that rates texts by what was learned."""
        return load_rater(self.learned(resources), self.columns, self.options.device, self.name)

    @cached_property
    def _lexicon(self) -> Rated:
        options = self.options
        where = f"{self.name}: ratings {options.ratings}"
        table = read_table(str(options.ratings), f"{self.name}: ratings")
        for column in (options.words, options.rating):
            if column not in table.column_names:
                raise UnknownName("column", column, table.column_names, where=where)
        pairs = pa.table({"text": table[options.words], "rating": table[options.rating]})
        scale = RatingScale("concreteness", column="rating", meaning="how concrete a word is")
        return rated_by(pairs, (scale,), pa.table({}), where)
