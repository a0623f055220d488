"""Which document of a cluster stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel import _kernels
from cupel.contract import WEIGHTLESS, View
from cupel.deduplication.index import is_outside

__all__ = ["inside_only", "keep_one", "one_array", "survivor_priorities"]


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A table's column as one contiguous array."""
    if column.num_chunks == 1:
        return column.chunks[0]
    if column.num_chunks == 0:
        return pa.array([], column.type)
    return pa.concat_arrays(column.chunks)


def keep_one(components: pa.RecordBatch, view: View, sources: Sequence[str] = ()) -> pa.Table:
    """`Clusters.members` of these components: the highest priority stays, then the lowest `doc`.

    Parameters
    ----------
    sources
        Sources in order of preference; they count before the priority.
    components
        `doc` int64 (ascending) and `component` int64, only documents of components of two
        or more.
    """
    docs = components.column("doc")
    priorities = survivor_priorities(docs, view, sources)
    return inside_only(pa.table(_kernels.survivors(docs, components.column("component"), priorities)))


def survivor_priorities(docs: pa.Array, view: View, sources: Sequence[str] = ()) -> pa.Array:
    """Priorities: the highest document stays. Documents of earlier corpora come before all others."""
    inside = docs.filter(pa.array(~is_outside(docs)))
    everything = view.read(["doc", "priority"])
    places = np.searchsorted(one_array(everything["doc"]).to_numpy(), inside.to_numpy())
    priority = one_array(everything["priority"].cast(pa.float64()).take(places))
    if sources:
        priority = _by_source(sources, view.sources(inside), priority)
    priorities = np.full(len(docs), np.inf)
    priorities[~is_outside(docs)] = pc.fill_null(priority, float("-inf")).to_numpy()
    return pa.array(priorities)


def inside_only(members: pa.Table) -> pa.Table:
    """Members of this corpus; those of earlier ones are not touched."""
    return members.filter(pc.greater_equal(members["doc"], 0))


def _by_source(sources: Sequence[str], own_sources: pa.Array, priority: pa.Array) -> pa.Array:
    """Priorities ordered by the rank of the source, then by `priority`.

    Documents of weight 0 come last, whatever their source.
    """
    ranks = pc.fill_null(
        pc.index_in(own_sources, pa.array(sources, pa.large_string())), len(sources)
    ).to_numpy()
    own = pc.fill_null(priority, WEIGHTLESS).to_numpy()
    order = np.lexsort((own, -ranks.astype(np.int64), own > WEIGHTLESS))
    priorities = np.empty(len(order), dtype=np.float64)
    # Equal ones stay equal, so that the first document still decides among them.
    steps = np.concatenate([[0], (np.diff(ranks[order]) != 0) | (own[order][1:] != own[order][:-1])])
    priorities[order] = np.cumsum(steps)
    return pa.array(np.where(own > WEIGHTLESS, priorities, WEIGHTLESS))
