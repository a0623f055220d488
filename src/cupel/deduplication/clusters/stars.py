"""Clusters without chains: every document that goes is truly like the one that stays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from cupel import _kernels
from cupel.contract import View
from cupel.deduplication.clusters.survivors import inside_only, survivor_priorities

__all__ = ["stars"]

MOST_ROUNDS = 1000


def stars(
    components: pa.RecordBatch,
    view: View,
    sources: tuple[str, ...],
    similarity: Callable[[pa.Array, pa.Array], pa.Array],
    threshold: float,
) -> pa.Table:
    """`Clusters.members` with `score`: of each component as many stars as it takes.

    The survivor of a component takes all that are like it into its cluster; of those left over the
    next survivor does so, and so on. A component that is a long chain gives many stars; after a
    thousand rounds what is left stays, each document for itself.

    Parameters
    ----------
    similarity
        How alike pairs of documents are.
    """
    docs, component = components.column("doc"), components.column("component")
    priorities = survivor_priorities(docs, view, sources)
    rounds: list[pa.Table] = []
    for _ in range(MOST_ROUNDS):
        if not len(docs):
            break
        round_ = pa.table(_kernels.survivors(docs, component, priorities))
        kept = round_["kept"].to_numpy()
        score = similarity(round_["doc"].combine_chunks(), round_["cluster"].combine_chunks()).to_numpy(
            zero_copy_only=False
        )
        near = kept | (np.nan_to_num(score) >= threshold)
        rounds.append(round_.append_column("score", pa.array(np.where(kept, 1.0, score))).filter(near))
        left = pa.array(~near)
        docs, component, priorities = (column.filter(left) for column in (docs, component, priorities))
    return _of_two_or_more(rounds)


def _of_two_or_more(rounds: list[pa.Table]) -> pa.Table:
    """The stars in one table, sizes counted anew, without documents that are alone."""
    schema = pa.schema(
        [
            ("doc", pa.int64()),
            ("cluster", pa.int64()),
            ("size", pa.int64()),
            ("kept", pa.bool_()),
            ("score", pa.float64()),
        ]
    )
    table = pa.concat_tables(part.cast(schema) for part in rounds) if rounds else schema.empty_table()
    _, which, counts = np.unique(table["cluster"].to_numpy(), return_inverse=True, return_counts=True)
    sizes = counts[which]
    table = table.set_column(2, "size", pa.array(sizes.astype(np.int64)))
    return inside_only(table.filter(pa.array(sizes > 1)).sort_by("doc"))
