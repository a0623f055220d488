"""Near-duplicate removal with MinHash-LSH and verified joins."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from cupel import _kernels
from cupel.contract import WEIGHTLESS, Clusters, Dedup, Need, Paper, Remembers, Resources, View
from cupel.contract.docs import among, rows_in_step
from cupel.deduplication.clusters.losses import too_much
from cupel.deduplication.clusters.options import ClusterOptions
from cupel.deduplication.clusters.stars import stars
from cupel.deduplication.clusters.survivors import keep_one, one_array
from cupel.deduplication.index import Index
from cupel.deduplication.near.report import Joined, near_duplicates
from cupel.deduplication.near.shingle_sets import Features, load_buckets, save_buckets, write_sets
from cupel.threads import in_order

__all__ = ["MinHash"]

# Bands are read one at a time on large corpora, and as many as fit into this on small ones,
# where each reading costs more than what is read.
BAND_BYTES = 64 << 20
BYTES_PER_DOCUMENT = 300
SHINGLE_BYTES = 1.4
"""Bytes of shingles for a byte of text: eight for each word."""


class MinHash(Dedup):
    """Near duplicates, by MinHash-LSH with verified joins.

    Two documents are near duplicates when the sets of their word 5-grams (shingles) overlap
    much: when their Jaccard similarity |A ∩ B| / |A ∪ B| is at least `threshold`. MinHash
    (Broder 1997) finds such pairs without comparing all: under a random permutation, the
    smallest element of A and that of B are the same with a probability equal to the
    similarity. The defaults are FineWeb's (Penedo et al. 2024): 112 permutations in 14 bands of 8.

    **Words.** Case is folded in full (ß is ss); accents and invisible characters are removed; a word is
    a run of letters, digits and vowel signs, and punctuation only separates. A run of symbols or
    operators (`+`, `<=`, `€`) is a word too, and so are the signs of `C#` and `-5`: sums and C, C++ and C# are
    no copies of each other. With `ignore_symbols` they only separate, and with `fold_numbers` all
    numbers, with `.` and `,` between digits, are the same word; FineWeb has both. Chinese, Japanese,
    Thai, Lao, Khmer and Burmese characters are a word each. Words over 256 bytes are cut. A
    document of fewer than `ngram` words has one shingle, of all its words; one without words
    has none and no duplicate. datatrove differs: it splits words with spaCy, which keeps symbols
    such as € as words, splits some (`cannot`) and leaves a run of Chinese in one piece;
    it drops vowel signs of Indic scripts that are non-spacing; it folds at most one decimal
    part into a number; and it never deduplicates documents of fewer than five words.

    **Shingles** are hashed with XXH3-64 over the words' UTF-8 bytes, joined by one space.

    **Permutations.** x being the upper 32 bits of a shingle's hash, permutation *i* is
    hᵢ(x) = (aᵢ·x + bᵢ) mod 2³², with aᵢ odd: a bijection of the 32-bit numbers. aᵢ and bᵢ are
    upper halves of draws of SplitMix64 from `seed`. A processor computes eight or more at once,
    which is impossible with the 61-bit prime field that datatrove uses. The family is not min-wise
    independent, nor is any that is computed this cheaply; on shingles that are already hashed
    it behaves so: the tests measure the bias and variance of its estimates against the
    binomial law.

    **Bands.** The 8 minima of a band are hashed to 64 bits; documents that share one of the
    14 are candidates. A pair of similarity *s* is one with a probability of
    1 − (1 − sʳ)ᵇ: 56 % at 0.7, 77 % at 0.75, 92 % at 0.8, 99.96 % at 0.9. Pairs below
    the threshold become candidates too (21 % at 0.6, 5 % at 0.5), which is why joins are verified.

    **Verification.** The shingle sets of the candidates are written to a temporary file, and in each
    bucket pairs are joined only when their true similarity reaches `threshold`. Documents
    connected already are not compared again. What verified pairs connect is a component; it does not
    depend on the order of documents nor on partitioning. A component can chain: its ends may have
    nothing in common. So each is cut into *stars*: the survivor takes all documents similar to
    itself into its cluster, the next survivor takes those similar to it among the remaining, and so on; every
    removed document is truly a near duplicate of a document that stays. With `clusters: connected` a component is one
    cluster, as in FineWeb.
    Where a document would meet more than `max_comparisons` others in a bucket, the
    rest are not compared, and the report says so.

    **Similarity** may also be `containment`, |A ∩ B| / min(|A|, |B|), which finds a text inside of a longer
    one (where the bands see the pair), or `edit`, 1 − d / max(|a|, |b|) with the Levenshtein distance *d* of the
    sequences of words, which depends on their order; Lee et al. (2022) join pairs above 0.8 of it.

    **Index.** With `index`, documents are also compared with those that earlier runs kept. Their bands and
    the upper halves of their shingles' hashes lie there, about 5 bytes per word.

    **Threshold.** FineWeb aims at documents that are at least 75 % similar. The curve's middle,
    (1/14)^(1/8) ≈ 0.72, is where about 63 % of pairs are seen. A threshold far above it removes less
    than the bands found; far below it, most pairs that it would join are never seen.

    Examples
    --------
    >>> import pyarrow as pa
    >>> sketch = MinHash().sketch(pa.array(["One café, two cafés.", "ONE CAFE — two cafes", "東京"]))
    >>> sketch.num_columns
    14
    >>> first = sketch.column("band_0").to_pylist()
    >>> first[0] == first[1], first[0] == first[2]
    (True, False)
    """

    name = "minhash"
    papers = (
        Paper(
            title="On the resemblance and containment of documents",
            authors="Broder",
            year=1997,
            url="https://doi.org/10.1109/SEQUEN.1997.666900",
        ),
        Paper(
            title="Deduplicating Training Data Makes Language Models Better",
            authors="Lee, Ippolito, Nystrom, Zhang, Eck, Callison-Burch, Carlini",
            year=2022,
            url="https://arxiv.org/abs/2107.06499",
            section="4.2 NearDup",
        ),
        Paper(
            title="The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale",
            authors="Penedo et al.",
            year=2024,
            url="https://arxiv.org/abs/2406.17557",
            section="3.4 Deduplication",
        ),
    )
    cost = (
        "Sketch: about 210 MB/s per core, 8 bytes per document and band. "
        "Resolve: 9 s and 0.77 GB for three million documents of 60 words on two cores."
    )
    limits = (
        "Blind to duplicates inside documents and to paraphrases. Documents of fewer than about 50 words "
        "have few shingles: one changed word moves their similarity far."
    )

    class Options(ClusterOptions, Remembers):
        """Shape of the signatures, and when a candidate pair is joined."""

        ngram: int = Field(5, ge=1, le=64, description="Words in a shingle.")
        bands: int = Field(14, ge=1, le=1024, description="Bands of the signature.")
        rows: int = Field(8, ge=1, le=64, description="Permutations in each band.")
        threshold: float = Field(
            0.75,
            gt=0,
            le=1,
            description="The minimum true similarity of a pair that is joined. 0.75 is what "
            "FineWeb's 14 x 8 aims at; such a pair is seen with a probability of 77 %.",
        )
        similarity: Literal["jaccard", "containment", "edit"] = Field(
            "jaccard", description="How the pairs that the bands see are compared."
        )
        clusters: Literal["connected", "stars"] | None = Field(
            None,
            description="`stars`: every document of a cluster is as similar as `threshold` to the one that stays; "
            "`connected`: all that a chain of pairs connects is one cluster, as FineWeb and others have it. By default "
            "stars, and connected without `verify`.",
        )
        verify: bool = Field(
            True,
            description="Compute the true similarity of candidate pairs before joining them. Without it, "
            "every pair that shares a band is joined, as datatrove does.",
        )
        max_comparisons: int = Field(
            256,
            ge=1,
            description="In one band, a document is compared with at most this many others; met only in "
            "large buckets of documents that are not duplicates. The report says how often.",
        )
        fold_numbers: bool = Field(
            False,
            description="Take all numbers for the same word, as FineWeb does: pages that differ only "
            "in dates, prices or counters are duplicates, and so are tables of different numbers.",
        )
        ignore_symbols: bool = Field(
            False,
            description="Let symbols and operators only separate words, as FineWeb does: C, C++ and C# are the "
            "same then.",
        )
        seed: int = Field(1, ge=0, lt=1 << 64, description="Chooses the permutations.")

        @model_validator(mode="after")
        def _verified(self) -> Self:
            if self.clusters == "stars" and not self.verify:
                raise ValueError("clusters: stars needs verify: true")
            return self

    options: Options

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """Columns `band_0`, `band_1`, ... (uint64); null for null and for texts without words."""
        return _kernels.minhash(
            text,
            ngram=self.options.ngram,
            bands=self.options.bands,
            rows=self.options.rows,
            seed=self.options.seed,
            fold_numbers=self.options.fold_numbers,
            ignore_symbols=self.options.ignore_symbols,
        )

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Clusters of documents whose verified similarity joins them."""
        options = self.options
        index = self._index(resources.corpus)
        bands, candidates, total = self._bands(view, resources, index)
        joined = (
            self._verified(bands, candidates, view, resources, index)
            if options.verify
            else Joined(_kernels.union(bands), {})
        )
        if options.verify and options.clusters != "connected":
            members = stars(joined.components, view, options.sources, joined.similarities, options.threshold)
        else:
            members = keep_one(joined.components, view, options.sources)
            members = members.append_column("score", joined.scores(members))
        section = near_duplicates(options, joined, members, len(candidates), total, index, view)
        stop = too_much(members, total, options, view)
        if index is None:
            return Clusters(members=members, findings=(section,), stop=stop)
        self._remember(index, members, view, resources.remembered)
        outside = index.ids(one_array(members["cluster"]))
        return Clusters(members=members, findings=(section,), stop=stop, outside=outside)

    def need(self, documents: int, text_bytes: int) -> Need:
        """Buckets, candidates and joins; on disk bands, and shingles as if every document were a candidate."""
        options = self.options
        shingles = SHINGLE_BYTES * text_bytes if options.verify else 0
        return Need(BYTES_PER_DOCUMENT * documents, 8 * options.bands * documents + int(shingles))

    @property
    def _features(self) -> Features:
        options = self.options
        return Features(options.similarity, options.ngram, options.fold_numbers, options.ignore_symbols)

    def _index(self, corpus: str) -> Index | None:
        names = ("ngram", "bands", "rows", "seed", "fold_numbers")
        decisive = {name: getattr(self.options, name) for name in names}
        decisive["words"] = self.options.similarity == "edit"
        if not self.options.ignore_symbols:
            decisive["symbols"] = True  # indexes from before there were symbols do not say so
        path = self.options.index
        return None if path is None else Index.of(path, self.name, decisive, corpus)

    def _remember(self, index: Index, members: pa.Table, view: View, path: str) -> None:
        """Write the bands, what is compared, and the id of every document that stays and counts."""
        names = [f"band_{i}" for i in range(self.options.bands)]
        schema = pa.schema(
            [(name, pa.uint64()) for name in names]
            + [("features", pa.large_list(pa.uint32())), ("id", pa.large_string())]
        )
        removed = members.filter(pc.invert(members["kept"]))["doc"].to_numpy()
        # Sketches come in the order of texts.
        sketch_of_next = rows_in_step(view.batches([*names, "id", "priority"]))
        with index.writer(path, schema) as writer:
            for batch in view.texts(None):
                sketch = sketch_of_next(batch.num_rows)
                counts = pc.not_equal(one_array(sketch["priority"]), WEIGHTLESS)
                stays = pc.and_(pa.array(~among(batch.column("doc").to_numpy(), removed)), counts)
                lists = self._features.of(batch.column("text").filter(stays))
                upper = pa.array((lists.values.to_numpy() >> np.uint64(32)).astype(np.uint32))
                features = pa.LargeListArray.from_arrays(lists.offsets, upper)
                kept = sketch.filter(stays).append_column("features", features)
                writer.write_table(kept.select(schema.names).cast(schema))

    def _bands(
        self, view: View, resources: Resources, index: Index | None
    ) -> tuple[list[pa.LargeListArray], pa.Array, int]:
        """The buckets of every band (mapped from files), all documents in them, all documents."""
        bands: list[pa.LargeListArray] = []
        here = one_array(view.read(["doc"])["doc"]).to_numpy()
        total = len(here)
        # A mark per document: uniting sets of numbers costs more than all other work on a band.
        inside = np.zeros(total, dtype=bool)
        outside = [np.zeros(0, dtype=np.int64)]
        at_once = max(1, BAND_BYTES // (8 * max(total, 1)))
        for first in range(0, self.options.bands, at_once):
            names = [f"band_{i}" for i in range(first, min(first + at_once, self.options.bands))]
            table = view.read(["doc", *names])
            docs = one_array(table["doc"])
            group = partial(_band, table, docs, index, Path(resources.scratch))
            for buckets, rows, old in in_order(group, names, resources.threads):
                bands.append(buckets)
                inside[rows] = True
                outside.append(old)
        candidates = np.concatenate([np.unique(np.concatenate(outside)), here[inside]])
        return bands, pa.array(candidates, pa.int64()), total

    def _verified(
        self,
        bands: list[pa.LargeListArray],
        candidates: pa.Array,
        view: View,
        resources: Resources,
        index: Index | None,
    ) -> Joined:
        sets = write_sets(candidates, view, resources, self._features, index)
        components, counts, histogram, pairs = _kernels.verify(
            bands,
            sets.docs,
            sets.offsets,
            sets.values,
            threshold=self.options.threshold,
            max_comparisons=self.options.max_comparisons,
            threads=resources.threads,
            measure=self.options.similarity,
        )
        measure = self.options.similarity
        return Joined(components, counts, histogram, pairs, sets, measure, resources.threads)


def _band(
    table: pa.Table, docs: pa.Array, index: Index | None, folder: Path, name: str
) -> tuple[pa.LargeListArray, np.ndarray, np.ndarray]:
    """The buckets of one band, mapped from a file; which of `docs` (ascending) are in them; which earlier ones."""
    keys, holders, before = one_array(table[name]), docs, 0
    if index is not None:
        old = _seen(index, name, keys).sort_by("doc")
        holders = pa.concat_arrays([one_array(old["doc"]), docs])
        keys = pa.concat_arrays([one_array(old["key"]), keys])
        before = old.num_rows
    groups = _kernels.buckets(keys, pa.array(np.arange(len(holders))))
    path = folder / f"{name}.arrow"
    save_buckets(pa.LargeListArray.from_arrays(groups.offsets, holders.take(groups.values)), path)
    rows = groups.values.to_numpy()
    return load_buckets(path), rows[rows >= before] - before, holders.to_numpy()[rows[rows < before]]


def _seen(index: Index, band: str, keys: pa.Array) -> pa.Table:
    """Documents of earlier corpora with one of these keys in a band."""
    schema = pa.schema([("doc", pa.int64()), ("key", pa.uint64())])
    sharing = [
        batch.filter(pc.is_in(batch.column(band), keys)).rename_columns(schema.names)
        for batch in index.batches([band])
    ]
    return pa.Table.from_batches(sharing, schema)
