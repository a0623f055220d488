"""Removal of text whose n-grams have been seen, by a Bloom filter."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel import _kernels
from cupel.contract import Clusters, Dedup, Need, Paper, Remembers, Resources, View
from cupel.deduplication.copies.spans import CopiedParts, SpanOptions, sizes_of
from cupel.deduplication.index import Index
from cupel.errors import BadOption

__all__ = ["Bloom"]

SMALLEST_RATE = 1e-9


class Bloom(Dedup):
    """Paragraphs or documents most of whose n-grams have been seen: a Bloom filter, in fixed memory.

    Documents are processed in order. A unit (line, paragraph or whole document) is a copy when at
    least `threshold` of its word n-grams are in the filter already; otherwise its n-grams are
    put in. This is what Dolma's and DCLM's filter (BFF) does, and catches copies with a few
    words changed, in one pass and in memory that is known before.

    A filter (Bloom 1970) can say "seen" of an n-gram that was not, never the other way round. The
    requested rate is met: all bits of an n-gram lie in one block of 512, the number of blocks
    follows from the exact law for blocks (Putze, Sanders and Singler 2007), and the n-grams are
    counted first. At the default of 1 % an n-gram takes 9.9 bits. A unit goes only when most of
    its n-grams are seen, so false alarms on units are far rarer than on n-grams.

    **Deterministic.** Hashing runs on all cores, judging does not: units are judged in the order of
    documents, whatever the number of threads or shards.

    **Index.** With `index`, what earlier runs have seen counts as seen. Each corpus has its own filter
    there; after *k* filters, a new one is built for the requested rate divided by 2ᵏ⁺¹, so that all
    together stay within it (Almeida et al. 2007).

    Words are cut as for `minhash` (case folded, no accents, no punctuation); numbers and symbols count.

    Examples
    --------
    >>> import pyarrow as pa
    >>> Bloom().sketch(pa.array(["one two three"])).column("ngrams").to_pylist()
    [1]
    """

    name = "bloom"
    finds = "spans"
    papers = (
        Paper(
            title="Space/Time Trade-offs in Hash Coding with Allowable Errors",
            authors="Bloom",
            year=1970,
            url="https://doi.org/10.1145/362686.362692",
        ),
        Paper(
            title="Cache-, Hash- and Space-Efficient Bloom Filters",
            authors="Putze, Sanders, Singler",
            year=2007,
            url="https://doi.org/10.1007/978-3-540-72845-0_9",
        ),
        Paper(
            title="Scalable Bloom Filters",
            authors="Almeida, Baquero, Preguiça, Hutchison",
            year=2007,
            url="https://doi.org/10.1016/j.ipl.2006.10.007",
        ),
        Paper(
            title="DataComp-LM: In search of the next generation of training sets for language models",
            authors="Li et al.",
            year=2024,
            url="https://arxiv.org/abs/2406.11794",
            section="4.3 Deduplication",
        ),
    )
    cost = "About 50 MB/s per core; 9.9 bits of memory per n-gram at a rate of 1 %."
    limits = (
        "Which copy stays depends on the order of documents. Long units that quote much fall below the "
        "threshold; short ones that are all formula exceed it. It says that something was seen, not where."
    )

    class Options(SpanOptions, Remembers):
        """What is judged, and when it is a copy."""

        unit: Literal["line", "paragraph", "document"] = Field("paragraph", description="What is judged.")
        ngram: int = Field(13, ge=1, le=64, description="Words in an n-gram; a shorter unit is one n-gram.")
        min_words: int = Field(5, ge=1, description="Units of fewer words are left alone and not remembered.")
        threshold: float = Field(
            0.8, gt=0, le=1, description="Share of a unit's n-grams that must have been seen."
        )
        false_positive_rate: float = Field(
            0.01, ge=1e-9, le=0.5, description="Share of unseen n-grams that the filter may take for seen."
        )

    options: Options

    @property
    def _unit(self) -> str | None:
        return None if self.options.unit == "document" else self.options.unit

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """Column `ngrams` (int64): how many n-grams each text has, to size the filter."""
        counts = _kernels.Bloom.count_ngrams(text, ngram=self.options.ngram, unit=self._unit)
        return pa.RecordBatch.from_arrays([counts], names=["ngrams"])

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Copied units of all documents."""
        options = self.options
        total = sum(pc.sum(batch.column("ngrams")).as_py() or 0 for batch in view.batches(["ngrams"]))
        earlier = self._earlier(resources.corpus)
        rate = options.false_positive_rate
        if options.index is not None:
            rate = max(rate * 0.5 ** (len(earlier) + 1), SMALLEST_RATE)
        needed = _kernels.Bloom.bytes_for(total, rate) + sum(map(len, earlier))
        if needed > resources.memory_bytes:
            raise BadOption(
                f"bloom: {total:,} n-grams at a false positive rate of {options.false_positive_rate:g} need "
                f"{needed / 1e9:.1f} GB, and {resources.memory_bytes / 1e9:.1f} GB may be used; raise the rate, "
                "or give more memory"
            )
        bloom = _kernels.Bloom(total, rate)
        for filter_bytes in earlier:
            bloom.remember(filter_bytes)
        copied = CopiedParts(view, origin="")
        for batch in view.texts(None):
            spans, _, _ = bloom.mark(
                batch.column("text"),
                ngram=options.ngram,
                min_words=options.min_words,
                threshold=options.threshold,
                unit=self._unit,
                threads=resources.threads,
            )
            docs = batch.column("doc")
            copied.add(docs, sizes_of(batch.column("text")), spans, docs.to_numpy())
        facts = (
            ("n-grams", f"{total:,}"),
            ("filter", f"{needed / 1e6:,.1f} MB"),
            ("bits set", f"{bloom.fill():.1%}"),
            ("false positives asked for", f"{options.false_positive_rate:g}"),
            *([("filters of earlier corpora", f"{len(earlier):,}")] if options.index else []),
        )
        if options.index is not None:
            self._remember(bloom, resources.remembered)
        return copied.clusters("Seen before (Bloom filter)", f"{options.unit}s", facts)

    def need(self, documents: int, text_bytes: int) -> Need:
        """The filter, as if a word had six bytes."""
        ngrams = text_bytes // 6
        return Need(_kernels.Bloom.bytes_for(ngrams, self.options.false_positive_rate) + (8 << 20))

    @property
    def _decisive(self) -> dict[str, object]:
        names = ("unit", "ngram", "min_words")
        return {name: getattr(self.options, name) for name in names} | {"symbols": True}

    def _earlier(self, corpus: str) -> list[bytes]:
        """The filters of earlier corpora."""
        if self.options.index is None:
            return []
        index = Index.of(self.options.index, self.name, self._decisive, corpus)
        return [batch.column("filter")[0].as_py() for batch in index.batches(["filter"])]

    def _remember(self, bloom: _kernels.Bloom, path: str) -> None:
        """Write the filter to the place where the index will hold it."""
        schema = pa.schema([("filter", pa.large_binary())])
        with Index(self._decisive, ()).writer(path, schema) as writer:
            writer.write_batch(pa.RecordBatch.from_pydict({"filter": [bloom.to_bytes()]}, schema))
