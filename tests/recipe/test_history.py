"""Questions to finished runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import cupel
from cupel.errors import BadInput, UnknownName

STEPS = ["pii", "gopher-quality", "exact"]


def run(pool: Path, output: Path, *overrides: str) -> cupel.Result:
    recipe = cupel.Recipe.from_dict({"name": "h", "steps": STEPS}, overrides)
    return cupel.refine(recipe, input=pool, output=output)


@pytest.fixture
def pool(make_pool: Callable[..., Path]) -> Path:
    folder = make_pool(200, 2)
    mail = {
        "id": "mail",
        "text": ("Please write to the people of the house at jane.roe@example.org with words. " * 12),
    }
    (folder / "mail.jsonl").write_text(
        json.dumps(mail) + "\n" + json.dumps({"id": "short", "text": "Too short."}) + "\n"
    )
    return folder


def test_why_tells_of_a_kept_and_edited_document(pool: Path, tmp_path: Path) -> None:
    run(pool, tmp_path / "out")
    (story,) = cupel.why(tmp_path / "out", "mail")
    assert story.row["status"] == "kept"
    assert story.row["edits"] == ["pii"]
    assert story.before is not None
    assert "jane.roe@example.org" in story.before
    assert story.after is not None
    assert "jane.roe@example.org" not in story.after
    assert story.signals["pii_emails"] == 12


def test_why_tells_of_a_dropped_document(pool: Path, tmp_path: Path) -> None:
    run(pool, tmp_path / "out")
    (story,) = cupel.why(tmp_path / "out", "short")
    assert (story.row["status"], story.row["step"], story.row["reason"]) == (
        "dropped",
        "gopher-quality",
        "min_words",
    )
    assert story.row["limit"] == "non_symbol_word_count ≥ 50"
    assert story.before == "Too short."
    assert story.after is None
    assert "gopher-quality.min_words" in story.row["failed"]


def test_why_shows_every_document_of_a_repeated_id(pool: Path, tmp_path: Path) -> None:
    (pool / "again.jsonl").write_text(json.dumps({"id": "short", "text": "Another short one."}) + "\n")
    result = run(pool, tmp_path / "out")
    assert (result.manifest["repeated_ids"], result.manifest["clashing_ids"]) == (1, 1)
    assert "have the id of an earlier one" in result.page().model_dump_json()
    assert {story.before for story in cupel.why(tmp_path / "out", "short")} == {
        "Too short.",
        "Another short one.",
    }


def test_why_takes_the_end_of_a_path(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    for folder in ("a", "b", "ab"):
        (pool / folder).mkdir(parents=True)
        (pool / folder / "notes.txt").write_text(f"The notes of 東京 in {folder}, which are too few to stay.")
    run(pool, tmp_path / "out")
    (story,) = cupel.why(tmp_path / "out", "b/notes.txt")
    assert story.before == "The notes of 東京 in b, which are too few to stay."
    assert len(cupel.why(tmp_path / "out", "notes.txt")) == 3
    assert cupel.why(tmp_path / "out", str(story.row["path"])) == [story]
    with pytest.raises(BadInput, match=r"no document has the id 'otes.txt', nor a path that ends in it"):
        cupel.why(tmp_path / "out", "otes.txt")


def test_a_path_of_many_documents_is_refused(pool: Path, tmp_path: Path) -> None:
    rows = [{"id": f"many-{n}", "text": f"Short text {n}."} for n in range(6)]
    (pool / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(pool, tmp_path / "out")
    with pytest.raises(
        BadInput,
        match=r"6 documents come from a path that ends in 'many.jsonl'; name one by its id, such as many-0,",
    ):
        cupel.why(tmp_path / "out", "many.jsonl")


def test_why_says_when_the_input_is_gone_or_changed(pool: Path, tmp_path: Path) -> None:
    run(pool, tmp_path / "out")
    lines = (pool / "mail.jsonl").read_text()
    (pool / "mail.jsonl").write_text(lines.replace("Please", "PLEASE"))
    (story,) = cupel.why(tmp_path / "out", "mail")
    assert "has changed since" in story.note
    (pool / "mail.jsonl").unlink()
    (story,) = cupel.why(tmp_path / "out", "mail")
    assert story.before is None
    assert story.note
    assert story.after is not None


def test_why_knows_no_such_document(pool: Path, tmp_path: Path) -> None:
    run(pool, tmp_path / "out")
    with pytest.raises(BadInput, match="no document has the id 'nobody'"):
        cupel.why(tmp_path / "out", "nobody")
    with pytest.raises(BadInput, match="no run of Cupel"):
        cupel.why(pool, "mail")


def test_sample_shows_what_a_step_dropped(pool: Path, tmp_path: Path) -> None:
    run(pool, tmp_path / "out")
    rows = cupel.sample(tmp_path / "out", dropped_by="gopher-quality", documents=5).to_pylist()
    assert len(rows) == 5
    assert {row["step"] for row in rows} == {"gopher-quality"}
    assert all(row["text"] for row in rows)
    again = cupel.sample(tmp_path / "out", dropped_by="gopher-quality", documents=5).to_pylist()
    other = cupel.sample(tmp_path / "out", dropped_by="gopher-quality", documents=5, seed=1).to_pylist()
    assert rows == again != other
    kept = cupel.sample(tmp_path / "out", documents=3).to_pylist()
    assert len(kept) == 3
    assert all(row["step"] is None for row in kept)
    with pytest.raises(UnknownName, match="did you mean 'gopher-quality'"):
        cupel.sample(tmp_path / "out", dropped_by="gopher-qualit")
    with pytest.raises(UnknownName, match="did you mean 'min_words'"):
        cupel.sample(tmp_path / "out", dropped_by="gopher-quality", reason="min_word")


def test_compare_says_what_differs_and_why(pool: Path, tmp_path: Path) -> None:
    a = run(pool, tmp_path / "a")
    b = run(pool, tmp_path / "b", "gopher-quality.min_words=null", "gopher-quality.min_stop_words=null")
    comparison = cupel.compare(a.output, b.output)
    counts = {(row["in_a"], row["in_b"]): row["documents"] for row in comparison.counts.to_pylist()}
    only_b = b.manifest["documents"]["kept"] - a.manifest["documents"]["kept"]
    assert counts.get((False, True), 0) - counts.get((True, False), 0) == only_b > 0
    assert sum(counts.values()) == 202
    (first, *_) = [row for row in comparison.reasons.to_pylist() if row["kept_by"] == "b"]
    assert (first["step"], first["reason"]) == ("gopher-quality", "min_words")
    differing = comparison.differing.to_pylist()
    assert len(differing) == counts.get((False, True), 0) + counts.get((True, False), 0)


def test_compare_matches_by_id_when_the_inputs_differ(pool: Path, tmp_path: Path) -> None:
    a = run(pool, tmp_path / "a")
    (pool / "part-0.jsonl").write_text(
        (pool / "part-0.jsonl").read_text() + json.dumps({"id": "n", "text": "New."}) + "\n"
    )
    b = run(pool, tmp_path / "b")
    assert sum(row["documents"] for row in cupel.compare(a.output, b.output).counts.to_pylist()) == 202
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.jsonl").write_text(json.dumps({"id": "lonely", "text": "Nobody else here."}) + "\n")
    with pytest.raises(BadInput, match="no document in common"):
        cupel.compare(a.output, run(other, tmp_path / "c").output)
