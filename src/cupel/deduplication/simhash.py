"""Near-duplicate removal with SimHash: eight bytes per document and a single pass over the text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel import _kernels
from cupel.contract import Clusters, Dedup, Need, Paper, Resources, View
from cupel.deduplication.clusters.losses import too_much
from cupel.deduplication.clusters.options import ClusterOptions
from cupel.deduplication.clusters.report import cluster_blocks, limited
from cupel.deduplication.clusters.survivors import keep_one, one_array
from cupel.findings import Block, Facts, Prose, Section, Table

__all__ = ["SimHash"]

BITS = 64


class SimHash(Dedup):
    """Near duplicates, by SimHash fingerprints that differ in few bits.

    Each document has one fingerprint of 64 bits: bit *i* is set where more of its word n-grams have bit *i*
    of their hash set than not (Charikar 2002). The share of bits in which two fingerprints differ
    estimates the angle between the documents' n-gram counts. Two documents are near duplicates when
    their fingerprints differ in at most `max_distance` bits; Manku, Jain and Das Sarma (2007) use 3
    for eight billion pages.

    **All such pairs are found.** The bits are cut into `max_distance` + 2 blocks. Fingerprints that differ
    in at most `max_distance` bits agree on at least two blocks; so every pair of blocks makes a key, and
    only documents that share a key (there are ten for a distance of 3) are compared.

    **When to choose it.** It takes 8 bytes per document where `minhash` takes 112, and never reads a text
    twice. It is less exact: the fingerprint of a short text moves far with one changed word, and
    two long texts with a similar choice of words are near each other without sharing a passage. `minhash`
    verifies what it joins, and is the better choice wherever it fits.

    Words and n-grams are those of `minhash`. Clusters are the connected components.

    Examples
    --------
    >>> import pyarrow as pa
    >>> sketch = SimHash().sketch(pa.array(["One café, two cafés.", "ONE CAFE — two cafes", None]))
    >>> prints = sketch.column("fingerprint").to_pylist()
    >>> prints[0] == prints[1], prints[2]
    (True, None)
    """

    name = "simhash"
    papers = (
        Paper(
            title="Similarity Estimation Techniques from Rounding Algorithms",
            authors="Charikar",
            year=2002,
            url="https://doi.org/10.1145/509907.509965",
        ),
        Paper(
            title="Detecting Near-Duplicates for Web Crawling",
            authors="Manku, Jain, Das Sarma",
            year=2007,
            url="https://doi.org/10.1145/1242572.1242592",
            section="3",
        ),
    )
    cost = (
        "Sketch: about 130 MB/s per core, 8 bytes per document. Resolve: less than 100 bytes of "
        "memory per document."
    )
    limits = (
        "Short texts: one changed word moves many bits. Long texts of one template can be near without "
        "being copies; nothing is verified on the text."
    )

    class Options(ClusterOptions):
        """What a fingerprint is made of, and how near is near."""

        ngram: int = Field(3, ge=1, le=64, description="Words in an n-gram.")
        max_distance: int = Field(
            3, ge=0, le=16, description="Bits, of 64, in which fingerprints may differ."
        )
        max_comparisons: int = Field(
            1024,
            ge=1,
            description="In one bucket, a document is compared with at most this many others. The report says "
            "how often that was too few.",
        )
        fold_numbers: bool = Field(False, description="Take all numbers for the same word.")
        ignore_symbols: bool = Field(
            False,
            description="Let symbols and operators only separate words: C, C++ and C# are the same then.",
        )

    options: Options

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """Column `fingerprint` (uint64); null for null and for texts without words."""
        fingerprints = _kernels.simhash(
            text,
            ngram=self.options.ngram,
            fold_numbers=self.options.fold_numbers,
            ignore_symbols=self.options.ignore_symbols,
        )
        return pa.RecordBatch.from_arrays([fingerprints], names=["fingerprint"])

    def need(self, documents: int, text_bytes: int) -> Need:
        """Fingerprints and documents, sorted by each key in turn."""
        return Need(96 * documents)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Clusters of fingerprints that are near each other."""
        options = self.options
        table = view.read(["doc", "fingerprint"])
        total = table.num_rows
        table = table.filter(table["fingerprint"].is_valid())
        docs, prints = one_array(table["doc"]), one_array(table["fingerprint"])
        blocks = options.max_distance + 2
        buckets = [
            _kernels.buckets(_kernels.simhash_keys(prints, options.max_distance, number), docs)
            for number in range(blocks * (blocks - 1) // 2)
        ]
        components, counts, histogram, _ = _kernels.verify_fingerprints(
            buckets,
            docs,
            prints,
            threshold=(BITS - options.max_distance) / BITS,
            max_comparisons=options.max_comparisons,
            threads=resources.threads,
        )
        members = keep_one(components, view, options.sources)
        members = members.append_column("score", _common_bits(members, docs, prints))
        section = self._section(members, counts, histogram, total, view)
        stop = too_much(members, total, options, view)
        return Clusters(members=members, findings=(section,), stop=stop)

    def _section(
        self,
        members: pa.Table,
        counts: dict[str, int],
        histogram: pa.RecordBatch,
        total: int,
        view: View,
    ) -> Section:
        options = self.options
        clusters = int(members["kept"].to_numpy().sum()) if members.num_rows else 0
        removed = members.num_rows - clusters
        blocks: list[Block] = [
            Facts(
                facts=(
                    ("documents", f"{total:,}"),
                    ("clusters", f"{clusters:,}"),
                    ("near duplicates", f"{removed:,}"),
                    ("share", f"{removed / max(total, 1):.2%}"),
                    ("bits that may differ", f"{options.max_distance} of {BITS}"),
                    ("documents with the same fingerprint as another", f"{counts['identical']:,}"),
                    ("pairs compared", f"{counts['compared']:,}"),
                    ("near enough", f"{counts['verified']:,}"),
                )
            )
        ]
        blocks += limited(counts["limited"], options.max_comparisons)
        if removed:
            lead = f"{removed:,} of {total:,} documents have a fingerprint close to that of a kept one."
            blocks.append(_distances(histogram))
            blocks += cluster_blocks(members, total, options.giant_cluster_fraction, view)
        else:
            lead = "This step had no effect: no two fingerprints are near enough."
            blocks.append(Prose(text=lead))
        return Section(title="Near duplicates (SimHash)", key="duplicates", lead=lead, blocks=tuple(blocks))


def _common_bits(members: pa.Table, docs: pa.Array, prints: pa.Array) -> pa.Array:
    """The share of bits that each member has in common with its survivor."""
    if not members.num_rows:
        return pa.array([], pa.float64())
    left, right = (
        prints.take(pc.index_in(one_array(members[name]), docs)).to_numpy() for name in ("doc", "cluster")
    )
    differing = np.unpackbits((left ^ right).view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1)
    return pa.array((BITS - differing.astype(np.float64)) / BITS)


def _distances(histogram: pa.RecordBatch) -> Table:
    """Compared pairs by the share of bits in common."""
    rows = [row for row in histogram.to_pylist() if row["verified"] or row["rejected"]]
    return Table(
        columns=("share of bits in common, from", "pairs joined", "pairs rejected"),
        rows=tuple((row["similarity"], row["verified"], row["rejected"]) for row in rows[::-1]),
        formats=("number", "count", "count"),
        caption="Pairs that share a key, those of one fingerprint taken once.",
    )
