"""What methods that find copied parts of documents share: options, table and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import MEMBERS, SPANS, Acts, BoundsCopies, Clusters, Compares, PrefersSources, View
from cupel.deduplication.clusters.options import LossOptions
from cupel.deduplication.clusters.report import ids_of
from cupel.findings import Block, Facts, Prose, Sample, Samples, Section, Table

__all__ = ["CopiedParts", "SpanOptions", "excerpt", "sizes_of", "span_column"]

SHOWN_DOCUMENTS = 6
SHOWN_BYTES = 1200
SHOWN_SOURCES = 30

Integers = npt.NDArray[np.int64]


class SpanOptions(Compares, BoundsCopies, Acts, PrefersSources, LossOptions):
    """Options of every method that finds copied parts."""

    action: Literal["cut", "drop", "mark"] = Field(
        "cut",
        description="`cut` takes copied parts out of the text; `drop` drops documents of which more than "
        "`max_copied_fraction` is copied and leaves the others whole; `mark` keeps all and carries the "
        "spans as a column.",
    )


def sizes_of(text: pa.Array) -> Integers:
    """Bytes of each text; 0 for null."""
    sizes: Integers = pc.fill_null(pc.binary_length(text), 0).to_numpy().astype(np.int64)
    return sizes


def span_column(offsets: Integers, starts: Integers, stops: Integers) -> pa.LargeListArray:
    """Spans as a column; those of row `i` are `offsets[i]:offsets[i + 1]`."""
    values = pa.StructArray.from_arrays([pa.array(starts), pa.array(stops)], fields=list(SPANS.value_type))
    spans: pa.LargeListArray = pa.LargeListArray.from_arrays(pa.array(offsets), values)
    return spans


@dataclass
class CopiedParts:
    """Gathers documents with copied parts, batch by batch, into `Clusters`.

    Attributes
    ----------
    origin
        The note on `firsts`, with `{}` for the id of the document; empty if the method does not know.
    """

    view: View
    origin: str = "the longest part stood first in {}"
    tables: list[pa.RecordBatch] = field(default_factory=list)
    bytes_copied: int = 0
    bytes_all: int = 0
    documents: int = 0

    def add(self, docs: pa.Array, sizes: Integers, spans: pa.LargeListArray, firsts: Integers) -> None:
        """Add documents, the bytes of their texts, and their spans.

        Parameters
        ----------
        firsts
            For each document, an earlier one that holds a copied part of it.
        """
        self.bytes_all += int(sizes.sum())
        self.documents += len(docs)
        counts = np.diff(spans.offsets.to_numpy())
        lengths = pc.subtract(
            pc.struct_field(spans.flatten(), 1), pc.struct_field(spans.flatten(), 0)
        ).to_numpy()
        rows = np.repeat(np.arange(len(docs)), counts)
        copied = np.bincount(rows, weights=lengths, minlength=len(docs)).astype(np.int64)
        self.bytes_copied += int(copied.sum())
        some = pa.array(counts > 0)
        table = pa.record_batch(
            [
                docs.cast(pa.int64()),
                pa.array(firsts),
                pa.array(counts),
                pa.array(np.ones(len(docs), dtype=bool)),
                pa.array(copied / np.maximum(sizes, 1)),
                spans.cast(SPANS),
                pa.nulls(len(docs), pa.float64()),
                pa.nulls(len(docs), pa.large_string()),
            ],
            schema=MEMBERS,
        ).filter(some)
        if table.num_rows:
            self.tables.append(table)

    def clusters(self, title: str, unit: str, facts: Sequence[tuple[str, str]]) -> Clusters:
        """Everything gathered; `size` is the number of spans, `score` the share of the text that is copied."""
        members = pa.Table.from_batches(self.tables, MEMBERS).sort_by("doc")
        share = self.bytes_copied / max(self.bytes_all, 1)
        shown = (
            ("documents", f"{self.documents:,}"),
            ("with copied parts", f"{members.num_rows:,}"),
            ("copied bytes", f"{self.bytes_copied:,}"),
            ("share of the text", f"{share:.2%}"),
            *facts,
        )
        blocks: list[Block] = [Facts(facts=shown)]
        if members.num_rows:
            lead = f"{share:.1%} of the text are {unit} that stood before."
            blocks += [_source_table(members, self.view), self._samples(members)]
        else:
            lead = f"This step had no effect: no {unit} stood before."
            blocks.append(Prose(text=lead))
        return Clusters(members=members, findings=(Section(title=title, lead=lead, blocks=tuple(blocks)),))

    def _samples(self, members: pa.Table) -> Samples:
        """Documents with the most copied text, the copied parts marked."""
        order = np.argsort(-members["score"].to_numpy(), kind="stable")
        spread = np.unique(np.linspace(0, len(order) - 1, SHOWN_DOCUMENTS).astype(int))
        chosen = {row["doc"]: row for row in members.take(np.sort(order[spread])).to_pylist()}
        ids = ids_of([*chosen, *(row["cluster"] for row in chosen.values())], self.view)
        samples = []
        for batch in self.view.texts(pa.array(sorted(chosen), pa.int64())):
            for doc, text in zip(
                batch.column("doc").to_pylist(), batch.column("text").to_pylist(), strict=True
            ):
                row = chosen[doc]
                shown, marks = excerpt(text or "", [(span["start"], span["stop"]) for span in row["spans"]])
                notes = [f"{row['score']:.0%} copied", self.origin.format(ids[row["cluster"]])]
                note = "; ".join(filter(None, notes))
                samples.append(Sample(id=ids[doc], note=note, text=shown, marks=marks))
        return Samples(heading="Documents with copied parts (marked)", samples=tuple(samples))


def excerpt(text: str, spans: list[tuple[int, int]]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text around the first span, and the spans in it, in characters."""
    data = text.encode()
    low = max(0, spans[0][0] - SHOWN_BYTES // 4)
    high = low + SHOWN_BYTES
    before = data[:low].decode("utf-8", "ignore")
    shown = data[:high].decode("utf-8", "ignore")[len(before) :]
    marks = []
    for start, stop in spans:
        left = len(data[: max(start, low)].decode("utf-8", "ignore")) - len(before)
        right = len(data[: min(stop, high)].decode("utf-8", "ignore")) - len(before)
        if left < right:
            marks.append((left, min(right, len(shown))))
    return shown, tuple(marks)


def _source_table(members: pa.Table, view: View) -> Table:
    sources = view.sources(members["doc"].combine_chunks())
    table = pa.table({"source": sources, "score": members["score"], "spans": members["size"]})
    by_source = table.group_by("source").aggregate([("spans", "sum"), ("score", "count"), ("score", "mean")])
    rows = sorted(by_source.to_pylist(), key=lambda row: (-row["spans_sum"], row["source"] or ""))
    return Table(
        columns=("source", "documents", "copied parts", "mean share copied"),
        rows=tuple(
            (row["source"] or "(none)", row["score_count"], row["spans_sum"], row["score_mean"])
            for row in rows[:SHOWN_SOURCES]
        ),
        formats=("text", "count", "count", "bar"),
        caption="Copied parts per source.",
    )
