"""Semantic duplicates: documents that say the same in other words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import Clusters, Dedup, Paper, Resources, View
from cupel.deduplication.clusters.losses import too_much
from cupel.deduplication.clusters.options import ActionOptions
from cupel.deduplication.clusters.report import cluster_blocks
from cupel.deduplication.semantic.members import grouped
from cupel.deduplication.semantic.sweep import similarity_figure, sweep_blocks
from cupel.findings import Block, Facts, Prose, Section
from cupel.vectors.kmeans import Cells
from cupel.vectors.mapped import Vectors
from cupel.vectors.method import CellOptions, InCells
from cupel.vectors.nearest import Before, nearest_before
from cupel.vectors.workers import Workers

__all__ = ["SemDeDup"]


class SemDeDup(InCells, Dedup):
    """Semantic duplicates, by SemDeDup: the same said in other words.

    Every document becomes a vector of length one, by a model of sentences or from a field of the input. Spherical
    k-means divides the vectors into clusters, and documents are compared only within a cluster (Abbas
    et al. 2023). In each cluster the documents are ordered by their cosine similarity to the centroid, the least
    similar first. The score of a document is its highest similarity to a document before it,

    mᵢ = max over j < i of xᵢ · xⱼ,

    and a document is removed where mᵢ > 1 − ε. Of two similar documents, the less similar to the centroid stays.

    **Every ε at once.** The scores do not depend on ε. The report plots what each ε would
    remove. To choose later, run with `action: mark`: every document stays and carries its score in
    `semdedup_score`, and the rows with `semdedup_score <= 1 - ε` are the corpus for any ε.

    **The survivor.** The most similar earlier document may itself be removed. The chain of removed documents
    ends at one that is kept, and the ledger names it. Chains can therefore join documents that are less
    similar than 1 − ε.

    **Vectors** are kept in half precision and set to length one again when read: similarities are
    right to about 0.0001. They do not depend on how the input is cut into files, nor on the number of
    threads; another model, processor or release of a library may change them in the last digit.
    Documents without a vector, or with one of zeros, are left alone and counted.

    **Cost.** With n documents and k clusters, n²/2k pairs are compared. By default k grows with n,
    so that this grows like n; finding the nearest centroid takes n·k similarities.

    **Images** and everything else come in through `column`: embed them with whatever model fits.

    Examples
    --------
    >>> method = SemDeDup.from_options({"column": "embedding", "epsilon": 0.02})
    >>> documents = pa.record_batch({
    ...     "id": ["Café", "東京"],
    ...     "text": ["un café", "東京"],
    ...     "metadata": ['{"embedding": [3.0, 4.0]}', "{}"],
    ... })
    >>> vectors = method.sketch_documents(documents).column("embedding").to_pylist()
    >>> np.frombuffer(vectors[0], np.float16), vectors[1]
    (array([0.6, 0.8], dtype=float16), None)
    """

    name = "semdedup"
    utility = "deduplication"
    mechanism = "cluster"
    reason = "semantic-duplicate"
    papers = (
        Paper(
            title="SemDeDup: Data-efficient learning at web-scale through semantic deduplication",
            authors="Abbas, Tirumala, Simig, Ganguli, Morcos",
            year=2023,
            url="https://arxiv.org/abs/2303.09540",
            section="Code: facebookresearch/SemDeDup, semdedup.py",
        ),
    )
    cost = (
        "Embedding: all-MiniLM-L6-v2 reads about 50 short texts per second on one core. "
        "With `embed: fast` it reads 700 to 12,000 texts per second, after a one-time minute for each model. "
        "Resolve: 28,000 to 44,000 documents of 384 dimensions per second on two cores, 2 bytes of disk per "
        "dimension and about 80 bytes of memory per document."
    )
    limits = (
        "A model sees the beginning of a text only (all-MiniLM-L6-v2: 256 tokens), and what it takes for alike "
        "depends on it: an ε found good for one model means nothing for another. Texts that differ in a name, a "
        "number or a 'not' are alike to most, and with `embed: fast` so are texts of the same words "
        "in another order. Duplicates in two clusters of k-means are not found. Run minhash before it."
    )

    class Options(ActionOptions, CellOptions):
        """Where vectors come from, and how alike duplicates are."""

        epsilon: float = Field(
            0.05,
            gt=0,
            lt=1,
            description="A document goes when its cosine similarity to one before it is above 1 − ε.",
        )
        sources: tuple[str, ...] = Field(
            (),
            description="Sources in order of preference: in each cluster their documents come before all others. "
            "When copies appear in several sources, the copy from the first listed source is kept.",
        )

    options: Options

    @property
    def limit(self) -> str:
        """The similarity up to which a document stays."""
        return f"similarity at most {1 - self.options.epsilon:.6g}"

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Clusters of documents that are alike, within the clusters of k-means."""
        options = self.options
        vectors = self.vectors(view, resources)
        with Workers.start(resources.threads) as workers:
            cells = self.cells(vectors, workers, _ranks(vectors, options.sources, view))
            before = nearest_before(vectors, cells, workers)
        removed = before.similarity > 1 - options.epsilon
        survivors = before.survivors(removed)
        members = grouped(vectors, survivors, before.similarity, everything=False)
        stop = too_much(members, vectors.total, options, view)
        section = self._section(vectors, cells, before, removed, members, view)
        if options.action == "mark":
            members = grouped(vectors, survivors, before.similarity, everything=True)
        return Clusters(members=members, findings=(section,), stop=stop)

    def _section(
        self,
        vectors: Vectors,
        cells: Cells,
        before: Before,
        removed: npt.NDArray[np.bool_],
        members: pa.Table,
        view: View,
    ) -> Section:
        options, total = self.options, vectors.total
        removed_count = int(removed.sum())
        facts = (
            *self.facts(vectors, cells),
            ("pairs compared", f"{before.pairs:,}"),
            ("ε", f"{options.epsilon:g}"),
            ("clusters of duplicates", f"{int(pc.sum(members['kept']).as_py() or 0):,}"),
            ("semantic duplicates", f"{removed_count:,}"),
            ("share", f"{removed_count / max(total, 1):.2%}"),
        )
        blocks: list[Block] = [Facts(facts=facts), *sweep_blocks(before, total, options.epsilon)]
        some = before.row >= 0
        title = "similarity to the nearest document before it"
        blocks.append(similarity_figure(before.similarity[some], removed[some], 1 - options.epsilon, title))
        if removed_count:
            lead = f"{removed_count:,} of {total:,} documents say what a document that stays says."
            blocks += cluster_blocks(members, total, options.giant_cluster_fraction, view)
        else:
            lead = f"This step had no effect: no two documents are more alike than {1 - options.epsilon:g}."
            blocks.append(Prose(text=lead))
        return Section(
            title="Semantic duplicates (SemDeDup)", key="duplicates", lead=lead, blocks=tuple(blocks)
        )


def _ranks(vectors: Vectors, sources: tuple[str, ...], view: View) -> npt.NDArray[np.int32] | None:
    """The rank of each document's source in the order of preference."""
    if not sources:
        return None
    document_sources = view.sources(pa.array(vectors.docs))
    places = pc.fill_null(pc.index_in(document_sources, pa.array(sources, pa.large_string())), len(sources))
    return places.to_numpy(zero_copy_only=False).astype(np.int32)
