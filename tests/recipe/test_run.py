"""Runs: nothing lost, the same result however it is cut, and again after a kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import cupel
from cupel.errors import BadInput, BadOption, InputChanged, OutputInUse, RunFailed
from cupel.findings import Table
from tests.conftest import write_pool

STEPS = ["unicode-repair", "gopher-repetition", "gopher-quality", "exact", "minhash", "pii"]
RECIPE = {"name": "all-kinds", "steps": STEPS}


def refine(pool: Path, output: Path, recipe: dict | None = None, **options: object) -> cupel.Result:
    return cupel.refine(cupel.Recipe.from_dict(recipe or RECIPE), input=pool, output=output, **options)


def ledger(output: Path) -> list[dict]:
    return [
        row
        for path in sorted((output / "ledger").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]


def data(output: Path) -> list[dict]:
    return [
        row for path in sorted((output / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def test_the_ledger_balances_to_the_document(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(400, 4)
    (pool / "bad.jsonl").write_text(
        '{"id": "x", "text": "Fine words."}\n{broken\n{"id": "z", "text": null}\n'
    )
    result = refine(pool, tmp_path / "out")
    rows = ledger(result.output)
    documents = result.manifest["documents"]
    assert documents["in"] == 403 == len(rows)
    assert documents["quarantined"] == 2
    for status in ("kept", "dropped", "quarantined"):
        assert sum(row["status"] == status for row in rows) == documents[status]
    kept = {row["doc"]: row for row in rows if row["status"] == "kept"}
    written = data(result.output)
    assert {row["doc"] for row in written} == set(kept)
    for row in written:
        assert kept[row["doc"]]["bytes_out"] == len(row["text"].encode())
    for row in rows:
        if row["status"] == "dropped":
            assert row["step"] in STEPS
            assert row["reason"]
    quarantine = [
        json.loads(line)
        for path in (result.output / "quarantine").iterdir()
        for line in path.read_text().splitlines()
    ]
    assert {entry["line"] for entry in quarantine} == {2, 3}
    assert not (result.output / "_work").exists()


def test_each_cluster_has_one_survivor(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    result = refine(make_pool(400, 4), tmp_path / "out", {"name": "d", "steps": ["exact", "minhash"]})
    rows = ledger(result.output)
    kept = {row["doc"] for row in rows if row["status"] == "kept"}
    by_id = {row["id"]: row for row in rows}
    duplicates = [row for row in rows if row["reason"] == "duplicate"]
    assert len(duplicates) > 40
    for row in duplicates:
        assert by_id[row["survivor"]]["doc"] == row["cluster"]
        survivor = by_id[row["survivor"]]
        assert survivor["doc"] in kept or survivor["reason"] == "duplicate"
    texts = [row["text"] for row in data(result.output)]
    assert len(set(texts)) == len(texts)


def test_the_hash_does_not_depend_on_how_the_work_is_cut(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(500, 5)
    hashes = set()
    for size in (10_000, 77_000, 1 << 30):
        result = refine(pool, tmp_path / f"{size}", target_shard_bytes=size)
        hashes.add(result.manifest["content_hash"])
    assert len(hashes) == 1
    single = tmp_path / "single"
    single.mkdir()
    lines = "".join(path.read_text() for path in sorted(pool.iterdir()))
    (single / "all.jsonl").write_text(lines)
    assert refine(single, tmp_path / "one").manifest["content_hash"] in hashes


def test_small_files_are_rolled_and_jsonl_holds_the_same(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(400, 4)
    single = refine(pool, tmp_path / "one")
    writing = cupel.OutputOptions(shard_bytes=50_000)
    many = refine(pool, tmp_path / "many", writing=writing, target_shard_bytes=60_000)
    assert len(many.manifest["data_files"]) > len(single.manifest["data_files"])
    lines = refine(pool, tmp_path / "lines", writing=cupel.OutputOptions(format="jsonl"))
    assert all(name.endswith(".jsonl.zst") for name in lines.manifest["data_files"])
    assert single.manifest["content_hash"] == many.manifest["content_hash"] == lines.manifest["content_hash"]
    read = {
        row["id"]: row["text"]
        for row in cupel.Corpus.read([str(tmp_path / "lines" / "data")]).to_arrow().to_pylist()
    }
    assert read == {row["id"]: row["text"] for row in data(single.output)}


def test_an_annotated_corpus_is_not_measured_again(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(200, 2)
    annotated = refine(pool, tmp_path / "annotated", {"name": "a", "steps": ["word-quality", "stop-words"]})
    assert annotated.manifest["signals"]
    rules = {"name": "r", "steps": [{"gopher-quality": {"min_words": 80}}]}
    reused = refine(annotated.output, tmp_path / "reused", rules)
    fresh = refine(pool, tmp_path / "fresh", rules)
    assert reused.manifest["reused_signals"]
    assert fresh.manifest["reused_signals"] == []
    assert reused.manifest["content_hash"] == fresh.manifest["content_hash"]
    report = json.loads((reused.output / "report.json").read_text())
    assert "measure text signals" not in json.dumps(report)


def test_marking_keeps_all_documents(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(200, 2)
    marked = refine(pool, tmp_path / "marked", {"name": "m", "steps": [{"exact": {"action": "mark"}}]})
    dropped = refine(pool, tmp_path / "dropped", {"name": "d", "steps": ["exact"]})
    rows = data(marked.output)
    assert len(rows) == 200
    extra = sum(row["exact_cluster_size"] - 1 for row in rows if row["exact_cluster"] == row["doc"])
    assert extra == dropped.manifest["documents"]["dropped"] > 0


def test_the_same_command_again_does_nothing(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(100, 2)
    first = refine(pool, tmp_path / "out", report=True)
    stamp = first.report.stat().st_mtime_ns
    assert refine(pool, tmp_path / "out", report=True).manifest == first.manifest
    assert first.report.stat().st_mtime_ns == stamp


def test_another_run_in_the_folder_is_refused(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(100, 2)
    refine(pool, tmp_path / "out")
    other = {"name": "o", "steps": ["exact"]}
    with pytest.raises(OutputInUse, match="--restart"):
        refine(pool, tmp_path / "out", other)
    (pool / "part-0.jsonl").write_text(json.dumps({"id": "new", "text": "New words here."}) + "\n")
    with pytest.raises(InputChanged, match=r"part-0\.jsonl differs"):
        refine(pool, tmp_path / "out")
    assert refine(pool, tmp_path / "out", other, restart=True).manifest["recipe"] == "o"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    with pytest.raises(OutputInUse, match="not empty"):
        refine(pool, foreign)
    assert (foreign / "thesis.txt").read_text() == "mine"
    with pytest.raises(BadInput, match="holds input files"):
        refine(pool, pool)


def test_strict_stops_at_the_first_bad_document(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(50, 1)
    (pool / "bad.jsonl").write_text("{broken\n")
    with pytest.raises(BadInput, match=r"bad\.jsonl, line 1"):
        refine(pool, tmp_path / "out", writing=cupel.OutputOptions(strict=True))


def test_no_such_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        refine(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recipe_object_takes_no_overrides(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="overrides"):
        cupel.refine(
            cupel.Recipe.from_dict(RECIPE),
            input=make_pool(10, 1),
            output=tmp_path / "out",
            overrides=["pii.phones=true"],
        )


def command(pool: Path, output: Path, *more: str) -> list[str]:
    recipe = output.parent / "recipe.yaml"
    recipe.write_text(cupel.Recipe.from_dict(RECIPE).to_yaml())
    return [
        str(Path(sys.executable).with_name("cupel")),
        *(
            "refine",
            str(recipe),
            "--input",
            str(pool),
            "--output",
            str(output),
            "--shard-size",
            "40kB",
            *more,
        ),
    ]


@dataclass(frozen=True)
class Whole:
    """A run that nobody killed: its pool, its manifest, and how long it took."""

    pool: Path
    manifest: dict
    seconds: float


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    write_pool(folder / "pool", documents=1200, files=12)
    begun = time.monotonic()
    done = subprocess.run(command(folder / "pool", folder / "out"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    return Whole(folder / "pool", manifest, time.monotonic() - begun)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_kill_at_a_random_moment_and_go_on(seed: int, whole: Whole, tmp_path: Path) -> None:
    output = tmp_path / "killed"
    process = subprocess.Popen(
        command(whole.pool, output), start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    time.sleep(whole.seconds * random.Random(seed).uniform(0.05, 0.98))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    stamps = {str(path): os.stat(path).st_mtime_ns for path in output.rglob("*.done")}
    again = subprocess.run(command(whole.pool, output), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["content_hash"] == whole.manifest["content_hash"]
    assert manifest["documents"] == whole.manifest["documents"]
    assert len(ledger(output)) == manifest["documents"]["in"]
    assert not list(output.rglob("*.tmp")), "a half-written file was left"
    assert all(
        not os.path.exists(path) or os.stat(path).st_mtime_ns == stamp for path, stamp in stamps.items()
    )


@pytest.mark.slow
def test_control_c_is_clean_and_resumes(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(4000, 20)
    output = tmp_path / "out"
    process = subprocess.Popen(
        command(pool, output),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A script's `... &` ignores it, and these tests with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not list(output.rglob("*.done")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    if process.returncode == 0:
        pytest.skip("the run ended before Ctrl-C reached it")
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "the same command resumes" in said
    again = subprocess.run(command(pool, output), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr


def test_two_processes_do_not_write_one_folder(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    from cupel.recipe.folder import Folder

    with Folder(tmp_path / "out").locked(), pytest.raises(OutputInUse, match="another cupel process"):
        refine(make_pool(20, 1), tmp_path / "out")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_said_and_the_run_goes_on_afterwards(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], capture_output=True
    )
    if mount.returncode != 0:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        pool = make_pool(2000, 4)
        with pytest.raises(RunFailed, match="disk full"):
            refine(pool, small / "out")
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        resumed = refine(pool, small / "out")
        assert resumed.manifest["content_hash"] == refine(pool, tmp_path / "whole").manifest["content_hash"]
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_corpus_of_no_documents_still_has_its_columns(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    nothing = {"name": "n", "steps": [{"length": {"min_words": 1_000_000}}]}
    result = refine(make_pool(20, 1), tmp_path / "out", nothing)
    assert result.manifest["documents"]["kept"] == 0
    assert "text" in result.corpus().to_arrow().column_names


def test_the_hash_follows_the_text(tmp_path: Path) -> None:
    hashes = []
    for name, text in (("a", "Café in the old town."), ("b", "Café in the new town.")):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": "1", "source": "s", "text": text}) + "\n")
        done = refine(tmp_path / f"{name}.jsonl", tmp_path / name, {"name": "x", "steps": ["exact"]})
        hashes.append(done.manifest["content_hash"])
    assert hashes[0] != hashes[1]


def test_clusters_are_told_by_id(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    result = refine(make_pool(300, 3), tmp_path / "out", {"name": "d", "steps": ["exact", "minhash"]})
    ids = {row["id"] for row in ledger(result.output)}
    tables = [
        block
        for section in result.page().sections
        for block in section.blocks
        if isinstance(block, Table) and "id of the one kept" in block.columns
    ]
    assert len(tables) == 2
    for table in tables:
        assert {row[1] for row in table.rows} <= ids


def test_exact_copies_without_an_id_are_no_clash(tmp_path: Path) -> None:
    lines = [json.dumps({"text": text}) for text in ("The same words.", "The same words.", "Other words.")]
    (tmp_path / "pool.jsonl").write_text("\n".join(lines))
    done = refine(tmp_path / "pool.jsonl", tmp_path / "out", {"name": "d", "steps": ["exact"]})
    assert (done.manifest["repeated_ids"], done.manifest["clashing_ids"]) == (1, 0)
    assert "have the id of an earlier one" not in done.page().model_dump_json()
