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
    contents = read_all(path)
    assert contents.texts == ['Two\nlines, "quoted"', "東京"]
    assert [json.loads(row["metadata"]) for row in contents.rows] == [{"lang": "en"}, {"lang": "ja"}]
    assert [row["position"] for row in contents.rows] == [1, 2]


def test_csv_that_breaks_the_rules_of_quoting(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        'id,text\n1,"Yes" is all she said\n2,plain\n3,a 5" pipe\n4,"a, b" c\n5,"Hello\n6,he said\n7,"more\n'
        '8,"two\nlines"\n9,"no end\n10,swallowed\n'
    )
    contents = read_all(path)
    assert contents.texts == [
        '"Yes" is all she said',
        "plain",
        'a 5" pipe',
        '"Hello',
        "he said",
        '"more',
        "two\nlines",
    ]
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [
        ("invalid-csv", 5),
        ("invalid-csv", 11),
    ]
    assert "has no end" in contents.quarantined[1].detail


def test_tsv_has_no_quoting(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(
        b'\xef\xbb\xbfid\ttext\r\n1\t"opens and goes on\r\n2\t"Yes" is all\r\n3\ta ""b"" c\r\n4\t"\r\n\r\n5\t"x"\r\n6\n'
    )
    contents = read_all(path)
    assert contents.texts == ['"opens and goes on', '"Yes" is all', 'a ""b"" c', '"', '"x"']
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [("invalid-csv", 8)]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_shape(tmp_path: Path, codec: str) -> None:
    files = {
        "a.tsv": "id\ttext\n1\tCafé 東京\n",
        "b.csv": "id,text\n1,Café 東京\n",
        "c.jsonl": '{"text": "Café 東京"}\n{"text": "Café 東京"}\n',
        "d.json": '[{"text": "Café 東京"}]',
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode(codec))
    contents = read_all(tmp_path)
    assert (contents.texts, contents.reasons) == (["Café 東京"] * 5, [])


def test_tables_in_utf_16(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes("id\ttext\n1\tCafé 東京 😀\n".encode("utf-16"))
    (tmp_path / "b.csv").write_bytes("id,text\n1,größer\n".encode("utf-16"))
    assert read_all(tmp_path).texts == ["Café 東京 😀", "größer"]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "windows-1252"])
def test_lines_that_end_in_carriage_returns(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a.csv").write_bytes('id,text\r1,"Two\rlines, größer"\r2,Käse und Brot\r'.encode(codec))
    (tmp_path / "b.tsv").write_bytes("id\ttext\r1\tÜbung\r2\tgrößer".encode(codec))
    contents = read_all(tmp_path)
    assert contents.texts == ["Two\nlines, größer", "Käse und Brot", "Übung", "größer"]
    assert contents.reasons == []


def test_a_carriage_return_inside_of_a_row_is_not_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"id\ttext\n1\tone\rtwo\n")
    assert read_all(tmp_path).texts == ["one\ntwo"]


def test_a_header_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,"text\n1,one\n')
    with pytest.raises(
        BadInput, match=r"a\.csv: its header, line 1, cannot be read: a quotation mark in line 1"
    ):
        read_all(tmp_path)
    options = ReadOptions(missing_column="quarantine", max_document_bytes=20)
    (tmp_path / "a.csv").write_text("id,text," + "x" * 100 + "\n1,one\n")
    (entry,) = read_all(tmp_path, options=options).quarantined
    assert (entry.reason, entry.unit) == ("no-text-column", "file")
    assert "its header, line 1, cannot be read: 109 bytes; the limit is 20" in entry.detail


def test_columns_that_share_a_name_are_reported(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,n,text,n\nfirst,1,second,2\n")
    (tmp_path / "b.tsv").write_text("text\ttext\tother\nfirst\tsecond\tx\n")
    arrays = [pa.array(["first"]), pa.array(["second"]), pa.array([2])]
    pq.write_table(pa.Table.from_arrays(arrays, names=["text", "text", "text.2"]), tmp_path / "c.parquet")
    contents = read_all(tmp_path)
    assert contents.texts == ["first"] * 3
    assert [json.loads(row["metadata"]) for row in contents.rows] == [
        {"n": "1", "text.2": "second", "n.2": "2"},
        {"text.2": "second", "other": "x"},
        {"text.3": "second", "text.2": 2},
    ]
    assert contents.reasons == ["duplicate-column"] * 3
    assert "'text' (now 'text.2'), 'n' (now 'n.2')" in contents.quarantined[0].detail


def test_tsv(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("label\tcontent\n1\tGood silver\n")
    (row,) = read_all(tmp_path / "a.tsv").rows
    assert (row["text"], row["metadata"]) == ("Good silver", '{"label":"1"}')


def test_bad_csv_rows_are_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1,Fine\n2,too,many\n3\n4,caf\xe9\n5,\n6,a\x00b\n7,Last\n")
    contents = read_all(path)
    assert contents.texts == ["Fine", "caf\ufffd", "a\x00b", "Last"]
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [
        ("invalid-csv", 3),
        ("invalid-csv", 4),
        ("empty-text", 6),
    ]


def test_csv_without_text_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nWhy?,Because.\n")
    with pytest.raises(BadInput, match="question, answer"):
        read_all(tmp_path / "a.csv")
    contents = read_all(tmp_path / "a.csv", options=ReadOptions(missing_column="quarantine"))
    assert contents.reasons == ["no-text-column"]


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
    contents = read_all(tmp_path / "a.parquet")
    assert contents.texts == texts
    assert contents.rows[7]["id"] == "7"
    assert contents.rows[7]["url"] is None
    assert json.loads(contents.rows[7]["metadata"]) == {
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
    contents = read_all(tmp_path / "a.parquet")
    assert contents.texts == ["Café"]
    assert contents.reasons == ["null-text", "empty-text"]


def test_invalid_utf8_in_parquet_spoils_its_row_only(tmp_path: Path) -> None:
    raw = pa.array([b"Good", b"caf\xe9", b"Also good"])
    lying = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(pa.table({"text": lying}), tmp_path / "a.parquet")
    contents = read_all(tmp_path / "a.parquet")
    assert contents.texts == ["Good", "Also good"]
    assert [(entry.reason, entry.position, entry.unit) for entry in contents.quarantined] == [
        ("invalid-utf8", 2, "row")
    ]


def test_rows_without_text_are_put_aside(tmp_path: Path) -> None:
    table = pa.table({"text": ["Gold", None, "", " \n", "a\x00b"], "n": range(5)})
    pq.write_table(table, tmp_path / "a.parquet")
    contents = read_all(tmp_path / "a.parquet")
    assert contents.texts == ["Gold", "a\x00b"]
    assert [(entry.reason, entry.position, entry.unit) for entry in contents.quarantined] == [
        ("null-text", 2, "row"),
        ("empty-text", 3, "row"),
        ("empty-text", 4, "row"),
    ]


INT96_DAYS = {
    "1600-02-29": "1600-02-29T00:00:00.000000",
    "2262-04-12": "2262-04-12T00:00:00.000000",
    "9999-12-31": "9999-12-31T00:00:00.000000",
}


def int96_file(path: Path, day: int) -> None:
    """A Parquet file with two INT96 times, the second of which is at this Julian day."""
    times = pa.array([date(2020, 1, 1), date(1999, 1, 1)], pa.date32()).cast(pa.timestamp("ns"))
    table = pa.table({"text": ["a", "b"], "at": times})
    pq.write_table(
        table, path, use_deprecated_int96_timestamps=True, compression="none", use_dictionary=False
    )
    data = path.read_bytes()
    stored = bytes(8) + (date(1999, 1, 1).toordinal() + 1721425).to_bytes(4, "little")
    assert stored in data
    path.write_bytes(data.replace(stored, bytes(8) + day.to_bytes(4, "little", signed=True)))


@pytest.mark.parametrize("day", INT96_DAYS)
def test_times_stored_as_int96_do_not_wrap(tmp_path: Path, day: str) -> None:
    int96_file(tmp_path / "a.parquet", date.fromisoformat(day).toordinal() + 1721425)
    contents = read_all(tmp_path)
    assert [json.loads(row["metadata"])["at"] for row in contents.rows] == [
        "2020-01-01T00:00:00.000000",
        INT96_DAYS[day],
    ]
    assert not contents.quarantined


@pytest.mark.parametrize("day", [(1 << 31) - 1, -(1 << 31), 200_000_000])
def test_times_beyond_microseconds_are_null_and_reported(tmp_path: Path, day: int) -> None:
    int96_file(tmp_path / "a.parquet", day)
    contents = read_all(tmp_path)
    assert [json.loads(row["metadata"]) for row in contents.rows] == [
        {"at": "2020-01-01T00:00:00.000000"},
        {},
    ]
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [("time-out-of-range", 2)]


def test_a_cell_beyond_the_limit_is_put_aside(tmp_path: Path) -> None:
    rows = {"text": ["small", "x" * 5000, "last"], "note": ["n", "n", "y" * 6000]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    contents = read_all(tmp_path, options=ReadOptions(max_document_bytes=4000))
    assert contents.texts == ["small"]
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [
        ("too-large", 2),
        ("too-large", 3),
    ]
    assert "'note' holds 6000 bytes" in contents.quarantined[1].detail


def write_arrow(path: Path, table: pa.Table, kind: str) -> None:
    make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as target, make(target, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_arrow_files_and_streams(tmp_path: Path, kind: str) -> None:
    texts = [f"Row {n}" for n in range(25)]
    table = pa.table({"body": texts, "n": range(25), "day": [date(2024, 5, 1)] * 25})
    write_arrow(tmp_path / "a.arrow", table, kind)
    contents = read_all(tmp_path)
    assert contents.texts == texts
    assert json.loads(contents.rows[3]["metadata"]) == {"n": 3, "day": "2024-05-01"}
    assert [row["position"] for row in contents.rows] == list(range(1, 26))
    with pytest.raises(BadInput, match="no 'text' column; there are: body, n, day"):
        read_all(tmp_path, options=ReadOptions(text_column="text"))


@pytest.mark.parametrize("kind", ["file", "stream"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_arrow_that_is_not_whole(tmp_path: Path, kind: str, keep: float) -> None:
    table = pa.table({"text": [f"Row {n} " * 50 for n in range(100)]})
    write_arrow(tmp_path / "a.arrow", table, kind)
    data = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(data[: int(len(data) * keep)])
    contents = read_all(tmp_path)
    assert contents.texts == table.column("text").to_pylist()[: len(contents.texts)]
    assert contents.reasons == ["unreadable"]


def test_parquet_files_of_different_schemas_read_together(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["A"], "n": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"content": ["B"], "n": ["one"], "m": [[1]]}), tmp_path / "b.parquet")
    contents = read_all(tmp_path)
    assert contents.texts == ["A", "B"]
    assert [json.loads(row["metadata"]) for row in contents.rows] == [{"n": 1}, {"n": "one", "m": [1]}]


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
    contents = read_all(tmp_path / "a.parquet")
    assert contents.texts == texts[:300] + texts[400:]
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [("unreadable", 301)]


def test_large_rows_make_small_batches(tmp_path: Path) -> None:
    rows = ["x" * 1_000_000] * 40
    pq.write_table(pa.table({"text": rows}), tmp_path / "a.parquet", use_dictionary=False)
    contents = read_all(tmp_path / "a.parquet", options=ReadOptions(batch_bytes=4 << 20))
    assert len(contents.rows) == 40
    assert max(contents.batch_sizes) < 6 << 20
