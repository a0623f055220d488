"""Random numbers per document: each depends only on the id of the document and the seed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.store import seeded_rank

__all__ = ["sample", "uniform"]


def uniform(ids: pa.Array, seed: int) -> npt.NDArray[np.float64]:
    """A number in (0, 1) for each id, determined by the id and the seed.

    Examples
    --------
    >>> uniform(pa.array(["a", "東京"]), seed=0).round(3).tolist()
    [0.725, 0.933]
    """
    ranks = b"".join(seeded_rank(id or "", seed) for id in ids.to_pylist())
    numbers: npt.NDArray[np.float64] = (np.frombuffer(ranks, ">u8") >> np.uint64(11)).astype(np.float64)
    return (numbers + 0.5) / float(1 << 53)


def sample(batches: Iterable[pa.RecordBatch], count: int, seed: int) -> pa.Table:
    """At most `count` documents, drawn by their ids, in their original order.

    Memory use is bounded by twice `count` documents plus one batch. The draw does not depend on how documents are
    divided into batches.

    Examples
    --------
    >>> batch = pa.record_batch({"id": ["a", "b", "c", "東京"]})
    >>> sample([batch, batch.slice(0, 0)], 2, seed=0)["id"].to_pylist()
    ['b', 'c']
    """
    kept: list[pa.Table] = []
    rows, limit = 0, 1.0
    for batch in batches:
        draws = uniform(batch.column("id"), seed)
        table = pa.table(batch).append_column("draw", pa.array(draws)).filter(pa.array(draws < limit))
        kept.append(table)
        rows += table.num_rows
        if rows > 2 * count:
            kept = [_lowest(pa.concat_tables(kept), count)]
            rows = count
            limit = float(np.max(kept[0]["draw"].to_numpy()))
    if not kept:
        return pa.table({})
    return _lowest(pa.concat_tables(kept), count).drop_columns(["draw"])


def _lowest(table: pa.Table, count: int) -> pa.Table:
    """The rows with the lowest draws, in their original order."""
    order = np.argsort(table["draw"].to_numpy(), kind="stable")[:count]
    return table.take(pa.array(np.sort(order)))
