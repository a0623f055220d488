"""A quality classifier, trained on good documents and others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from cupel.contract import Column, Documents, Fitted, Learned, Learns, Measure, Paper, Resources, Signal
from cupel.contract.draws import sample, uniform
from cupel.corpus import Corpus
from cupel.errors import BadInput
from cupel.models.fasttext import FastTextTraining, train
from cupel.models.heads import load_head
from cupel.models.load import load_model
from cupel.models.model import Model
from cupel.models.pooled import PooledTraining, train_pooled
from cupel.signals._assessment import Score, assess, keywords
from cupel.signals._columns import real

__all__ = ["QualityClassifier"]

FILE = "model.bin"
POSITIVE, NEGATIVE = "positive", "negative"
SMALLEST_CLASS = 20
"""Documents of each class below which nothing can be said of a classifier."""
READ = ("id", "text", "source")
READ_FOR_WORDS = 5000
"""Training documents whose words are scored for the card."""


class QualityClassifier(Fitted, Signal):
    """Quality by a classifier: the probability that a document belongs to the good ones.

    DataComp-LM (Li et al. 2024) compared ways to choose web pages by a model's judgment, and found the best to be a
    linear classifier of words and pairs of words: fastText (Joulin et al. 2016), trained to tell instruction data
    and well-received explanations from random pages. Here it is trained on `positives` that you name and on
    `negatives`, which are a sample of the pool itself where you name none: as many as there are positives.

    ```
    cupel fit quality-classifier --positives instructions.jsonl --negatives crawl:200000 --output good
    ```

    A pool is a path, or `PATH:COUNT` for that many of its documents, drawn by their ids. Of every class a share
    `held_out` is kept back. The report gives the area under the ROC curve on it with its interval; calibration and
    thresholds; how strongly the score goes with length, source and language, with an alarm where it measures one of
    these; the decisions nearest 0.5, and the words that it keys on. Text that is in both classes counts as positive.

    `quality` is the probability of the positive class under equally many documents of both. It orders documents; what
    threshold is right depends on how much is to be kept, so take a percentile (DataComp-LM keeps the top 10 %) by
    `sample: {by: quality, temperature: 0, budget: 10%}`, or a rule `threshold`.

    Two architectures learn from the same documents. `linear` is fastText's; its artifact holds `model.bin`, a file of
    fastText's own format. `pooled` averages token embeddings in blocks of 32 and runs a transformer of two layers over the
    blocks of the first 4,096 tokens. `classifier-score` applies either, under any name.

    Examples
    --------
    >>> QualityClassifier.from_options({"positives": ["good.jsonl:5000"]}).reads_corpus
    True
    """

    name = "quality-classifier"
    learns = "classifiers"
    papers = (
        Paper(
            title="DataComp-LM: In search of the next generation of training sets for language models",
            authors="Li et al.",
            year=2024,
            url="https://arxiv.org/abs/2406.11794",
            section="4.4",
        ),
        Paper(
            title="Bag of Tricks for Efficient Text Classification",
            authors="Joulin, Grave, Bojanowski, Mikolov",
            year=2016,
            url="https://arxiv.org/abs/1607.01759",
        ),
    )
    cost = "More than 20 MB/s per core to measure; training takes minutes for 200,000 documents, on one core."
    limits = (
        "It learns whatever tells the two sets apart: length, language, topic, formatting. What it prefers is like its "
        "positives, not good in itself; prove by an assay that its choice helps."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "quality": real("probability", "how probably it is one of the good documents"),
    }
    files = ("artifact", "positives", "negatives")

    class Options(Learns):
        """The classes, and how the classifier is trained."""

        positives: tuple[str, ...] = Field(
            (),
            description="Pools of good documents, `PATH` or `PATH:COUNT`. Required if no artifact is named.",
        )
        negatives: tuple[str, ...] = Field(
            (),
            description="Pools of other documents, in the same way; without any, a sample of the documents that reach "
            "the method, as large as there are positives.",
        )
        held_out: float = Field(0.1, gt=0, lt=1, description="Share of both that is kept back to measure it.")
        architecture: Literal["linear", "pooled"] = Field(
            "linear",
            description="`linear`: fastText's bag of words and word n-grams. `pooled`: a small transformer over token "
            "embeddings that are averaged in blocks; it needs PyTorch, and learns more from the same documents.",
        )
        dim: int | None = Field(
            None, ge=1, le=4096, description="Numbers per vector; by default 100 (linear) or 64 (pooled)."
        )
        epochs: int | None = Field(
            None, ge=1, le=1000, description="Passes over the documents; by default 5 (linear) or 2 (pooled)."
        )
        learning_rate: float | None = Field(
            None, gt=0, le=10, description="The highest; by default 0.1 (linear) or 0.002 (pooled)."
        )
        word_ngrams: int = Field(2, ge=1, le=8, description="Words in the longest n-gram (linear).")
        min_count: int = Field(
            1, ge=1, description="Words that are seen less often are not learned (linear)."
        )
        buckets: int | None = Field(
            None,
            ge=1,
            description="Rows that n-grams share by their hash (linear); by default as many as suit the data.",
        )
        seed: int = Field(0, ge=0, lt=1 << 63, description="Of all draws and of the training.")

        @model_validator(mode="after")
        def _has_positives(self) -> Any:
            if self.artifact is None and not self.positives:
                raise ValueError("name 'positives' to learn from, or an 'artifact' that was learned before")
            return self

    options: Options

    @property
    def reads_corpus(self) -> bool:
        """Whether negatives are drawn from the documents that reach it."""
        return not self.options.negatives

    def paths(self) -> Iterator[str]:
        """The artifact, and the pools without their counts."""
        if self.options.artifact:
            yield self.options.artifact
        for name in (*self.options.positives, *self.options.negatives):
            yield _pool(name)[0]

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Train the classifier and evaluate it on the held-out documents."""
        options = self.options
        good = _read(options.positives, options.seed, self.name, "positives")
        others = (
            sample(documents, good.num_rows, options.seed).select(list(READ))
            if self.reads_corpus
            else _read(options.negatives, options.seed, self.name, "negatives")
        )
        others = others.filter(pc.invert(pc.is_in(others["text"], good["text"].combine_chunks())))
        for what, table in (("positives", good), ("negatives", others)):
            if table.num_rows < SMALLEST_CLASS:
                raise BadInput(
                    f"{self.name}: there are {table.num_rows} {what} that are not of the other class as well; "
                    f"expected {SMALLEST_CLASS} or more"
                )
        texts = pa.concat_tables([good, others]).combine_chunks()
        positive = np.arange(texts.num_rows) < good.num_rows
        kept_back = uniform(texts["id"].combine_chunks(), options.seed + 1) < options.held_out
        kept_back[[0, good.num_rows]] = False  # at least one of each class to train on,
        kept_back[[1, good.num_rows + 1]] = True  # and one of each to evaluate on
        learned_from = texts["text"].combine_chunks().filter(pa.array(~kept_back))
        score = self._train(learned_from, positive[~kept_back], folder)
        counts = (int(positive.sum()), int((~positive).sum()))
        assessed = assess(score, texts.filter(pa.array(kept_back)), positive[kept_back], counts)
        section = assessed.findings[0]
        table = keywords(score, learned_from.take(pa.array(_places(len(learned_from)))))
        blocks = (*section.blocks, *([table] if table.rows else []))
        return Learned(assessed.about, (section.model_copy(update={"blocks": blocks}),))

    def prepare(self, resources: Resources) -> Measure:
        """A function that classifies with the learned model."""
        score = _scorer(load_model(str(self.learned(resources)), "classify"))
        return lambda documents: pa.record_batch({"quality": score(documents.column("text"))})

    def _train(self, texts: pa.Array, positive: npt.NDArray[np.bool_], folder: Path) -> Score:
        """Write what is learned into the folder, and give the function that scores by it."""
        options = self.options
        chosen = {
            name: value
            for name in ("dim", "epochs", "learning_rate")
            if (value := getattr(options, name)) is not None
        }
        if options.architecture == "pooled":
            train_pooled(texts, positive, PooledTraining(**chosen, seed=options.seed), folder)
        else:
            training = FastTextTraining(
                **chosen,
                word_ngrams=options.word_ngrams,
                min_count=options.min_count,
                buckets=options.buckets,
                seed=options.seed,
            )
            (folder / FILE).write_bytes(
                train(texts, pa.array(np.where(positive, POSITIVE, NEGATIVE)), training)
            )
        return _scorer(load_head(str(folder), folder))


def _places(documents: int) -> npt.NDArray[np.int64]:
    """At most `READ_FOR_WORDS` documents, evenly spaced, so that both classes are among them."""
    return np.unique(np.linspace(0, documents - 1, min(documents, READ_FOR_WORDS)).astype(np.int64))


def _scorer(model: Model) -> Score:
    column = model.labels.index(POSITIVE)

    def score(texts: pa.Array) -> pa.Array:
        scores = model.classify(texts)[:, column].astype(np.float64)
        return pa.array(scores, from_pandas=True)  # a text without known words has no score

    return score


def _pool(name: str) -> tuple[str, int | None]:
    """Split `PATH:COUNT`.

    >>> _pool("crawl:200000"), _pool("s3://bucket/crawl"), _pool("C:")
    (('crawl', 200000), ('s3://bucket/crawl', None), ('C:', None))
    """
    path, _, count = name.rpartition(":")
    return (path, int(count)) if path and count.isdecimal() and int(count) else (name, None)


def _read(names: tuple[str, ...], seed: int, method: str, what: str) -> pa.Table:
    """`id`, `text` and `source` of the documents of pools that have text."""
    tables = []
    for name in names:
        path, count = _pool(name)
        batches = (batch.select(list(READ)) for batch in Corpus.read([path]).batches())
        table = pa.Table.from_batches(batches) if count is None else sample(batches, count, seed)
        if not table.num_rows:
            raise BadInput(f"{method}: {what}: {path} holds no documents")
        tables.append(table)
    table = pa.concat_tables(tables)
    return table.filter(pc.greater(pc.binary_length(pc.utf8_trim_whitespace(table["text"])), 0))
