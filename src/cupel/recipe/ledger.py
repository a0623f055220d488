"""The ledger: the fate of every document, and the reason.

One row per document: kept + dropped + quarantined = in + generated, always. Columns:

========= ==================================================================================
doc       int64, position in the input (file, then place in the file; generated documents stand in
          files after all others); null in quarantine
id        the document's id; null in quarantine where it could not be read
source    where it says it comes from
path      input file, or `generated/STEP`
position  1-based line or row, or byte offset, in that file
status    kept, dropped or quarantined
step      the step that dropped it
reason    rule or fault
value     what was measured, as text
limit     the condition that it did not meet
failed    all rules of the same pass that it fails, as `step.rule`
edits     edits that changed its text, in order
bytes_in  UTF-8 bytes of the text as read
bytes_out UTF-8 bytes of the text as kept
cluster   `doc` of its duplicate cluster's survivor
survivor  id of that survivor
parents   `doc` of each document that it was written from; null for what was read
signals   struct of all signals measured on it
========= ==================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.recipe.tally import Tally

__all__ = ["IDENTITY", "add_edit", "count_dropped", "dropped", "kept", "quarantined", "refused", "schema"]

IDENTITY = ("doc", "id", "source", "path", "position", "bytes_in", "edits")

_BASE = {
    "doc": pa.int64(),
    "id": pa.large_string(),
    "source": pa.large_string(),
    "path": pa.large_string(),
    "position": pa.int64(),
    "status": pa.large_string(),
    "step": pa.large_string(),
    "reason": pa.large_string(),
    "value": pa.large_string(),
    "limit": pa.large_string(),
    "failed": pa.large_list(pa.large_string()),
    "edits": pa.large_list(pa.large_string()),
    "bytes_in": pa.int64(),
    "bytes_out": pa.int64(),
    "cluster": pa.int64(),
    "survivor": pa.large_string(),
    "parents": pa.large_list(pa.int64()),
}


def schema(signals: dict[str, pa.DataType]) -> pa.Schema:
    """Ledger schema of a run that measures `signals`."""
    fields = [pa.field(name, kind) for name, kind in _BASE.items()]
    if signals:
        fields.append(pa.field("signals", pa.struct([pa.field(n, t) for n, t in signals.items()])))
    return pa.schema(fields)


def fit(rows: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """Rows in the ledger's schema: missing columns null, signal columns gathered in the struct."""
    arrays = []
    for item in wanted:
        if item.name == "signals":
            children = [_column(rows, child.name, child.type) for child in item.type]
            arrays.append(pa.StructArray.from_arrays(children, fields=list(item.type)))
        else:
            arrays.append(_column(rows, item.name, item.type))
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)


def dropped(
    part: pa.RecordBatch,
    *,
    step: str,
    reason: str,
    values: Sequence[str],
    limits: Sequence[str],
    failed: Sequence[Sequence[str]],
    cluster: pa.Array | None = None,
    survivor: pa.Array | None = None,
) -> pa.RecordBatch:
    """Ledger rows of documents that one step drops for one reason; keeps their signal columns."""
    rows = part.num_rows
    columns: dict[str, pa.Array] = {
        "status": _same("dropped", rows),
        "step": _same(step, rows),
        "reason": _same(reason, rows),
        "value": pa.array(list(values), pa.large_string()),
        "limit": pa.array(list(limits), pa.large_string()),
        "failed": pa.array([list(names) for names in failed], pa.large_list(pa.large_string())),
        "bytes_out": pa.array(np.zeros(rows, dtype=np.int64)),
        "bytes_dropped": pc.binary_length(part.column("text")),  # for the tally; not in the ledger
    }
    if cluster is not None:
        columns["cluster"] = cluster
    if survivor is not None:
        columns["survivor"] = survivor
    return _extend(part, columns)


def kept(part: pa.RecordBatch) -> pa.RecordBatch:
    """Ledger rows of documents that stay."""
    return _extend(
        part,
        {
            "status": _same("kept", part.num_rows),
            "bytes_out": pc.cast(pc.binary_length(part.column("text")), pa.int64()),
        },
    )


def quarantined(entries: Sequence[Any], source: str = "") -> pa.RecordBatch:
    """Ledger rows of what could not be read as a document."""
    return pa.RecordBatch.from_pydict(
        {
            "path": pa.array([entry.path for entry in entries], pa.large_string()),
            "position": pa.array([entry.position for entry in entries], pa.int64()),
            "status": _same("quarantined", len(entries)),
            "step": _same("read", len(entries)),
            "reason": pa.array([entry.reason for entry in entries], pa.large_string()),
            "value": pa.array([entry.detail for entry in entries], pa.large_string()),
        }
    )


def refused(entries: Sequence[Any], step: str) -> pa.RecordBatch:
    """Ledger rows of documents that a generator failed to write."""
    return pa.RecordBatch.from_pydict(
        {
            "source": pa.array([entry.source for entry in entries], pa.large_string()),
            "path": pa.array([entry.path for entry in entries], pa.large_string()),
            "position": pa.array([entry.position for entry in entries], pa.int64()),
            "status": _same("quarantined", len(entries)),
            "step": _same(step, len(entries)),
            "reason": pa.array([entry.refusal.reason for entry in entries], pa.large_string()),
            "value": pa.array([entry.refusal.detail for entry in entries], pa.large_string()),
            "parents": pa.array([list(entry.parents) for entry in entries], pa.large_list(pa.int64())),
        }
    )


def count_dropped(rows: pa.RecordBatch, tally: Tally) -> None:
    """Add ledger rows of dropped documents to a tally: by step and reason, and by source."""
    table = pa.table(
        {
            "step": rows.column("step"),
            "reason": rows.column("reason"),
            "source": rows.column("source"),
            "bytes": rows.column("bytes_dropped"),
        }
    )
    for row in (
        table.group_by(["step", "reason"]).aggregate([("bytes", "sum"), ("bytes", "count")]).to_pylist()
    ):
        tally.drop(row["step"], row["reason"], row["bytes_count"], row["bytes_sum"])
    for row in table.group_by(["step", "source"]).aggregate([("bytes", "count")]).to_pylist():
        tally.count_source(row["source"], row["step"], row["bytes_count"])


def add_edit(edits: pa.Array, label: str, changed: np.ndarray) -> pa.Array:
    """The `edits` lists with `label` appended where the text changed."""
    if not changed.any():
        return edits
    lists = edits.to_pylist()
    grown = [[*have, label] if now else have for have, now in zip(lists, changed.tolist(), strict=True)]
    return pa.array(grown, pa.large_list(pa.large_string()))


def _column(rows: pa.RecordBatch, name: str, kind: pa.DataType) -> pa.Array:
    if name not in rows.schema.names:
        return pa.nulls(rows.num_rows, kind)
    column = rows.column(name)
    return column if column.type == kind else column.cast(kind)


def _extend(part: pa.RecordBatch, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    arrays = dict(zip(part.schema.names, part.columns, strict=True)) | columns
    for content in ("text", "metadata", "url", "html", "parts"):
        arrays.pop(content, None)
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _same(value: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.large_string()), rows)
