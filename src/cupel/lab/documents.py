"""What tables of documents have in common: a digest, and measures by domain."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel.verdict.measures import Measure

__all__ = ["documents_digest", "measures_by_domain"]


def documents_digest(documents: pa.Table, columns: tuple[str, ...], more: str = "") -> str:
    """Changes with these columns of the documents, their order, and `more`; not with how they are chunked.

    >>> table = pa.table({"id": ["a", "b"], "text": ["Café", ""]})
    >>> documents_digest(table, ("id",)) == documents_digest(table, ("id", "text"))
    False
    """
    digest = hashlib.blake2b(more.encode(), digest_size=16)
    for batch in documents.select(columns).to_batches():
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            for value in row:
                told = str(value).encode("utf-8", "replace")
                digest.update(len(told).to_bytes(8, "little") + told)
    return digest.hexdigest()


def measures_by_domain(
    metric: str,
    better: Literal["lower", "higher"],
    documents: pa.Table,
    amount: NDArray[np.float64],
    weight: NDArray[np.float64],
    version: int,
) -> list[Measure]:
    """One measure for each domain, in the order of their first documents; `amount` and `weight` one a document."""
    domains = np.array(documents["domain"].to_pylist(), object)
    ids = np.array(documents["id"].to_pylist(), object)
    return [
        Measure(
            metric,
            str(one),
            better,
            tuple(ids[domains == one]),
            amount[domains == one],
            weight[domains == one],
            version=version,
        )
        for one in dict.fromkeys(domains)
    ]
