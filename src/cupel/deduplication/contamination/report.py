"""Gathers documents that hold evaluation items, batch by batch, and reports them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel import _kernels
from cupel.contract import MEMBERS, SPANS, Clusters, View
from cupel.deduplication.clusters.report import ids_of
from cupel.deduplication.contamination.evaluations import EvaluationSets
from cupel.deduplication.contamination.items import PARTS
from cupel.deduplication.copies.spans import excerpt
from cupel.findings import Alarm, Block, Facts, Prose, Sample, Samples, Section, Table

__all__ = ["Contaminated"]

Integers = npt.NDArray[np.int64]

SHOWN_ITEMS = 12
SHOWN_NGRAMS = 12
SHOWN_DOCUMENTS = 8
SHOWN_CHARACTERS = 160

HITS = pa.schema(
    [("doc", pa.int64()), ("item", pa.int64()), *((name, pa.float64()) for name in ("score", *PARTS))]
)


@dataclass
class Contaminated:
    """Gathers what `Evaluation.contamination` finds.

    Attributes
    ----------
    kept
        Whether contaminated documents stay (cut or marked).
    """

    sets: EvaluationSets
    view: View
    kept: bool
    members: list[pa.RecordBatch] = field(default_factory=list)
    hits: list[pa.Table] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch, spans: pa.LargeListArray, hits: pa.RecordBatch) -> None:
        """Add the documents of `batch` (`doc`, `text`), their spans and the items found in them."""
        docs = batch.column("doc").cast(pa.int64())
        rows = hits.column("row").to_numpy()
        # Items of one row are one item to whoever reads the report.
        columns = [docs.take(pa.array(rows)), self._rows.take(hits.column("item"))]
        columns += [hits.column(name) for name in ("score", *PARTS)]
        table = pa.Table.from_arrays(columns, schema=HITS)
        self.hits.append(table)
        held = np.flatnonzero(table["score"].to_numpy() > 0)
        # The best item of each document: the highest score, then the first item.
        order = held[
            np.lexsort((table["item"].to_numpy()[held], -table["score"].to_numpy()[held], rows[held]))
        ]
        best = order[np.unique(rows[order], return_index=True)[1]]
        places = pa.array(rows[best])
        chosen = spans.cast(SPANS).take(places)
        self.members.append(
            pa.record_batch(
                [
                    docs.take(places),
                    pa.array(-1 - table["item"].to_numpy()[best]),
                    pc.cast(pc.list_value_length(chosen), pa.int64()),
                    pa.array(np.full(len(best), self.kept)),
                    table["score"].take(pa.array(best)).combine_chunks(),
                    chosen,
                    pa.nulls(len(best), pa.float64()),
                    pa.nulls(len(best), pa.large_string()),
                ],
                schema=MEMBERS,
            )
        )

    def clusters(
        self,
        index: _kernels.Evaluation,
        strays: Integers,
        max_strays: float,
        *,
        documents: int,
        searchable: pa.BooleanArray,
    ) -> Clusters:
        """Everything gathered; `cluster` is the best item, which `outside` names `set:row`.

        Parameters
        ----------
        index
            The n-grams that were searched for, common ones included.
        strays, max_strays
            How many documents contain each n-gram without holding its item; above the maximum it is common.
        searchable
            Which items could still be found without the common n-grams.
        """
        members = pa.Table.from_batches(self.members, MEMBERS).sort_by("doc")
        hits = _best(pa.concat_tables([HITS.empty_table(), *self.hits]))
        held = hits.filter(pc.greater(hits["score"], 0.0))
        used = np.unique(held["item"].to_numpy())
        names = pa.array([self._name(int(item)) for item in used], pa.large_string())
        outside = pa.table({"doc": pa.array(-1 - used, pa.int64()), "id": names})
        by_row = np.zeros(sum(self.sets.sizes), dtype=bool)
        by_row[self._rows.filter(searchable).to_numpy()] = True
        facts = (
            ("documents", f"{documents:,}"),
            ("contaminated", f"{members.num_rows:,}"),
            ("share", f"{members.num_rows / max(documents, 1):.3%}"),
            ("evaluation items", f"{len(by_row):,}"),
            ("items found", f"{len(used):,}"),
            ("n-grams looked for", f"{index.ngrams:,}"),
            ("ignored as common", f"{int((strays > max_strays).sum()):,}"),
        )
        blocks: list[Block] = [Facts(facts=facts)]
        if members.num_rows:
            lead = f"{members.num_rows:,} of {documents:,} documents hold an item of an evaluation set."
        else:
            lead = "This step had no effect: no document holds an item of an evaluation set."
            blocks.append(Prose(text=lead))
        blocks += self._unsearchable(by_row)
        blocks.append(self._set_table(hits, by_row))
        if members.num_rows:
            blocks += [self._item_table(held), self._samples(members)]
        if (strays > max_strays).any():
            blocks.append(self._common_table(index, strays, max_strays))
        section = Section(title="Contamination by evaluation sets", lead=lead, blocks=tuple(blocks))
        return Clusters(members=members, findings=(section,), outside=outside)

    @property
    def _rows(self) -> pa.Int64Array:
        """The row of each item, over all sets."""
        return self.sets.items.column("row")

    def _set_of(self, items: Integers) -> Integers:
        return np.searchsorted(np.cumsum(self.sets.sizes), items, side="right")

    def _name(self, item: int) -> str:
        """`set:row`, rows counted from one."""
        place = int(self._set_of(np.array([item]))[0])
        return f"{self.sets.names[place]}:{item - sum(self.sets.sizes[:place]) + 1}"

    def _set_table(self, hits: pa.Table, searchable: npt.NDArray[np.bool_]) -> Table:
        items, docs = hits["item"].to_numpy(), hits["doc"].to_numpy()
        counts = hits["score"].to_numpy() > 0
        sets, all_sets = self._set_of(items), self._set_of(np.arange(len(searchable)))
        rows = []
        for place, (name, size) in enumerate(zip(self.sets.names, self.sets.sizes, strict=True)):
            here = counts & (sets == place)
            holders = np.unique(docs[here])
            readers = np.setdiff1d(docs[~counts & (sets == place)], holders)
            leaked = len(np.unique(items[here]))
            hidden = int((~searchable[all_sets == place]).sum())
            rows.append((name, size, leaked, leaked / size, len(holders), len(np.unique(readers)), hidden))
        return Table(
            columns=(
                "evaluation set",
                "items",
                "found",
                "share found",
                "contaminated documents",
                "documents with a passage only",
                "items too short or common to find",
            ),
            rows=tuple(rows),
            formats=("text", "count", "count", "bar", "count", "count", "count"),
            caption="What was found of each evaluation set. A passage alone does not contaminate a document.",
        )

    def _unsearchable(self, searchable: npt.NDArray[np.bool_]) -> list[Block]:
        """Alarms: how many items of each set cannot be found, and which fields are not searched for."""
        hidden = np.bincount(self._set_of(np.flatnonzero(~searchable)), minlength=len(self.sets.names))
        counts = [
            f"{count:,} of {size:,} in {name}"
            for name, size, count in zip(self.sets.names, self.sets.sizes, hidden.tolist(), strict=True)
            if count
        ]
        alarms: list[Block] = []
        if counts:
            alarms.append(
                Alarm(
                    text="Items that cannot be found, because they are too short or made of common phrases: "
                    f"{', '.join(counts)}. The documents may still hold them."
                )
            )
        unused = [
            f"{', '.join(fields)} of {name}"
            for name, fields in zip(self.sets.names, self.sets.unused, strict=True)
            if fields
        ]
        if unused:
            alarms.append(
                Alarm(
                    text=f"Fields that are not looked for: {'; '.join(unused)}. If one holds text of the items, name "
                    "it with the option question, answer, choices or passage."
                )
            )
        return alarms

    def _item_table(self, held: pa.Table) -> Table:
        items = held["item"].to_numpy()
        distinct, counts = np.unique(items, return_counts=True)
        best = np.full(len(distinct), 0.0)
        np.maximum.at(best, np.searchsorted(distinct, items), held["score"].to_numpy())
        order = np.lexsort((distinct, -counts))[:SHOWN_ITEMS]
        rows = []
        for at in order:
            first = self._rows.index(int(distinct[at])).as_py()
            item = {part: self.sets.items.column(part)[first].as_py() for part in PARTS}
            text = " ".join((item["question"] or item["answer"]).split())[:SHOWN_CHARACTERS]
            rows.append((self._name(int(distinct[at])), int(counts[at]), float(best[at]), text))
        return Table(
            columns=("item", "documents", "best score", "begins"),
            rows=tuple(rows),
            formats=("text", "count", "percent", "text"),
            caption="The items that most documents hold.",
        )

    def _samples(self, members: pa.Table) -> Samples:
        """Contaminated documents over the whole range of scores, with the items marked."""
        order = np.argsort(-members["score"].to_numpy(), kind="stable")
        spread = np.unique(np.linspace(0, len(order) - 1, SHOWN_DOCUMENTS).astype(int))
        chosen = {row["doc"]: row for row in members.take(order[spread]).to_pylist()}
        ids = ids_of(chosen, self.view)
        samples = {}
        for batch in self.view.texts(pa.array(sorted(chosen), pa.int64())):
            for doc, text in zip(batch["doc"].to_pylist(), batch["text"].to_pylist(), strict=True):
                row = chosen[doc]
                shown, marks = excerpt(text or "", [(span["start"], span["stop"]) for span in row["spans"]])
                note = f"{row['score']:.0%} of {self._name(-1 - row['cluster'])}"
                samples[doc] = Sample(id=ids[doc], note=note, text=shown, marks=marks)
        shown_docs = tuple(samples[doc] for doc in chosen if doc in samples)
        return Samples(heading="Contaminated documents (items marked), the surest first", samples=shown_docs)

    def _common_table(self, index: _kernels.Evaluation, strays: Integers, max_strays: float) -> Table:
        common = np.flatnonzero(strays > max_strays)
        top = common[np.lexsort((common, -strays[common]))][:SHOWN_NGRAMS]
        places = index.first_places().take(pa.array(top)).to_pylist()
        rows = []
        for number, place in zip(top.tolist(), places, strict=True):
            text = self.sets.items.column(PARTS[place["part"]])[place["item"]].as_py().encode()
            gram = text[place["start"] : place["stop"]].decode("utf-8", "replace")
            name = self._name(self._rows[place["item"]].as_py())
            rows.append((" ".join(gram.split()), int(strays[number]), name))
        return Table(
            columns=("n-gram", "documents that do not hold the item", "stands in"),
            rows=tuple(rows),
            formats=("text", "count", "text"),
            caption="N-grams that were ignored because they are common anyway: the most frequent.",
        )


def _best(hits: pa.Table) -> pa.Table:
    """One row per document and item: the best score of each part."""
    parts = [("score", "max"), *((part, "max") for part in PARTS)]
    best = hits.group_by(["doc", "item"], use_threads=False).aggregate(parts)
    return best.rename_columns([name.removesuffix("_max") for name in best.column_names]).select(HITS.names)
