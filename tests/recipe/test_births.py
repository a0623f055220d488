"""Documents that a generator writes: their keys, parents and fates, whatever the input is cut into."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cupel
from cupel.contract import Births, Generate, Generator, NewDocument, Refusal, Resources
from cupel.errors import BadRecipe, Stopped
from cupel.recipe import finish
from cupel.recipe.births import _sound
from cupel.recipe.outcome import Refused
from cupel.recipe.planner import make_plan
from cupel.recipe.quarantine import refused_lines
from cupel.store import Store
from tests.models.server import Server, retell, serving

STYLES = ("easy", "medium", "hard", "qa")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.reply = retell
        yield server


def _rephrase(server: Server, **options: Any) -> dict[str, Any]:
    return {"rephrase": {"model": f"openai:{server.base}#m", **options}}


def _pool(folder: Path, documents: int = 60, files: int = 3) -> Path:
    rng = random.Random(3)
    words = [
        "a",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "the",
        "lazy",
        "dog",
        "while",
        "seven",
        "wizards",
        "brew",
        "tea",
        "in",
        "東京",
    ]
    folder.mkdir()
    for file in range(files):
        rows = [
            {"id": f"{file}-{n}", "text": " ".join(rng.choices(words, k=25)) + ".", "lang": "en"}
            for n in range(documents // files)
        ]
        (folder / f"p{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _refine(pool: Path, output: Path, *steps: Any, **options: Any) -> Any:
    return cupel.refine(
        cupel.Recipe.from_dict({"name": "r", "steps": list(steps)}), input=pool, output=output, **options
    )


def _balanced(result: Any) -> Counter[str]:
    documents = result.manifest["documents"]
    fates = Counter(result.ledger().to_arrow().column("status").to_pylist())
    assert documents["in"] + documents["generated"] == sum(fates.values())
    assert {fate: documents[fate] for fate in ("kept", "dropped", "quarantined")} == {
        fate: fates[fate] for fate in ("kept", "dropped", "quarantined")
    }
    return fates


def test_one_document_becomes_four(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    result = _refine(pool, tmp_path / "out", _rephrase(server, styles=STYLES))
    fates = _balanced(result)
    assert result.manifest["documents"]["generated"] == 240
    assert fates["quarantined"] > 0
    assert fates["kept"] == 300 - fates["quarantined"]
    rows = pq.read_table(tmp_path / "out/data").to_pylist()
    originals = {row["id"]: row for row in rows if row["generator"] is None}
    written = [row for row in rows if row["generator"] == "rephrase"]
    assert len(originals) == 60
    for row in written:
        (parent,) = row["parents"]
        assert sorted(row["text"].split()) == sorted(originals[parent]["text"].split())
        assert row["lang"] == "en"
        assert row["style"] in STYLES
        assert row["source"] == f"{originals[parent]['source']}/rephrase"
        assert row["doc"] > max(original["doc"] for original in originals.values())
    assert [row["doc"] for row in rows] == sorted(row["doc"] for row in rows)
    quarantine = [
        json.loads(line)
        for path in (tmp_path / "out/quarantine").glob("*")
        for line in path.read_text().splitlines()
    ]
    assert len(quarantine) == fates["quarantined"]
    assert {entry["answer"] for entry in quarantine} == {"No."}
    assert {entry["document"] for entry in quarantine} <= set(originals)


def test_the_cut_of_the_input_changes_nothing(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    steps = (_rephrase(server, styles=("easy", "qa")), "exact", "ngram-perplexity")
    runs = [_refine(pool, tmp_path / f"{size}", *steps, target_shard_bytes=size) for size in (900, 1 << 20)]
    tables = [pq.read_table(run.output / "data") for run in runs]
    assert runs[0].manifest["content_hash"] == runs[1].manifest["content_hash"]
    assert tables[0].equals(tables[1])
    fits = [run.manifest["artifacts"]["ngram-perplexity"]["files"] for run in runs]
    assert fits[0] == fits[1]
    keys = ("doc", "id", "path", "position", "status", "step", "parents")
    ledgers = [
        sorted(
            (tuple(map(str, row.values())) for row in run.ledger().select(*keys).to_pylist()),
        )
        for run in runs
    ]
    assert ledgers[0] == ledgers[1]


def test_what_follows_sees_old_and_new_documents(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    result = _refine(
        pool,
        tmp_path / "out",
        "counts",
        _rephrase(server),
        {"threshold": {"signal": "byte_count", "at_least": 1}},
        {"exact": {"action": "mark"}},
        {"sample": {"budget": "50%"}},
    )
    fates = _balanced(result)
    assert fates["kept"] == (120 - fates["quarantined"]) // 2
    rows = pq.read_table(tmp_path / "out/data").to_pylist()
    assert {row["generator"] for row in rows} == {None, "rephrase"}
    for row in result.ledger().to_arrow().to_pylist():
        if row["status"] != "quarantined":
            assert row["signals"]["byte_count"] == row["bytes_in"]  # measured anew on what was written


def test_weights_are_inherited(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    with (pool / "p0.jsonl").open("a") as file:
        file.write((pool / "p1.jsonl").read_text().splitlines()[0] + "\n")
    weigh = {"exact": {"action": "weigh"}}
    _refine(pool, tmp_path / "out", weigh, _rephrase(server, styles=("easy", "qa")))
    rows = pq.read_table(tmp_path / "out/data").to_pylist()
    weights = {row["id"]: row["weight"] for row in rows if row["generator"] is None}
    assert set(weights.values()) == {0.5, 1.0}
    for row in rows:
        if row["generator"]:
            assert row["weight"] == weights[row["parents"][0]]


def test_what_an_edit_counted_is_not_known_of_new_documents(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    counted = {"threshold": {"signal": "whitespace_removed_characters", "at_most": 5}}
    with pytest.raises(BadRecipe, match="comes from the edit 'whitespace', which must stand before"):
        _refine(pool, tmp_path / "out", "whitespace", _rephrase(server), counted)
    result = _refine(pool, tmp_path / "out", "refinedweb-lines", _rephrase(server), "refinedweb")
    steps = [
        line
        for line in make_plan(cupel.Recipe.load(result.output / "recipe.yaml")).describe()
        if "refinedweb-lines" in line
    ]
    assert len(steps) == 2  # once before new documents are written, and once for all


def test_a_model_that_is_asked_before_and_after_is_counted_twice(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", documents=12)
    server.reply = lambda prompt: retell(prompt) if "paraphrase" in prompt else "Score: 3"
    rating = {"model": f"openai:{server.base}#m"}
    rated = {"threshold": {"signal": "llm_rating", "at_least": 1}}
    steps: list[Any] = [{"llm-rating": rating}, rated, _rephrase(server), rated]
    result = _refine(pool, tmp_path / "out", *steps)
    born = result.manifest["documents"]["generated"] - result.manifest["documents"]["quarantined"]
    asked = result.manifest["asked"]["llm-rating"]
    assert asked["requests"] == 12 + 12 + born
    assert asked["cached"] == 12


def test_originals_may_go(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    result = _refine(pool, tmp_path / "out", _rephrase(server, originals="drop"))
    _balanced(result)
    rows = [row for row in result.ledger().to_arrow().to_pylist() if row["status"] == "dropped"]
    reasons = Counter(row["reason"] for row in rows)
    refused = result.manifest["documents"]["quarantined"]
    assert refused > 0
    assert reasons == {"replaced": 60 - refused, "nothing-written": refused}
    assert {row["generator"] for row in pq.read_table(tmp_path / "out/data").to_pylist()} == {"rephrase"}


def test_two_generations(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    again = dict(_rephrase(server, styles=("qa",)))
    result = _refine(pool, tmp_path / "out", _rephrase(server), again, target_shard_bytes=900)
    _balanced(result)
    assert cupel.verify(result.output).damaged == ()
    rows = result.ledger().to_arrow().to_pylist()
    known = {row["doc"]: row for row in rows if row["doc"] is not None}
    second = [row for row in known.values() if row["path"] == "generated/rephrase-2"]
    assert sorted(row["position"] for row in second) == list(range(1, len(second) + 1))
    grandchildren = [row for row in second if known[row["parents"][0]]["path"] == "generated/rephrase"]
    assert grandchildren
    (story,) = [
        story for story in cupel.why(result.output, grandchildren[0]["id"]) if story.row == grandchildren[0]
    ]
    child, original = story.parents
    assert child["parents"] == [original["doc"]]
    assert original["path"].endswith(".jsonl")
    assert story.before == story.after
    assert story.before
    (up, *_) = list(cupel.why(result.output, original["id"]))
    assert child in up.children


def test_what_was_written_and_then_dropped_can_be_read(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    result = _refine(
        pool, tmp_path / "out", _rephrase(server), {"threshold": {"signal": "byte_count", "at_most": 3}}
    )
    assert result.manifest["documents"]["kept"] == 0
    row = next(row for row in result.ledger().to_arrow().to_pylist() if row["parents"] and row["id"])
    (story, *_) = cupel.why(result.output, row["id"])
    assert len(story.before.split()) == 25
    assert story.after is None


def test_runs_with_generators_are_compared_by_what_they_read(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    _refine(pool, tmp_path / "a", _rephrase(server, styles=("easy",)))
    _refine(pool, tmp_path / "b", _rephrase(server, styles=("hard",)), "exact")
    counts = cupel.compare(tmp_path / "a", tmp_path / "b").counts
    assert sum(counts.column("documents").to_pylist()) == 60


def test_no_documents_are_no_births(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    result = _refine(
        pool,
        tmp_path / "out",
        {"threshold": {"signal": "byte_count", "at_most": 3}},
        _rephrase(server),
        "exact",
    )
    assert result.manifest["documents"] == {
        "in": 60,
        "generated": 0,
        "kept": 0,
        "dropped": 60,
        "quarantined": 0,
    }
    assert cupel.verify(result.output).damaged == ()


def test_the_report_counts_births(server: Server, tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool")
    result = _refine(pool, tmp_path / "out", _rephrase(server), "exact")
    page = result.page()
    sections = {section.key: section for section in page.sections}
    (table,) = [block for block in sections["funnel"].blocks if getattr(block, "columns", None)]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    born = result.manifest["documents"]["generated"] - result.manifest["documents"]["quarantined"]
    assert rows["rephrase"]["documents written"] == born
    assert rows["exact"]["documents in"] == 60 + born
    assert ("generated", "60") in page.facts
    assert sections["quarantine"].blocks


def test_a_run_that_is_stopped_while_it_ends_resumes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = _pool(tmp_path / "pool")
    steps = (_rephrase(server), "exact")
    whole = _refine(pool, tmp_path / "whole", *steps)
    monkeypatch.setattr(finish, "numbered", _stopped)
    with pytest.raises(Stopped):
        _refine(pool, tmp_path / "out", *steps)
    monkeypatch.undo()
    (data,) = (tmp_path / "out/data").glob("*.parquet")
    data.write_bytes(
        data.read_bytes()[:100]
    )  # the last pass is done again, from what lies in its place by now
    again = _refine(pool, tmp_path / "out", *steps)
    assert again.manifest["content_hash"] == whole.manifest["content_hash"]
    assert cupel.verify(again.output).damaged == ()


def _stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_is_learned_from_answers_is_named_by_them(server: Server, tmp_path: Path) -> None:
    """Two servers may answer otherwise: the recipe alone does not say what was learned from."""
    pool = _pool(tmp_path / "pool")
    steps = (_rephrase(server), "ngram-perplexity")
    server.reply = lambda prompt: "No."
    refused = _refine(pool, tmp_path / "refused", *steps)
    shutil.rmtree(Store.of().folder / "answers")
    server.reply = retell
    answered = _refine(pool, tmp_path / "answered", *steps)
    models = [run.manifest["artifacts"]["ngram-perplexity"] for run in (refused, answered)]
    assert models[0]["files"] != models[1]["files"]
    assert models[0]["inputs"] != models[1]["inputs"]


class Nothing(Generator):
    """Writes blanks, and half a surrogate pair."""

    name = "nothing"

    def prepare(self, resources: Resources) -> Generate:
        def write(documents: pa.RecordBatch) -> Births:
            texts = [" ", "a\ud800b"]
            new = [NewDocument((row,), text) for row in range(documents.num_rows) for text in texts]
            return Births(new, [Refusal((0,), "odd", "is odd", "\udfff")])

        return write


def test_what_no_document_can_hold() -> None:
    batch = pa.record_batch({"doc": [7, 8], "text": ["x", "y"]})
    births = _sound(Nothing().prepare(Resources())(batch))
    assert [(new.parents, new.text) for new in births.documents] == [((0,), "a?b"), ((1,), "a?b")]
    assert [refusal.reason for refusal in births.refused] == ["odd", "empty-text", "empty-text"]
    lines = refused_lines([Refused(births.refused[0], (7,), "s/nothing", "p", 1, "x")])
    assert json.loads(lines[0])["answer"] == "\\udfff"
