"""Filters on fields and by expression, and copies by a key, from files to ledger."""

from __future__ import annotations

import csv
import datetime
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cupel
from cupel.contract import Signal, find_method
from cupel.errors import BadInput, BadRecipe, CupelError
from tests.conftest import prose

RECIPE = {
    "name": "own",
    "steps": [
        {"threshold": {"field": "meta.score", "at_least": 3}},
        {"where": "word_count > 20 or source = 'wiki'"},
        {"exact": {"key": ["source", "url"]}},
    ],
}


def rows(count: int = 120) -> list[dict[str, Any]]:
    rng = random.Random(2)
    return [
        {
            "id": f"d{number}",
            "text": prose(rng, rng.randint(5, 60)),
            "source": rng.choice(["wiki", "web"]),
            "url": rng.choice([None, "", f"https://e.org/{number // 3}"]),
            "meta": {
                "score": rng.choice([1, 3, 5]),
                "day": datetime.date(2024, 1, 1 + number % 28).isoformat(),
            },
            "tags": rng.sample(["a", "b", "c"], rng.randint(0, 3)),
        }
        for number in range(count)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def refine(recipe: Any, pool: Path, output: Path, **options: Any) -> cupel.Result:
    return cupel.refine(cupel.Recipe.from_dict(recipe), input=pool, output=output, **options)


def kept(result: cupel.Result) -> set[str]:
    return set(result.corpus().to_arrow()["id"].to_pylist())


def steps(*steps: Any) -> dict[str, Any]:
    return {"name": "own", "steps": list(steps)}


def expected(rows: list[dict[str, Any]]) -> set[str]:
    """What `RECIPE` keeps, in plain Python but for the count of words."""
    texts = pa.record_batch({"text": pa.array([row["text"] for row in rows], pa.large_string())})
    counted = find_method("counts", Signal)().measure(texts)["word_count"].to_pylist()
    words = dict(zip((row["id"] for row in rows), counted, strict=True))
    passed = [
        row
        for row in rows
        if row["meta"]["score"] >= 3 and (words[row["id"]] > 20 or row["source"] == "wiki")
    ]
    best: dict[Any, dict[str, Any]] = {}
    for row in passed:
        key = (row["source"], row["url"]) if row["url"] else row["id"]
        if key not in best or len(row["text"].encode()) > len(best[key]["text"].encode()):
            best[key] = row
    return {row["id"] for row in best.values()}


def test_decisions_and_reasons(tmp_path: Path) -> None:
    documents = rows()
    result = refine(RECIPE, write(tmp_path / "pool.jsonl", documents), tmp_path / "out")
    assert kept(result) == expected(documents)
    table = result.ledger().to_arrow().to_pylist()
    dropped = {row["step"]: row for row in table if row["status"] == "dropped"}
    assert set(dropped) == {"threshold", "where", "exact"}
    row = dropped["threshold"]
    assert (row["reason"], row["value"], row["limit"]) == ("meta.score", "1", "meta.score ≥ 3")
    row = dropped["where"]
    assert row["value"] == f"word_count {row['signals']['word_count']}, source web"
    assert row["limit"] == "word_count > 20 or source = 'wiki'"
    page = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "copy with the same source and url" in json.dumps(page)


def test_how_the_input_is_divided_changes_nothing(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", rows(600))
    hashes = {
        refine(RECIPE, pool, tmp_path / f"{size}", target_shard_bytes=size).manifest["content_hash"]
        for size in (5_000, 1 << 20)
    }
    assert len(hashes) == 1


def test_parquet_and_csv_give_what_json_gives(tmp_path: Path) -> None:
    documents = rows()
    table = pa.Table.from_pylist(documents)
    (tmp_path / "parquet").mkdir()
    pq.write_table(table, tmp_path / "parquet" / "pool.parquet", row_group_size=17)
    assert kept(refine(RECIPE, tmp_path / "parquet", tmp_path / "out")) == expected(documents)
    flat = [{**row, "score": row["meta"]["score"]} for row in documents]
    with (tmp_path / "pool.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "source", "url", "score"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(flat)
    recipe = steps({"threshold": {"field": "score", "at_least": 3}}, *RECIPE["steps"][1:])
    assert kept(refine(recipe, tmp_path / "pool.csv", tmp_path / "out-csv")) == expected(documents)


def test_parquet_dates_and_lists(tmp_path: Path) -> None:
    day = datetime.date(2024, 5, 1)
    table = pa.table(
        {
            "id": ["a", "b", "c"],
            "text": ["One.", "Two.", "Three."],
            "day": pa.array([day, day.replace(year=2023), None], pa.date32()),
            "tags": [["x"], ["y", "x"], []],
        }
    )
    pq.write_table(table, tmp_path / "pool.parquet")
    for number, (step, ids) in enumerate(
        [
            ({"threshold": {"field": "day", "at_least": day}}, {"a"}),
            ({"where": "day >= '2024-01-01' or day is null"}, {"a", "c"}),
            ({"threshold": {"field": "tags", "not_in": ["y"], "missing": "passes"}}, {"a", "c"}),
            ({"where": "tags = 'y'"}, {"b"}),
        ]
    ):
        assert kept(refine(steps(step), tmp_path / "pool.parquet", tmp_path / f"{number}")) == ids


def test_fields_of_chats(tmp_path: Path) -> None:
    chats = [
        {
            "id": f"c{number}",
            "messages": [
                {"role": "user", "content": "Why?"},
                {"role": "assistant", "content": f"Because {number}."},
            ],
            "rating": number,
            "model": {"name": "m" if number % 2 else "n"},
        }
        for number in range(6)
    ]
    recipe = steps(
        {"where": "rating >= 2 and model.name = 'm'"}, {"exact": {"key": "model.name", "keep": "first"}}
    )
    assert kept(refine(recipe, write(tmp_path / "chats.jsonl", chats), tmp_path / "out")) == {"c3"}


def test_a_field_that_no_document_has(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    write(pool / "a.jsonl", [{"text": "One.", "meta": {"score": 1}}])
    write(pool / "b.jsonl", [{"text": "Two.", "lang": "en"}])

    def fault(step: Any, **options: Any) -> str:
        with pytest.raises(BadInput) as raised:
            refine(steps(step), pool, tmp_path / "out", **options)
        assert not (tmp_path / "out").exists() or not any((tmp_path / "out").glob("data/*"))
        return str(raised.value)

    message = fault({"threshold": {"field": "meta.scroe", "at_least": 1}})
    assert "step 'threshold': no document has the field 'meta.scroe'" in message
    assert "each of 2 files" in message
    assert "did you mean 'meta.score'? fields: id, lang, meta, meta.score, source, text" in message
    assert "did you mean 'meta.score'?" in fault({"threshold": {"field": "score", "at_least": 1}})
    assert "write `signal: word_count`" in fault({"threshold": {"field": "word_count", "at_least": 1}})
    assert "did you mean the signal 'word_count'?" in fault({"where": "lang = 'en' or wordcount > 3"})
    assert "a text stands in single quotes: 'en'" in fault({"where": 'lang = "en"'})
    assert "step 'exact': no document has the field 'url'" in fault({"exact": {"key": ["url"]}})
    assert "it is read as the document's text" in fault({"where": "content like '%a%'"})
    reading = cupel.ReadOptions(id_column="lang")
    assert "it is read as the document's id" in fault({"exact": {"key": "lang"}}, reading=reading)
    # It stands in one of the files, or may be missing.
    assert kept(refine(steps({"where": "lang = 'en'"}), pool, tmp_path / "1"))
    refine(steps({"where": "score is null"}), pool, tmp_path / "2")
    refine(steps({"threshold": {"field": "score", "at_least": 1, "missing": "passes"}}), pool, tmp_path / "3")


def test_web_pages_have_no_such_fields(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    (pool / "a.html").write_text(f"<html><body><p>{prose(random.Random(1), 80)}</p></body></html>")
    with pytest.raises(BadInput, match="no document has the field 'score'"):
        refine(steps({"threshold": {"field": "score", "at_least": 1}}), pool, tmp_path / "out")
    assert kept(refine(steps({"where": "length(text) > 20 and id is not null"}), pool, tmp_path / "out"))


def test_a_field_named_as_a_signal(tmp_path: Path) -> None:
    pool = write(tmp_path / "pool.jsonl", [{"text": "One.", "lang": "en"}])
    with pytest.raises(BadRecipe, match="documents have a field of that name: write `field: lang`"):
        refine(steps({"threshold": {"signal": "lang", "is": "en"}}), pool, tmp_path / "out")
    with pytest.raises(BadRecipe, match=r"needs the signal 'wordcount', .* did you mean 'word_count'"):
        refine(steps({"threshold": {"signal": "wordcount", "at_least": 1}}), pool, tmp_path / "out")


def test_signals_in_an_expression_are_measured_when_they_hold(tmp_path: Path) -> None:
    documents = [{"id": "a", "text": "one two\n\n\nthree   four"}, {"id": "b", "text": "one"}]
    pool = write(tmp_path / "pool.jsonl", documents)
    recipe = steps("whitespace", {"where": "word_count >= 2 and length(text) < 22"}, "c4-lines")
    result = refine({**recipe, "steps": [*recipe["steps"][:2]]}, pool, tmp_path / "out")
    assert kept(result) == {"a"}
    signals = result.ledger().to_arrow()["signals"].to_pylist()
    assert {row["word_count"] for row in signals} == {4, 1}


def test_signals_of_an_earlier_run_are_no_fields(tmp_path: Path) -> None:
    documents = [
        {"id": "a", "text": "One two three.", "lang": "en"},
        {"id": "b", "text": "One.", "lang": "de"},
    ]
    pool = write(tmp_path / "pool.jsonl", documents)
    refine(steps("counts"), pool, tmp_path / "annotated")
    with pytest.raises(BadInput, match="name the signal 'word_count' itself"):
        refine(steps({"where": "signals.word_count > 2"}), tmp_path / "annotated", tmp_path / "out")
    result = refine(
        steps({"where": "word_count > 2 and lang = 'en'"}), tmp_path / "annotated", tmp_path / "out"
    )
    assert kept(result) == {"a"}
    assert result.manifest["reused_signals"] == ["word_count"]
    with pytest.raises(BadRecipe, match="write `field: lang`"):
        refine(steps({"threshold": {"signal": "lang", "is": "en"}}), tmp_path / "annotated", tmp_path / "x")


def test_a_key_across_crawls(tmp_path: Path) -> None:
    first = write(
        tmp_path / "first.jsonl", [{"id": "a", "text": "Old.", "url": "u1"}, {"id": "n", "text": "No url."}]
    )
    second = write(
        tmp_path / "second.jsonl",
        [
            {"id": "b", "text": "New and longer.", "url": "u1"},
            {"id": "c", "text": "New.", "url": "u2"},
            {"id": "m", "text": "No url."},
        ],
    )
    step = {"exact": {"key": "url", "index": str(tmp_path / "index")}}
    assert kept(refine(steps(step), first, tmp_path / "out1")) == {"a", "n"}
    result = refine(steps(step), second, tmp_path / "out2")
    assert kept(result) == {"c", "m"}
    (row,) = [row for row in result.ledger().to_arrow().to_pylist() if row["status"] == "dropped"]
    assert row["survivor"] == "a"
    for number, other in enumerate(({}, {"key": "id"}, {"key": ["url", "id"]})):
        recipe = steps({"exact": {**other, "index": str(tmp_path / "index")}})
        with pytest.raises(CupelError, match=r"remembers with other options there \(key \['url'\]\)"):
            refine(recipe, second, tmp_path / f"other-{number}")


def test_sources_and_keep_decide_among_equal_keys(tmp_path: Path) -> None:
    documents = [
        {"id": "a", "text": "The longest text of all.", "source": "web", "url": "u"},
        {"id": "b", "text": "Short.", "source": "wiki", "url": "u"},
        {"id": "c", "text": "Shorter", "source": "wiki", "url": "u"},
    ]
    pool = write(tmp_path / "pool.jsonl", documents)
    for number, (options, survivor) in enumerate(
        [({}, "a"), ({"sources": ["wiki"]}, "c"), ({"sources": ["wiki"], "keep": "first"}, "b")]
    ):
        assert kept(refine(steps({"exact": {"key": "url", **options}}), pool, tmp_path / f"{number}")) == {
            survivor
        }
