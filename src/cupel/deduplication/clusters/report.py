"""Report blocks on clusters: alarms, the biggest clusters, samples of their members."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import View
from cupel.deduplication.clusters.losses import source_codes, source_table
from cupel.deduplication.clusters.options import SMALLEST_GIANT
from cupel.deduplication.clusters.survivors import one_array
from cupel.deduplication.index import Index, is_outside
from cupel.findings import Alarm, Block, Sample, Samples, Table

__all__ = ["cluster_blocks", "ids_of", "limited", "openings", "seen_before"]

Integers = npt.NDArray[np.int64]

SHOWN_CLUSTERS = 10
SHOWN_MEMBERS = 6
SHOWN_CHARACTERS = 400


def limited(count: int, max_comparisons: int) -> list[Block]:
    """An alarm if documents shared a bucket with more others than they may be compared with."""
    if not count:
        return []
    text = (
        f"{count:,} times, a document met more than {max_comparisons} others in a bucket and was not compared with the "
        "rest; some duplicates may remain. Raise max_comparisons to compare all."
    )
    return [Alarm(text=text)]


def seen_before(index: Index | None, members: pa.Table) -> list[tuple[str, str]]:
    """Facts about the index."""
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
    texts: dict[int, str] = {}
    for batch in view.texts(pa.array(docs, pa.int64())):
        beginnings = pc.utf8_slice_codeunits(batch.column("text"), 0, SHOWN_CHARACTERS).to_pylist()
        for doc, text in zip(batch.column("doc").to_numpy().tolist(), beginnings, strict=True):
            texts[doc] = text or ""
    return texts


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


def _sources(docs: Integers, view: View) -> dict[int, str]:
    codes, names = source_codes(docs, view)
    return {doc: names[code] for doc, code in zip(docs.tolist(), codes.tolist(), strict=True)}
