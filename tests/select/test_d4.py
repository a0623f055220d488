"""D4: its two stages are those of semdedup and prototypes, and the ledger says which removed what."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cupel
from cupel.findings import Facts, Section
from tests.deduplication.conftest import Resolve

pytest.importorskip("faiss", reason="needs the extra 'semantic'")

from cupel.deduplication.semdedup import SemDeDup
from cupel.select.d4 import D4
from cupel.select.prototypes import Prototypes
from tests.deduplication.semantic import families, fields, resolve_vectors


def rows_by(members: object, reason: str) -> set[int]:
    return {row["doc"] for row in members.to_pylist() if row["reason"] == reason}  # type: ignore[attr-defined]


@given(st.integers(0, 10**6), st.sampled_from([1, 4, 9]), st.sampled_from([0.9, 0.7, 0.3]))
@settings(max_examples=20)
def test_stages_are_the_methods_one_after_the_other(
    resolve: Resolve, seed: int, count: int, kept: float
) -> None:
    vectors = families(seed)
    options = {"clusters": count, "dedup_kept_fraction": kept, "prototypes_kept_fraction": 0.6}
    members = resolve_vectors(resolve, D4, vectors, options).members
    scores = (
        resolve_vectors(resolve, SemDeDup, vectors, {"clusters": count, "action": "mark"})
        .members["score"]
        .to_numpy()
    )
    alike = rows_by(members, "semantic-duplicate")
    wanted = len(vectors) - round(kept * len(vectors))
    assert len(alike) == wanted
    assert min((scores[doc] for doc in alike), default=1) >= max(
        (score for doc, score in enumerate(scores) if doc not in alike), default=0
    )
    left = [doc for doc in range(len(vectors)) if doc not in alike]
    second = resolve_vectors(
        resolve, Prototypes, vectors[left], {"clusters": count, "kept_fraction": 0.6}
    ).members
    expected = {left[row["doc"]]: left[row["cluster"]] for row in second.to_pylist()}
    typical = rows_by(members, "prototypical")
    assert typical == {left[row["doc"]] for row in second.to_pylist() if not row["kept"]}
    for row in members.to_pylist():
        if row["doc"] in typical:
            assert row["cluster"] == expected[row["doc"]]
        assert row["cluster"] not in alike | typical
        assert row["kept"] == (row["doc"] == row["cluster"])


def test_the_epsilon_that_came_out_is_semdedups(resolve: Resolve) -> None:
    vectors = families(5)
    options = {"clusters": 2, "dedup_kept_fraction": 0.7, "prototypes_kept_fraction": 1}
    clusters = resolve_vectors(resolve, D4, vectors, options)
    (section,) = clusters.findings
    assert Section.model_validate_json(section.model_dump_json()) == section
    facts = dict(next(block for block in section.blocks if isinstance(block, Facts)).facts)
    epsilon = float(facts["ε that came out"]) * 1.001
    members = resolve_vectors(resolve, SemDeDup, vectors, {"clusters": 2, "epsilon": epsilon}).members
    same = {row["doc"]: row["cluster"] for row in members.to_pylist()}
    assert same == {row["doc"]: row["cluster"] for row in clusters.members.to_pylist()}
    assert int(facts["semantic duplicates"]) == len(vectors) - round(0.7 * len(vectors))


def test_no_effect_and_nothing_at_all(resolve: Resolve) -> None:
    everything = {"dedup_kept_fraction": 1, "prototypes_kept_fraction": 1}
    nothing = resolve_vectors(resolve, D4, families(1), everything)
    assert nothing.members.num_rows == 0
    assert "no effect" in nothing.findings[0].lead
    assert resolve(D4.from_options({"column": "vector"}), [], fields=[]).members.num_rows == 0


def test_the_result_depends_on_neither_threads_nor_batches(resolve: Resolve) -> None:
    vectors = families(11, groups=200, each=10, dimensions=96, spread=0.02)
    single_threaded, multi_threaded = (
        resolve_vectors(resolve, D4, vectors, {"clusters": 20}, threads=threads, rows_in_batch=rows).members
        for threads, rows in ((1, 9), (3, 500))
    )
    assert single_threaded.equals(multi_threaded)
    assert single_threaded.num_rows


def test_the_ledger_says_which_stage_removed_a_document(resolve: Resolve, tmp_path: Path) -> None:
    vectors = families(4, groups=20)
    lines = [json.dumps({"id": f"d{n}", "text": f"text {n}", **row}) for n, row in enumerate(fields(vectors))]
    (tmp_path / "pool.jsonl").write_text("\n".join(lines) + "\n")
    options = {"clusters": 6, "dedup_kept_fraction": 0.8, "prototypes_kept_fraction": 0.5}
    recipe = cupel.Recipe.from_dict({"name": "d4", "steps": [{"d4": {"column": "vector", **options}}]})
    result = cupel.refine(recipe, input=tmp_path / "pool.jsonl", output=tmp_path / "out")
    rows = [
        r for path in (result.output / "ledger").glob("*.parquet") for r in pq.read_table(path).to_pylist()
    ]
    expected = resolve_vectors(resolve, D4, vectors, options).members
    kept = {row["id"] for row in rows if row["status"] == "kept"}
    for reason, count in (("semantic-duplicate", 24), ("prototypical", 48)):
        removed = [row for row in rows if row["reason"] == reason]
        assert {row["id"] for row in removed} == {f"d{doc}" for doc in rows_by(expected, reason)}
        assert len(removed) == count
        assert all(row["survivor"] in kept for row in removed)
    assert len(kept) == 48
    assert result.manifest["documents"]["dropped"] == 72
    assert np.isfinite([float(row["value"]) for row in rows if row["status"] == "dropped"]).all()
