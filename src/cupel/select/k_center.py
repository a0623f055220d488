"""K-center: documents that cover the corpus."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from cupel import _kernels
from cupel.contract import Acts, Clusters, Need, Paper, Resources, Selector, View
from cupel.contract.draws import uniform
from cupel.findings import Facts, Section
from cupel.models.model import Model
from cupel.select._budget import BudgetOptions, SelectionBudget
from cupel.units import write_bytes, write_count, write_number
from cupel.vectors.mapped import Vectors
from cupel.vectors.method import EmbeddingOptions, OnVectors

__all__ = ["KCenter"]


class KCenter(OnVectors, Selector):
    """K-center: documents chosen so that every other document is close to one of them.

    Farthest-first traversal (Gonzalez 1985): begin with a document, then repeatedly take the document that is farthest
    from all taken so far, until the budget is spent. The largest distance of any document to the nearest taken one,
    the radius, is at most twice the smallest radius possible with the same number of documents. Sener and Savarese
    (2018) choose the data to label in this way. Distance is 1 − cos of the vectors; the first document is drawn by
    its id and the seed.

    The score is the distance to the nearest document taken before. In order of decreasing score, a smaller budget
    is always a prefix of a larger one. Documents without a vector are never selected.

    Examples
    --------
    >>> KCenter.from_options({"column": "embedding", "budget": "1k-documents"}).limit
    'among 1,000 documents that cover the corpus'
    """

    name = "k-center"
    stages = ("pretraining", "instruction tuning", "task-specific fine-tuning")
    papers = (
        Paper(
            title="Clustering to minimize the maximum intercluster distance",
            authors="Gonzalez",
            year=1985,
            url="https://doi.org/10.1016/0304-3975(85)90224-5",
        ),
        Paper(
            title="Active Learning for Convolutional Neural Networks: A Core-Set Approach",
            authors="Sener, Savarese",
            year=2018,
            url="https://arxiv.org/abs/1708.00489",
        ),
    )
    cost = (
        "A comparison of every document with every taken one, and 2 bytes of memory per number of a vector."
    )
    limits = (
        "It prefers outliers: documents unlike all others are taken first, including noise, so filter for quality before. "
        "Large budgets on large corpora take long; divide the corpus or sample before."
    )

    class Options(BudgetOptions, Acts, EmbeddingOptions):
        """Where vectors come from, and how many documents are taken."""

        action: Literal["drop", "mark"] = Field(
            "drop",
            description="`drop` keeps what is selected; `mark` keeps everything and adds the columns "
            "`k-center_selected` and `k-center_score`.",
        )
        seed: int = Field(0, ge=0, lt=1 << 63, description="Draws the first document.")

    options: Options

    @cached_property
    def budget(self) -> SelectionBudget:
        """How much is kept."""
        return SelectionBudget.read(self.options.budget)

    @property
    def limit(self) -> str:
        return f"among {self.budget} that cover the corpus"

    @property
    def signals(self) -> tuple[str, ...]:
        return self.budget.signals

    @property
    def sketch_schema(self) -> pa.Schema:
        return pa.schema(
            [*super().sketch_schema, pa.field("draw", pa.float64()), pa.field("cost", pa.int64())]
        )

    def sketch_documents(self, documents: pa.RecordBatch, embedder: Model | None = None) -> pa.RecordBatch:
        """Columns `embedding`, `draw` (in (0, 1), by the id) and `cost` (in the budget's unit)."""
        embedded = super().sketch_documents(documents, embedder)
        draws = pa.array(uniform(documents.column("id"), self.options.seed))
        columns = [embedded.column("embedding"), draws, self.budget.costs(documents)]
        return pa.RecordBatch.from_arrays(columns, schema=self.sketch_schema)

    def need(self, documents: int, text_bytes: int) -> Need:
        """The vectors, all of which are read repeatedly, and a few numbers per document."""
        vectors = super().need(documents, text_bytes)
        return Need(vectors.memory_bytes + vectors.scratch_bytes, vectors.scratch_bytes)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Which documents are taken; a row for each document."""
        table = view.read(["doc", "draw", "cost"])
        docs, costs = table["doc"].to_numpy(), table["cost"].to_numpy()
        vectors = self.vectors(view, resources)
        places = np.searchsorted(docs, vectors.docs)
        first = int(np.argmin(table["draw"].to_numpy()[places])) if len(vectors) else 0
        rows, distances, radius = self._taken(vectors, costs, places, first, resources.threads)
        kept = np.zeros(len(docs), dtype=bool)
        kept[places[rows]] = True
        score = np.full(len(docs), np.nan)
        score[places[rows]] = distances
        members = pa.table({"doc": table["doc"], "kept": kept, "score": pa.array(score, from_pandas=True)})
        return Clusters(members=members, findings=(self._section(vectors, costs, kept, radius),))

    def _taken(
        self,
        vectors: Vectors,
        costs: npt.NDArray[np.int64],
        places: npt.NDArray[np.int64],
        first: int,
        threads: int,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], float]:
        """Rows of vectors in the order in which they are taken, as many as the budget pays for; their distances."""
        limit, own = self.budget.limit(costs), costs[places]
        if not len(vectors):
            return np.zeros(0, np.int64), np.zeros(0), 0.0
        # How many documents fit the budget is known only once they are taken; the prefix is always the same.
        count = min(len(vectors), max(1, round(limit / max(float(own.mean()), 1e-9))))
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.halves.reshape(-1)), vectors.dimensions)
        while True:
            chosen, radius = _kernels.k_center(column, count, first=first, threads=threads)
            spent = np.cumsum(own[chosen["row"].to_numpy()])
            if spent[-1] >= limit or count == len(vectors):
                break
            count = min(len(vectors), 2 * count)
        paid = int(np.searchsorted(spent, limit, side="right"))
        if 0 < paid < count:  # the radius of exactly these documents
            chosen, radius = _kernels.k_center(column, paid, first=first, threads=threads)
        distances = chosen["distance"].to_numpy(zero_copy_only=False).astype(np.float64)
        return chosen["row"].to_numpy()[:paid], distances[:paid], radius

    def _section(
        self, vectors: Vectors, costs: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_], radius: float
    ) -> Section:
        write = write_bytes if self.budget.unit == "bytes" else write_count
        without = vectors.total - len(vectors)
        facts = (
            ("documents", write_count(len(kept))),
            *((("without a vector, never selected", write_count(without)),) if without else ()),
            ("selected", write_count(int(kept.sum()))),
            ("budget", str(self.budget)),
            (f"{self.budget.unit} selected", write(int(costs[kept].sum()))),
            ("radius", write_number(radius)),
        )
        lead = "No document is farther from the nearest selected one than the radius, as 1 − cos."
        return Section(title="K-center", key="selection", lead=lead, blocks=(Facts(facts=facts),))
