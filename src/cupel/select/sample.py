"""Sampling without replacement, by a score or uniformly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from cupel.contract import TRAINING, Acts, Clusters, Need, Paper, Resources, Selector, View
from cupel.contract.draws import uniform
from cupel.corpus.field_values import field_values
from cupel.errors import BadOption, UnknownName
from cupel.findings import Facts, Prose, Section, Table
from cupel.select._budget import BudgetOptions, SelectionBudget
from cupel.units import write_bytes, write_count, write_percent

__all__ = ["GumbelSample"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
LISTED_GROUPS = 30
"""Groups of the report's table, the largest first."""
LISTED_SHORT = 5
_FIELD = "field:"


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

    With `within`, the budget is that of each group: of each source, language or whatever documents are grouped by. A share
    thins all groups alike, an amount takes the same from each, and `budgets` gives single groups one of their own:

    ```yaml
    steps:
      - sample: {within: source, budget: 10k-documents}                               # as much of each
      - sample: {within: source, budget: 20%, budgets: {wiki: 100%, web: 1G-tokens}}  # more of one, less of another
      - sample: {within: url_domain, budget: 100-documents}                           # at most 100 of each domain
      - sample: {within: "field:meta.topic", by: quality, temperature: 0, budget: 1M-tokens}
    ```

    Each group is drawn from as if it were alone: scores are standardized within it, and no other group changes what is
    selected of it. Documents without a group are a group of their own, named by the empty text in `budgets`. The report
    lists groups that hold less than their budget, and a name in `budgets` that no document has stops the run.

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
        "The last document that would go over the budget is left out, so that a little less than the budget is kept; of a "
        "group whose documents are longer than its budget, nothing is."
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
        within: str | None = Field(
            None,
            pattern=r"^([a-z][a-z0-9_]*|field:.+)$",
            description="The budget is that of each group: `source`, a signal column such as `language` or `url_domain`, or "
            "`field:NAME` for a field of the documents.",
            exclude_if=lambda within: within is None,
        )
        budgets: dict[str, str] = Field(
            default={},
            description="Budgets of single groups in place of `budget`: `{wiki: 50%, web: 10k-documents}`; needs `within`.",
            exclude_if=lambda budgets: not budgets,
        )

        @field_validator("budgets")
        @classmethod
        def _are_budgets(cls, value: dict[str, str]) -> dict[str, str]:
            for group, budget in value.items():
                try:
                    SelectionBudget.read(budget)
                except BadOption as error:
                    raise ValueError(f"of '{group}', {error}") from None
            return value

        @model_validator(mode="after")
        def _budgets_are_of_groups(self) -> Any:
            if self.budgets and self.within is None:
                raise ValueError(
                    "'budgets' are of groups: say with 'within' of which, such as within: source"
                )
            return self

    options: Options

    @cached_property
    def budget(self) -> SelectionBudget:
        """How much is kept."""
        return SelectionBudget.read(self.options.budget)

    @cached_property
    def budgets(self) -> Mapping[str, SelectionBudget]:
        """How much is kept of single groups."""
        return {group: SelectionBudget.read(budget) for group, budget in self.options.budgets.items()}

    @property
    def limit(self) -> str:
        by = f" by {self.options.by}" if self.options.by else ""
        each = f" per {self.options.within.removeprefix(_FIELD)}" if self.options.within else ""
        return f"among {self.budget}{each} drawn{by}"

    @property
    def signals(self) -> tuple[str, ...]:
        within = self.options.within
        grouped = (within,) if within and within != "source" and not within.startswith(_FIELD) else ()
        counted = [signal for budget in (self.budget, *self.budgets.values()) for signal in budget.signals]
        return tuple(dict.fromkeys((*((self.options.by,) if self.options.by else ()), *grouped, *counted)))

    @property
    def fields(self) -> Mapping[str, str]:
        within = self.options.within or ""
        return {within.removeprefix(_FIELD): ""} if within.startswith(_FIELD) else {}

    @property
    def sketch_schema(self) -> pa.Schema:
        columns = [("score", pa.float64()), ("uniform", pa.float64()), ("cost", pa.int64())]
        return pa.schema([*columns, *([("group", pa.large_string())] if self.options.within else [])])

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """Columns `score`, `uniform` (in (0, 1), by the id) and `cost` (in the budget's unit); with `within`, `group`."""
        rows = documents.num_rows
        score = documents.column(self.options.by) if self.options.by else pa.array(np.zeros(rows))
        columns = [pc.cast(score, pa.float64()), pa.array(uniform(documents.column("id"), self.options.seed))]
        if self.options.within is None:
            columns.append(self.budget.costs(documents))
        else:
            groups = self._groups_of(documents)
            columns += [self._costs(documents, groups), groups]
        return pa.RecordBatch.from_arrays(columns, schema=self.sketch_schema)

    def _groups_of(self, documents: pa.RecordBatch) -> pa.Array:
        """The group of each document; empty where it has none."""
        within = self.options.within or ""
        if within.startswith(_FIELD):
            groups = field_values(documents, within.removeprefix(_FIELD)).shown
        else:
            groups = pc.cast(documents.column(within), pa.large_string())
        return pc.fill_null(groups, "")

    def _costs(self, documents: pa.RecordBatch, groups: pa.Array) -> pa.Array:
        """The cost of each document, in the unit of its group's budget."""
        costs = self.budget.costs(documents)
        for group, budget in self.budgets.items():
            if budget.unit != self.budget.unit:
                costs = pc.if_else(pc.equal(groups, group), budget.costs(documents), costs)
        return costs

    def need(self, documents: int, text_bytes: int) -> Need:
        """Scores, draws and costs, and their order."""
        return Need(memory_bytes=64 * documents)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Which documents are drawn; a row for each document."""
        grouped = ["group"] if self.options.within else []
        table = view.read(["doc", "source", "score", "uniform", "cost", *grouped])
        scores = pc.fill_null(table["score"], np.nan).to_numpy()
        draws, costs = table["uniform"].to_numpy(), table["cost"].to_numpy()
        kept = np.zeros(len(scores), dtype=bool)
        groups = rows_by_group(table["group"]) if grouped else {}
        for group, rows in groups.items():
            chosen = self._draw(scores[rows], draws[rows], costs[rows], self.budgets.get(group, self.budget))
            kept[rows[chosen]] = True
        if not grouped:
            kept[self._draw(scores, draws, costs, self.budget)] = True
        score = pa.array(scores, from_pandas=True) if self.options.by else pa.nulls(len(scores), pa.float64())
        members = pa.table({"doc": table["doc"], "kept": kept, "score": score})
        if not grouped:
            groups = rows_by_group(table["source"])
        section = self._section(groups, scores, costs, kept)
        return Clusters(members=members, findings=(section,), stop=self._misnamed(groups))

    def _draw(self, scores: Floats, draws: Floats, costs: Ints, budget: SelectionBudget) -> Ints:
        """The places of documents drawn from a group."""
        keys = self._keys(scores, draws)
        candidates = np.flatnonzero(~np.isnan(scores))
        # The highest key first, then the highest draw, then the order of the input.
        order = candidates[np.lexsort((-draws[candidates], -keys[candidates]))]
        return budget.spend(order, costs)

    def _misnamed(self, groups: Mapping[str, Ints]) -> tuple[str, ...]:
        """Complaints about budgets of groups that do not exist."""
        return tuple(
            str(UnknownName("group", group, groups, where=f"{self.name}: option 'budgets'"))
            for group in self.budgets
            if group not in groups
        )

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

    def _section(self, groups: Mapping[str, Ints], scores: Floats, costs: Ints, kept: Bools) -> Section:
        write = write_bytes if self.budget.unit == "bytes" else write_count
        within = self.options.within
        each = f" per {within.removeprefix(_FIELD)}" if within else ""
        facts = [
            ("documents", write_count(len(kept))),
            (
                "selected",
                f"{write_count(int(kept.sum()))} ({write_percent(kept.mean() if len(kept) else 0)})",
            ),
            ("budget", f"{self.budget}{each}"),
        ]
        if not any(budget.unit != self.budget.unit for budget in self.budgets.values()):
            facts.append((f"{self.budget.unit} selected", write(int(costs[kept].sum()))))
        by = self.options.by
        listed = (
            sorted(groups, key=lambda group: (-len(groups[group]), group))[:LISTED_GROUPS]
            if within
            else groups
        )
        rows = []
        for group in listed:
            own = groups[group]
            chosen = int(kept[own].sum())
            budget = (str(self.budgets.get(group, self.budget)),) if within else ()
            means = self._means(scores[own], kept[own])
            rows.append(
                (group or ("none" if within else ""), len(own), *budget, chosen, chosen / len(own), *means)
            )
        table = Table(
            columns=(
                within.removeprefix(_FIELD) if within else "source",
                "documents",
                *(("budget",) if within else ()),
                "selected",
                "share",
                *((f"mean {by}, selected", f"mean {by}, others") if by else ()),
            ),
            rows=tuple(rows),
            formats=(
                "text",
                "count",
                *(("text",) if within else ()),
                "count",
                "bar",
                *(("number", "number") if by else ()),
            ),
            caption=f"The {LISTED_GROUPS} largest of {write_count(len(groups))} groups."
            if len(groups) > len(rows)
            else "",
        )
        lead = f"{self.limit[0].upper()}{self.limit[1:]}, τ = {self.options.temperature:g}." if by else ""
        short = self._short(groups, scores, costs) if within else ""
        blocks = (Facts(facts=tuple(facts)), *((Prose(text=short),) if short else ()), table)
        return Section(title="Sample", key="selection", lead=lead, blocks=blocks)

    def _short(self, groups: Mapping[str, Ints], scores: Floats, costs: Ints) -> str:
        """A sentence about groups that hold less than their budget."""
        short = []
        for group, rows in groups.items():
            budget = self.budgets.get(group, self.budget)
            held = int(costs[rows[~np.isnan(scores[rows])]].sum())
            if held < budget.limit(costs[rows]):
                short.append((held, group, str(budget)))
        if not short:
            return ""
        names = [
            f"{group or 'none'} ({write_count(held)} of {budget})" for held, group, budget in sorted(short)
        ]
        more = f" and {write_count(len(names) - LISTED_SHORT)} more" if len(names) > LISTED_SHORT else ""
        count = "1 group holds" if len(names) == 1 else f"{write_count(len(names))} groups hold"
        listed = ", ".join(names[:LISTED_SHORT])
        return f"{count} less than the budget and is selected as far as it has scores: {listed}{more}."

    def _means(self, scores: Floats, kept: Bools) -> tuple[float | None, ...]:
        if not self.options.by:
            return ()
        valid = [part[~np.isnan(part)] for part in (scores[kept], scores[~kept])]
        return tuple(float(part.mean()) if len(part) else None for part in valid)


def rows_by_group(column: pa.ChunkedArray) -> dict[str, Ints]:
    """The rows of each group, ascending, by its name, sorted; null is the empty name.

    >>> rows = rows_by_group(pa.chunked_array([["東京", "Café", None, "Café"]]))
    >>> {name: own.tolist() for name, own in rows.items()}
    {'': [2], 'Café': [1, 3], '東京': [0]}
    """
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    names = encoded.dictionary.to_pylist()
    return {
        names[code]: order[starts[code] : starts[code + 1]] for code in np.argsort(np.array(names, object))
    }
