"""The content hash: a sum over documents, whatever their order and however they are divided."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cupel.corpus.parts import content_of, parts_of

__all__ = ["content_hash"]


def content_hash(documents: pa.RecordBatch, weights: tuple[str, ...] = ()) -> bytes:
    """The hash of documents, 16 bytes.

    It covers id, source and text, the weight where a step weighs, and of documents with parts these as well: who
    says what, and media by their digest.

    Parameters
    ----------
    weights
        The name of the column of weights, if there is one.
    """
    from cupel import _kernels

    columns = [documents.column(name) for name in ("id", "source", "text")]
    columns += [documents.column(name).cast(pa.large_string()) for name in weights]
    parts = documents.column("parts")
    if parts.null_count == documents.num_rows:
        return _kernels.content_hash(columns)
    plain = parts.is_null().to_numpy(zero_copy_only=False)
    simple, composed = pa.array(np.flatnonzero(plain)), pa.array(np.flatnonzero(~plain))
    contents = [content_of(parts_of(value) or ()) for value in parts.take(composed).to_pylist()]
    spoken = [*(column.take(composed) for column in columns), pa.array(contents, pa.large_binary())]
    spoken[-1] = spoken[-1].cast(pa.large_string())
    return _kernels.add_hashes(
        _kernels.content_hash([column.take(simple) for column in columns]), _kernels.content_hash(spoken)
    )
