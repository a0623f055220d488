"""Deduplication against everything seen before."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cupel
from cupel.errors import BadInput
from cupel.recipe.progress import Silent
from tests import warm
from tests.conftest import prose

KINDS = ["exact", "minhash", "bloom"]


def crawls(seed: int = 7) -> list[list[dict]]:
    """Three crawls of 30 pages; a third of the later ones' pages stood in an earlier one."""
    rng = random.Random(seed)
    seen: list[str] = []
    crawls = []
    for crawl in range(3):
        rows = []
        for number in range(30):
            text = rng.choice(seen) if seen and number % 3 == 0 else prose(rng, 80)
            seen.append(text)
            rows.append({"id": f"crawl{crawl}-{number}", "text": text})
        crawls.append(rows)
    return crawls


def write(folder: Path, rows: list[dict]) -> Path:
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def refine(pool: Path, output: Path, kind: str, **options: object) -> cupel.Result:
    options.setdefault("index", None)
    if kind == "bloom":
        options |= {"action": "drop", "max_copied_fraction": 0.5}
    recipe = cupel.Recipe.from_dict({"name": "crawl", "steps": [{kind: options}]})
    return cupel.refine(recipe, input=pool, output=output, report=True)


def kept(result: cupel.Result) -> set[str]:
    paths = (result.output / "data").glob("*.parquet")
    return {id for path in paths for id in pq.read_table(path, columns=["id"])["id"].to_pylist()}


def ledger(result: cupel.Result) -> dict[str, dict]:
    paths = (result.output / "ledger").glob("*.parquet")
    return {row["id"]: row for path in paths for row in pq.read_table(path).to_pylist()}


@pytest.mark.parametrize("kind", KINDS)
def test_three_crawls_one_by_one_are_all_at_once(kind: str, tmp_path: Path) -> None:
    index = str(tmp_path / "seen")
    one_by_one: set[str] = set()
    for number, rows in enumerate(crawls()):
        pool = write(tmp_path / f"pool{number}", rows)
        before = {path: path.read_bytes() for path in Path(index).rglob("*") if path.is_file()}
        one_by_one |= kept(refine(pool, tmp_path / f"out{number}", kind, index=index))
        assert all(path.read_bytes() == data for path, data in before.items())
        assert len(list(Path(index).rglob("*.parquet"))) == number + 1
    everything = write(tmp_path / "all", [row for rows in crawls() for row in rows])
    assert one_by_one == kept(refine(everything, tmp_path / "whole", kind))
    assert 60 < len(one_by_one) < 85


def test_the_ledger_names_the_earlier_document(tmp_path: Path) -> None:
    for kind in ("exact", "minhash"):
        index = str(tmp_path / f"seen-{kind}")
        first, second, _ = crawls()
        for number, rows in enumerate((first, second)):
            pool = tmp_path / f"pool{number}"
            pool = pool if pool.exists() else write(pool, rows)
            result = refine(pool, tmp_path / f"{kind}{number}", kind, index=index)
        texts = {row["text"]: row["id"] for row in reversed(first)}
        dropped = {id: row for id, row in ledger(result).items() if row["status"] == "dropped"}
        assert len(dropped) >= 8
        for row in second:
            if row["text"] in texts:
                assert dropped[row["id"]]["survivor"] == texts[row["text"]]
                assert dropped[row["id"]]["cluster"] < 0
        assert "seen in one of them" in result.report.read_text()
        (cluster, *_) = cupel.clusters(result.output)
        assert not any(member.kept for member in cluster.members) or cluster.survivor.startswith("crawl1")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_corpus_again_does_not_meet_itself(kind: str, tmp_path: Path) -> None:
    index = str(tmp_path / "seen")
    pool = write(tmp_path / "pool", crawls()[0])
    first = refine(pool, tmp_path / "one", kind, index=index)
    second = refine(pool, tmp_path / "two", kind, index=index)
    assert first.manifest["content_hash"] == second.manifest["content_hash"]
    assert len(list(Path(index).rglob("*.parquet"))) == 1


def test_near_duplicates_of_earlier_crawls_are_verified(tmp_path: Path) -> None:
    rng = random.Random(2)
    words = prose(rng, 200).split()
    near, far = list(words), list(words)
    near[100] = "another"
    far[::4] = [f"{word}x" for word in far[::4]]
    index = str(tmp_path / "seen")
    refine(
        write(tmp_path / "old", [{"id": "old", "text": " ".join(words)}]),
        tmp_path / "a",
        "minhash",
        index=index,
    )
    rows = [{"id": "near", "text": " ".join(near)}, {"id": "far", "text": " ".join(far)}]
    result = refine(write(tmp_path / "new", rows), tmp_path / "b", "minhash", index=index)
    assert kept(result) == {"far"}
    (row,) = pq.read_table(result.output / "clusters" / "minhash.parquet").to_pylist()
    assert row["survivor"] == "old"
    assert 0.9 < row["score"] < 1


def test_other_options_and_foreign_files_are_refused(tmp_path: Path) -> None:
    index = tmp_path / "seen"
    pool = write(tmp_path / "pool", crawls()[0])
    refine(pool, tmp_path / "one", "minhash", index=str(index))
    other = write(tmp_path / "other", crawls()[1])
    with pytest.raises(BadInput, match="bands 14"):
        refine(other, tmp_path / "two", "minhash", index=str(index), bands=20)
    (index / "exact").mkdir()
    (index / "exact" / "x.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(BadInput, match=r"x\.parquet: not the file of an index"):
        refine(other, tmp_path / "three", "exact", index=str(index))
    with pytest.raises(BadInput, match="expected the folder of an index"):
        refine(other, tmp_path / "four", "exact", index=str(pool / "rows.jsonl"))


def test_documents_of_several_batches_are_remembered_each_with_its_own(tmp_path: Path) -> None:
    rng = random.Random(11)
    rows = [
        {"id": f"d{n}", "text": " ".join(rng.choices("abcdefghijklmnop", k=12)), "source": f"s{n % 3}"}
        for n in range(5000)
    ]
    pool = write(tmp_path / "pool", rows)
    for kind in ("exact", "minhash"):
        index = str(tmp_path / f"seen-{kind}")
        result = refine(pool, tmp_path / f"a-{kind}", kind, index=index, sources=["s2", "s0"])
        (file,) = Path(index).rglob("*.parquet")
        ids = pq.read_table(file, columns=["id"])["id"].to_pylist()
        assert sorted(ids) == sorted(kept(result))
        again = write(tmp_path / f"again-{kind}", [{**row, "id": f"new-{row['id']}"} for row in rows])
        second = refine(again, tmp_path / f"b-{kind}", kind, index=index, max_source_loss=1)
        assert kept(second) == set()
        survivors = {row["id"]: row["survivor"] for row in ledger(second).values()}
        texts = {row["id"]: row["text"] for row in rows}
        assert all(texts[survivor] == texts[id.removeprefix("new-")] for id, survivor in survivors.items())


def command(pool: Path, output: Path, index: Path) -> list[str]:
    program = str(Path(sys.executable).with_name("cupel"))
    kinds = [part for kind in KINDS for part in ("--by", kind)]
    return [program, "dedup", str(pool), "--output", str(output), *kinds, "--index", str(index), "--accept"]


def remembered(index: Path) -> dict[str, pa.Table]:
    """Every file of an index, by its place in it."""
    return {str(path.relative_to(index)): pq.read_table(path) for path in index.rglob("*.parquet")}


@dataclass(frozen=True)
class Crawl:
    """A second crawl, what an index held before it, and what it holds after a run that nobody killed."""

    pool: Path
    before: Path
    after: dict[str, pa.Table]
    content_hash: str
    seconds: float


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    folder = tmp_path_factory.mktemp("crawl")
    first, second, _ = crawls()
    before, index = folder / "before", folder / "index"
    subprocess.run(command(write(folder / "first", first), folder / "one", before), check=True)
    shutil.copytree(before, index)
    pool = write(folder / "second", second)
    begun = time.monotonic()
    subprocess.run(command(pool, folder / "two", index), check=True)
    seconds = time.monotonic() - begun
    after = remembered(index)
    assert len(after) == 2 * len(KINDS)
    content_hash = json.loads((folder / "two" / "manifest.json").read_text())["content_hash"]
    return Crawl(pool, before, after, content_hash, seconds)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.7, "first remembered"])
def test_a_kill_changes_nothing_that_is_remembered(moment: float | str, crawl: Crawl, tmp_path: Path) -> None:
    """Nothing half, nothing twice, nothing missing once the run has gone on to its end."""
    index, output = tmp_path / "index", tmp_path / "out"
    shutil.copytree(crawl.before, index)
    process = subprocess.Popen(
        command(crawl.pool, output, index),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if isinstance(moment, float):
        time.sleep(crawl.seconds * moment)
    else:
        while len(list(index.rglob("*.parquet"))) <= len(KINDS) and process.poll() is None:
            time.sleep(0.0005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # What other runs read in the meantime is whole.
    for place, table in remembered(index).items():
        assert table.equals(crawl.after[place])
    subprocess.run(command(crawl.pool, output, index), check=True)
    memory = remembered(index)
    assert memory.keys() == crawl.after.keys()
    for place, table in memory.items():
        assert table.equals(crawl.after[place], check_metadata=True), f"{place} remembers something else"
    assert json.loads((output / "manifest.json").read_text())["content_hash"] == crawl.content_hash


END_AT = """
import json, os, sys
import cupel
from cupel.recipe import finish, run
setattr(finish if hasattr(finish, sys.argv[1]) else run, sys.argv[1], lambda *_: os._exit(9))
options = {"index": sys.argv[5], **json.loads(sys.argv[6])}
recipe = cupel.Recipe.from_dict({"name": "crawl", "steps": [{sys.argv[2]: options}]})
cupel.refine(recipe, input=sys.argv[3], output=sys.argv[4])
"""


def die(at: str, kind: str, pool: Path, output: Path, index: str, options: object = {}) -> None:
    """A run in a process of its own that ends without a word where `at` would be called."""
    arguments = [at, kind, str(pool), str(output), index, json.dumps(options)]
    assert subprocess.run([warm.python(), "-c", END_AT, *arguments]).returncode == 9


def copies(folder: Path, rows: list[dict]) -> Path:
    return write(folder, [{**row, "id": f"again-{row['id']}"} for row in rows])


@pytest.mark.parametrize("kind", ["exact", "minhash"])
def test_an_abandoned_run_is_not_remembered(kind: str, tmp_path: Path) -> None:
    rows, index = crawls()[0], str(tmp_path / "seen")
    pool = write(tmp_path / "pool", rows)
    die("move_ledger", kind, pool, tmp_path / "killed", index)
    assert not (tmp_path / "killed" / "manifest.json").exists()
    again = copies(tmp_path / "next", rows)
    assert kept(refine(again, tmp_path / "out", kind, index=index)) == kept(
        refine(again, tmp_path / "a", kind)
    )


@pytest.mark.parametrize("kind", ["exact", "minhash"])
def test_a_kill_after_the_manifest_is_completed_by_the_same_command(kind: str, tmp_path: Path) -> None:
    rows, index = crawls()[0], str(tmp_path / "seen")
    pool = write(tmp_path / "pool", rows)
    die("remember", kind, pool, tmp_path / "killed", index)
    assert (tmp_path / "killed" / "manifest.json").exists()
    assert not list(Path(index).rglob("*.parquet"))
    refine(pool, tmp_path / "killed", kind, index=index)
    assert not (tmp_path / "killed" / "_work").exists()
    again = copies(tmp_path / "next", rows)
    assert kept(refine(again, tmp_path / "out", kind, index=index, max_source_loss=1)) == set()


@pytest.mark.parametrize("lost", ["decided-0-{kind}.index", "memory.json", "."])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_lost_after_the_manifest_is_forgotten(kind: str, lost: str, tmp_path: Path) -> None:
    rows, index = crawls()[0], str(tmp_path / "seen")
    pool = write(tmp_path / "pool", rows)
    options = {"action": "drop", "max_copied_fraction": 0.5} if kind == "bloom" else {}
    die("remember", kind, pool, tmp_path / "killed", index, options)
    path = tmp_path / "killed" / "_work" / lost.format(kind=kind)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    refine(pool, tmp_path / "killed", kind, index=index)
    refine(pool, tmp_path / "whole", kind, index=str(tmp_path / "expected"))
    expected = tmp_path / "expected" / kind
    assert len(list(expected.iterdir())) == 1
    assert {file.name: file.read_bytes() for file in Path(index, kind).iterdir()} == {
        file.name: file.read_bytes() for file in expected.iterdir()
    }


class Notes(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def test_a_rerun_says_that_its_memory_was_deleted(tmp_path: Path) -> None:
    index = tmp_path / "seen"
    pool = write(tmp_path / "pool", crawls()[0])
    recipe = cupel.Recipe.from_dict({"name": "crawl", "steps": [{"exact": {"index": str(index)}}]})
    cupel.refine(recipe, input=pool, output=tmp_path / "out")
    notes = Notes()
    cupel.refine(recipe, input=pool, output=tmp_path / "out", progress=notes)
    assert notes.texts == []
    (file,) = index.rglob("*.parquet")
    file.unlink()
    cupel.refine(recipe, input=pool, output=tmp_path / "out", progress=notes)
    (note,) = notes.texts
    assert note.startswith(f"{file}: is missing, so the index has forgotten this run")
    assert not list(index.rglob("*.parquet"))


def test_a_rerun_of_a_crawl_forgets_nothing(tmp_path: Path) -> None:
    rows, index = crawls()[0], str(tmp_path / "seen")
    pool = write(tmp_path / "pool", rows)
    refine(pool, tmp_path / "one", "exact", index=index)
    before = {path: path.read_bytes() for path in Path(index).rglob("*.parquet")}
    short = cupel.Recipe.from_dict(
        {
            "name": "strict",
            "steps": [
                {"threshold": {"signal": "word_count", "at_least": 10_000}},
                {"exact": {"index": index}},
            ],
        }
    )
    assert kept(cupel.refine(short, input=pool, output=tmp_path / "two")) == set()
    assert all(path.read_bytes() == data for path, data in before.items())
    again = copies(tmp_path / "next", rows)
    assert kept(refine(again, tmp_path / "three", "exact", index=index, max_source_loss=1)) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_one_changed_byte_in_an_index_is_an_error(kind: str, tmp_path: Path) -> None:
    index = str(tmp_path / "seen")
    refine(write(tmp_path / "pool", crawls()[0]), tmp_path / "one", kind, index=index)
    (file,) = Path(index).rglob("*.parquet")
    whole = file.read_bytes()
    other = write(tmp_path / "other", crawls()[1])
    for number, damaged in enumerate((whole[:-1], whole[:100] + b"?" + whole[101:], b"")):
        file.write_bytes(damaged)
        with pytest.raises(BadInput, match=f"{file.name}: this file of an index is damaged"):
            refine(other, tmp_path / f"two{number}", kind, index=index)
    file.write_bytes(whole)
    refine(other, tmp_path / "two0", kind, index=index)
