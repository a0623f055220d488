"""Documents with parts, edited and cut: each part by itself, and their text joined again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cupel.contract import SPANS, Edited
from cupel.corpus.part_arrays import PartTexts, part_texts, spans_by_part, with_texts

__all__ = ["Revised", "cut_by_part", "edit_by_part"]


@dataclass(frozen=True)
class Revised:
    """Documents after an edit.

    Attributes
    ----------
    text
        large_string.
    parts
        The column `parts`; None where no document has any.
    silenced
        Which of them hold a turn that had text and has none left; None where no document has turns.
    columns
        What the edit counted, per document.
    """

    text: pa.Array
    parts: pa.Array | None = None
    silenced: NDArray[np.bool_] | None = None
    columns: Mapping[str, pa.Array] = field(default_factory=dict)


def edit_by_part(edit: Callable[[pa.RecordBatch], Edited], batch: pa.RecordBatch) -> Revised:
    """Edit plain texts whole, and documents with parts a part at a time.

    What an edit counts is added up over the parts of a document; a share is averaged by the bytes of the parts, and
    texts stand one per line.
    """
    parts = batch.column("parts")
    if parts.null_count == batch.num_rows:
        edited = edit(batch)
        return Revised(edited.text.cast(pa.large_string()), columns=edited.columns)
    plain = np.flatnonzero(parts.is_null().to_numpy(zero_copy_only=False))
    texts = part_texts(parts)
    rows = np.concatenate([plain, texts.rows])
    shown = batch.take(pa.array(rows))
    before = pa.concat_arrays([batch.column("text").take(pa.array(plain)), texts.texts])
    shown = shown.set_column(shown.schema.get_field_index("text"), "text", before)
    edited = edit(shown)
    after = edited.text.cast(pa.large_string())
    columns = {
        name: _by_document(column, rows, pc.binary_length(before).to_numpy(), batch.num_rows)
        for name, column in edited.columns.items()
    }
    new = after.slice(len(plain))
    revised = _put_back(batch, texts, new)
    text = _replaced(revised.text, plain, after.slice(0, len(plain)))
    return Revised(text, revised.parts, revised.silenced, columns)


def cut_by_part(batch: pa.RecordBatch, spans: pa.Array) -> Revised:
    """Take byte ranges out of the texts; in documents with parts, out of the parts that they fall into."""
    from cupel import _kernels

    parts = batch.column("parts")
    if parts.null_count == batch.num_rows:
        return Revised(_kernels.cut_spans(batch.column("text"), spans))
    plain = parts.is_null()
    texts = part_texts(parts)
    by_part = pa.array(spans_by_part(texts, pc.if_else(plain, None, spans).to_pylist()), SPANS)
    revised = _put_back(batch, texts, _kernels.cut_spans(texts.texts, by_part))
    rows = np.flatnonzero(plain.to_numpy(zero_copy_only=False))
    at = pa.array(rows)
    cut = _kernels.cut_spans(batch.column("text").take(at), spans.take(at))
    return Revised(_replaced(revised.text, rows, cut), revised.parts, revised.silenced)


def _put_back(batch: pa.RecordBatch, texts: PartTexts, new: pa.Array) -> Revised:
    """New texts of parts in their documents; plain texts stay what they are."""
    parts = batch.column("parts")
    kept = PartTexts(texts.rows, texts.at, new, texts.roles)
    text = pc.if_else(parts.is_null(), batch.column("text"), kept.joined(batch.num_rows))
    had = pc.greater(pc.binary_length(pc.utf8_trim_whitespace(texts.texts)), 0)
    blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(new)), 0)
    lost = pc.and_(pc.and_(had, blank), texts.roles.is_valid()).to_numpy(zero_copy_only=False)
    silenced = np.zeros(batch.num_rows, dtype=bool)
    silenced[texts.rows[lost]] = True
    return Revised(text, with_texts(parts, texts, new), silenced)


def _replaced(text: pa.Array, rows: NDArray[np.int64], new: pa.Array) -> pa.Array:
    mask = np.zeros(len(text), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(text, pa.array(mask), new)


def _by_document(column: pa.Array, rows: NDArray[np.int64], sizes: NDArray[np.int64], count: int) -> pa.Array:
    """What was counted in each part, per document; null where none of its parts has a value."""
    kind = column.type
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    of = rows[valid]
    values = column.drop_null()
    counted = np.bincount(of, minlength=count) > 0
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        order = np.argsort(of, kind="stable")
        offsets = np.searchsorted(of[order], np.arange(count + 1))
        lists = pa.LargeListArray.from_arrays(
            pa.array(offsets.astype(np.int64)), values.take(pa.array(order)).cast(pa.large_string())
        )
        joined = pc.binary_join(lists, pa.scalar("\n", pa.large_string()))
        return pc.if_else(pa.array(counted), joined, None).cast(kind)
    numbers = values.cast(pa.float64()).to_numpy() if pa.types.is_floating(kind) else None
    if numbers is not None:
        weights = np.maximum(sizes[valid], 1).astype(np.float64)
        total = np.bincount(of, numbers * weights, count) / np.maximum(np.bincount(of, weights, count), 1)
    else:
        total = np.bincount(of, values.cast(pa.int64()).to_numpy(), count).astype(np.int64)
    summed = pa.array(total, mask=~counted)
    return pc.greater(summed, 0) if pa.types.is_boolean(kind) else summed.cast(kind)
