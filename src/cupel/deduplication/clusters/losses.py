"""What each source loses, and whether the loss stops the run."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import View
from cupel.deduplication.clusters.options import SMALLEST_STOP, ActionOptions
from cupel.deduplication.clusters.survivors import one_array
from cupel.findings import Table

__all__ = ["lost_sources", "source_codes", "source_table", "too_much"]

Integers = npt.NDArray[np.int64]

SHOWN_SOURCES = 30


def too_much(members: pa.Table, total: int, options: ActionOptions, view: View) -> tuple[str, ...]:
    """What should be looked at before anything is dropped, in sentences."""
    if not members.num_rows:
        return ()
    sentences = []
    biggest = int(pc.max(members["size"]).as_py())
    if biggest >= SMALLEST_STOP and biggest > options.max_cluster_fraction * total:
        sentences.append(
            f"one cluster holds {biggest:,} of {total:,} documents, more than max_cluster_fraction "
            f"{options.max_cluster_fraction:g}"
        )
    return (*sentences, *lost_sources(members, options.max_source_loss, view))


def lost_sources(members: pa.Table, max_loss: float, view: View) -> list[str]:
    """Sources that would lose a larger share than `max_loss`, in sentences."""
    removed = members.filter(pc.invert(members["kept"]))
    if removed.num_rows < SMALLEST_STOP:
        return []
    codes, names = source_codes(removed["doc"].to_numpy(), view)
    lost = dict(zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True))
    large = {source for source, count in lost.items() if count >= SMALLEST_STOP}
    if not large:
        return []
    totals: Counter[str] = Counter()
    for batch in view.batches(["source"]):
        for entry in pc.value_counts(batch.column("source")).to_pylist():
            totals[entry["values"] or ""] += entry["counts"]
    return [
        f"source '{source}' would lose {lost[source]:,} of {totals[source]:,} documents, more than "
        f"max_source_loss {max_loss:g}"
        for source in sorted(large)
        if lost[source] > max_loss * totals[source]
    ]


def source_table(members: pa.Table, view: View, what: str = "duplicates") -> Table:
    """How many documents each source lost, and how many of them to another source's copy."""
    removed = members.filter(pc.invert(members["kept"]))
    both = np.concatenate([removed["doc"].to_numpy(), removed["cluster"].to_numpy()])
    codes, names = source_codes(both, view)
    lost_codes, kept_codes = np.split(codes, 2)
    counts = np.bincount(lost_codes, minlength=len(names))
    elsewhere = np.bincount(lost_codes[lost_codes != kept_codes], minlength=len(names))
    order = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))
    rows = tuple(
        (names[i] or "(none)", int(counts[i]), int(elsewhere[i]), float(counts[i] / counts.sum()))
        for i in order[:SHOWN_SOURCES]
        if counts[i]
    )
    return Table(
        columns=("source", what, "kept in another source", f"share of all {what}"),
        rows=rows,
        formats=("text", "count", "count", "bar"),
        caption=f"{what.capitalize()} per source.",
    )


def source_codes(docs: Integers, view: View) -> tuple[Integers, list[str]]:
    """The source of each of `docs` as an index into the names; `docs` need be neither sorted nor distinct."""
    distinct, places = np.unique(docs, return_inverse=True)
    sources = view.sources(pa.array(distinct, pa.int64()))
    if isinstance(sources, pa.ChunkedArray):
        sources = one_array(sources)
    encoded = sources.fill_null("").dictionary_encode()
    codes: Integers = encoded.indices.to_numpy().astype(np.int64)[places]
    return codes, encoded.dictionary.to_pylist()
