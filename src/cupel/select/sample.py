"""Sampling without replacement, by a score or uniformly."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import TRAINING, Acts, Clusters, Need, Paper, Resources, Selector, View
from cupel.contract.draws import uniform
from cupel.findings import Facts, Section, Table
from cupel.select._budget import BudgetOptions, SelectionBudget
from cupel.units import write_bytes, write_count, write_percent

__all__ = ["GumbelSample"]

Floats = npt.NDArray[np.float64]


class GumbelSample(Selector):
    """Sample: documents drawn without replacement, by a score or uniformly, up to a budget.

    Documents are drawn one by one with probabilities proportional to exp(score/τ) among those that
    are left, until the budget is spent. The Gumbel top-k trick draws all of them at once
    (Kool et al. 2019): the documents with the highest

        score/τ + g,    g = −ln(−ln u)

    where u is a uniform number that the document's id and the seed decide, so it is the same on every engine, in every
    order of the input, and in a pool that has grown. With τ = 0 the highest scores are taken. QuRating (Wettig et
    al. 2024) finds that sampling at τ = 2 trains better models than taking the best documents, which are too similar.

    Documents without a score (null, not a number) are never selected. Equal scores at τ = 0 are ordered by u.

    Examples
    --------
    >>> GumbelSample.from_options({"by": "quality", "budget": "1G-tokens", "temperature": 2}).limit
    'among 1,000,000,000 tokens drawn by quality'
    """

    name = "sample"
    mechanism = "sample"
    stages = TRAINING
    papers = (
        Paper(
            title="QuRating: Selecting High-Quality Data for Training Language Models",
            authors="Wettig, Gupta, Malik, Chen",
            year=2024,
            url="https://arxiv.org/abs/2402.09739",
            section="3.2",
        ),
        Paper(
            title="Stochastic Beams and Where to Find Them: The Gumbel-Top-k Trick for Sampling Sequences "
            "Without Replacement",
            authors="Kool, van Hoof, Welling",
            year=2019,
            url="https://arxiv.org/abs/1903.06059",
        ),
    )
    cost = "About 64 bytes of memory per document, and a sort."
    limits = (
        "A score that measures length or language more than quality selects by these; look at the report's sources. "
        "The last document that would go over the budget is left out, so that a little less than the budget is kept."
    )

    class Options(BudgetOptions, Acts):
        """By what documents are drawn, and how many."""

        action: Literal["drop", "mark"] = Field(
            "drop",
            description="`drop` keeps what is selected; `mark` keeps everything and adds the columns `sample_selected` and "
            "`sample_score`.",
        )
        by: str | None = Field(
            None,
            pattern=r"^[a-z][a-z0-9_]*$",
            description="Signal column by which documents are drawn; without it all are equally likely.",
        )
        temperature: float = Field(
            1.0,
            ge=0,
            description="τ: the higher, the less the score decides. 0 takes the highest scores.",
        )
        standardize: bool = Field(
            True,
            description="Take the score in standard deviations from its mean over the corpus, so that τ means the same "
            "for every signal.",
        )
        lowest: bool = Field(False, description="Prefer low scores.")
        seed: int = Field(0, ge=0, lt=1 << 63, description="Decides the draws.")

    options: Options

    @cached_property
    def budget(self) -> SelectionBudget:
        """How much is kept."""
        return SelectionBudget.read(self.options.budget)

    @property
    def limit(self) -> str:
        by = f" by {self.options.by}" if self.options.by else ""
        return f"among {self.budget} drawn{by}"

    @property
    def signals(self) -> tuple[str, ...]:
        return (*((self.options.by,) if self.options.by else ()), *self.budget.signals)

    @property
    def sketch_schema(self) -> pa.Schema:
        return pa.schema([("score", pa.float64()), ("uniform", pa.float64()), ("cost", pa.int64())])

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """Columns `score`, `uniform` (in (0, 1), by the id) and `cost` (in the budget's unit)."""
        rows = documents.num_rows
        score = documents.column(self.options.by) if self.options.by else pa.array(np.zeros(rows))
        columns = [pc.cast(score, pa.float64()), pa.array(uniform(documents.column("id"), self.options.seed))]
        return pa.RecordBatch.from_arrays([*columns, self.budget.costs(documents)], schema=self.sketch_schema)

    def need(self, documents: int, text_bytes: int) -> Need:
        """Scores, draws and costs, and their order."""
        return Need(memory_bytes=64 * documents)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Which documents are drawn; a row for each document."""
        table = view.read(["doc", "source", "score", "uniform", "cost"])
        scores = pc.fill_null(table["score"], np.nan).to_numpy()
        costs = table["cost"].to_numpy()
        keys = self._keys(scores, table["uniform"].to_numpy())
        candidates = np.flatnonzero(~np.isnan(scores))
        # The highest key first, then the highest draw, then the order of the input.
        order = candidates[np.lexsort((-table["uniform"].to_numpy()[candidates], -keys[candidates]))]
        kept = np.zeros(len(scores), dtype=bool)
        kept[self.budget.spend(order, costs)] = True
        score = pa.array(scores, from_pandas=True) if self.options.by else pa.nulls(len(scores), pa.float64())
        members = pa.table({"doc": table["doc"], "kept": kept, "score": score})
        return Clusters(members=members, findings=(self._section(table["source"], scores, costs, kept),))

    def _keys(self, scores: Floats, uniform: Floats) -> Floats:
        valid = scores[~np.isnan(scores)]
        spread = float(valid.std()) if len(valid) else 0.0
        values = -scores if self.options.lowest else scores
        if self.options.temperature == 0:
            return values
        if self.options.standardize and spread > 0:
            values = values / spread  # the mean moves all keys alike
        keys: Floats = values / self.options.temperature - np.log(-np.log(uniform))
        return keys

    def _section(
        self,
        sources: pa.ChunkedArray,
        scores: Floats,
        costs: npt.NDArray[np.int64],
        kept: npt.NDArray[np.bool_],
    ) -> Section:
        write = write_bytes if self.budget.unit == "bytes" else write_count
        facts = [
            ("documents", write_count(len(kept))),
            (
                "selected",
                f"{write_count(int(kept.sum()))} ({write_percent(kept.mean() if len(kept) else 0)})",
            ),
            ("budget", str(self.budget)),
            (f"{self.budget.unit} selected", write(int(costs[kept].sum()))),
        ]
        rows = []
        for source in pc.unique(sources).sort().to_pylist():
            own = pc.equal(sources, source).to_numpy()
            chosen = own & kept
            rows.append(
                (
                    source or "",
                    int(own.sum()),
                    int(chosen.sum()),
                    chosen.sum() / own.sum(),
                    *self._means(scores, own, kept),
                )
            )
        by = self.options.by
        table = Table(
            columns=(
                "source",
                "documents",
                "selected",
                "share",
                *((f"mean {by}, selected", f"mean {by}, others") if by else ()),
            ),
            rows=tuple(rows),
            formats=("text", "count", "count", "bar", *(("number", "number") if by else ())),
        )
        lead = f"{self.limit[0].upper()}{self.limit[1:]}, τ = {self.options.temperature:g}." if by else ""
        return Section(title="Sample", key="selection", lead=lead, blocks=(Facts(facts=tuple(facts)), table))

    def _means(
        self, scores: Floats, own: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_]
    ) -> tuple[float | None, ...]:
        if not self.options.by:
            return ()
        groups = (scores[own & kept], scores[own & ~kept])
        valid = [group[~np.isnan(group)] for group in groups]
        return tuple(float(group.mean()) if len(group) else None for group in valid)
