"""The clusters of a semantic method as the table that it returns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.vectors.mapped import Integers, Vectors

__all__ = ["grouped"]


def grouped(
    vectors: Vectors,
    survivors: Integers,
    score: npt.NDArray[np.float64],
    *,
    everything: bool,
    reasons: npt.NDArray[np.object_] | None = None,
) -> pa.Table:
    """`Clusters.members`: each document with the one that stays in its place.

    Parameters
    ----------
    survivors
        By row, the row that stays in its place; a row that stays has its own number.
    everything
        Give every document a row, including those that are alone in their cluster.
    reasons
        By row, why it is removed.
    """
    size = np.bincount(survivors, minlength=len(survivors))[survivors]
    shown = np.ones(len(size), bool) if everything else size > 1
    rows = np.flatnonzero(shown)
    rows = rows[np.argsort(vectors.docs[rows], kind="stable")]
    kept = survivors[rows] == rows
    columns = {
        "doc": pa.array(vectors.docs[rows]),
        "cluster": pa.array(vectors.docs[survivors[rows]], mask=size[rows] == 1),
        "size": pa.array(size[rows]),
        "kept": pa.array(kept),
        "score": pa.array(score[rows]),
    }
    if reasons is not None:
        columns["reason"] = pa.array(reasons[rows], pa.large_string(), mask=kept)
    return pa.table(columns)
