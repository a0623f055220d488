"""Archives: members are read as files are, and each one that is not leaves an entry."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.corpus.archives import read_zip
from cupel.corpus.read import ReadOptions, read_content
from cupel.corpus.records import Collector
from cupel.corpus.sink import Sink
from cupel.errors import BadInput
from tests.corpus.reading import Everything, make_tar, read_all

LINES = b'{"text": "one", "score": NaN}\nbad\n{"text": "two"}\n'


def parquet(text: str) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({"text": [text]}), target)
    return target.getvalue()


MEMBERS = {
    "a/page.html": b"<p>Silver</p>",
    "a/readme.md": "Café".encode(),
    "a/rows.jsonl": LINES,
    "a/rows.jsonl.gz": gzip.compress(LINES),
    "a/unmarked.jsonl": gzip.compress(LINES),
    "a/rows.json": b'[{"text": "three"},\n {"text": "four"}]',
    "a/rows.csv": b"id,text\n1,five\n2\n",
    "a/rows.tsv": b'id\ttext\n1\t"six\n',
    "a/rows.parquet": parquet("seven"),
    "a/settings.json": b'{"name": 1}\n',
    "b/picture.png": b"\x89PNG\r\n",
    "b/garbage.txt": b"\x89PNG\r\n\x1a\n\x00\x00",
    "b/report.html": b"%PDF-1.7 obj",
    "b/other.json": b'[{"question": "why?"}]',
    "b/inner.tar": b"x" * 100,
    "b/empty.txt": b"",
    "b/unknown.xyz": b"\x00\x01\x02",
}
TEXTS = [
    "<p>Silver</p>",
    "Café",
    *["one", "two"] * 3,
    "three",
    "four",
    "five",
    '"six',
    "seven",
    '{"name": 1}\n',
]


def make_zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


MAKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {"tar": make_tar, "zip": make_zip}


def texts_of(contents: Everything) -> list[str]:
    return [row["text"] if row["text"] is not None else row["html"].decode() for row in contents.rows]


@pytest.mark.parametrize("ending", MAKERS)
def test_members_are_read_as_files_are(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a.{ending}").write_bytes(MAKERS[ending](MEMBERS))
    contents = read_all(tmp_path)
    assert texts_of(contents) == TEXTS
    assert len({row["doc"] for row in contents.rows}) == len(TEXTS)
    inside = [entry for entry in contents.quarantined if entry.unit == "line"]
    assert [(entry.reason, entry.position) for entry in inside] == [("invalid-json", 2)] * 3 + [
        ("invalid-csv", 3)
    ]
    assert inside[0].detail.startswith("member a/rows.jsonl: ")
    whole = {
        entry.detail.split(": ")[0]: entry.reason for entry in contents.quarantined if entry.unit == "record"
    }
    assert whole == {
        "member b/picture.png": "no-document",
        "member b/garbage.txt": "binary",
        "member b/report.html": "binary",
        "member b/other.json": "no-text-column",
        "member b/inner.tar": "archive-in-archive",
        "member b/empty.txt": "empty-file",
        "member b/unknown.xyz": "binary",
    }


@pytest.mark.parametrize("ending", MAKERS)
@pytest.mark.parametrize("member", ["x.jsonl", "x.json", "x.csv", "x.tsv", "x.parquet", "x.txt"])
def test_the_named_column_decides_in_members(tmp_path: Path, ending: str, member: str) -> None:
    rows = {
        "x.jsonl": b'{"passage": "a", "text": "no"}\n{"passage": "b"}\n',
        "x.json": b'[{"passage": "a", "text": "no"}, {"passage": "b"}]',
        "x.csv": b"passage,text\na,no\nb,no\n",
        "x.tsv": b"passage\ttext\na\tno\nb\tno\n",
        "x.txt": b'{"passage": "a"}\n{"passage": "b"}\n',
    }
    target = io.BytesIO()
    pq.write_table(pa.table({"passage": ["a", "b"], "text": ["no", "no"]}), target)
    rows["x.parquet"] = target.getvalue()
    (tmp_path / f"a.{ending}").write_bytes(MAKERS[ending]({member: rows[member]}))
    assert read_all(tmp_path, options=ReadOptions(text_column="passage")).texts == ["a", "b"]
    with pytest.raises(BadInput, match=rf"member {member}: no 'body' column; there are: passage"):
        read_all(tmp_path, options=ReadOptions(text_column="body"))


def test_zip_members_that_cannot_be_read(tmp_path: Path) -> None:
    data = bytearray(
        make_zip({"good.txt": b"good", "../up.txt": b"x", "locked.txt": b"secret", "new.txt": b"method"})
    )
    for name, offset, value in ((b"locked.txt", 8, 1), (b"new.txt", 10, 93)):
        central = data.rindex(name) - 46
        data[central + offset : central + offset + 2] = struct.pack("<H", value)
    (tmp_path / "a.zip").write_bytes(data)
    contents = read_all(tmp_path)
    assert contents.texts == ["good"]
    assert contents.reasons == ["refused-path", "encrypted", "unsupported"]
    assert [entry.position for entry in contents.quarantined] == [2, 3, 4]


def test_a_damaged_zip_member_spares_the_others(tmp_path: Path) -> None:
    texts = {f"{n}.txt": bytes(range(65, 91)) * (n + 40) for n in range(3)}
    data = bytearray(make_zip(texts, zipfile.ZIP_STORED))
    at = data.index(b"1.txt") + 500
    data[at] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    contents = read_all(tmp_path)
    assert contents.texts == [texts["0.txt"].decode(), texts["2.txt"].decode()]
    assert contents.reasons == ["corrupt"]


def test_a_zip_that_expands_without_end(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(make_zip({f"{n}.txt": b" " * (8 << 20) for n in range(4)}))
    options = ReadOptions(max_expansion=10, free_expansion_bytes=1 << 20)
    contents = read_all(tmp_path, options=options)
    assert not contents.rows
    assert contents.reasons == ["expands-too-much"]


def test_lines_of_a_member_are_not_bounded_by_its_size(tmp_path: Path) -> None:
    lines = b"".join(b'{"text": "document %d of many"}\n' % number for number in range(5000))
    for ending, make in MAKERS.items():
        (tmp_path / f"a.{ending}").write_bytes(make({"rows.jsonl": lines, "long.txt": b"x" * 3000}))
        contents = read_all(
            tmp_path / f"a.{ending}", options=ReadOptions(max_document_bytes=2000, batch_rows=100)
        )
        assert len(contents.rows) == 5000
        assert contents.reasons == ["too-large"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_with_broken_compression_spares_the_others(tmp_path: Path, method: int) -> None:
    noise = random.Random(3).randbytes(60_000).hex()
    texts = {f"{n}.txt": f"{n} {noise}".encode() for n in range(3)}
    data = bytearray(make_zip(texts, method))
    at = data.index(b"1.txt") + 20_000
    data[at : at + 2000] = bytes(2000)
    (tmp_path / "a.zip").write_bytes(data)
    archive = read_all(tmp_path)
    assert archive.texts == [texts["0.txt"].decode(), texts["2.txt"].decode()]
    assert [(entry.reason, entry.position) for entry in archive.quarantined] == [("corrupt", 2)]


@pytest.mark.parametrize("ending", MAKERS)
def test_a_broken_web_archive_spares_the_other_members(tmp_path: Path, ending: str) -> None:
    record = b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 6\r\n\r\nSilver\r\n\r\n"
    broken = bytearray(gzip.compress(random.Random(4).randbytes(30_000)))
    broken[10_000:10_100] = bytes(100)
    members = {
        "a.warc.gz": gzip.compress(record) + bytes(broken) + gzip.compress(record),
        "b.txt": b"Gold",
    }
    (tmp_path / f"a.{ending}").write_bytes(MAKERS[ending](members))
    archive = read_all(tmp_path)
    assert archive.texts == ["Silver", "Gold"]
    assert archive.reasons
    assert all(entry.detail.startswith("member a.warc.gz: ") for entry in archive.quarantined)


def test_a_store_that_fails_under_a_zip_is_not_a_broken_member() -> None:
    class Failing(io.BytesIO):
        left = 1 << 30

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.left -= len(data)
            if self.left < 0:
                raise OSError("the store does not answer")
            return data

    raw = Failing(make_zip({"a.txt": bytes(range(65, 91)) * 40_000, "b.txt": b"second"}, zipfile.ZIP_STORED))
    sink = Sink(Collector(ReadOptions()), 0, "s3://pool/a.zip", "pool")
    steps = read_zip(sink, raw, read_content)
    raw.left = 200_000
    with pytest.raises(OSError, match="does not answer"):
        list(steps)


def test_a_sparse_member_expands_within_bounds(tmp_path: Path) -> None:
    info = tarfile.TarInfo("rows.jsonl")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "rows.jsonl",
        "GNU.sparse.size": str(1 << 44),
        "GNU.sparse.numblocks": "1",
        "GNU.sparse.map": "0,18",
    }
    line = b'{"text": "Silver"}'
    info.size = len(line)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(line))
        info = tarfile.TarInfo("b.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"Gold"))
    (tmp_path / "a.tar").write_bytes(target.getvalue())
    contents = read_all(tmp_path)
    assert (contents.texts, contents.reasons) == (["Gold"], ["expands-too-much"])


@pytest.mark.parametrize("ending", MAKERS)
@settings(deadline=None, max_examples=60)
@given(at=st.integers(0, 1 << 30), noise=st.binary(min_size=1, max_size=8), keep=st.floats(0, 1))
def test_damaged_archives_never_raise(ending: str, at: int, noise: bytes, keep: float) -> None:
    data = bytearray(MAKERS[ending]({name: MEMBERS[name] for name in list(MEMBERS)[:8]}))
    at %= len(data)
    data[at : at + len(noise)] = noise
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{ending}"
        path.write_bytes(data[: max(1, int(len(data) * keep))])
        contents = read_all(path, options=ReadOptions(missing_column="quarantine"))
    assert contents.rows or contents.quarantined
