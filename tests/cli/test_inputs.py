"""What commands take: paths in any number, standard input, several text columns, methods in a file, and pipes that close."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cupel
from cupel.contract import OWN_METHODS, all_methods
from cupel.errors import BadInput, BadOption
from tests import warm

INSTALLED = str(Path(sys.executable).with_name("cupel"))
METHOD = '''
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Column, Signal


class Shouting(Signal):
    """Exclamation marks per character."""

    name = "shouting"
    columns = {"exclamations": Column(pa.int64(), "marks", "how many '!'")}
    limits = "Counts only the ASCII mark."

    def measure(self, documents):
        marks = pc.cast(pc.count_substring(documents.column("text"), "!"), pa.int64())
        return pa.RecordBatch.from_pydict({"exclamations": marks})
'''

LEARNER = """
import pyarrow as pa

from cupel.contract import Column, Fitted, Learned, Learns, Signal


class Count(Fitted, Signal):
    '''Counts what it learns from.'''

    class Options(Learns):
        pass

    name = "count-learner"
    columns = {"learned": Column(pa.int64(), "documents", "how many")}
    limits = "Counts only."

    def fit(self, documents, folder, resources):
        rows = sum(batch.num_rows for batch in documents)
        (folder / "count").write_text(f"{rows} documents")
        return Learned()

    def measure(self, documents, resources):
        return pa.RecordBatch.from_pydict({"learned": pa.array([1] * documents.num_rows, pa.int64())})
"""


def run(
    folder: Path, *arguments: object, stdin: bytes | None = None, status: int = 0, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"COLUMNS": "110", "NO_COLOR": "1"} | variables
    command = [warm.cupel(), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, input=stdin or b"", capture_output=True, env=environment)
    assert done.returncode == status, done.stdout + done.stderr
    assert b"Traceback" not in done.stderr
    return done


def rows(*texts: str, column: str = "text") -> bytes:
    return "".join(json.dumps({"id": text, column: text}) + "\n" for text in texts).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "once.yaml").write_text("name: once\nsteps: [exact]\n")
    (tmp_path / "a.jsonl").write_bytes(rows("Café", "東京", "Café"))
    (tmp_path / "b.jsonl").write_bytes(rows("東京", "third"))
    return tmp_path


def manifest(folder: Path, output: str) -> dict:
    return json.loads((folder / output / "manifest.json").read_text())


def test_paths_stand_one_after_the_other(folder: Path) -> None:
    run(folder, "refine", "once.yaml", "a.jsonl", "b.jsonl", "-o", "plain")
    assert manifest(folder, "plain")["documents"]["in"] == 5
    run(folder, "refine", "once.yaml", "-i", "a.jsonl", "--input", "b.jsonl", "-o", "named")
    run(folder, "refine", "once.yaml", "a.jsonl", "-o", "both", "-i", "b.jsonl")
    hashes = {manifest(folder, output)["content_hash"] for output in ("plain", "named", "both")}
    assert len(hashes) == 1
    run(folder, "dedup", "a.jsonl", "b.jsonl", "--by", "exact", "-o", "unique")
    assert manifest(folder, "unique")["documents"]["kept"] == 3
    said = run(folder, "refine", "once.yaml", "-o", "none", status=1)
    assert said.stderr.decode() == (
        "error: no input is named; expected files, folders or -, as in `cupel refine once.yaml pool -o none`\n"
    )
    assert not (folder / "none").exists()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input_is_input(folder: Path, pack, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = {"CUPEL_CACHE": str(tmp_path_factory.mktemp("cache"))}
    piped = pack(rows("Café", "東京", "Café"))
    first = run(folder, "refine", "once.yaml", "-", "-o", "piped", stdin=piped, **cache)
    assert b"standard input: " in first.stderr
    assert manifest(folder, "piped")["documents"] == {
        "in": 3,
        "generated": 0,
        "kept": 2,
        "dropped": 1,
        "quarantined": 0,
    }
    again = run(folder, "refine", "once.yaml", "-", "-o", "piped", stdin=piped, **cache)
    assert b"up to date" in again.stdout
    other = run(folder, "refine", "once.yaml", "-", "-o", "piped", stdin=rows("other"), status=1, **cache)
    assert b"holds a finished run" in other.stderr
    assert b"Caf\xc3\xa9" in run(folder, "inspect", "-", stdin=piped, **cache).stdout


def test_standard_input_that_gives_nothing_is_refused(folder: Path, tmp_path: Path) -> None:
    said = run(folder, "inspect", "-", status=1, CUPEL_CACHE=str(tmp_path / "cache"))
    assert b"standard input is empty" in said.stderr
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    twice = run(folder, "inspect", "-", "-", stdin=b"x", status=1)
    assert b"named twice" in twice.stderr


def test_a_terminal_is_no_pool(folder: Path) -> None:
    leader, follower = os.openpty()
    try:
        done = subprocess.run(
            [INSTALLED, "inspect", "-"], stdin=follower, capture_output=True, text=True, cwd=folder
        )
    finally:
        os.close(leader)
        os.close(follower)
    assert done.returncode == 1
    assert "standard input is the terminal; pipe documents in" in done.stderr


def test_a_mixed_folder_takes_several_text_columns(folder: Path) -> None:
    pool = folder / "mixed"
    pool.mkdir()
    (pool / "a.jsonl").write_bytes(rows("in body", column="body"))
    (pool / "b.jsonl").write_bytes(rows("in article", column="article"))
    (pool / "c.jsonl").write_text(
        json.dumps({"id": "both", "article": "second choice", "body": "first choice"})
    )
    read = cupel.ReadOptions(text_column=("body", "article"))
    texts = set(cupel.Corpus.read(pool, options=read).to_arrow()["text"].to_pylist())
    assert texts == {"in body", "in article", "first choice"}
    named = ("--text-column", "body", "--text-column", "article")
    run(folder, "refine", "once.yaml", "mixed", *named, "-o", "out")
    assert manifest(folder, "out")["documents"]["kept"] == 3
    said = run(folder, "refine", "once.yaml", "a.jsonl", *named, "-o", "none", status=1)
    assert b"no 'body' or 'article' column; there are: id, text." in said.stderr


def test_one_text_column_is_what_it_always_was() -> None:
    assert cupel.ReadOptions(text_column=("body",)) == cupel.ReadOptions(text_column="body")
    assert cupel.ReadOptions(text_column=()) == cupel.ReadOptions()
    assert "text_column='body'" in repr(cupel.ReadOptions(text_column=["body"]))  # type: ignore[arg-type]


def test_methods_in_a_file(folder: Path) -> None:
    (folder / "shouting.py").write_text(METHOD)
    (folder / "calm.yaml").write_text(
        "name: calm\nsteps: [shouting, {threshold: {signal: exclamations, at_most: 1}}]\n"
    )
    (folder / "loud.jsonl").write_bytes(rows("Quiet.", "Loud!!"))
    own = ("--methods", "shouting.py")
    run(folder, "refine", "calm.yaml", "loud.jsonl", "-o", "out", *own)
    assert manifest(folder, "out")["documents"]["kept"] == 1
    assert b"up to date" in run(folder, "refine", "calm.yaml", "loud.jsonl", "-o", "out", *own).stdout
    assert b"Exclamation marks per character" in run(folder, "methods", "shouting", *own).stdout
    without = run(folder, "refine", "calm.yaml", "loud.jsonl", "-o", "out", status=1)
    assert b"no method is called 'shouting'" in without.stderr
    (folder / "shouting.py").write_text(METHOD.replace('"!"', '"?"'))
    edited = run(folder, "refine", "calm.yaml", "loud.jsonl", "-o", "out", *own, status=1)
    assert b"holds a finished run of another recipe" in edited.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = (\n", "own.py, line 1: SyntaxError: '(' was never closed"),
        ("x = 1\ny = x / 0\n", "own.py, line 2: ZeroDivisionError: division by zero"),
        ("x = 1\n", "own.py: holds no method; expected a class derived from a kind of cupel.contract"),
        (METHOD.replace('"shouting"', '"pii"'), "two methods are called 'pii'"),
    ],
)
def test_a_file_of_methods_that_does_not_hold(tmp_path: Path, code: str, message: str) -> None:
    path = tmp_path / "own.py"
    path.write_text(code)
    with pytest.raises(BadOption) as refused:
        cupel.load_methods(path)
    assert message in str(refused.value)
    assert OWN_METHODS not in os.environ
    assert "shouting" not in all_methods()
    with pytest.raises(BadInput, match=r"none.py: no such file"):
        cupel.load_methods(tmp_path / "none.py")


def test_json_is_all_there_is_on_standard_output(folder: Path) -> None:
    def parsed(*arguments: object) -> object:
        return json.loads(run(folder, *arguments, "--json").stdout)

    assert parsed("refine", "once.yaml", "a.jsonl", "-o", "out")["documents"]["kept"] == 2
    assert parsed("refine", "once.yaml", "a.jsonl", "-o", "out")["documents"]["kept"] == 2
    assert parsed("refine", "once.yaml", "a.jsonl", "-o", "dry", "--dry-run")["title"]
    assert parsed("inspect", "a.jsonl")["counts"]["documents"]["in"] == 3
    (story,) = parsed("why", "out", "東京")
    assert (story["row"]["status"], story["before"]) == ("kept", "東京")
    (cluster,) = parsed("clusters", "out")
    assert (cluster["size"], cluster["members"][0]["id"]) == (2, "Café")
    run(folder, "refine", "once.yaml", "a.jsonl", "-o", "same")
    assert parsed("compare", "out", "same")["reasons"] == []
    assert parsed("verify", "out")["damaged"] == []
    assert {"name", "kind", "title", "options"} <= parsed("methods", "exact")[0].keys()
    assert len(parsed("methods")) == len(all_methods())
    assert parsed("recipes", "gopher")["name"] == "gopher"
    assert {"nano"} <= {scale["name"] for scale in parsed("scales")}
    assert parsed("cache", "--folder", folder / "empty")["artifacts"] == []


@pytest.mark.parametrize(
    "command",
    [("methods",), ("methods", "--json"), ("recipes", "fineweb"), ("inspect", "a.jsonl"), ("--help",)],
)
def test_a_pipe_that_closes_is_no_error(folder: Path, command: tuple[str, ...]) -> None:
    line = f"set -o pipefail; {INSTALLED} {' '.join(command)} | head -n 1"
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "roken pipe" not in done.stderr


def test_what_is_misspelt_is_named(folder: Path) -> None:
    assert b"Did you mean 'refine'" in run(folder, "refin", status=2).stderr
    said = run(folder, "refine", "once.yaml", "a.jsonl", "-o", "x", "--text-colum", "a", status=2)
    assert b"--text-column" in said.stderr


def test_closed_standard_input_is_refused(folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{INSTALLED} inspect - <&-"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: -: standard input is closed; pipe documents in")


def test_fit_and_audit_read_standard_input(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = {"CUPEL_CACHE": str(tmp_path_factory.mktemp("cache"))}
    (folder / "learner.py").write_text(LEARNER)
    fit = ("fit", "count-learner", "--methods", "learner.py")
    run(folder, *fit, "-", "-o", "piped", stdin=rows("Café", "東京"), **cache)
    assert (folder / "piped" / "count").read_text() == "2 documents"
    empty = run(
        folder, "audit", "verbatim", "trial:none", "--documents", "-", "-o", "found", status=1, **cache
    )
    assert b"standard input is empty" in empty.stderr


def test_an_edited_method_learns_again(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = {"CUPEL_CACHE": str(tmp_path_factory.mktemp("cache"))}
    fit = ("fit", "count-learner", "a.jsonl", "--methods", "learner.py")
    (folder / "learner.py").write_text(LEARNER)
    run(folder, *fit, "-o", "first", **cache)
    (folder / "learner.py").write_text(LEARNER.replace("} documents", "} rows"))
    run(folder, *fit, "-o", "second", **cache)
    assert (folder / "first" / "count").read_text() == "3 documents"
    assert (folder / "second" / "count").read_text() == "3 rows"


def test_files_of_one_name_both_count(folder: Path) -> None:
    (folder / "calm.yaml").write_text(
        "name: calm\nsteps: [shouting, asking, {threshold: {signal: exclamations, at_most: 1}}]\n"
    )
    asking = (
        METHOD.replace("shouting", "asking")
        .replace("exclamations", "questions")
        .replace("Shouting", "Asking")
    )
    for place, code in (("first", METHOD), ("second", asking)):
        (folder / place).mkdir()
        (folder / place / "own.py").write_text(code)
    own = ("--methods", "first/own.py", "--methods", "second/own.py")
    run(folder, "refine", "calm.yaml", "a.jsonl", "-o", "out", *own)
    (folder / "first" / "own.py").write_text(METHOD.replace('"!"', '"?"'))
    edited = run(folder, "refine", "calm.yaml", "a.jsonl", "-o", "out", *own, status=1)
    assert b"holds a finished run of another recipe" in edited.stderr
