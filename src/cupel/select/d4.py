"""D4: semantic duplicates first, then the prototypical documents among the remaining."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from cupel.contract import Acts, Clusters, Paper, Resources, Selector, View
from cupel.deduplication.clusters.losses import lost_sources, source_table
from cupel.deduplication.clusters.options import LossOptions
from cupel.deduplication.semantic.members import grouped
from cupel.deduplication.semantic.sweep import cell_table, similarity_figure, sweep_blocks
from cupel.findings import Block, Facts, Prose, Section
from cupel.select._prototypical import Pruned, prune, to_drop
from cupel.vectors.kmeans import Cells
from cupel.vectors.mapped import Vectors
from cupel.vectors.method import CellOptions, InCells
from cupel.vectors.nearest import Before, nearest_before
from cupel.vectors.workers import Workers

__all__ = ["D4"]

DUPLICATE = "semantic-duplicate"
PROTOTYPICAL = "prototypical"


class KeptFractions(LossOptions, CellOptions):
    """Where vectors come from, and how much each stage leaves."""

    dedup_kept_fraction: float = Field(
        0.75,
        gt=0,
        le=1,
        description="Share of the documents with a vector that SemDeDup leaves (R_dedup).",
    )
    prototypes_kept_fraction: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Share of those that stays when the prototypical are dropped (R_proto).",
    )


class D4(InCells, Selector):
    """D4: semantic deduplication, then diversification of the remaining documents.

    Three stages (Tirumala et al. 2023):

    1. SemDeDup (see `semdedup`) removes the documents with the highest scores until `dedup_kept_fraction` is left
       (the paper's R_dedup, 0.75 there). This is SemDeDup with the ε that leaves this share; the report says which.
    2. The remaining documents are clustered again by k-means, so that copies no longer attract centroids.
    3. The most prototypical of them (see `prototypes`) are removed until `prototypes_kept_fraction` is left (R_proto).

    The ledger's reason says which stage removed a document: `semantic-duplicate` or `prototypical`. Its score is
    the one that decided there: the similarity to the nearest document before it, or to the new centroid.

    In each stage, the document least similar to the centroid of each k-means cluster stays. Where clusters are
    small, more documents may stay than requested.

    Examples
    --------
    >>> D4.from_options({"column": "embedding", "prototypes_kept_fraction": 0.5}).limit
    'among the 75 % least alike, then the 50 % least prototypical'
    """

    name = "d4"
    mechanism = "cover"
    stages = ("pretraining",)
    finds = "documents"
    reason = DUPLICATE
    papers = (
        Paper(
            title="D4: Improving LLM Pretraining via Document De-Duplication and Diversification",
            authors="Tirumala, Simig, Aghajanyan, Morcos",
            year=2023,
            url="https://arxiv.org/abs/2308.12284",
        ),
    )
    limits = (
        "It removes the requested shares, whether or not there are that many duplicates: check the resulting ε. "
        "The paper embeds with the last token of a 125M language model after MinHash; other models cluster otherwise. "
        "For more limits, see semdedup and prototypes."
    )

    class Options(Acts, KeptFractions):
        """Where vectors come from, and how much each stage leaves."""

        action: Literal["drop", "mark"] = Field(
            "drop",
            description="`drop` drops them; `mark` keeps all and carries as columns the document that would "
            "stay in the place of each, and the score that decided.",
        )

    options: Options

    @property
    def limit(self) -> str:
        """Which documents stay."""
        first, second = self.options.dedup_kept_fraction, self.options.prototypes_kept_fraction
        return f"among the {100 * first:g} % least alike, then the {100 * second:g} % least prototypical"

    def decide(self, view: View, resources: Resources) -> Clusters:
        """What each stage removes, with the document that stays at the end."""
        options = self.options
        vectors = self.vectors(view, resources)
        with Workers.start(resources.threads) as workers:
            cells = self.cells(vectors, workers)
            before = nearest_before(vectors, cells, workers)
            removed = to_drop(before.similarity, vectors.docs, before.row >= 0, options.dedup_kept_fraction)
            left = np.flatnonzero(~removed)
            remaining = vectors.only(left)
            new = self.cells(remaining, workers)
            pruned = prune(remaining, new, options.prototypes_kept_fraction, workers)
        stages = _Stages(vectors, cells, before, removed, remaining, new, pruned, left)
        score = before.similarity.copy()
        score[left] = new.similarity
        reasons = np.where(removed, DUPLICATE, PROTOTYPICAL).astype(object)
        survivors = stages.survivors()
        members = grouped(vectors, survivors, score, everything=False, reasons=reasons)
        stop = lost_sources(members, options.max_source_loss, view) if members.num_rows else ()
        blocks, lead = self._blocks(stages, view)
        if members.num_rows:
            blocks.append(source_table(members, view, "removed documents"))
        if options.action == "mark":
            members = grouped(vectors, survivors, score, everything=True, reasons=reasons)
        section = Section(
            title="Semantic duplicates and prototypical documents (D4)", lead=lead, blocks=tuple(blocks)
        )
        return Clusters(members=members, findings=(section,), stop=tuple(stop))

    def _blocks(self, stages: _Stages, view: View) -> tuple[list[Block], str]:
        total = stages.vectors.total
        alike, typical = int(stages.removed.sum()), int(stages.pruned.dropped.sum())
        lowest = float(stages.before.similarity[stages.removed].min()) if alike else 1.0
        facts = (
            *self.facts(stages.vectors, stages.cells),
            ("semantic duplicates", f"{alike:,}"),
            ("ε that came out", f"{1 - lowest:.4g}" if alike else "none"),
            ("clusters of k-means, second time", f"{len(stages.new):,}"),
            ("prototypical documents", f"{typical:,}"),
            ("share, both", f"{(alike + typical) / max(total, 1):.2%}"),
        )
        blocks: list[Block] = [
            Facts(facts=facts),
            *sweep_blocks(stages.before, total, 1 - lowest if alike else None),
            similarity_figure(
                stages.new.similarity,
                stages.pruned.dropped,
                stages.pruned.limit,
                "similarity to the centroid, after SemDeDup",
            ),
        ]
        if alike + typical == 0:
            lead = "This step had no effect: no document is to go."
            return [*blocks, Prose(text=lead)], lead
        lead = (
            f"{alike:,} of {total:,} documents go as semantic duplicates, then {typical:,} as prototypical."
        )
        return [*blocks, cell_table(stages.remaining, stages.new, stages.pruned.dropped, view)], lead


@dataclass(frozen=True)
class _Stages:
    """The results of each stage; `remaining` holds the rows `left` of `vectors`."""

    vectors: Vectors
    cells: Cells
    before: Before
    removed: npt.NDArray[np.bool_]
    remaining: Vectors
    new: Cells
    pruned: Pruned
    left: npt.NDArray[np.int64]

    def survivors(self) -> npt.NDArray[np.int64]:
        """By row, the row that stays after both stages."""
        second = np.arange(len(self.vectors))
        second[self.left] = self.left[self.pruned.survivors]
        kept: npt.NDArray[np.int64] = second[self.before.survivors(self.removed)]
        return kept
