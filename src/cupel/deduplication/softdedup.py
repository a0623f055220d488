"""Soft deduplication: text that is common in the corpus counts less, and nothing is removed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import (
    Acts,
    Clusters,
    Dedup,
    Documents,
    Fitted,
    Learned,
    Measure,
    Need,
    Paper,
    Resources,
    View,
)
from cupel.deduplication.clusters.report import ids_of, openings
from cupel.findings import Block, Prose, Sample, Samples, Section, Table
from cupel.models.ngram import Ngram
from cupel.signals._ngrams import NgramOptions, learn_ngrams

__all__ = ["SoftDedup"]

Floats = npt.NDArray[np.float64]

SHOWN_DOCUMENTS = 4


class SoftDedup(Fitted, Dedup):
    """Soft deduplication: documents weigh less the more common their text is in the corpus.

    Nothing is removed. A document's *commonness* is the geometric mean of the probabilities that an
    n-gram language model of the corpus gives its words (He et al. 2024):

        p(x) = (∏ᵢ p(wᵢ | wᵢ₋ₙ₊₁ … wᵢ₋₁))^(1/N)

    Text that occurs many times, templates and formulas have a high one. Documents are put into
    `segments` of equally many by commonness, and those of a segment share one weight, falling with
    the segment's commonness. The weight is the column `weight` of the output: how often, on average, a document
    is to be drawn in training; over all bytes of text it is 1. Later steps that weigh
    multiply it.

    **Model.** Interpolated Kneser-Ney of order `order`, one discount per order, over words cut as for
    `minhash` with numbers kept apart. The paper trains on the tokens of the model to be trained and
    finds order 4 sufficient; words need no tokenizer. Where the corpus has more than
    `sample_bytes` of text the model is trained on a pseudo-random sample of documents of about that
    size; commonness then still reflects common text, but rare copies less.

    **Weights.** The paper sets W(x) ∝ 1/p(x). Probabilities of words differ by more than a hundredfold
    between templates and rare prose, so weights follow (1/p)ᵃ with the largest *a* ≤ 1 that keeps
    the largest weight within `max_ratio` of the smallest.

    Examples
    --------
    >>> SoftDedup.from_options({"max_ratio": 4}).options.order
    4
    """

    name = "softdedup"
    stages = ("pretraining",)
    learns = "ngrams"
    learner = "ngrams"
    applied = frozenset({"action", "segments", "max_ratio"})
    finds = "weights"
    papers = (
        Paper(
            title="SoftDedup: an Efficient Data Reweighting Method for Speeding Up Language Model Pre-training",
            authors="He, Xiong, Liu, Liao, Ding, Zhang, Tang, Han, Yang",
            year=2024,
            url="https://arxiv.org/abs/2407.06654",
        ),
        Paper(
            title="An empirical study of smoothing techniques for language modeling",
            authors="Chen, Goodman",
            year=1999,
            url="https://doi.org/10.1006/csla.1999.0128",
            section="3.2 Kneser-Ney smoothing",
        ),
    )
    cost = (
        "About 7 MB/s to train, 10 MB/s per core to score; up to 12 bytes of memory per byte of the text trained on, in "
        "each process."
    )
    limits = (
        "Plain, fluent language is common too: commonness does not tell a copy from a cliché. Short documents "
        "have noisy scores. A weight has an effect only where documents are drawn by it."
    )

    class Options(NgramOptions, Acts):
        """The model, and how weights follow from it."""

        action: Literal["weigh", "mark"] = Field(
            "weigh",
            description="`weigh` multiplies the documents' weights; `mark` only carries the score (mean ln p) "
            "and the weight as columns.",
        )
        segments: int = Field(20, ge=2, le=10_000, description="Groups of documents that share a weight.")
        max_ratio: float = Field(10.0, ge=1, description="The largest weight over the smallest.")

    options: Options

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Count the n-grams."""
        return learn_ngrams(self.name, self.options, documents, folder, resources)

    @property
    def sketch_schema(self) -> pa.Schema:
        return pa.schema([("score", pa.float64()), ("bytes", pa.int64())])

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """Columns `score` (mean ln p, null without words) and `bytes`, by the artifact that the options name."""
        return self.prepare(Resources())(pa.record_batch({"text": text}))

    def prepare(self, resources: Resources) -> Measure:
        """A function that scores documents by the model."""
        model = Ngram.load(self.learned(resources))

        def sketch(documents: pa.RecordBatch) -> pa.RecordBatch:
            scored = model.log_probs(documents.column("text"))
            columns = [pa.array(scored.mean(), from_pandas=True), pa.array(scored.bytes)]
            return pa.RecordBatch.from_arrays(columns, schema=self.sketch_schema)

        return sketch

    def need(self, documents: int, text_bytes: int) -> Need:
        """A few numbers per document."""
        return Need(memory_bytes=96 * documents)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """A weight for each document."""
        table = view.read(["doc", "score", "bytes"])
        scores = pc.fill_null(table["score"], np.nan).to_numpy()
        sizes = table["bytes"].to_numpy().astype(np.float64)
        segment, weights = self._weights(scores, sizes)
        members = pa.table(
            {
                "doc": table["doc"],
                "cluster": pa.nulls(len(scores), pa.int64()),
                "size": np.ones(len(scores), dtype=np.int64),
                "kept": np.ones(len(scores), dtype=bool),
                "score": pa.array(scores, from_pandas=True),
                "weight": weights,
            }
        )
        section = self._section(members, segment, sizes, view)
        return Clusters(members=members, findings=(section,))

    def _weights(self, scores: Floats, sizes: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
        """Each document's segment (-1 where it has no words) and weight."""
        weights = np.ones(len(scores))
        segment = np.full(len(scores), -1)
        scored = ~np.isnan(scores)
        if not scored.any():
            return segment, weights
        edges = np.quantile(scores[scored], np.arange(1, self.options.segments) / self.options.segments)
        # Documents of one score are in one segment: copies must weigh the same.
        segment[scored] = np.searchsorted(np.unique(edges), scores[scored], side="right")
        _, segment[scored] = np.unique(segment[scored], return_inverse=True)
        means = np.bincount(segment[scored], scores[scored]) / np.bincount(segment[scored])
        # ln of 1/p, from 0 for the most common segment.
        rarity = means.max() - means
        power = min(1.0, np.log(self.options.max_ratio) / max(rarity.max(), 1e-12))
        weights[scored] = np.exp(power * rarity)[segment[scored]]
        all_bytes = sizes[scored].sum()
        if all_bytes:
            weights[scored] *= all_bytes / (weights[scored] * sizes[scored]).sum()
        return segment, weights

    def _section(
        self,
        members: pa.Table,
        segment: npt.NDArray[np.int64],
        sizes: Floats,
        view: View,
    ) -> Section:
        scores, weights = members["score"].to_numpy(), members["weight"].to_numpy()
        blocks: list[Block] = []
        rows = []
        for number in range(int(segment.max(initial=-1)), -1, -1):
            inside = segment == number
            common = float(np.exp(scores[inside].mean()))
            share = float(sizes[inside].sum() / max(sizes.sum(), 1))
            rows.append((int(inside.sum()), share, common, float(weights[inside][0])))
        if len({row[3] for row in rows}) < 2:
            lead = "This step had no effect: all documents are equally common."
            blocks.append(Prose(text=lead))
            return Section(title="Soft deduplication", lead=lead, blocks=tuple(blocks))
        blocks.append(
            Table(
                columns=("documents", "share of the text", "probability of a word", "weight"),
                rows=tuple(rows),
                formats=("count", "bar", "number", "number"),
                caption="Segments, the most common text first. A weight of 0.5: drawn half as often.",
            )
        )
        blocks += _samples(members, view)
        lead = f"Weights go from {weights.min():.2f} for the most common text to {weights.max():.2f}."
        return Section(title="Soft deduplication", lead=lead, blocks=tuple(blocks))


def _samples(members: pa.Table, view: View) -> Iterator[Samples]:
    """Some of the most and of the least common documents."""
    scored = members.filter(members["score"].is_valid())
    score, weight = scored["score"].to_numpy(), scored["weight"].to_numpy()
    places = {
        "The most common text": heapq.nlargest(SHOWN_DOCUMENTS, range(len(score)), key=score.__getitem__),
        "The least common text": heapq.nsmallest(SHOWN_DOCUMENTS, range(len(score)), key=score.__getitem__),
    }
    docs = scored["doc"].to_numpy()
    wanted = np.unique(docs[[place for chosen in places.values() for place in chosen]])
    ids = ids_of(wanted.tolist(), view)
    texts = openings(wanted.tolist(), view)
    for heading, chosen in places.items():
        samples = tuple(
            Sample(
                id=ids[docs[place]],
                note=f"probability of a word {np.exp(score[place]):.2g}; weight {weight[place]:.2f}",
                text=texts.get(docs[place], ""),
            )
            for place in chosen
        )
        yield Samples(heading=heading, samples=samples)
