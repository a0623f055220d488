"""Vectors that documents bring along in a field, and vectors of length one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from cupel import _kernels
from cupel.errors import BadInput
from cupel.vectors.mapped import Floats

__all__ = ["unit", "vectors_in_field"]


def unit(vectors: npt.NDArray[Any]) -> Floats:
    """Each row divided by its length, in single precision; rows of length zero stay."""
    rows = vectors.astype(np.float64)
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    rows /= np.where(largest > 0, largest, 1)  # squares neither overflow nor vanish
    length = np.sqrt(np.add.reduce(rows * rows, axis=1, keepdims=True))
    normalized: Floats = (rows / np.where(length > 0, length, 1)).astype(np.float32)
    return normalized


def vectors_in_field(documents: pa.RecordBatch, column: str, method: str) -> list[bytes | None]:
    """The vectors in a field of the metadata, as unit vectors; None where there is none, or only zeros."""
    parts = _kernels.split_fields(documents.column("metadata"), [column], [pa.large_list(pa.float64())])
    column_values = parts.column(0)
    vectors: list[bytes | None] = []
    for row, vector in enumerate(column_values):
        if not vector.is_valid:
            other_fields = parts.column(1)[row].as_py()
            if column in other_fields and orjson.loads(other_fields).get(column) is not None:
                raise BadInput(_fault(documents, row, column, method, "is no list of numbers"))
            vectors.append(None)
            continue
        numbers = vector.values
        if numbers.null_count or not np.isfinite(numbers.to_numpy()).all():
            raise BadInput(_fault(documents, row, column, method, "holds a value that is no finite number"))
        if not len(numbers):
            raise BadInput(_fault(documents, row, column, method, "is an empty list"))
        packed = unit(numbers.to_numpy()[None]).astype(np.float16)
        vectors.append(packed.tobytes() if packed.any() else None)
    return vectors


def _fault(documents: pa.RecordBatch, row: int, column: str, method: str, what: str) -> str:
    id = documents.column("id")[row].as_py() if "id" in documents.schema.names else row
    return f"{method}: document '{id}': the field '{column}' {what}; expected a vector, or null for none"
