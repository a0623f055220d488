"""Documents by number. Arrays of document numbers are always ascending."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["among", "row_groups", "rows_in_step"]

Integers = npt.NDArray[np.int64]


def among(docs: Integers, these: Integers) -> npt.NDArray[np.bool_]:
    """Which of `docs` are in `these` (ascending). Uses bisection, so `these` may be large.

    >>> among(np.array([5, 1, 9]), np.array([1, 2, 5])).tolist()
    [True, True, False]
    """
    if not len(these):
        return np.zeros(len(docs), dtype=bool)
    present: npt.NDArray[np.bool_] = these[np.minimum(np.searchsorted(these, docs), len(these) - 1)] == docs
    return present


def row_groups(file: pq.ParquetFile, docs: Integers) -> list[int]:
    """The row groups that may hold one of these documents (ascending), judging by the range of column `doc`."""
    at = file.schema_arrow.get_field_index("doc")
    groups = []
    for group in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(group).column(at).statistics
        if (
            statistics is None
            or not statistics.has_min_max
            or np.searchsorted(docs, statistics.max, side="right") > np.searchsorted(docs, statistics.min)
        ):
            groups.append(group)
    return groups


def rows_in_step(batches: Iterable[pa.RecordBatch]) -> Callable[[int], pa.Table]:
    """A function that returns the next *n* rows of a stream of batches of another size.

    >>> take = rows_in_step(pa.table({"n": range(5)}).to_batches(2))
    >>> take(3)["n"].to_pylist(), take(2)["n"].to_pylist()
    ([0, 1, 2], [3, 4])
    """
    coming = iter(batches)
    waiting: list[pa.RecordBatch] = []

    def take(rows: int) -> pa.Table:
        while sum(batch.num_rows for batch in waiting) < rows:
            waiting.append(next(coming))
        table = pa.Table.from_batches(waiting)
        waiting[:] = table.slice(rows).to_batches()
        return table.slice(0, rows).combine_chunks()

    return take
