"""`cupel papers`, as people use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import cupel
from tests.conftest import ROOT


def test_papers_are_listed_shown_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    listed = cupel("papers").stdout
    assert "Before 2020" in listed
    assert "Flesch 1948" in listed
    assert "more rows" not in listed
    shown = cupel("papers", "lee", "2022").stdout
    for said in (
        "4.2 NearDup",
        "Claim lee_duplicates: holds",
        "cupel methods minhash",
        "cupel claims run lee_duplicates",
    ):
        assert said in shown
    assert "cupel refine gopher pool -o refined" in cupel("papers", "2112.11446").stdout
    assert "did you mean 'minhash'" in cupel("papers", "minhsh", status=1).stderr
    (record,) = json.loads(cupel("papers", "lee", "2022", "--json").stdout)
    assert [method["name"] for method in record["methods"]] == ["exact", "minhash", "substring"]
    assert record["claims"][0]["outcome"] == "holds"
    assert "cupel methods exact" in record["commands"]


def test_outside_of_the_project_papers_have_no_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = " ".join(cupel("papers", "abbas").stdout.split())
    assert "cupel methods semdedup" in shown
    assert "Claims are not listed" in shown
    assert "claims run" not in shown
    assert "claims run" in cupel("papers", "abbas", "--folder", ROOT / "claims").stdout


def test_the_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "written" in cupel("papers", "--write", tmp_path / "page.md").stdout
    assert (tmp_path / "page.md").read_bytes() == (ROOT / "docs" / "literature.md").read_bytes()
    assert "leave out: lee" in cupel("papers", "lee", "--write", tmp_path / "page.md", status=1).stderr
    assert cupel("papers", "--write", tmp_path / "nowhere" / "page.md", status=1).stderr
