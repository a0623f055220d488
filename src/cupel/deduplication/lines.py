"""Removal of lines and paragraphs that occurred before, in the same document or any other."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel import _kernels
from cupel.contract import SPANS, Clusters, Dedup, Need, Paper, Resources, View
from cupel.deduplication.copies.spans import CopiedParts, SpanOptions, sizes_of

__all__ = ["Lines"]

BYTES_PER_HASH = 40
FILLED_AT_ONCE = 1 << 20


class Lines(Dedup):
    r"""Exact lines or paragraphs that occurred before, anywhere in the corpus.

    Menus, cookie notices and signatures stand on every page of a site. CCNet (Wenzek et al. 2020) and
    Dolma (Soldaini et al. 2024) remove each line of text that was seen before; the first stays.

    A **line** lies between line ends of any system; a **paragraph** is all lines up to the next blank one. Two
    are equal when their normalized texts are: Unicode form C, without invisible characters, white space
    collapsed and, with `normalize`, without regard to case and punctuation (symbols count), with `ignore_digits` without
    regard to which digits they have. Units of fewer
    than `min_characters` never count: closing brackets, single words and page numbers recur with good
    reason. An ideograph, a Kana or a Hangul syllable counts as three characters, since 20 letters of English
    are about seven characters of Chinese. A unit is removed
    with its line end and the blank lines after it.

    Hashes have 64 bits (the upper half of XXH3-128): among a hundred million different lines the
    chance that any two are taken for equal is 3 in 10,000.

    **Memory.** The first document of every distinct hash is held, 40 bytes each. Where that is
    more than the available memory, the hashes are processed in as many ranges as needed, with
    the same result.

    Examples
    --------
    >>> import pyarrow as pa
    >>> text = pa.array(["Café — opens at nine every day\nHome", "Café — opens at nine every day"])
    >>> units = Lines().sketch(text).column("units").to_pylist()
    >>> units[0] == units[1], len(units[0])
    (True, 1)
    """

    name = "lines"
    finds = "spans"
    papers = (
        Paper(
            title="CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data",
            authors="Wenzek, Lachaux, Conneau, Chaudhary, Guzmán, Joulin, Grave",
            year=2020,
            url="https://arxiv.org/abs/1911.00359",
            section="3.1 Deduplication",
        ),
        Paper(
            title="Dolma: an Open Corpus of Three Trillion Tokens for Language Model Pretraining Research",
            authors="Soldaini et al.",
            year=2024,
            url="https://arxiv.org/abs/2402.00159",
            section="5.3 Deduplication",
        ),
    )
    cost = (
        "Sketch: about 450 MB/s per core; both together 180, paragraphs 245. 40 bytes of memory per "
        "distinct line, 24 bytes of disk per line."
    )
    limits = (
        "Refrains, table rows and dialogue lose lines that belong to them. What stays depends on the order "
        "of documents: the first copy is not always the best one."
    )

    class Options(SpanOptions):
        """What a unit is, and which units count."""

        unit: Literal["line", "paragraph"] = Field("line", description="What is compared.")
        min_characters: int = Field(
            20,
            ge=1,
            description="Shorter units never count; white space at the ends is not counted, and an ideograph, a "
            "Kana or a Hangul syllable counts as three characters.",
        )
        normalize: bool = Field(False, description="Ignore case and punctuation, as CCNet does.")
        ignore_digits: bool = Field(
            False,
            description="Take every digit for 0, as CCNet does: dates and counts do not tell lines apart.",
            exclude_if=lambda ignored: not ignored,
        )

    options: Options

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """`bytes` and `count` of each text; the hash (`units`) and place (`places`) of each unit that counts."""
        options = self.options
        units, places = _kernels.text_units(
            text,
            unit=options.unit,
            normalize=options.normalize,
            zero_digits=options.ignore_digits,
            min_characters=options.min_characters,
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
        facts = ((f"{self.options.unit}s that count", f"{total:,}"), ("ranges of hashes", f"{parts:,}"))
        return copied.clusters(f"Copied {self.options.unit}s", f"{self.options.unit}s", facts)


def _first_documents(view: View, scratch: Path, total: int, parts: int) -> np.ndarray:
    """For each unit, in order, the earlier document that has it; -1 for a first occurrence."""
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


def _origins(offsets: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """For each document, the one where its first copied unit stood first; -1 where none is copied."""
    copied = np.flatnonzero(firsts >= 0)
    rows, places = np.unique(np.searchsorted(offsets, copied, side="right") - 1, return_index=True)
    origins = np.full(len(offsets) - 1, -1, dtype=np.int64)
    origins[rows] = firsts[copied[places]]
    return origins
