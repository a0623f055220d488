"""Perplexity under an n-gram model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Documents, Fitted, Learned, Measure, Paper, Resources, Signal
from cupel.models.ngram import Ngram
from cupel.signals._columns import real
from cupel.signals._ngrams import NgramOptions, learn_ngrams

__all__ = ["NgramPerplexity"]


class NgramPerplexity(Fitted, Signal):
    """Perplexity under an n-gram model that is trained on the corpus, or on text of your choice.

    CCNet (Wenzek et al. 2020) trains a 5-gram model with Kneser-Ney smoothing on Wikipedia and takes the perplexity
    of a web page under it as a measure of how near the page is to well-edited text; buckets of equal size make its
    head, middle and tail. Fit it on such text with `cupel fit ngram-perplexity wikipedia.jsonl` and name the artifact
    in the recipe. Without one it learns from the documents that reach it: low values then are what is common in
    this corpus, templates and copies, and high ones what is rare in it, which is also noise.

    For N words w of a text of B bytes

        ngram_perplexity = exp(−1/N Σ ln p(wᵢ | wᵢ₋ₙ₊₁ … wᵢ₋₁))
        ngram_bits_per_byte = −1/(B ln 2) Σ ln p(wᵢ | …)

    Words, smoothing and the model are those of `softdedup`. Bits per byte compare texts that are cut into words in
    different ways. A text without words has neither.

    Examples
    --------
    >>> NgramPerplexity.from_options({"order": 3}).options.sample_bytes
    200000000
    """

    name = "ngram-perplexity"
    learns = "ngrams"
    learner = "ngrams"
    papers = (
        Paper(
            title="CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data",
            authors="Wenzek, Lachaux, Conneau, Chaudhary, Guzmán, Joulin, Grave",
            year=2020,
            url="https://arxiv.org/abs/1911.00359",
            section="3.3",
        ),
        Paper(
            title="An empirical study of smoothing techniques for language modeling",
            authors="Chen, Goodman",
            year=1999,
            url="https://doi.org/10.1006/csla.1999.0128",
            section="3.2 Kneser-Ney smoothing",
        ),
    )
    cost = "About 7 MB/s to learn, 10 MB/s per core to measure; up to 12 bytes of memory per byte of text learned from."
    limits = (
        "One model holds one language: text of another is rare to it. Lists, tables and code have high values. CCNet "
        "learns from SentencePiece tokens of one language; values here are per word and cannot be compared with its."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "ngram_perplexity": real("perplexity per word", "how unexpected a word is on average"),
        "ngram_bits_per_byte": real("bits per byte", "bits that the words take, by the text's bytes"),
    }

    class Options(NgramOptions):
        """What is learned."""

        order: int = Field(5, ge=2, le=8, description="Words in the longest n-gram.")

    options: Options

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Count the n-grams."""
        return learn_ngrams(self.name, self.options, documents, folder, resources)

    def prepare(self, resources: Resources) -> Measure:
        """A function that measures with the model."""
        model = Ngram.load(self.learned(resources))

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            scored = model.log_probs(documents.column("text"))
            columns = (scored.perplexity(), scored.bits_per_byte())
            return pa.record_batch(
                [pa.array(values, from_pandas=True) for values in columns], names=list(self.columns)
            )

        return measure
