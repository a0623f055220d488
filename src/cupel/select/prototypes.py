"""Pruning of the most prototypical documents."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from cupel.contract import Acts, Clusters, Paper, Resources, Selector, View
from cupel.deduplication.clusters.losses import lost_sources, source_table
from cupel.deduplication.clusters.options import LossOptions
from cupel.deduplication.semantic.members import grouped
from cupel.deduplication.semantic.sweep import cell_table, similarity_figure
from cupel.findings import Block, Facts, Prose, Section
from cupel.select._prototypical import prune
from cupel.vectors.method import CellOptions, InCells
from cupel.vectors.workers import Workers

__all__ = ["Prototypes"]


class KeptFraction(LossOptions, CellOptions):
    """Where vectors come from, and how much stays."""

    kept_fraction: float = Field(
        0.8, gt=0, le=1, description="Share of the documents with a vector that stays (the papers' R)."
    )


class Prototypes(InCells, Selector):
    """Prototypical documents: those nearest to the center of their cluster are removed.

    Vectors are divided by spherical k-means, and the documents most similar to the centroid of their
    cluster are dropped, over all clusters, until `kept_fraction` is left: "easy" documents of which
    there are many like them (Sorscher et al. 2022, the self-supervised prototypes metric;
    Tirumala et al. 2023 for text). The less usual ones stay.

    At least one document of each cluster stays, the least similar to the centroid; the papers do
    not say so. For each removed document, the ledger names the nearest kept document of its cluster. This does not
    mean that they are copies of each other.

    The score is the similarity to the centroid. With `action: mark` every document stays and carries it
    in `prototypes_score`, so that another fraction can be chosen later.

    Vectors and k-means, and what they depend on, are as in `semdedup`.

    Examples
    --------
    >>> Prototypes.from_options({"column": "embedding", "kept_fraction": 0.9}).limit
    'among the 90 % least prototypical'
    """

    name = "prototypes"
    mechanism = "cover"
    stages = ("pretraining",)
    finds = "documents"
    reason = "prototypical"
    papers = (
        Paper(
            title="Beyond neural scaling laws: beating power law scaling via data pruning",
            authors="Sorscher, Geirhos, Shekhar, Ganguli, Morcos",
            year=2022,
            url="https://arxiv.org/abs/2206.14486",
        ),
        Paper(
            title="D4: Improving LLM Pretraining via Document De-Duplication and Diversification",
            authors="Tirumala, Simig, Aghajanyan, Morcos",
            year=2023,
            url="https://arxiv.org/abs/2308.12284",
        ),
    )
    limits = (
        "With little data the easy documents are the better ones to keep (Sorscher et al. 2022), so prune only "
        "where there is more data than training uses. Clusters of copies pull centroids to themselves: deduplicate "
        "before, as `d4` does. Outliers stay, including noise: filter for quality before."
    )

    class Options(Acts, KeptFraction):
        """Where vectors come from, and how much stays."""

        action: Literal["drop", "mark"] = Field(
            "drop",
            description="`drop` drops them; `mark` keeps all and carries as columns the document that would "
            "stay in the place of each, and the score.",
        )

    options: Options

    @property
    def limit(self) -> str:
        """Which documents stay."""
        return f"among the {100 * self.options.kept_fraction:g} % least prototypical"

    def decide(self, view: View, resources: Resources) -> Clusters:
        """The most prototypical documents, each with the nearest that stays."""
        options = self.options
        vectors = self.vectors(view, resources)
        with Workers.start(resources.threads) as workers:
            cells = self.cells(vectors, workers)
            pruned = prune(vectors, cells, options.kept_fraction, workers)
        score = cells.similarity.astype(np.float64)
        members = grouped(vectors, pruned.survivors, score, everything=False)
        dropped_count, total = int(pruned.dropped.sum()), vectors.total
        facts = (
            *self.facts(vectors, cells),
            ("prototypical documents", f"{dropped_count:,}"),
            ("share", f"{dropped_count / max(total, 1):.2%}"),
        )
        blocks: list[Block] = [
            Facts(facts=facts),
            similarity_figure(cells.similarity, pruned.dropped, pruned.limit, "similarity to the centroid"),
        ]
        if dropped_count:
            lead = f"{dropped_count:,} of {total:,} documents are close to the center of their cluster and are removed."
            blocks += [
                cell_table(vectors, cells, pruned.dropped, view),
                source_table(members, view, "prototypical documents"),
            ]
        else:
            lead = "This step had no effect: no document is removed."
            blocks.append(Prose(text=lead))
        stop = tuple(lost_sources(members, options.max_source_loss, view)) if dropped_count else ()
        if options.action == "mark":
            members = grouped(vectors, pruned.survivors, score, everything=True)
        section = Section(title="Prototypical documents", lead=lead, blocks=tuple(blocks))
        return Clusters(members=members, findings=(section,), stop=stop)
