"""The command line as people use it: what it prints, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CUPEL = str(Path(sys.executable).with_name("cupel"))


def cupel(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "110", "NO_COLOR": "1"}
    done = subprocess.run([CUPEL, *map(str, arguments)], capture_output=True, text=True, env=environment)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_help_lists_the_commands() -> None:
    said = cupel("--help").stdout
    for command in ("refine", "inspect", "why", "sample", "compare", "methods", "recipes"):
        assert command in said
    assert cupel("--version").stdout.startswith("cupel ")


def test_refine_then_ask(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(300, 3)
    done = cupel("refine", "gopher", "--input", pool, "--output", tmp_path / "a")
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


def test_inspect_prints_and_writes_a_page(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    said = cupel("inspect", make_pool(200, 2), "--page", tmp_path / "page.html").stdout
    assert "200" in said
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


def test_a_misspelt_flag_is_wrong_usage() -> None:
    assert "--inptu" in cupel("refine", "gopher", "--inptu", "x", "--output", "y", status=2).stderr


def test_a_document_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    evil = (
        "\x1b]0;owned\x07\x1b[31mred\x1b[0m [bold]markup[/bold] \x00\x07 "
        + "words of the people that have been " * 20
    )
    (tmp_path / "pool.jsonl").write_text(json.dumps({"id": "\x1b[2Jevil", "text": evil}) + "\n")
    cupel("refine", "gopher", "-i", tmp_path / "pool.jsonl", "-o", tmp_path / "out")
    for done in (cupel("sample", tmp_path / "out"), cupel("why", tmp_path / "out", "\x1b[2Jevil")):
        assert "\x1b" not in done.stdout
        assert "\x07" not in done.stdout
    assert "\x1b" not in cupel("why", tmp_path / "out", "\x1b[31mnobody", status=1).stderr
