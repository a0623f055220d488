"""The outcome of a batch: surviving documents, dropped ones with reasons, and samples for the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Refusal
from cupel.models.budget import Usage
from cupel.recipe import ledger
from cupel.recipe.tally import SampleRow

__all__ = [
    "GroupDecision",
    "Outcome",
    "Prepared",
    "Refused",
    "drop",
    "drop_these",
    "pick",
    "sample_row",
    "shuffled",
    "with_columns",
]

Prepared = Callable[[pa.RecordBatch], Any]
"""What a method prepared in this process: it measures, sketches, edits or writes."""

SAMPLE_CHARACTERS = 3000


@dataclass
class GroupDecision:
    """Verdicts of one group of rules: `failed` is a bool matrix, documents × (step, rule)."""

    key: str
    rules: tuple[tuple[str, str], ...]
    docs: np.ndarray
    failed: np.ndarray


@dataclass(frozen=True)
class Refused:
    """An answer that is not a document, with its entries in ledger and quarantine.

    Attributes
    ----------
    refusal
        What the generator says.
    parents
        `doc` of each.
    source
        That of the document, had it been written.
    path, position, id
        Of the first parent.
    """

    refusal: Refusal
    parents: tuple[int, ...]
    source: str
    path: str
    position: int
    id: str


@dataclass
class Outcome:
    """The outcome of a batch: `survivors` continue, `dropped` are ledger rows."""

    survivors: pa.RecordBatch
    dropped: list[pa.RecordBatch] = field(default_factory=list)
    groups: list[GroupDecision] = field(default_factory=list)
    edited: list[tuple[str, np.ndarray, np.ndarray]] = field(default_factory=list)
    """(edit, docs changed, bytes taken away from each)."""
    samples: list[tuple[str, SampleRow]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    asked: dict[str, Usage] = field(default_factory=dict)
    """Model usage of each method, by the name of the signal or the label of the step."""
    documents_in: int = 0
    """Documents read, in the first pass."""
    born: pa.RecordBatch | None = None
    """Documents that a generator wrote from the survivors."""
    refused: list[Refused] = field(default_factory=list)
    """Documents that it was supposed to write but did not."""
    sketch: pa.RecordBatch | None = None
    """The sketch of each survivor for the deduplications at the end of the pass."""

    def count_usage(self, asking: str, usages: Sequence[Usage], *, refused: int | None = None) -> None:
        """Add what was asked of a model, and how many of the answers the method refused, if it says so."""
        if usages:
            usage = sum(usages, Usage())
            usage = usage if refused is None else replace(usage, refused=refused)
            self.asked[asking] = self.asked.get(asking, Usage()) + usage

    @contextmanager
    def spending(self, step: str) -> Iterator[None]:
        """Add the CPU time of this thread to `step`."""
        started = time.thread_time()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.thread_time() - started


def drop_these(outcome: Outcome, label: str, reason: str, leaving: np.ndarray, limit: str) -> None:
    """Drop the survivors that are leaving (a bool each) for one reason; `limit` says which stay."""
    if leaving.any():
        batch = outcome.survivors
        part = batch.take(pa.array(np.flatnonzero(leaving)))
        nothing = [""] * part.num_rows
        drop(outcome, part, label, reason, nothing, [limit] * part.num_rows, [[] for _ in nothing])
        outcome.survivors = batch.take(pa.array(np.flatnonzero(~leaving)))


def drop(
    outcome: Outcome,
    part: pa.RecordBatch,
    step: str,
    reason: str,
    values: list[str],
    limits: list[str],
    failed: list[list[str]],
) -> None:
    rows = ledger.dropped(part, step=step, reason=reason, values=values, limits=limits, failed=failed)
    outcome.dropped.append(rows)
    for row in pick(part):
        note = f"measured {values[row]}; kept when {limits[row]}" if values[row] else limits[row]
        outcome.samples.append((f"{step}: {reason}", sample_row(part, row, note)))


def pick(part: pa.RecordBatch, how_many: int = 3) -> list[int]:
    """Rows of a batch to show: a fixed pseudo-random choice by `doc`."""
    return [int(row) for row in np.argsort(_order(part.column("doc").to_numpy()))[:how_many]]


def sample_row(part: pa.RecordBatch, row: int, note: str) -> SampleRow:
    """One document, its text cut, for the report."""
    doc = part.column("doc")[row].as_py()
    return SampleRow(
        order=int(_order(np.array([doc]))[0]),
        doc=doc,
        id=part.column("id")[row].as_py(),
        source=part.column("source")[row].as_py(),
        note=note,
        text=pc.utf8_slice_codeunits(part.column("text").slice(row, 1), 0, SAMPLE_CHARACTERS)[0].as_py(),
    )


def shuffled(docs: np.ndarray) -> np.ndarray:
    """A pseudo-random number in [0, 1) for each document, always the same."""
    return _order(docs) / float(1 << 53)


def _order(docs: np.ndarray) -> np.ndarray:
    mixed = docs.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(11)


def with_columns(batch: pa.RecordBatch, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """`batch` with columns replaced or added."""
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True)) | columns
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
