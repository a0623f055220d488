"""What one field of documents holds: read out of their JSON, as text, as numbers, as truth values.

A field is named with dots: `meta.quality.score` is the `score` of the `quality` of `meta`. A name that itself holds dots
comes first where a document has it. `id`, `text`, `source` and `url` are the document's own.

JSON has types and pools mix them, so a field has no type here: it is read as what it is compared with. `3` and `"3"` are
both the number 3 and the text 3; `true` and `"True"` are both true. A field may hold a list: each element counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel import _kernels

__all__ = ["DOCUMENT_FIELDS", "FieldValues", "Literal", "field_values"]

Bools = npt.NDArray[np.bool_]
Literal = str | int | float | bool
"""What a value is compared with."""

DOCUMENT_FIELDS = ("id", "text", "source", "url", "weight")
"""Fields that may be columns of their own; those of them that are none are looked for among the others."""
_EXACT = 1 << 53
"""Whole numbers beyond this are compared by their digits: a double does not hold all of them."""


@dataclass(frozen=True)
class FieldValues:
    """The values of one field in a batch of documents.

    Attributes
    ----------
    shown
        large_string, one per document: a text as it is, anything else as JSON; null where it is missing.
    listed
        Which documents hold a list.
    json
        The values as JSON; None for a column of the documents, whose values are the texts in `shown`.

    Examples
    --------
    >>> documents = pa.record_batch({"metadata": ['{"q":{"score":"3.5"}}', '{"q":{"score":[1,4]}}', "{}"]})
    >>> values = field_values(documents, "q.score")
    >>> values.shown.to_pylist()
    ['3.5', '[1,4]', None]
    >>> values.text.to_pylist(), values.number.to_pylist()
    (['3.5', None, None], [3.5, None, None])
    >>> values.any(pc.greater(values.scalars["number"], 2)).to_pylist()
    [True, True, None]
    """

    shown: pa.Array
    listed: Bools
    json: pa.Array | None

    @cached_property
    def scalars(self) -> pa.RecordBatch:
        """A row for each scalar, or each element of a list.

        Columns: `row` (the document's, ascending), `text` (large_string), `number` (double, null where it is no number)
        and `boolean` (null where it is no truth value).
        """
        if self.json is None:
            return _kernels.field_scalars(self.shown, json=False)
        return _kernels.field_scalars(self.json, json=True)

    @cached_property
    def _rows(self) -> npt.NDArray[np.int64]:
        rows: npt.NDArray[np.int64] = self.scalars.column("row").to_numpy()
        return rows

    def any(self, met: pa.Array) -> pa.Array:
        """Whether a scalar of each document meets a condition; null where there is none, or none that it can be asked of.

        Parameters
        ----------
        met
            One for each scalar; null where the condition makes no sense.
        """
        documents = len(self.shown)
        known, yes = np.zeros(documents, bool), np.zeros(documents, bool)
        known[self._rows[met.is_valid().to_numpy(zero_copy_only=False)]] = True
        yes[self._rows[pc.fill_null(met, False).to_numpy(zero_copy_only=False)]] = True
        return pa.array(yes, mask=~known)

    def is_one_of(self, literals: Iterable[Literal]) -> pa.Array:
        """Whether a scalar of each document equals one of these; null where there is none."""
        met = pa.array(np.zeros(self.scalars.num_rows, bool))
        for literal in literals:
            met = pc.or_(met, pc.fill_null(self._equals(literal), False))
        return self.any(met)

    def _equals(self, literal: Literal) -> pa.Array:
        if isinstance(literal, bool):
            return pc.equal(self.scalars.column("boolean"), literal)
        if isinstance(literal, str) or (isinstance(literal, int) and abs(literal) > _EXACT):
            return pc.equal(self.scalars.column("text"), pa.scalar(str(literal), pa.large_string()))
        return pc.equal(self.scalars.column("number"), float(literal))

    @property
    def text(self) -> pa.Array:
        """The text of each document's value; null where it is missing, a list or an object."""
        return self.shown if self.json is None else self._single("text")

    @property
    def number(self) -> pa.Array:
        """The number that each document's value is; null for anything else."""
        return self._single("number")

    @property
    def boolean(self) -> pa.Array:
        """The truth value that each document's value is; null for anything else."""
        return self._single("boolean")

    @property
    def length(self) -> pa.Array:
        """Characters of a text, elements of a list: double; null where it is missing or an object."""
        if self.json is None:
            return pc.cast(pc.utf8_length(self.shown), pa.float64())
        elements = np.bincount(self._rows, minlength=len(self.shown)).astype(np.float64)
        characters = pc.cast(pc.utf8_length(self.text), pa.float64())
        return pc.if_else(pa.array(self.listed), pa.array(elements), characters)

    def _single(self, column: str) -> pa.Array:
        values = self.scalars.column(column)
        at = np.full(len(self.shown), -1, np.int64)
        single = ~self.listed[self._rows]
        at[self._rows[single]] = np.flatnonzero(single)
        return values.take(pa.array(at, mask=at < 0))


def field_values(documents: pa.RecordBatch, name: str) -> FieldValues:
    """What the field called `name` holds in each of these documents."""
    known = documents.schema.names
    nothing_listed = np.zeros(documents.num_rows, bool)
    if name in DOCUMENT_FIELDS and name in known:
        return FieldValues(pc.cast(documents.column(name), pa.large_string()), nothing_listed, None)
    if "metadata" not in known:
        return FieldValues(pa.nulls(documents.num_rows, pa.large_string()), nothing_listed, None)
    metadata = documents.column("metadata")
    json = _kernels.field_at_path(metadata, name)
    if name.startswith("metadata."):  # reading has put what stands in `metadata` beside the other fields
        json = pc.coalesce(json, _kernels.field_at_path(metadata, name.removeprefix("metadata.")))
    listed = pc.fill_null(pc.starts_with(json, "["), False).to_numpy(zero_copy_only=False)
    values = FieldValues(json, listed, json)
    return replace(values, shown=pc.coalesce(values.text, json))
