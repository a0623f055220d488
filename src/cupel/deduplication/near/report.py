"""What MinHash says of the near duplicates it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import pyarrow as pa

from cupel import _kernels
from cupel.contract import View
from cupel.deduplication.clusters.report import cluster_blocks, ids_of, limited, seen_before
from cupel.deduplication.clusters.survivors import one_array
from cupel.deduplication.index import Index
from cupel.deduplication.near.curve import candidate_probability, curve_figure, curve_table, midpoint
from cupel.deduplication.near.shingle_sets import ShingleSets
from cupel.findings import Block, Facts, Prose, Section, Table

__all__ = ["Joined", "near_duplicates"]

SHOWN_PAIRS = 8


@dataclass(frozen=True)
class Joined:
    """Components, and what verification counted (empty without verification)."""

    components: pa.RecordBatch
    counts: dict[str, int]
    histogram: pa.RecordBatch | None = None
    pairs: pa.RecordBatch | None = None
    sets: ShingleSets | None = None
    measure: str = "jaccard"
    threads: int = 1

    def scores(self, members: pa.Table) -> pa.Array:
        """The true similarity of each member to the survivor of its cluster; null without verification."""
        if self.sets is None:
            return pa.nulls(members.num_rows, pa.float64())
        docs, survivors = one_array(members["doc"]), one_array(members["cluster"])
        return self.similarities(docs, survivors)

    def similarities(self, left: pa.Array, right: pa.Array) -> pa.Array:
        """How alike pairs of documents are; null where one has no words."""
        sets = cast(ShingleSets, self.sets)
        return _kernels.similarities(
            sets.docs, sets.offsets, sets.values, left, right, threads=self.threads, measure=self.measure
        )


class BandOptions(Protocol):
    """The options that the findings speak of: MinHash has them."""

    @property
    def bands(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def threshold(self) -> float: ...
    @property
    def verify(self) -> bool: ...
    @property
    def max_comparisons(self) -> int: ...
    @property
    def giant_cluster_fraction(self) -> float: ...


def near_duplicates(
    options: BandOptions,
    joined: Joined,
    members: pa.Table,
    candidates: int,
    total: int,
    index: Index | None,
    view: View,
) -> Section:
    """What there is to read of near duplicates: counts, the S-curve, clusters, and pairs that were compared."""
    clusters = int(members["kept"].to_numpy().sum()) if members.num_rows else 0
    removed = members.num_rows - clusters
    blocks: list[Block] = [
        Facts(
            facts=(
                *_facts(options, joined, candidates, clusters, removed, total),
                *seen_before(index, members),
            )
        ),
        curve_figure(
            options.bands, options.rows, options.threshold if options.verify else None, joined.histogram
        ),
        curve_table(options.bands, options.rows),
    ]
    blocks += limited(joined.counts.get("limited", 0), options.max_comparisons)
    if removed:
        blocks += cluster_blocks(members, total, options.giant_cluster_fraction, view)
        lead = f"{removed:,} of {total:,} documents are near duplicates of one that stays."
    else:
        lead = "This step had no effect: no two documents are similar enough to be joined."
        blocks.append(Prose(text=lead))
    if joined.pairs is not None and joined.pairs.num_rows:
        blocks.append(_pair_table(joined.pairs, view))
    return Section(title="Near duplicates (MinHash)", key="duplicates", lead=lead, blocks=tuple(blocks))


def _facts(
    options: BandOptions, joined: Joined, candidates: int, clusters: int, removed: int, total: int
) -> list[tuple[str, str]]:
    counts = joined.counts
    facts = [
        ("documents", f"{total:,}"),
        ("clusters", f"{clusters:,}"),
        ("near duplicates", f"{removed:,}"),
        ("share", f"{removed / max(total, 1):.2%}"),
        ("documents in a bucket", f"{candidates:,}"),
    ]
    if options.verify:
        seen = candidate_probability(options.threshold, options.bands, options.rows)
        facts += [
            ("candidate pairs, over all bands", f"{counts['candidate_pairs']:,}"),
            ("documents with the same shingles as another", f"{counts['identical']:,}"),
            ("pairs compared", f"{counts['compared']:,}"),
            ("verified", f"{counts['verified']:,}"),
            ("rejected: false joins avoided", f"{counts['rejected']:,}"),
            ("rejected by length alone", f"{counts['rejected_by_length']:,}"),
            ("threshold", f"{options.threshold:g}"),
            ("probability of seeing a pair at the threshold", f"{seen:.1%}"),
        ]
    else:
        facts.append(("verification", "off: every pair that shares a band is joined"))
    facts.append(("middle of the S-curve", f"{midpoint(options.bands, options.rows):.3f}"))
    return facts


def _pair_table(pairs: pa.RecordBatch, view: View) -> Table:
    """Some compared pairs: the first joined and the first rejected of the sample."""
    rows = pairs.to_pylist()
    shown = [
        *[row for row in rows if row["verified"]][:SHOWN_PAIRS],
        *[row for row in rows if not row["verified"]][:SHOWN_PAIRS],
    ]
    ids = ids_of([doc for row in shown for doc in (row["left"], row["right"])], view)
    return Table(
        columns=("document", "other document", "similarity", "outcome"),
        rows=tuple(
            (ids[r["left"]], ids[r["right"]], r["similarity"], "joined" if r["verified"] else "rejected")
            for r in shown
        ),
        formats=("text", "text", "number", "text"),
        caption="A random sample of compared pairs, by id.",
    )
