"""CSV, TSV and Parquet: types, bad rows, broken files, split anywhere."""

from __future__ import annotations

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cupel.corpus.read import ReadOptions
from cupel.errors import BadInput
from tests.corpus.reading import read_all


def test_csv_with_quotes_and_line_feeds(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress('\ufeffid,text,lang\n1,"Two\nlines, ""quoted""",en\n2,東京,ja\n'.encode()))
    found = read_all(path)
    assert found.texts == ['Two\nlines, "quoted"', "東京"]
    assert [json.loads(row["metadata"]) for row in found.rows] == [{"lang": "en"}, {"lang": "ja"}]
    assert [row["position"] for row in found.rows] == [1, 2]


def test_tsv(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("label\tcontent\n1\tGood silver\n")
    (row,) = read_all(tmp_path / "a.tsv").rows
    assert (row["text"], row["metadata"]) == ("Good silver", '{"label":"1"}')


def test_bad_csv_rows_are_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1,Fine\n2,too,many\n3\n4,caf\xe9\n5,\n6,a\x00b\n7,Last\n")
    found = read_all(path)
    assert found.texts == ["Fine", "a\x00b", "Last"]
    assert [(entry.reason, entry.position) for entry in found.quarantined] == [
        ("invalid-csv", 3),
        ("invalid-csv", 4),
        ("invalid-utf8", 5),
        ("empty-text", 6),
    ]


def test_csv_without_text_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nWhy?,Because.\n")
    with pytest.raises(BadInput, match="question, answer"):
        read_all(tmp_path / "a.csv")
    found = read_all(tmp_path / "a.csv", options=ReadOptions(missing_column="quarantine"))
    assert found.reasons == ["no-text-column"]


def make_parquet(path: Path, rows: int = 1000, row_group: int = 100) -> list[str]:
    texts = [f"Row {n} " + "Käse 東京 " * (n % 30) for n in range(rows)]
    table = pa.table(
        {
            "text": pa.array(texts),
            "id": pa.array(range(rows), pa.int32()),
            "when": pa.array([date(2024, 1, 1)] * rows),
            "price": pa.array([Decimal("1.50")] * rows),
            "raw": pa.array([b"\xff"] * rows),
            "tags": pa.array([["a"]] * rows),
            "metadata": pa.array([{"lang": "en"}] * rows),
            "url": pa.array([None] * rows, pa.string()),
        }
    )
    pq.write_table(table, path, row_group_size=row_group)
    return texts


def test_parquet_of_many_types(tmp_path: Path) -> None:
    texts = make_parquet(tmp_path / "a.parquet")
    found = read_all(tmp_path / "a.parquet")
    assert found.texts == texts
    assert found.rows[7]["id"] == "7"
    assert found.rows[7]["url"] is None
    assert json.loads(found.rows[7]["metadata"]) == {
        "when": "2024-01-01",
        "price": "1.50",
        "raw": "/w==",
        "tags": ["a"],
        "lang": "en",
    }


@pytest.mark.parametrize("target", [1, 1000, 5000, 1 << 30])
def test_row_groups_split_anywhere(tmp_path: Path, target: int) -> None:
    make_parquet(tmp_path / "a.parquet")
    assert read_all(tmp_path / "a.parquet", target_bytes=target).rows == read_all(tmp_path / "a.parquet").rows


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_of_every_string_type(tmp_path: Path, kind: pa.DataType) -> None:
    column = pa.array(["Café", None, ""]).cast(kind)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    found = read_all(tmp_path / "a.parquet")
    assert found.texts == ["Café"]
    assert found.reasons == ["null-text", "empty-text"]


def test_invalid_utf8_in_parquet_spoils_its_row_only(tmp_path: Path) -> None:
    raw = pa.array([b"Good", b"caf\xe9", b"Also good"])
    lying = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(pa.table({"text": lying}), tmp_path / "a.parquet")
    found = read_all(tmp_path / "a.parquet")
    assert found.texts == ["Good", "Also good"]
    assert [(entry.reason, entry.position, entry.unit) for entry in found.quarantined] == [
        ("invalid-utf8", 2, "row")
    ]


def test_rows_without_text_are_put_aside(tmp_path: Path) -> None:
    table = pa.table({"text": ["Gold", None, "", " \n", "a\x00b"], "n": range(5)})
    pq.write_table(table, tmp_path / "a.parquet")
    found = read_all(tmp_path / "a.parquet")
    assert found.texts == ["Gold", "a\x00b"]
    assert [(entry.reason, entry.position, entry.unit) for entry in found.quarantined] == [
        ("null-text", 2, "row"),
        ("empty-text", 3, "row"),
        ("empty-text", 4, "row"),
    ]


def test_parquet_files_of_different_schemas_read_together(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["A"], "n": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"content": ["B"], "n": ["one"], "m": [[1]]}), tmp_path / "b.parquet")
    found = read_all(tmp_path)
    assert found.texts == ["A", "B"]
    assert [json.loads(row["metadata"]) for row in found.rows] == [{"n": 1}, {"n": "one", "m": [1]}]


def test_parquet_that_is_not_whole(tmp_path: Path) -> None:
    make_parquet(tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[: len(data) // 2])
    (tmp_path / "no.parquet").write_bytes(b"PAR1 something else")
    assert read_all(tmp_path / "cut.parquet").reasons == ["unreadable"]
    assert read_all(tmp_path / "no.parquet").reasons == ["unreadable"]


def test_a_broken_row_group_spares_the_others(tmp_path: Path) -> None:
    texts = make_parquet(tmp_path / "a.parquet")
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    column = metadata.row_group(3).column(0)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + 200] = b"\xff" * 200
    (tmp_path / "a.parquet").write_bytes(data)
    found = read_all(tmp_path / "a.parquet")
    assert found.texts == texts[:300] + texts[400:]
    assert [(entry.reason, entry.position) for entry in found.quarantined] == [("unreadable", 301)]


def test_large_rows_make_small_batches(tmp_path: Path) -> None:
    rows = ["x" * 1_000_000] * 40
    pq.write_table(pa.table({"text": rows}), tmp_path / "a.parquet", use_dictionary=False)
    found = read_all(tmp_path / "a.parquet", options=ReadOptions(batch_bytes=4 << 20))
    assert len(found.rows) == 40
    assert max(found.batch_sizes) < 6 << 20
