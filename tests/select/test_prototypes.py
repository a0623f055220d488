"""Pruning of prototypical documents: against brute force, and what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cupel
from cupel.errors import BadOption
from cupel.findings import Facts, Section, Table
from tests.deduplication.conftest import Resolve

pytest.importorskip("faiss", reason="needs the extra 'semantic'")

from cupel.select.prototypes import Prototypes
from tests.deduplication.semantic import clustered, families, fields, mapped, resolve_vectors


def dropped(members: object) -> set[int]:
    return {row["doc"] for row in members.to_pylist() if not row["kept"]}  # type: ignore[attr-defined]


@given(st.integers(0, 10**6), st.integers(1, 10), st.sampled_from([0.9, 0.75, 0.4, 0.01]))
@settings(max_examples=40)
def test_the_nearest_to_their_centroids_go(resolve: Resolve, seed: int, count: int, kept: float) -> None:
    vectors = families(seed)
    exact = mapped(vectors).take(slice(None)).astype(float)
    cells = clustered(vectors, clusters=count)
    ranked = sorted(range(len(vectors)), key=lambda doc: (-cells.similarity[doc], doc))
    last = {int(rows[0]) for rows in cells if len(rows)}
    expected = [doc for doc in ranked if doc not in last][: len(vectors) - round(kept * len(vectors))]
    members = resolve_vectors(
        resolve, Prototypes, vectors, {"clusters": count, "kept_fraction": kept}, threads=2
    ).members
    assert dropped(members) == set(expected)
    for row in members.to_pylist():
        doc, cluster = row["doc"], row["cluster"]
        assert row["score"] == pytest.approx(cells.similarity[doc])
        if row["kept"]:
            assert doc == cluster
            continue
        inside = [
            other
            for other in cells.order[cells.cell[cells.order] == cells.cell[doc]]
            if other not in expected
        ]
        assert cluster in inside
        assert exact[cluster] @ exact[doc] >= max(exact[inside] @ exact[doc]) - 1e-6


def test_the_nearest_that_stays_in_a_cell_larger_than_a_tile(resolve: Resolve) -> None:
    vectors = families(7, groups=250, each=6, dimensions=32, spread=0.03)
    exact = mapped(vectors).take(slice(None)).astype(float)
    members = resolve_vectors(resolve, Prototypes, vectors, {"clusters": 1, "kept_fraction": 0.5}).members
    removed = sorted(dropped(members))
    stay = np.array(sorted(set(range(len(vectors))) - set(removed)))
    cluster = {row["doc"]: row["cluster"] for row in members.to_pylist()}
    assert len(removed) == len(stay) == 750
    alike = exact[removed] @ exact[stay].T
    named = np.array([alike[n, np.searchsorted(stay, cluster[doc])] for n, doc in enumerate(removed)])
    assert np.allclose(named, alike.max(axis=1), atol=1e-6)


def test_similarity_is_to_the_mean_of_the_cell(resolve: Resolve) -> None:
    """With one cell the centroid is known: the mean, brought to length one."""
    vectors = families(1)
    exact = mapped(vectors).take(slice(None)).astype(float)
    mean = exact.sum(axis=0)
    members = resolve_vectors(resolve, Prototypes, vectors, {"clusters": 1, "action": "mark"}).members
    assert np.allclose(members["score"].to_numpy(), exact @ mean / np.linalg.norm(mean), atol=1e-6)


def test_a_marked_corpus_can_be_cut_at_any_fraction(resolve: Resolve) -> None:
    vectors = families(2)
    marked = resolve_vectors(resolve, Prototypes, vectors, {"action": "mark", "clusters": 1}).members
    scores = marked["score"].to_numpy()
    for kept in (0.9, 0.5):
        members = resolve_vectors(
            resolve, Prototypes, vectors, {"kept_fraction": kept, "clusters": 1}
        ).members
        ranked = sorted(range(len(scores)), key=lambda doc: (-scores[doc], doc))
        assert dropped(members) == set(ranked[: len(scores) - round(kept * len(scores))])


def test_findings_say_what_went(resolve: Resolve) -> None:
    vectors = families(3)
    sources = [f"s{n % 2}" for n in range(len(vectors))]
    clusters = resolve_vectors(resolve, Prototypes, vectors, {"clusters": 5}, sources=sources)
    (section,) = clusters.findings
    assert Section.model_validate_json(section.model_dump_json()) == section
    facts = dict(next(block for block in section.blocks if isinstance(block, Facts)).facts)
    assert int(facts["prototypical documents"]) == len(dropped(clusters.members)) == 10
    table = next(b for b in section.blocks if isinstance(b, Table) and b.columns[0] == "source")
    assert sum(row[1] for row in table.rows) == 10
    nothing = resolve_vectors(resolve, Prototypes, vectors, {"kept_fraction": 1})
    assert nothing.members.num_rows == 0
    assert "no effect" in nothing.findings[0].lead
    assert resolve(Prototypes.from_options({"column": "vector"}), [], fields=[]).members.num_rows == 0


def test_options_that_would_be_ignored_are_not_offered() -> None:
    assert not {"keep", "sources", "epsilon"} & set(Prototypes.Options.model_fields)
    with pytest.raises(BadOption, match="action"):
        Prototypes.from_options({"action": "weigh"})


def test_the_ledger_names_what_stays(tmp_path: Path) -> None:
    vectors = families(4)
    lines = [json.dumps({"id": f"d{n}", "text": f"text {n}", **row}) for n, row in enumerate(fields(vectors))]
    (tmp_path / "pool.jsonl").write_text("\n".join(lines) + "\n")
    step = {"prototypes": {"column": "vector", "kept_fraction": 0.5, "clusters": 4}}
    recipe = cupel.Recipe.from_dict({"name": "p", "steps": [step]})
    result = cupel.refine(recipe, input=tmp_path / "pool.jsonl", output=tmp_path / "out")
    rows = [
        r for path in (result.output / "ledger").glob("*.parquet") for r in pq.read_table(path).to_pylist()
    ]
    removed = [row for row in rows if row["status"] == "dropped"]
    kept = {row["id"] for row in rows if row["status"] == "kept"}
    assert len(removed) == len(kept) == 24
    assert all(row["reason"] == "prototypical" and row["survivor"] in kept for row in removed)
    assert {row["limit"] for row in removed} == {"among the 50 % least prototypical"}
