"""What all deduplication methods share: which document stays, and what to show of clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel import _kernels
from cupel.contract import WEIGHTLESS, Acts, Keeps, Method, PrefersSources, View
from cupel.dedup._index import Index, is_outside
from cupel.findings import Alarm, Block, Sample, Samples, Table

__all__ = [
    "ActionOptions",
    "ClusterOptions",
    "LossOptions",
    "cluster_blocks",
    "ids_of",
    "inside_only",
    "keep_one",
    "limited",
    "lost_sources",
    "one_array",
    "openings",
    "seen_before",
    "source_table",
    "survivor_priorities",
    "too_much",
]

Integers = npt.NDArray[np.int64]

SHOWN_CLUSTERS = 10
SHOWN_SOURCES = 30
SHOWN_MEMBERS = 6
SHOWN_CHARACTERS = 400
# On small corpora a handful of copies is a large share and no cause for alarm.
SMALLEST_GIANT = 100
SMALLEST_STOP = 1000


class LossOptions(Method.Options):
    """What is too much to go on unasked, for every deduplication."""

    max_source_loss: float = Field(
        0.95,
        gt=0,
        le=1,
        description="A source of which a larger share would go (of at least "
        f"{SMALLEST_STOP:,} documents) stops the run until it is told to accept.",
    )


class ActionOptions(Acts, PrefersSources, LossOptions):
    """Options that every method has whose clusters are acted on: what is done, and what is too much."""

    action: Literal["drop", "weigh", "mark"] = Field(
        "drop",
        description="`drop` removes all but one document of each cluster; `weigh` keeps all and divides "
        "the weight of each by the size of its cluster; `mark` keeps all and carries the cluster and its "
        "size as columns.",
    )
    giant_cluster_fraction: float = Field(
        0.01,
        gt=0,
        le=1,
        description="A cluster with more than this share of all documents (and at least "
        f"{SMALLEST_GIANT}) raises an alarm with samples.",
    )
    max_cluster_fraction: float = Field(
        0.25,
        gt=0,
        le=1,
        description=f"A cluster with more than this share of all documents (and at least {SMALLEST_STOP:,}) "
        "stops the run until it is told to accept.",
    )


class ClusterOptions(Keeps, ActionOptions):
    """Options that every method has that finds whole documents, any of which may stay."""


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
    """What decides who stays, the highest first; documents of earlier corpora come before all others."""
    inside = docs.filter(pa.array(~is_outside(docs)))
    everything = view.read(["doc", "priority"])
    places = np.searchsorted(one_array(everything["doc"]).to_numpy(), inside.to_numpy())
    priority = one_array(everything["priority"].cast(pa.float64()).take(places))
    if sources:
        priority = _by_source(sources, view.sources(inside), priority)
    found = np.full(len(docs), np.inf)
    found[~is_outside(docs)] = pc.fill_null(priority, float("-inf")).to_numpy()
    return pa.array(found)


def inside_only(members: pa.Table) -> pa.Table:
    """Members of this corpus; those of earlier ones are not touched."""
    return members.filter(pc.greater_equal(members["doc"], 0))


def _by_source(sources: Sequence[str], found: pa.Array, priority: pa.Array) -> pa.Array:
    """Priorities that go by the place of the source first, and by `priority` among equals.

    Documents of weight 0 come last, whatever their source.
    """
    ranks = pc.fill_null(pc.index_in(found, pa.array(sources, pa.large_string())), len(sources)).to_numpy()
    own = pc.fill_null(priority, WEIGHTLESS).to_numpy()
    order = np.lexsort((own, -ranks.astype(np.int64), own > WEIGHTLESS))
    new = np.empty(len(order), dtype=np.float64)
    # Equal ones stay equal, so that the first document still decides among them.
    steps = np.concatenate([[0], (np.diff(ranks[order]) != 0) | (own[order][1:] != own[order][:-1])])
    new[order] = np.cumsum(steps)
    return pa.array(np.where(own > WEIGHTLESS, new, WEIGHTLESS))


def too_much(members: pa.Table, total: int, options: ActionOptions, view: View) -> tuple[str, ...]:
    """What should be looked at before anything is dropped, in sentences."""
    if not members.num_rows:
        return ()
    said = []
    biggest = int(pc.max(members["size"]).as_py())
    if biggest >= SMALLEST_STOP and biggest > options.max_cluster_fraction * total:
        said.append(
            f"one cluster holds {biggest:,} of {total:,} documents, more than max_cluster_fraction "
            f"{options.max_cluster_fraction:g}"
        )
    return (*said, *lost_sources(members, options.max_source_loss, view))


def lost_sources(members: pa.Table, most: float, view: View) -> list[str]:
    """Sources of which a larger share than `most` would go, in sentences."""
    removed = members.filter(pc.invert(members["kept"]))
    if removed.num_rows < SMALLEST_STOP:
        return []
    codes, names = _source_codes(removed["doc"].to_numpy(), view)
    lost = dict(zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True))
    large = {source for source, count in lost.items() if count >= SMALLEST_STOP}
    if not large:
        return []
    there: Counter[str] = Counter()
    for batch in view.batches(["source"]):
        for entry in pc.value_counts(batch.column("source")).to_pylist():
            there[entry["values"] or ""] += entry["counts"]
    return [
        f"source '{source}' would lose {lost[source]:,} of {there[source]:,} documents, more than "
        f"max_source_loss {most:g}"
        for source in sorted(large)
        if lost[source] > most * there[source]
    ]


def limited(times: int, most: int) -> list[Block]:
    """An alarm where documents met more others in a bucket than they may be compared with."""
    if not times:
        return []
    text = (
        f"{times:,} times a document met more than {most} others in a bucket and was not compared with the "
        "rest; some duplicates may remain. Raise max_comparisons to compare all."
    )
    return [Alarm(text=text)]


def seen_before(index: Index | None, members: pa.Table) -> list[tuple[str, str]]:
    """What an index had to say, as facts."""
    if index is None:
        return []
    seen = int(is_outside(one_array(members["cluster"])).sum())
    return [("of earlier corpora remembered", f"{index.rows():,}"), ("seen in one of them", f"{seen:,}")]


def cluster_blocks(members: pa.Table, total: int, fraction: float, view: View) -> list[Block]:
    """Alarms for giant clusters, the biggest clusters, and what was removed per source."""
    if members.num_rows == 0:
        return []
    survivors = members.filter(members["kept"])
    order = np.lexsort((survivors["doc"].to_numpy(), -survivors["size"].to_numpy()))
    biggest = survivors.take(order[:SHOWN_CLUSTERS])
    giants = [
        row for row in biggest.to_pylist() if row["size"] >= SMALLEST_GIANT and row["size"] > fraction * total
    ]
    shown = {row["doc"]: _first_members(members, row["doc"]) for row in giants}
    wanted = biggest["doc"].to_numpy().tolist() + [doc for docs in shown.values() for doc in docs]
    texts = openings(sorted(set(wanted)), view)
    blocks: list[Block] = []
    for row in giants:
        share = row["size"] / total
        blocks.append(
            Alarm(
                text=f"One cluster holds {row['size']:,} of {total:,} documents ({share:.1%}). Look at "
                "the samples: shared boilerplate or a threshold that is too low can chain "
                "documents together that are not duplicates."
            )
        )
        blocks.append(_member_samples(row["doc"], row["size"], shown[row["doc"]], texts, view))
    blocks.append(_biggest_table(biggest, texts, view))
    blocks.append(source_table(members, view))
    return blocks


def _first_members(members: pa.Table, cluster: int) -> list[int]:
    """Some documents of one cluster, the survivor first, the others spread over the corpus."""
    docs = members["doc"].to_numpy()[members["cluster"].to_numpy() == cluster]
    others = docs[docs != cluster]
    spread = np.linspace(0, len(others) - 1, min(len(others), SHOWN_MEMBERS - 1)).astype(int)
    return [cluster, *others[spread].tolist()]


def openings(docs: list[int], view: View) -> dict[int, str]:
    """The first characters of each document."""
    found: dict[int, str] = {}
    for batch in view.texts(pa.array(docs, pa.int64())):
        openings = pc.utf8_slice_codeunits(batch.column("text"), 0, SHOWN_CHARACTERS).to_pylist()
        for doc, text in zip(batch.column("doc").to_numpy().tolist(), openings, strict=True):
            found[doc] = text or ""
    return found


def _member_samples(cluster: int, size: int, docs: list[int], texts: dict[int, str], view: View) -> Samples:
    sources = _sources(np.array(sorted(docs), dtype=np.int64), view)
    ids = ids_of(docs, view)
    samples = tuple(
        Sample(
            id=ids[doc],
            source=sources[doc],
            note="kept" if doc == cluster else "duplicate",
            text=texts.get(doc, ""),
        )
        for doc in docs
    )
    return Samples(heading=f"Members of the cluster of {size:,}", samples=samples)


def ids_of(docs: Iterable[int], view: View) -> dict[int, str]:
    """The id of each of these documents: what `cupel why` takes."""
    wanted = sorted(set(docs))
    return dict(zip(wanted, view.ids(pa.array(wanted, pa.int64())).to_pylist(), strict=True))


def _biggest_table(biggest: pa.Table, texts: dict[int, str], view: View) -> Table:
    ids = ids_of(biggest["doc"].to_pylist(), view)
    rows = tuple(
        (row["size"], ids[row["doc"]], " ".join(texts.get(row["doc"], "").split())[:160])
        for row in biggest.to_pylist()
    )
    return Table(
        columns=("documents", "id of the one kept", "begins"),
        rows=rows,
        formats=("count", "text", "text"),
        caption="The biggest clusters.",
    )


def source_table(members: pa.Table, view: View, what: str = "duplicates") -> Table:
    """How many documents each source lost, and how many of them to another source's copy."""
    removed = members.filter(pc.invert(members["kept"]))
    both = np.concatenate([removed["doc"].to_numpy(), removed["cluster"].to_numpy()])
    codes, names = _source_codes(both, view)
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


def _source_codes(docs: Integers, view: View) -> tuple[Integers, list[str]]:
    """The source of each of `docs`, which need be neither sorted nor distinct: its place among the names."""
    distinct, places = np.unique(docs, return_inverse=True)
    found = view.sources(pa.array(distinct, pa.int64()))
    if isinstance(found, pa.ChunkedArray):
        found = one_array(found)
    encoded = found.fill_null("").dictionary_encode()
    codes: Integers = encoded.indices.to_numpy().astype(np.int64)[places]
    return codes, encoded.dictionary.to_pylist()


def _sources(docs: Integers, view: View) -> dict[int, str]:
    codes, names = _source_codes(docs, view)
    return {doc: names[code] for doc, code in zip(docs.tolist(), codes.tolist(), strict=True)}
