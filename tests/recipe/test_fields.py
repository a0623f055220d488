"""Fields of the input as columns of the output, through whole runs."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cupel
from cupel.engine import daft
from cupel.recipe import task

RECIPE = {"name": "x", "steps": ["exact"]}
OWN = ["id", "text", "source", "url", "metadata", "doc"]


def refine(pool: Path, output: Path, **options: Any) -> cupel.Result:
    return cupel.refine(cupel.Recipe.from_dict(RECIPE), input=pool, output=output, **options)


def data(output: Path) -> pa.Table:
    return pq.read_table(output / "data").sort_by("id")


def fields(table: pa.Table) -> list[dict[str, Any]]:
    """Each document's fields, wherever the output holds them; a null is a missing field."""
    rows = table.drop_columns([name for name in OWN if name != "metadata"]).to_pylist()
    return [
        {k: v for k, v in (json.loads(row.pop("metadata")) | row).items() if v is not None} for row in rows
    ]


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    rng = random.Random(3)
    made = []
    for number in range(300):
        row: dict[str, Any] = {"id": f"d{number:03}", "text": f"Café {number} 東京"}
        row["score"] = rng.choice([1, 0.25, None])
        row["date"] = "2024-01-01"
        row["tags"] = rng.choice([["a", "b"], [], None])
        row["mixed"] = rng.choice(["a", 1])
        row["nested"] = {"depth": number}
        row["path"] = f"src/{number}.py"
        if number == 299:
            row["late"] = True
        made.append(row)
    return made


@pytest.fixture
def pool(rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    for part in range(3):
        lines = "".join(json.dumps(row) + "\n" for row in rows[part * 100 : part * 100 + 100])
        (folder / f"part-{part}.jsonl").write_text(lines)
    return folder


def test_fields_of_json_lines_are_columns(pool: Path, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    result = refine(pool, tmp_path / "out")
    table = data(result.output)
    assert {item.name: item.type for item in table.schema if item.name not in OWN} == {
        "date": pa.large_string(),
        "late": pa.bool_(),
        "path": pa.large_string(),
        "score": pa.float64(),
        "tags": pa.large_list(pa.field("element", pa.large_string())),
    }
    assert result.manifest["fields"]["left"] == {"mixed": "values of several types", "nested": "objects"}
    expected = [{k: v for k, v in row.items() if k not in ("id", "text") and v is not None} for row in rows]
    assert fields(table) == expected


def test_the_columns_do_not_depend_on_how_the_work_is_cut(pool: Path, tmp_path: Path) -> None:
    whole = refine(pool, tmp_path / "whole", target_shard_bytes=1 << 30)
    cut = refine(
        pool,
        tmp_path / "cut",
        target_shard_bytes=3000,
        writing=cupel.OutputOptions(shard_bytes=4000),
    )
    assert len(cut.manifest["data_files"]) > 1
    schemas = {pq.read_schema(tmp_path / "cut" / "data" / name) for name in cut.manifest["data_files"]}
    assert schemas == {data(whole.output).schema}
    assert data(cut.output).equals(data(whole.output))
    assert cut.manifest["fields"] == whole.manifest["fields"]
    assert cut.manifest["content_hash"] == whole.manifest["content_hash"]


def test_a_run_that_stopped_in_the_last_pass_ends_with_the_same_columns(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = refine(pool, tmp_path / "whole", target_shard_bytes=3000)
    keep = task._Task._keep

    def stop(task: Any, survivors: pa.RecordBatch) -> None:
        if task.unit == 1:
            raise cupel.errors.RunFailed("the disk is gone")
        keep(task, survivors)

    options = {"target_shard_bytes": 3000, "writing": cupel.OutputOptions(shard_bytes=4000)}
    with monkeypatch.context() as patch:
        patch.setattr(task._Task, "_keep", stop)
        with pytest.raises(cupel.errors.RunFailed):
            refine(pool, tmp_path / "out", **options)
    again = refine(pool, tmp_path / "out", **options)
    assert data(again.output).equals(data(whole.output))
    assert again.manifest["fields"] == whole.manifest["fields"]


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_refined_corpus_reads_again_with_the_same_fields(
    format: str, pool: Path, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    first = refine(pool, tmp_path / "first", writing=cupel.OutputOptions(format=format))
    again = refine(first.output, tmp_path / "again")
    assert again.manifest["content_hash"] == first.manifest["content_hash"]
    expected = [{k: v for k, v in row.items() if k not in ("id", "text") and v is not None} for row in rows]
    assert fields(data(again.output)) == expected
    third = refine(again.output, tmp_path / "third")
    assert data(third.output).equals(data(again.output))
    read = pa.Table.from_batches(first.corpus().batches()).sort_by("id")["metadata"].to_pylist()
    kept = [json.loads(text) for text in read]
    assert [{k: v for k, v in row.items() if v is not None} for row in kept] == expected
    (story,) = cupel.why(first.output, "d007")
    assert story.before == story.after == rows[7]["text"]
    assert cupel.sample(first.output, documents=3).num_rows == 3
    assert cupel.compare(first.output, again.output).counts.num_rows == 1


def test_an_annotated_corpus_keeps_fields_and_signals(pool: Path, tmp_path: Path) -> None:
    recipe = cupel.Recipe.from_dict({"name": "a", "steps": ["word-quality"]})
    annotated = cupel.refine(recipe, input=pool, output=tmp_path / "annotated")
    reused = cupel.refine(recipe, input=annotated.output, output=tmp_path / "reused")
    fresh = cupel.refine(recipe, input=pool, output=tmp_path / "fresh")
    assert reused.manifest["reused_signals"]
    assert reused.manifest["fields"] == fresh.manifest["fields"]
    assert data(reused.output).drop_columns("doc").equals(data(fresh.output).drop_columns("doc"))


def test_odd_types_and_names_can_be_asked_for_by_every_reader(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    table = pa.table(
        {
            "id": ["a"],
            "text": ["Silver"],
            "large": pa.array([Decimal("1.5")], pa.decimal256(50, 2)),
            "half": pa.array([0.5], pa.float32()).cast(pa.float16()),
            "a.b": [1],
            'Größe "x"': [2],
            "raw": [b"\xff"],
            "many": pa.array([[b"\xff"]]),
        }
    )
    pq.write_table(table, tmp_path / "pool" / "a.parquet")
    first = refine(tmp_path / "pool", tmp_path / "first")
    read = daft().read_parquet(str(first.output / "data" / "*.parquet")).to_arrow()
    assert read["a.b"].to_pylist() == [1]
    assert read['Größe "x"'].to_pylist() == [2]
    assert read["large"].to_pylist() == ["1.50"]
    assert read["raw"].to_pylist() == [b"\xff"]
    assert cupel.why(first.output, "a")[0].after == "Silver"
    again = refine(first.output, tmp_path / "again")
    assert data(again.output).equals(data(first.output))


def test_parquet_keeps_exact_types(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    table = pa.table(
        {
            "id": ["a", "b"],
            "text": ["Silver", "Gold"],
            "score": pa.array([1.0, None]),
            "small": pa.array([1, None], pa.int16()),
            "seen": pa.array([datetime(2024, 1, 1, tzinfo=UTC), None], pa.timestamp("ns", "UTC")),
            "tags": pa.array([["x"], None], pa.list_(pa.string())),
            "empty": pa.array([None, None], pa.float32()),
            "object": [{"a": 1}, None],
            "doc": [7, 8],
        }
    )
    pq.write_table(table, tmp_path / "pool" / "a.parquet")
    out = data(refine(tmp_path / "pool", tmp_path / "out").output)
    for name in ("score", "small", "seen", "empty"):
        assert out.schema.field(name).type == table.schema.field(name).type
        assert out[name].to_pylist() == table[name].to_pylist()
    assert out["tags"].to_pylist() == [["x"], None]
    assert out["metadata"].to_pylist() == ['{"object":{"a":1},"doc":7}', '{"doc":8}']
    assert out["doc"].to_pylist() == [0, 1]


def test_json_lines_and_parquet_together_agree_on_what_json_holds(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    pq.write_table(pa.table({"text": ["Gold"], "n": pa.array([1], pa.int16())}), folder / "a.parquet")
    (folder / "b.jsonl").write_text('{"text": "Silver", "n": 70000}\n')
    out = data(refine(folder, tmp_path / "out").output)
    assert out.schema.field("n").type == pa.int64()
    assert sorted(out["n"].to_pylist()) == [1, 70000]


def test_a_field_called_like_a_column_is_not_lost_in_json_lines(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"id": "a", "text": "Gold", "doc": "mine", "metadata": "free"}\n')
    result = refine(folder, tmp_path / "out", writing=cupel.OutputOptions(format="jsonl"))
    text = cupel.Corpus.read(result.output).to_arrow()["metadata"][0].as_py()
    assert json.loads(text) == {"metadata.doc": "mine", "metadata": "free"}
