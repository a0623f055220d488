"""K-center: the documents that a plain computation takes, for every kind of budget, and in a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

import cupel
from cupel.contract import Clusters, Resources
from cupel.contract.draws import uniform
from cupel.recipe.recipe import Recipe
from cupel.select.k_center import KCenter
from tests.memory_view import MemoryView


def select(
    vectors: npt.NDArray[np.float64],
    folder: Path,
    texts: list[str] | None = None,
    threads: int = 1,
    **options: object,
) -> Clusters:
    """What is decided of documents d0, d1, ... with these vectors; a row of NaN is no vector."""
    method = KCenter.from_options({"column": "embedding", **options})
    texts = ["text"] * len(vectors) if texts is None else texts
    fields = [{} if np.isnan(row).any() else {"embedding": row.tolist()} for row in vectors]
    documents = pa.record_batch(
        {
            "id": pa.array([f"d{number}" for number in range(len(vectors))], pa.large_string()),
            "text": pa.array(texts, pa.large_string()),
            "metadata": pa.array([json.dumps(row) for row in fields], pa.large_string()),
        }
    )
    sketch = method.sketch_documents(documents)
    assert sketch.schema == method.sketch_schema
    return method.decide(MemoryView(sketch, texts, rows_in_batch=5), Resources(str(folder), threads=threads))


def plain(vectors: npt.NDArray[np.float64], seed: int = 0) -> tuple[list[int], list[float]]:
    """All documents in the order in which they are taken, and their distances."""
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    ids = pa.array([f"d{number}" for number in range(len(vectors))])
    order, distances = [int(np.argmin(uniform(ids, seed)))], [np.nan]
    while len(order) < len(vectors):
        near = (1 - unit @ unit[order].T).min(axis=1)
        near[order] = -1
        order.append(int(near.argmax()))
        distances.append(float(near.max()))
    return order, distances


def kept(decision: Clusters) -> set[int]:
    return {row["doc"] for row in decision.members.to_pylist() if row["kept"]}


@pytest.fixture
def vectors() -> npt.NDArray[np.float64]:
    return np.random.default_rng(5).normal(size=(60, 12))


@pytest.mark.parametrize("count", [1, 2, 17, 60])
def test_the_farthest_are_taken(vectors: npt.NDArray[np.float64], tmp_path: Path, count: int) -> None:
    order, distances = plain(vectors)
    decision = select(vectors, tmp_path, budget=f"{count}-documents", threads=2)
    assert kept(decision) == set(order[:count])
    scores = {row["doc"]: row["score"] for row in decision.members.to_pylist() if row["kept"]}
    assert scores[order[0]] is None
    for doc, distance in zip(order[1:count], distances[1:count], strict=True):
        assert scores[doc] == pytest.approx(distance, abs=1e-3)
    assert decision.members.num_rows == 60


def test_a_budget_of_text(vectors: npt.NDArray[np.float64], tmp_path: Path) -> None:
    sizes = np.random.default_rng(1).integers(1, 200, 60)
    texts = ["x" * int(size) for size in sizes]
    order, _ = plain(vectors)
    for budget in (1, 50, 1500, 10_000):
        chosen = kept(select(vectors, tmp_path, texts, budget=f"{budget}-bytes"))
        spent = np.cumsum(sizes[order])
        assert chosen == set(order[: int((spent <= budget).sum())])


def test_the_radius_is_of_what_was_taken(vectors: npt.NDArray[np.float64], tmp_path: Path) -> None:
    _, distances = plain(vectors)
    (section,) = select(vectors, tmp_path, budget="10-documents").findings
    facts = dict(section.blocks[0].facts)  # type: ignore[union-attr]
    assert float(facts["radius"]) == pytest.approx(distances[10], abs=2e-3)


def test_documents_without_a_vector_are_never_selected(
    vectors: npt.NDArray[np.float64], tmp_path: Path
) -> None:
    vectors[7] = np.nan
    decision = select(vectors, tmp_path, budget="100%")
    assert kept(decision) == set(range(60)) - {7}
    facts = dict(decision.findings[0].blocks[0].facts)  # type: ignore[union-attr]
    assert facts["without a vector, never selected"] == "1"


def test_the_seed_draws_the_first(vectors: npt.NDArray[np.float64], tmp_path: Path) -> None:
    first = {seed: kept(select(vectors, tmp_path, budget="1-documents", seed=seed)) for seed in range(8)}
    assert first[3] == {plain(vectors, seed=3)[0][0]}
    assert len(set(map(frozenset, first.values()))) > 1


def test_in_a_run(vectors: npt.NDArray[np.float64], tmp_path: Path) -> None:
    rows = [
        json.dumps({"id": f"d{number}", "text": f"text {number}", "embedding": vector.tolist()})
        for number, vector in enumerate(vectors)
    ]
    (tmp_path / "pool.jsonl").write_text("\n".join(rows))
    steps = [{"k-center": {"column": "embedding", "budget": "25%"}}]
    recipe = Recipe.from_dict({"name": "cover", "steps": steps})
    result = cupel.refine(recipe, input=tmp_path / "pool.jsonl", output=tmp_path / "out")
    order, _ = plain(vectors)
    assert set(result.corpus().to_arrow()["id"].to_pylist()) == {f"d{doc}" for doc in order[:15]}
    story = cupel.why(result.output, f"d{order[20]}")
    assert "not-selected" in str(story)
    marked = Recipe.from_dict(
        {"name": "mark", "steps": [{"k-center": {"column": "embedding", "budget": "25%", "action": "mark"}}]}
    )
    table = (
        cupel.refine(marked, input=tmp_path / "pool.jsonl", output=tmp_path / "marked").corpus().to_arrow()
    )
    selected = table["k-center_selected"].to_pylist()
    assert sum(selected) == 15
