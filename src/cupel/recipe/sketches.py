"""Sketches: the few bytes of each document that decisions at the end of a pass need."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.contract import WEIGHTLESS
from cupel.recipe.output import weightless
from cupel.recipe.plan import Pass
from cupel.recipe.steps import CorpusStep

__all__ = ["doc_range", "priority", "sketch_schema"]

LOWEST = float(np.finfo(np.float64).min)


def sketch_schema(pass_: Pass) -> pa.Schema:
    """Columns of a pass's sketches: identity, then each deduplication's own under its label."""
    fields = [("doc", pa.int64()), ("id", pa.large_string()), ("source", pa.large_string())]
    for step in pass_.decisions:
        own = step.method.sketch_schema
        fields += [(f"{step.label}.{item.name}", item.type) for item in own]
        fields.append((f"{step.label}.priority", pa.float64()))
    return pa.schema(fields)


def priority(step: CorpusStep, batch: pa.RecordBatch) -> pa.Array:
    """What decides which of a cluster stays: the highest, then the first.

    Documents of weight 0 have the lowest of all, and those without a value of the signal the next.
    """
    if step.keep == "first":
        priority = np.zeros(batch.num_rows)
    elif step.keep == "longest":
        priority = pc.cast(pc.binary_length(batch.column("text")), pa.float64()).to_numpy()
    else:
        signal = pc.cast(batch.column(step.keep.removeprefix("signal:")), pa.float64())
        priority = np.maximum(np.nan_to_num(pc.fill_null(signal, np.nan).to_numpy(), nan=LOWEST), LOWEST)
    return pa.array(np.where(weightless(batch).to_numpy(zero_copy_only=False), WEIGHTLESS, priority))


def doc_range(file: pq.ParquetFile) -> tuple[int, int]:
    """The lowest and the highest `doc` of a file, by its statistics."""
    low, high = 2**63 - 1, -1
    at = file.schema_arrow.get_field_index("doc")
    for group in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(group).column(at).statistics
        if statistics is not None and statistics.has_min_max:
            low, high = min(low, statistics.min), max(high, statistics.max)
    return low, high
