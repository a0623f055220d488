"""LongAttn's choice: strong attention to distant tokens, evenly spread."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import Acts, Clusters, Need, Paper, Resources, Selector, View
from cupel.findings import Facts, Section
from cupel.select._budget import BudgetOptions, SelectionBudget
from cupel.units import write_count, write_percent

__all__ = ["LongDependence"]

Floats = npt.NDArray[np.float64]

STRENGTH, VARIANCE = "long_range_strength", "long_range_variance"


class LongDependence(Selector):
    """LongAttn's choice: documents with strong attention to distant tokens, evenly spread, up to a budget.

    For the columns of `long-range`, each scaled to 0 … 1 over the documents that have them, documents are kept by

        LDS = long_range_strength − variance_weight · long_range_variance

    the highest first (Wu et al. 2025; their code takes ½ and the upper half). A column with one value everywhere counts as
    ½. Documents without the columns, being too short, are never selected. Equal scores keep the order of the input.

    Examples
    --------
    >>> LongDependence.from_options({}).limit
    'among 50 % of the documents with the longest dependence'
    """

    name = "long-dependence"
    papers = (
        Paper(
            title="LongAttn: Selecting Long-context Training Data via Token-level Attention",
            authors="Wu, Zhu, Zhao, Yu, Ran, Wong, Sun, Li",
            year=2025,
            url="https://arxiv.org/abs/2502.16860",
            section="3, and the code published with it",
        ),
    )
    cost = "About 64 bytes of memory per document, and a sort."
    limits = (
        "The scale is set by the extremes: one odd document moves all scores, though not the order by either column alone. "
        "Longer windows have other values, so give `long-range` documents of at least its window."
    )

    class Options(BudgetOptions, Acts):
        """How much is kept, and how the two columns are weighed."""

        action: Literal["drop", "mark"] = Field(
            "drop",
            description="`drop` keeps what is selected; `mark` keeps everything and adds the columns "
            "`long-dependence_selected` and `long-dependence_score`.",
        )
        budget: str = Field(
            "50%",
            description="How much is kept: `50%` (of the documents), `100k-documents`, `500MB` of text, `1G-tokens` or "
            "`20%-tokens`, counted by the signal family `tokens`.",
        )
        variance_weight: float = Field(
            0.5, ge=0, description="Weight of the variance; 0 looks at strength alone."
        )

    options: Options

    @cached_property
    def budget(self) -> SelectionBudget:
        """How much is kept."""
        return SelectionBudget.read(self.options.budget)

    @property
    def limit(self) -> str:
        return f"among {self.budget} with the longest dependence"

    @property
    def signals(self) -> tuple[str, ...]:
        return (STRENGTH, VARIANCE, *self.budget.signals)

    @property
    def sketch_schema(self) -> pa.Schema:
        return pa.schema([("strength", pa.float64()), ("variance", pa.float64()), ("cost", pa.int64())])

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """Columns `strength`, `variance` and `cost` (in the budget's unit)."""
        columns = [pc.cast(documents.column(name), pa.float64()) for name in (STRENGTH, VARIANCE)]
        return pa.RecordBatch.from_arrays([*columns, self.budget.costs(documents)], schema=self.sketch_schema)

    def need(self, documents: int, text_bytes: int) -> Need:
        """Two columns, costs, scores, and their order."""
        return Need(memory_bytes=64 * documents)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Which documents are selected; a row for each document."""
        table = view.read(["doc", "strength", "variance", "cost"])
        strength, variance = (
            pc.fill_null(table[name], np.nan).to_numpy() for name in ("strength", "variance")
        )
        scores = _scaled(strength) - self.options.variance_weight * _scaled(variance)
        candidates = np.flatnonzero(~np.isnan(scores))
        order = candidates[np.argsort(-scores[candidates], kind="stable")]
        kept = np.zeros(len(scores), bool)
        kept[self.budget.spend(order, table["cost"].to_numpy())] = True
        members = pa.table({"doc": table["doc"], "kept": kept, "score": pa.array(scores, from_pandas=True)})
        return Clusters(members=members, findings=(_section(str(self.budget), scores, kept),))


def _scaled(values: Floats) -> Floats:
    """0 at the lowest and 1 at the highest; ½ where all are equal; NaN where there is none."""
    there = values[~np.isnan(values)]
    if not len(there):
        return values
    low, high = float(there.min()), float(there.max())
    if low == high:
        return np.where(np.isnan(values), np.nan, 0.5)
    scaled: Floats = (values - low) / (high - low)
    return scaled


def _section(budget: str, scores: Floats, kept: npt.NDArray[np.bool_]) -> Section:
    measured = ~np.isnan(scores)
    facts = (
        ("documents", write_count(len(scores))),
        ("long enough to be measured", write_count(int(measured.sum()))),
        ("selected", f"{write_count(int(kept.sum()))} ({write_percent(kept.mean() if len(kept) else 0)})"),
        ("budget", budget),
        ("lowest score selected", f"{scores[kept].min():.4g}" if kept.any() else "none"),
    )
    return Section(title="Long dependence", key="selection", blocks=(Facts(facts=facts),))
