"""Folders of any name: a path that exists as written is that path, and nothing else."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

import cupel

NAMES = [
    "r[1]", "q?", "a*b", "a{b,c}", "a\\b", "!x", "50%20", "a#b", "~", "~x", "a:b", "s3:x", "a b", "a&b", "a+b",
    "a\nb", "-lead", "k=v", unicodedata.normalize("NFC", "größe"), unicodedata.normalize("NFD", "größe"),
]  # fmt: skip


def write(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True)
    rows = [{"id": name, "text": f"the text of {name} is here"} for name in [*names, "copy"]]
    rows[-1]["text"] = rows[0]["text"]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def refine(pool: str, output: str, index: str | None = None) -> cupel.Result:
    recipe = cupel.Recipe.from_dict({"name": "names", "steps": [{"exact": {"index": index}}]})
    return cupel.refine(recipe, input=pool, output=output)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_question_reads_the_folder_of_that_name(
    name: str, slash: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "pools" / name, ["mine", "other"])
    result = refine(f"pools/{name}{slash}", name + slash, f"index {name}{slash}")
    assert result.manifest["documents"] == {
        "in": 3,
        "generated": 0,
        "kept": 2,
        "dropped": 1,
        "quarantined": 0,
    }
    assert result.ledger().count_rows() == 3
    assert cupel.Corpus.read([name + slash]).ledger().count_rows() == 3
    (story,) = cupel.why(name + slash, "other")
    assert (story.before, story.note) == ("the text of other is here", "")
    assert cupel.sample(name + slash, dropped_by="exact")["id"].to_pylist() == ["copy"]
    (cluster,) = cupel.clusters(name + slash)
    assert [member.id for member in cluster.members] == ["mine", "copy"]
    assert not cupel.difference(name + slash, "mine", "copy").cut
    assert cupel.compare(name + slash, tmp_path / name).differing.count_rows() == 0
    second = refine(str(write(tmp_path / "second", ["mine", "new"])), "second out", f"index {name}")
    assert second.manifest["documents"]["kept"] == 1


@pytest.mark.parametrize(("odd", "plain"), [("r[1]", "r1"), ("q?", "qq"), ("a*", "ab"), ("{x,y}", "x")])
def test_a_name_is_no_pattern_for_its_neighbor(
    odd: str, plain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (plain, odd):
        write(tmp_path / "pools" / name, [f"of {name}", "same"])
        refine(f"pools/{name}", name)
    ids = cupel.Corpus.read([odd]).ledger().sort("doc").to_pydict()["id"]
    assert ids == [f"of {odd}", "same", "copy"]
    assert len(cupel.why(odd, "same")) == 1
    with pytest.raises(cupel.errors.BadInput, match="no document has the id"):
        cupel.why(odd, f"of {plain}")


def test_patterns_and_file_urls_still_name_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a 1", ["one"])
    write(tmp_path / "a 2", ["two"])
    assert len(cupel.Corpus.read(["a *"]).files) == 2
    assert len(cupel.Corpus.read([f"file://{tmp_path}/a%201/rows.jsonl"]).files) == 1
