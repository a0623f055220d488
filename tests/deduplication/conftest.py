"""A corpus in memory, as a run would hand it to `decide`."""

from __future__ import annotations

import io
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import settings

from cupel.contract import Clusters, Dedup, Resources
from tests.memory_view import MemoryView

# How long an example takes depends on the machine; it never decides.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

Resolve = Callable[..., Clusters]


def in_memory(
    method: Dedup,
    texts: Sequence[str | None],
    docs: Sequence[int] | None = None,
    priority: Sequence[float | None] | None = None,
    sources: Sequence[str] | None = None,
    rows_in_batch: int = 7,
    fields: Sequence[Mapping[str, object]] | None = None,
) -> MemoryView:
    """A view of `texts`, whose documents are numbered 0, 1, ... unless `docs` says otherwise.

    `fields` are the other fields of each document, for methods that read them.
    """
    numbers = np.array(range(len(texts)) if docs is None else docs, dtype=np.int64)
    order = pa.array(np.argsort(numbers))
    doc = pa.array(numbers).take(order)
    text = pa.array(texts, pa.large_string()).take(order)
    priority = [float(len(t or "")) for t in texts] if priority is None else priority
    columns = {"doc": doc, "priority": pa.array(priority, pa.float64()).take(order)}
    if sources is not None:
        columns["source"] = pa.array(sources, pa.large_string()).take(order)
    if fields is None:
        sketch = method.sketch(text)
    else:
        metadata = pa.array([json.dumps(row) for row in fields], pa.large_string()).take(order)
        id = pa.array([f"d{number}" for number in doc.to_pylist()])
        sketch = method.sketch_documents(pa.record_batch({"id": id, "text": text, "metadata": metadata}))
    return MemoryView(sketch, text, columns, rows_in_batch)


@pytest.fixture(scope="session")
def resolve() -> Resolve:
    """`resolve(method, texts, ...)`: the clusters of a corpus in memory."""

    def run(
        method: Dedup,
        texts: Sequence[str | None],
        memory_bytes: int = 1 << 30,
        threads: int = 1,
        **options: object,
    ) -> Clusters:
        with tempfile.TemporaryDirectory() as scratch:
            resources = Resources(scratch, memory_bytes, threads)
            return method.decide(in_memory(method, texts, **options), resources)  # type: ignore[arg-type]

    return run


def as_sets(clusters: Clusters) -> set[frozenset[int]]:
    """The clusters as sets of documents."""
    members_by_cluster: dict[int, set[int]] = {}
    for row in clusters.members.to_pylist():
        members_by_cluster.setdefault(row["cluster"], set()).add(row["doc"])
    return {frozenset(docs) for docs in members_by_cluster.values()}


def check_whole(clusters: Clusters) -> None:
    """Sorted, each document once, sizes true, exactly one kept per cluster, which names it."""
    members = clusters.members
    assert members.schema.names[:4] == ["doc", "cluster", "size", "kept"]
    docs = members["doc"].to_pylist()
    assert docs == sorted(set(docs))
    sets = as_sets(clusters)
    sizes = {doc: len(cluster) for cluster in sets for doc in cluster}
    for row in members.to_pylist():
        assert row["size"] == sizes[row["doc"]] >= 2
        assert row["kept"] == (row["doc"] == row["cluster"])
        assert row.get("score") is None or 0 <= row["score"] <= 1
        assert not row["kept"] or row.get("score") in (None, 1.0)
    assert sum(members["kept"].to_pylist()) == len(sets)


def spans_of(clusters: Clusters) -> dict[int, list[tuple[int, int]]]:
    """Copied parts of each document that has some."""
    return {
        row["doc"]: [(span["start"], span["stop"]) for span in row["spans"]]
        for row in clusters.members.to_pylist()
    }


def check_spans(clusters: Clusters, texts: Sequence[str | None]) -> None:
    """Sorted by document; spans ascending, apart, on character boundaries; sizes and shares true."""
    members = clusters.members
    docs = members["doc"].to_pylist()
    assert docs == sorted(set(docs))
    for row in members.to_pylist():
        data = (texts[row["doc"]] or "").encode()
        edges = [edge for span in row["spans"] for edge in (span["start"], span["stop"])]
        assert edges == sorted(set(edges)), "spans are empty, touch or overlap"
        assert edges[0] >= 0
        assert edges[-1] <= len(data)
        for edge in edges:
            data[:edge].decode()  # fails inside of a character
        copied = sum(span["stop"] - span["start"] for span in row["spans"])
        assert row["score"] == copied / len(data)
        assert row["size"] == len(row["spans"]) > 0
        assert row["kept"]
        assert row["cluster"] <= row["doc"]


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text that is left when the spans are cut."""
    data = text.encode()
    for start, stop in reversed(spans):
        data = data[:start] + data[stop:]
    return data.decode()


@pytest.fixture(scope="session")
def articles(shared: Path) -> list[str]:
    """The first 5,000 documents of the real pool, one of each file in turn."""
    return list(itertools.islice(_pool(shared), 5000))


@pytest.fixture(scope="session")
def ascii_articles(shared: Path) -> list[str]:
    """The first 5,000 documents of the real pool that hold nothing but ASCII."""
    return list(itertools.islice(filter(str.isascii, _pool(shared)), 5000))


def _pool(shared: Path) -> Iterator[str]:
    streams = []
    for path in sorted((shared / "data" / "pool").glob("*.jsonl.zst")):
        raw = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
        streams.append(io.TextIOWrapper(raw, encoding="utf-8"))
    turns = itertools.chain.from_iterable(itertools.zip_longest(*streams))
    try:
        for line in filter(None, turns):
            yield json.loads(line)["text"]
    finally:
        for stream in streams:
            stream.close()
