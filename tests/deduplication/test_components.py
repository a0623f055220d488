"""Connected components: union-find against iterative joins in Daft, which need no memory for the documents."""

from __future__ import annotations

import itertools
from pathlib import Path

import daft
import numpy as np
import pyarrow as pa
import pytest
from daft import col
from daft.functions import when

from cupel import _kernels
from cupel.contract import Resources
from cupel.deduplication.minhash import MinHash

from .conftest import in_memory


def by_joins(edges: daft.DataFrame) -> dict[int, int]:
    """Component of each node of `left`, `right`, named by its lowest (large and small stars in turn,
    Kiveris et al., "Connected Components in MapReduce and Beyond", 2014)."""
    known: set[tuple[int, int]] = set()
    while True:
        both = edges.union_all(edges.select(col("right").alias("left"), col("left").alias("right")))
        large = _stars(both).where(col("right") > col("left")).select("right", "least")
        down = large.select(col("right").alias("left"), col("least").alias("right"))
        small = _stars(down)
        last = small.select(col("left").alias("node"), "least").union_all(
            small.select(col("right").alias("node"), "least")
        )
        edges = (
            last.where(col("node") != col("least"))
            .distinct()
            .select(col("node").alias("left"), col("least").alias("right"))
            .collect()
        )
        columns = edges.to_pydict()
        now = set(zip(columns["left"], columns["right"], strict=True))
        if now == known:
            return {node: least for pair in now for node, least in (pair, (pair[1], pair[1]))}
        known = now


def _stars(edges: daft.DataFrame) -> daft.DataFrame:
    """Each edge with the least of its left end and all that this is joined to."""
    least = edges.groupby("left").agg(col("right").min().alias("nearest"))
    joined = edges.join(least, on="left")
    lower = when(col("nearest") < col("left"), col("nearest")).otherwise(col("left"))
    return joined.with_column("least", lower)


def edges_of(buckets: list[pa.LargeListArray]) -> daft.DataFrame:
    """Neighbours in each bucket."""
    pairs = {pair for lists in buckets for bucket in lists.to_pylist() for pair in itertools.pairwise(bucket)}
    left, right = zip(*sorted(pairs), strict=True)
    return daft.from_arrow(
        pa.table({"left": pa.array(left, pa.int64()), "right": pa.array(right, pa.int64())})
    )


def union_find(buckets: list[pa.LargeListArray]) -> dict[int, int]:
    components = _kernels.union(buckets)
    return dict(
        zip(components.column("doc").to_pylist(), components.column("component").to_pylist(), strict=True)
    )


@pytest.mark.parametrize("seed", range(3))
def test_union_find_and_joins_give_the_same_components(seed: int) -> None:
    rng = np.random.default_rng(seed)
    buckets = []
    for _ in range(4):
        sizes = rng.integers(2, 6, 40)
        docs = [sorted(rng.choice(600, size, replace=False).tolist()) for size in sizes]
        buckets.append(pa.array(docs, pa.large_list(pa.int64())))
    chain = [[node, node + 1] for node in range(1000, 1060)]
    buckets.append(pa.array(chain, pa.large_list(pa.int64())))
    components = union_find(buckets)
    assert components == by_joins(edges_of(buckets))
    assert len(set(components.values())) < len(components)


def test_of_real_documents_too(articles: list[str], tmp_path: Path) -> None:
    """Every pair that shares a band is an edge; what MinHash calls a cluster without verification."""
    method = MinHash.from_options({"verify": False, "bands": 30, "rows": 3})
    view, resources = in_memory(method, articles[:2000]), Resources(str(tmp_path))
    members = method.decide(view, resources).members
    bands, _, _ = method._bands(view, resources, None)
    joined = by_joins(edges_of(bands))
    clusters: dict[int, set[int]] = {}
    for doc, component in joined.items():
        clusters.setdefault(component, set()).add(doc)
    reported: dict[int, set[int]] = {}
    for row in members.to_pylist():
        reported.setdefault(row["cluster"], set()).add(row["doc"])
    assert sorted(map(sorted, reported.values())) == sorted(map(sorted, clusters.values()))
    assert len(reported) > 5
