"""The command line as people use it: what it prints, how it ends."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm
from tests.conftest import prose

INSTALLED = str(Path(sys.executable).with_name("cupel"))


def cupel(
    *arguments: object, status: int = 0, program: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "110", "NO_COLOR": "1"}
    command = [program or warm.cupel(), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_help_lists_the_commands() -> None:
    said = cupel("--help", program=INSTALLED).stdout
    for command in ("refine", "inspect", "why", "sample", "compare", "methods", "recipes"):
        assert command in said
    version = cupel("--version", program=INSTALLED).stdout
    assert version.startswith("cupel ")
    assert cupel("-m", "cupel", "--version", program=sys.executable).stdout == version


def test_a_layout_can_be_named(tmp_path: Path) -> None:
    row = {"text": "### Question: x", "instruction": "Where does 東京 lie?", "output": "In Japan."}
    (tmp_path / "pool.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    (tmp_path / "nothing.yaml").write_text("name: nothing\nsteps: [exact]\n")
    run = ("refine", tmp_path / "nothing.yaml", "-i", tmp_path / "pool.jsonl", "--no-report", "-o")
    cupel(*run, tmp_path / "a", "--layout", "alpaca")
    assert "In Japan." in cupel("sample", tmp_path / "a", "--json").stdout
    said = cupel(*run, tmp_path / "b", "--layout", "alpakka", status=1).stderr
    assert "no layout is called 'alpakka'; did you mean 'alpaca'" in " ".join(said.split())


def test_refine_then_ask(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(300, 3)
    done = cupel("refine", "gopher", "--input", pool, "--output", tmp_path / "a", "--report")
    assert "documents/s" in done.stderr or "/s" in done.stderr
    assert "kept" in done.stdout
    assert str(tmp_path / "a" / "report.html") in done.stdout.replace("\n", "")
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["documents"]["in"] == 300
    cupel("refine", "gopher", "-i", pool, "-o", tmp_path / "b", "--set", "gopher-quality.min_words=10")
    assert (
        "only B kept"
        in cupel("compare", tmp_path / "a", tmp_path / "b", "--write", tmp_path / "d.parquet").stdout
    )
    assert (tmp_path / "d.parquet").exists()
    shown = cupel(
        "sample", tmp_path / "a", "--dropped-by", "gopher-quality", "-n", 2, "--json"
    ).stdout.splitlines()
    rows = [json.loads(line) for line in shown]
    assert len(rows) == 2
    why = cupel("why", tmp_path / "a", rows[0]["id"]).stdout
    assert "dropped" in why
    assert rows[0]["reason"] in why


def test_a_run_that_keeps_nothing_alarms_and_says_which_step_to_loosen(tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").write_text(json.dumps({"id": "Café", "text": "too short"}) + "\n")
    arguments = ("refine", "gopher", "-i", tmp_path / "pool.jsonl", "-o", tmp_path / "out", "--report")
    said = " ".join(cupel(*arguments, status=3).stdout.split())
    assert said.index("! Nothing was kept of 1 document.") < said.index("Kept 0 of 1 document")
    assert "The step 'gopher-quality' dropped the most, 1: loosen it in the recipe or with --set" in said
    assert "cupel why" in said
    assert "Café" in said
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["alarms"][0].startswith("Nothing was kept of 1 document.")
    assert "Nothing was kept" in (tmp_path / "out" / "report.html").read_text()
    again = cupel(*arguments, status=3).stdout
    assert "Nothing was kept" in again


def test_a_finished_run_is_one_line(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "once.yaml").write_text("name: once\nsteps: [exact]\n")
    arguments = ("refine", tmp_path / "once.yaml", "-i", make_pool(30, 1), "-o", tmp_path / "out")
    assert "step: rule" in cupel(*arguments, "--report").stdout
    done = cupel(*arguments, "--report")
    assert done.stdout.count("\n") == 1
    assert "is up to date" in done.stdout
    assert str(tmp_path / "out" / "report.html") in done.stdout
    assert done.stderr == ""
    whole = cupel(*arguments, "--full").stdout
    assert "Throughput and cost" in whole


def test_a_refusal_says_what_differs(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(30, 1)
    (tmp_path / "once.yaml").write_text("name: once\nsteps: [exact, {length: {min_bytes: 5}}]\n")
    arguments = ("refine", tmp_path / "once.yaml", "-i", pool, "-o", tmp_path / "out", "--no-report")
    cupel(*arguments)
    said = cupel(*arguments, "--set", "length.min_bytes=7", "--format", "jsonl", status=1).stderr
    assert "length.min_bytes: 5 → 7; format: 'parquet' → 'jsonl'" in " ".join(said.split())


def test_a_run_without_a_finished_shard_does_not_block_the_corrected_command(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "once.yaml").write_text("name: once\nsteps: [exact]\n")
    arguments = (
        "refine",
        tmp_path / "once.yaml",
        "-i",
        make_pool(30, 1),
        "-o",
        tmp_path / "out",
        "--no-report",
    )
    assert "no 'txt' column" in cupel(*arguments, "--text-column", "txt", status=1).stderr
    done = cupel(*arguments)
    assert "Kept" in done.stdout
    assert "it is replaced" in " ".join(done.stderr.split())


def test_a_dry_run_resolves_everything_and_writes_nothing(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(300, 2)
    before = sorted(tmp_path.rglob("*"))
    arguments = ("-i", pool, "-o", tmp_path / "out", "--set", "gopher-quality.min_words=7", "--dry-run")
    said = " ".join(cupel("refine", "gopher", *arguments).stdout.split())
    for words in (
        "text column 'text' 2",
        "about 300",
        "less than 10 s for pass 1",
        "300 documents of the input",
        "min_words: 7",
        "exact, minhash, writing, starting up",
        "would be made",
    ):
        assert words in said
    assert sorted(tmp_path.rglob("*")) == before
    said = cupel("dedup", pool, "-o", tmp_path / "out", "--by", "minhash", "--dry-run").stdout
    assert "pass 1: minhash" in said


def test_a_dry_run_refuses_what_the_run_would(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(30, 1)
    (tmp_path / "once.yaml").write_text("name: once\nsteps: [exact]\n")
    arguments = ("refine", tmp_path / "once.yaml", "-i", pool, "-o", tmp_path / "out", "--no-report")
    assert "no 'txt' column" in cupel(*arguments, "--text-column", "txt", "--dry-run", status=1).stderr
    cupel(*arguments)
    assert "up to date" in cupel(*arguments, "--dry-run").stdout
    refused = cupel(*arguments, "--format", "jsonl", "--dry-run", status=1).stderr
    assert "format: 'parquet' → 'jsonl'" in refused
    (tmp_path / "file").write_text("")
    arguments = ("refine", tmp_path / "once.yaml", "-i", pool, "-o", tmp_path / "file", "--dry-run")
    assert "is a file" in cupel(*arguments, status=1).stderr
    held = tmp_path / "held"
    held.mkdir()
    (held / "notes.txt").write_text("mine")
    arguments = ("refine", tmp_path / "once.yaml", "-i", pool, "-o", held, "--dry-run")
    assert "no run of Cupel" in cupel(*arguments, status=1).stderr


def test_inspect_prints_and_writes_a_page(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    done = cupel("inspect", make_pool(200, 2), "--page", tmp_path / "page.html")
    said = done.stdout
    assert len(said.splitlines()) <= 32
    for words in (
        "200, ",
        "text column 'text'",
        "languages",
        "exact copies",
        "sample texts",
        "recipes that fit",
    ):
        assert words in said
    assert not re.search("kept|dropped|refined", said + done.stderr)
    page = (tmp_path / "page.html").read_text()
    assert "Languages" in page
    assert "word count" in page


def test_recipes_and_methods() -> None:
    assert "fineweb" in cupel("recipes").stdout
    assert cupel("recipes", "gopher").stdout.startswith(("name:", "#"))
    assert json.loads(cupel("recipes", "--schema").stdout)["title"] == "Cupel recipe"
    assert "gopher-quality" in cupel("methods").stdout
    assert "min_words" in cupel("methods", "gopher-quality").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["refine", "finweb", "--input", "x", "--output", "y"], "did you mean 'fineweb'"),
        (["refine", "gopher", "--input", "nowhere", "--output", "y"], "nowhere"),
        (
            ["refine", "gopher", "--input", "x", "--output", "y", "--set", "gopher-quality.min_wrds=1"],
            "min_words",
        ),
        (["refine", "gopher", "--input", "x", "--output", "y", "--shard-size", "many"], "expected a size"),
        (["refine", "gopher", "--input", "/", "--output", "y", "--engine", "spark"], "'native' or 'ray'"),
        (["refine", "gopher", "--input", "x", "--output", "y", "--format", "csv"], "format"),
        (["why", "nowhere", "id"], "no run of Cupel"),
        (["methods", "minhsh"], "did you mean 'minhash'"),
        (["recipes", "finweb"], "did you mean 'fineweb'"),
    ],
)
def test_errors_are_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = cupel(*arguments, status=1)
    assert said in done.stderr.replace("\n", " ")
    assert done.stderr.count("error:") == 1


def test_whole_texts_and_all_documents_asked_for_are_shown(tmp_path: Path) -> None:
    rng = random.Random(1)
    rows = [{"id": f"id-{i}", "text": prose(rng, 400)} for i in range(9)]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "keep.yaml").write_text("name: keep\nsteps:\n  - counts\n")
    cupel("refine", tmp_path / "keep.yaml", "-i", tmp_path / "pool.jsonl", "-o", tmp_path / "a")
    rows = [
        json.loads(line) for line in cupel("sample", tmp_path / "a", "-n", 6, "--json").stdout.splitlines()
    ]
    assert len(rows) == 6
    shown = cupel("sample", tmp_path / "a", "-n", 6).stdout
    assert all(row["id"] in shown for row in rows)
    assert "more on the page" not in shown
    longest = max(rows, key=lambda row: len(row["text"]))
    assert len(longest["text"]) > 1200, "or there would be nothing to leave out"
    assert "characters more" in cupel("why", tmp_path / "a", longest["id"]).stdout
    whole = cupel("why", tmp_path / "a", longest["id"], "--full").stdout
    assert "characters more" not in whole
    assert longest["text"].split()[-1] in whole


def test_refine_says_its_plan_only_once_all_is_found_good(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a text")
    for wrong in (["--cores", "0"], ["--format", "csv"], ["--file-size", "big"]):
        said = cupel("refine", "gopher", "-i", tmp_path / "a.txt", "-o", tmp_path / "b", *wrong, status=1)
        assert said.stderr.startswith("error: ")


@pytest.mark.parametrize("command", ["refine", "inspect", "why", "sample", "compare", "methods", "recipes"])
def test_every_command_has_examples(command: str) -> None:
    said = cupel(command, "--help").stdout
    assert f"cupel {command}" in said.partition("Examples:")[2]


def test_a_misspelt_flag_is_wrong_usage() -> None:
    assert "--inptu" in cupel("refine", "gopher", "--inptu", "x", "--output", "y", status=2).stderr


def test_a_document_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    evil = (
        "\x1b]0;owned\x07\x1b[31mred\x1b[0m [bold]markup[/bold] \x00\x07 "
        + "words of the people that have been " * 20
    )
    (tmp_path / "pool.jsonl").write_text(json.dumps({"id": "\x1b[2Jevil", "text": evil}) + "\n")
    cupel("refine", "gopher", "-i", tmp_path / "pool.jsonl", "-o", tmp_path / "out", status=3)
    for done in (cupel("sample", tmp_path / "out"), cupel("why", tmp_path / "out", "\x1b[2Jevil")):
        assert "\x1b" not in done.stdout
        assert "\x07" not in done.stdout
    assert "\x1b" not in cupel("why", tmp_path / "out", "\x1b[31mnobody", status=1).stderr


ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def test_names_and_ids_cannot_write_to_the_terminal_either(tmp_path: Path) -> None:
    """Hostile file names, sources, ids, metadata and quarantine reasons, in every command."""
    evil = (
        "\x1b]8;;https://example.com\x1b\\link\x07\x9b31m\u202egnp\x85 [red]x[/red] <script>alert(1)</script>"
    )
    folder = tmp_path / "pool\x1b[31m"
    folder.mkdir()
    rows = [{"id": f"{evil}{i}", "source": evil, "text": evil + f" the end of {i} " * 60} for i in range(4)]
    lines = [*map(json.dumps, rows), json.dumps(rows[0]), "{broken " + evil]
    (folder / "\x1b[2J\u202e.jsonl").write_text("\n".join(lines))
    first, second, page = tmp_path / "a\x9b31m", tmp_path / "b", tmp_path / "page\x1b[1m.html"
    done = [
        cupel("refine", "gopher", "-i", folder, "-o", first, "--report", status=3),
        cupel("refine", "c4", "-i", folder, "-o", second, status=3),
        cupel("inspect", folder, "--page", page),
        cupel("compare", first, second),
        cupel("why", first, rows[0]["id"], "--full"),
        cupel("sample", first, "-n", 9),
        cupel("sample", first, "--dropped-by", "gopher-quality", "-n", 9, "--json"),
        cupel("refine", folder / "nothing\x1b[0m.yaml", "-i", folder, "-o", second, status=1),
        cupel("refine", "gopher", "-i", tmp_path / "no\x1b[0m\u202e", "-o", second, status=1),
    ]
    for each in done:
        assert not ACTS.search(each.stdout), each.args
        assert not ACTS.search(each.stderr), each.args
    for written in (page, first / "report.html"):
        assert not ACTS.search(written.read_text())
        assert "<script" not in written.read_text()
    texts = [json.loads(line)["text"] for line in done[6].stdout.splitlines()]
    assert rows[0]["text"] in texts, "JSON holds the text as it is"


def test_what_was_not_read_is_shown(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    lines = [{"text": prose(random.Random(seed), 80)} for seed in range(3)] + [{"text": "long " * 500}]
    (pool / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (pool / "report.docx").write_bytes(b"x" * 1500)
    with open(os.fsencode(pool) + b"/caf\xe9.txt", "wb") as file:
        file.write(prose(random.Random(9), 80).encode())
    recipe = tmp_path / "once.yaml"
    recipe.write_text("name: once\nsteps: [exact]\n")
    places = ("-i", pool, "-o", tmp_path / "out")
    arguments = ("refine", recipe, *places, "--report", "--max-document-bytes", "2kB")
    said = cupel(*arguments).stdout
    assert "1 .docx (1.50 kB, such as report.docx)" in said
    assert re.search(r"too-large +1$", said, re.MULTILINE)
    assert "out/quarantine/*.jsonl" in said.replace("\n", "")
    assert re.search(r"! 1 document \(20.0 %\) went to quarantine, mostly for 'too-large'", said)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["documents"] == {"in": 5, "generated": 0, "kept": 4, "dropped": 0, "quarantined": 1}
    assert manifest["left_out"] == [{"kind": ".docx", "files": 1, "bytes": 1500, "names": ["report.docx"]}]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "report.docx" in page
    assert "caf%E9" in (tmp_path / "out" / "inputs.json").read_text()
    cupel(*arguments)
    assert "expected a size" in cupel(*arguments[:-1], "large", status=1).stderr
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe" in cupel("inspect", tmp_path / "pipe", status=1).stderr
