"""Units of text that occurred before, found by their hashes: what `lines` and `sentences` share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel import _kernels
from cupel.contract import SPANS, Clusters, Dedup, Need, Resources, View
from cupel.deduplication.copies.spans import CopiedParts, sizes_of

__all__ = ["Compared", "SeenUnits"]

BYTES_PER_HASH = 40
FILLED_AT_ONCE = 1 << 20

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Compared:
    """What texts are cut into, and which of it is compared.

    Attributes
    ----------
    name
        Of several, for people.
    unit
        What a text is cut into.
    normalize
        Without regard to case and punctuation.
    min_characters
        Shorter runs never count; an ideograph, a Kana or a Hangul syllable counts as three characters.
    run
        How many units in a row are compared as a whole.
    zero_digits
        Every digit counts as 0.
    """

    name: str
    unit: Literal["line", "paragraph", "sentence"]
    normalize: bool
    min_characters: int
    run: int = 1
    zero_digits: bool = False


class SeenUnits(Dedup):
    """Base of methods that find what occurred before, in the same document or any other.

    A text is cut into units, and each run of units in a row is hashed: 64 bits, the upper half of XXH3-128.
    A run of which the hash has been seen is a copy, in the order of the documents. Copies that overlap or
    touch become one part.

    The first document of every distinct hash is held, 40 bytes each. Where that is more than the available
    memory, the hashes are processed in as many ranges as needed, with the same result.
    """

    finds = "spans"

    @property
    @abstractmethod
    def compared(self) -> Compared:
        """What is compared, by the options."""

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """`bytes` and `count` of each text; the hash (`units`) and place (`places`) of each run that counts."""
        compared = self.compared
        units, places = _kernels.text_units(
            text,
            unit=compared.unit,
            normalize=compared.normalize,
            zero_digits=compared.zero_digits,
            min_characters=compared.min_characters,
            run=compared.run,
        )
        return pa.RecordBatch.from_arrays(
            [pa.array(sizes_of(text)), pc.list_value_length(units), units, places.cast(SPANS)],
            names=["bytes", "count", "units", "places"],
        )

    def need(self, documents: int, text_bytes: int) -> Need:
        """Hashes, as if a unit had fifty bytes; the first place of each lies on disk."""
        units = text_bytes // 50
        return Need(BYTES_PER_HASH * units, 8 * units)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Copied units of all documents."""
        total = sum(pc.sum(batch.column("count")).as_py() or 0 for batch in view.batches(["count"]))
        parts = 1 + total * BYTES_PER_HASH // resources.memory_bytes
        firsts = _first_documents(view, Path(resources.scratch), total, parts)
        copied = CopiedParts(view, origin="the first of it stood before in {}")
        at = 0
        for batch in view.batches(["doc", "bytes", "places"]):
            offsets = batch.column("places").offsets.to_numpy()
            offsets = offsets - offsets[0]
            here = np.asarray(firsts[at : at + offsets[-1]])
            at += offsets[-1]
            picked = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(here >= 0))
            spans = _kernels.picked_spans(batch.column("places"), picked)
            copied.add(batch.column("doc"), batch.column("bytes").to_numpy(), spans, _origins(offsets, here))
        name = self.compared.name
        facts = ((f"{name} that count", f"{total:,}"), ("ranges of hashes", f"{parts:,}"))
        return copied.clusters(f"Copied {name}", name, facts)


def _first_documents(view: View, scratch: Path, total: int, parts: int) -> Integers:
    """For each run, in order, the earlier document that has it; -1 for a first occurrence."""
    path = scratch / "firsts.i64"
    if total == 0:
        return np.zeros(0, dtype=np.int64)
    with path.open("wb") as file:  # written first: in the mapping, a full disk would end the process
        for begin in range(0, total, FILLED_AT_ONCE):
            file.write(np.full(min(FILLED_AT_ONCE, total - begin), -1, dtype=np.int64).data)
    firsts = np.memmap(path, dtype=np.int64, mode="r+", shape=(total,))
    for part in range(parts):
        seen = _kernels.Seen(total // parts)
        place = 0
        for batch in view.batches(["doc", "units"]):
            earlier = seen.mark(batch.column("doc"), batch.column("units"), part=part, parts=parts).flatten()
            here = earlier.is_valid().to_numpy(zero_copy_only=False)
            window = firsts[place : place + len(earlier)]
            window[here] = earlier.drop_null().to_numpy()
            place += len(earlier)
    return firsts


def _origins(offsets: Integers, firsts: Integers) -> Integers:
    """For each document, the one where its first copied run stood first; -1 where none is copied."""
    copied = np.flatnonzero(firsts >= 0)
    rows, places = np.unique(np.searchsorted(offsets, copied, side="right") - 1, return_index=True)
    origins = np.full(len(offsets) - 1, -1, dtype=np.int64)
    origins[rows] = firsts[copied[places]]
    return origins
