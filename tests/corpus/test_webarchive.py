"""Web archives: records of all kinds, encodings, and what is broken."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from fastwarc.warc import ArchiveIterator
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.corpus.read import ReadOptions
from tests.conftest import examples
from tests.corpus.reading import read_all

PAGE = "<html><head><title>T</title></head><body><p>Café: silver &amp; bone ash.</p></body></html>"


def warc_record(
    body: bytes,
    *,
    kind: str = "response",
    url: str = "http://a.example/",
    number: int = 1,
    content_type: str = "application/http; msgtype=response",
    length: int | None = None,
) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number:032x}>\r\n"
        f"WARC-Target-URI: {url}\r\nWARC-Date: 2024-05-18T00:00:00Z\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def http(body: bytes, *headers: str, status: str = "200 OK", mime: str = "text/html; charset=utf-8") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {mime}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def pages(count: int) -> list[bytes]:
    return [
        warc_record(http(PAGE.replace("T<", f"{n}<").encode()), number=n, url=f"http://a.example/{n}")
        for n in range(count)
    ]


PACKED = {
    "gzip": gzip.compress(PAGE.encode()),
    "gzip twice": gzip.compress(gzip.compress(PAGE.encode())),
    "zlib": zlib.compress(PAGE.encode()),
    "zstd": zstandard.compress(PAGE.encode()),
    "zstd in gzip": gzip.compress(zstandard.compress(PAGE.encode())),
}


@pytest.mark.parametrize("body", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("headers", [(), ("Content-Encoding: gzip",), ("Content-Encoding: gzip, gzip",)])
def test_a_packed_page_is_unpacked_whatever_its_headers_say(
    tmp_path: Path, body: bytes, headers: tuple[str, ...]
) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(
        warc_record(http(body, *headers))
        + warc_record(body, kind="resource", content_type="text/html", number=2)
    )
    contents = read_all(path)
    assert [row["html"].decode() for row in contents.rows] == [PAGE, PAGE]


@pytest.mark.parametrize(
    "body",
    [
        b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
        b"PK\x03\x04\x14\x00",
        bytes(range(256)) * 9,
        gzip.compress(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj"),
        gzip.compress(PAGE.encode())[:10],
    ],
    # Not by their bytes: gzip writes the time, and workers must name tests alike.
    ids=["PDF", "PNG", "JPEG", "ZIP", "all bytes", "packed PDF", "cut gzip"],
)
@pytest.mark.parametrize("mime", ["text/html", "text/plain"])
def test_data_under_a_type_of_text_are_put_aside(tmp_path: Path, body: bytes, mime: str) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(warc_record(http(body, mime=mime)))
    contents = read_all(path)
    assert contents.rows == []
    assert contents.reasons[0] in ("binary", "broken-record")


def test_what_wget_says_of_itself_is_no_document(tmp_path: Path) -> None:
    log = warc_record(
        b"wget --warc",
        kind="resource",
        url="metadata://gnu.org/software/wget/warc/wget.log",
        content_type="text/plain",
    )
    path = tmp_path / "a.warc"
    path.write_bytes(log + warc_record(http(PAGE.encode())))
    contents = read_all(path)
    assert len(contents.rows) == 1
    assert contents.reasons == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain dictionary", "packed dictionary"])
def test_a_dictionary_in_the_file_is_used(tmp_path: Path, packed: bool) -> None:
    """As the IIPC lays it down: in a skippable frame at the beginning, a frame per record behind it."""
    records = pages(60)
    dictionary = zstandard.train_dictionary(4096, records * 9)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    content = zstandard.compress(dictionary.as_bytes()) if packed else dictionary.as_bytes()
    frame = b"\x5d\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content
    path = tmp_path / "a.warc.zst"
    path.write_bytes(frame + b"".join(compressor.compress(record) for record in records))
    contents = read_all(path)
    assert len(contents.rows) == 60
    assert contents.reasons == []
    path.write_bytes(b"".join(compressor.compress(record) for record in records))
    contents = read_all(path)
    assert (contents.rows, contents.reasons) == ([], ["unsupported"])
    assert "which the file does not hold" in contents.quarantined[0].detail
    path.write_bytes(frame[:-9])
    assert read_all(path).reasons == ["truncated"]


def test_a_response_becomes_a_page(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(warc_record(http(PAGE.encode())))
    (row,) = read_all(path).rows
    assert row["text"] is None
    assert row["html"].decode() == PAGE
    assert row["url"] == "http://a.example/"
    assert row["id"] == "urn:uuid:00000000000000000000000000000001"
    assert json.loads(row["metadata"]) == {
        "warc_date": "2024-05-18T00:00:00Z",
        "content_type": "text/html",
        "charset": "utf-8",
    }


def test_other_records_are_counted(tmp_path: Path) -> None:
    records = [
        warc_record(b"x", kind="request"),
        warc_record(b"x", kind="warcinfo"),
        warc_record(http(b"gone", status="404 Not Found")),
        warc_record(http(b"\x89PNG", mime="image/png")),
        warc_record(b"dns", content_type="text/dns"),
        warc_record(PAGE.encode(), kind="resource", content_type="text/html"),
        warc_record("Plain café".encode(), kind="conversion", content_type="text/plain"),
    ]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(gzip.compress(record) for record in records))
    contents = read_all(path)
    assert len(contents.rows) == 2
    assert contents.rows[1]["text"] == "Plain café"
    assert contents.skipped == Counter(
        {"request": 1, "warcinfo": 1, "response:status": 1, "response:type": 1, "response:no-http": 1}
    )


@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "raw-deflate", "br", "zstd", "gzip-chunked", "already"]
)
def test_content_codings(tmp_path: Path, coding: str) -> None:
    import brotli

    data = PAGE.encode()
    headers = [f"Content-Encoding: {coding.removeprefix('raw-').removesuffix('-chunked')}"]
    if coding == "already":
        body, headers = data, ["Content-Encoding: gzip"]
    elif coding.startswith("gzip"):
        body = gzip.compress(data)
    elif coding == "deflate":
        body = zlib.compress(data)
    elif coding == "raw-deflate":
        body = zlib.compress(data)[2:-4]
    elif coding == "br":
        body = brotli.compress(data)
    else:
        body = zstandard.compress(data)
    if coding.endswith("chunked"):
        headers.append("Transfer-Encoding: chunked")
        chunks = [body[at : at + 40] for at in range(0, len(body), 40)]
        body = b"".join(b"%x;e=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    path = tmp_path / "a.warc"
    path.write_bytes(warc_record(http(body, *headers)))
    contents = read_all(path)
    assert [row["html"].decode() for row in contents.rows] == [PAGE]


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br", "deflate"])
def test_a_bomb_in_a_page_is_put_aside(tmp_path: Path, coding: str) -> None:
    import brotli

    zeros = b"<html>" + b" " * (200 << 20)
    packed = {
        "gzip": lambda: gzip.compress(zeros),
        "zstd": lambda: zstandard.compress(zeros),
        "br": lambda: brotli.compress(zeros, quality=4),
        "deflate": lambda: zlib.compress(zeros),
    }[coding]()
    records = [warc_record(http(packed, f"Content-Encoding: {coding}")), *pages(1)]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(gzip.compress(record) for record in records))
    contents = read_all(path, options=ReadOptions(max_document_bytes=32 << 20, max_expansion=100))
    assert len(contents.rows) == 1
    assert contents.reasons == ["expands-too-much"]


@pytest.mark.parametrize(
    ("declared", "meta", "data", "charset"),
    [
        ("iso-8859-1", "", "Käse".encode("latin-1"), "windows-1252"),
        ("no-such-charset", "", "Käse".encode(), "utf-8"),
        ("", "shift_jis", "日本語".encode("shift_jis"), "shift_jis"),
        ("utf-8", "", "Käse auf Brot".encode("latin-1"), "windows-1252"),
        ("rot13", "", b"Kase", "utf-8"),
        ("", "gb2312", "简体中文".encode("gbk"), "gbk"),
    ],
)
def test_charsets(tmp_path: Path, declared: str, meta: str, data: bytes, charset: str) -> None:
    body = b"<html>" + (f'<meta charset="{meta}">'.encode() if meta else b"") + data
    mime = "text/html" + (f"; charset={declared}" if declared else "")
    path = tmp_path / "a.warc"
    path.write_bytes(warc_record(http(body, mime=mime)))
    (row,) = read_all(path).rows
    assert json.loads(row["metadata"])["charset"] == charset
    assert row["html"].decode().endswith(data.decode(charset))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "broken",
    [
        b"WARC/1.0\r\nWARC-Type: response\r\n\r\nno length\r\n\r\n",
        b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: -5\r\n\r\n\r\n\r\n",
        b"this is not a record at all\r\n\r\n",
        warc_record(http(b"short"), length=3),
        b"WARC/1.0\r\nWARC-Type: resp",
    ],
)
def test_reading_goes_on_behind_a_broken_record(tmp_path: Path, broken: bytes, packed: bool) -> None:
    records = [*pages(2), broken, *pages(4)[2:]]
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(gzip.compress(record) if packed else record for record in records))
    contents = read_all(path)
    assert [row["url"] for row in contents.rows] == [f"http://a.example/{n}" for n in range(4)]
    assert contents.reasons == ["broken-record"]


def test_a_length_that_swallows_the_next_record(tmp_path: Path) -> None:
    records = pages(4)
    records[1] = warc_record(http(PAGE.encode()), number=1, length=800)
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(records))
    contents = read_all(path)
    assert [row["url"][-1] for row in contents.rows] == ["0", "2", "3"]
    assert contents.reasons == ["broken-record"]


def test_a_damaged_gzip_member_spares_the_others(tmp_path: Path) -> None:
    members = [gzip.compress(record) for record in pages(5)]
    members[2] = members[2][:30] + bytes(40) + members[2][70:]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(members))
    contents = read_all(path)
    assert [row["url"][-1] for row in contents.rows] == ["0", "1", "3", "4"]
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [
        ("broken-record", len(members[0]) + len(members[1]))
    ]


@settings(deadline=None, max_examples=examples(100))
@given(where=st.floats(0, 1), packed=st.booleans())
def test_a_cut_loses_nothing_before_it(where: float, packed: bool) -> None:
    records = [gzip.compress(record, mtime=0) if packed else record for record in pages(20)]
    data = b"".join(records)
    cut = max(1, int(len(data) * where))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.warc.gz" if packed else "a.warc")
        path.write_bytes(data[:cut])
        contents = read_all(path)
    # A record needs its block, not the two line ends behind it.
    tail = 0 if packed else 4
    ends = [sum(map(len, records[: n + 1])) - tail for n in range(20)]
    whole = sum(end <= cut for end in ends)
    assert [row["url"] for row in contents.rows][:whole] == [f"http://a.example/{n}" for n in range(whole)]
    assert len(contents.rows) <= whole + packed
    assert len(contents.quarantined) <= 1
    if cut - ends[whole - 1] * (whole > 0) > 4 and len(contents.rows) == whole:
        assert contents.reasons[0] in ("truncated", "broken-record")


@settings(deadline=None, max_examples=examples(300))
@given(
    data=st.binary(max_size=300), packed=st.booleans(), format=st.sampled_from(["warc", "arc", "tar", "html"])
)
def test_any_bytes_never_raise(data: bytes, packed: bool, format: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(gzip.compress(data) if packed else data)
        read_all(path, format=format)


@settings(deadline=None, max_examples=examples(150))
@given(at=st.integers(0, 1 << 20), noise=st.binary(min_size=1, max_size=8))
def test_a_damaged_warc_never_raises(at: int, noise: bytes) -> None:
    data = bytearray(b"".join(pages(6)))
    at %= len(data)
    data[at : at + len(noise)] = noise
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.warc"
        path.write_bytes(data)
        contents = read_all(path, format="warc")
    # One record is damaged, or two where they meet.
    assert len(contents.rows) >= 4


def test_batches_stay_small(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(warc_record(http(b"<p>" + b"x" * 500_000), number=n) for n in range(60)))
    contents = read_all(path, options=ReadOptions(batch_bytes=2 << 20))
    assert len(contents.rows) == 60
    assert max(contents.batch_sizes) < 3 << 20


# Documents, entries and skipped records of the real files, each looked at by hand.
REAL = {
    "aut/badexample.arc.gz": (1, 1),
    "chatnoir-resiliparse/clipped.warc.gz": (0, 1),
    "dolma/sample-0000.warc.gz": (22, 0),
    "pywb/example-wget-1-14.warc.gz": (1, 0),
    "warcio/bad.arc": (0, 1),
    "warcio/example-trunc.warc": (0, 1),
    "warcio/example.warc.gz": (1, 0),
    "warcio/example.arc": (1, 0),
    "webarchive-discovery/transfer_compression_brotli.warc.gz": (1, 0),
    "webarchive-discovery/transfer_compression_gzip.warc.gz": (1, 0),
    "whirlwind-python/whirlwind.warc.gz": (1, 0),
    "whirlwind-python/whirlwind.warc.wet.gz": (1, 0),
}


def test_every_real_archive_reads(shared: Path) -> None:
    folder = shared / "data" / "raw_web" / "warc"
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(paths) == 42
    for path in paths:
        contents = read_all(path)
        name = path.relative_to(folder).as_posix()
        if name in REAL:
            assert (len(contents.rows), len(contents.quarantined)) == REAL[name], name
        if ".warc" in path.name and not contents.quarantined and "paths" not in path.name:
            # Every record that fastwarc sees is a document or counted.
            assert sum(contents.skipped.values()) + len(contents.rows) == count_records(path), name


def count_records(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in ArchiveIterator(io.BytesIO(file.read())))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, zstandard.compress])
def test_a_body_packed_otherwise_than_its_header_says(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(warc_record(http(pack(PAGE.encode()), "Content-Encoding: br")))
    assert [row["html"].decode() for row in read_all(path).rows] == [PAGE]


def test_a_stray_zero_does_not_make_a_page_binary(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(warc_record(http(PAGE.replace("silver", "sil\x00ver").encode())))
    contents = read_all(path)
    assert (len(contents.rows), contents.reasons) == (1, [])


@pytest.mark.parametrize(
    "data", [b"\r\n%PDF-1.7 text", b"GIF89a text", b"wOF2 text", b"\xca\xfe\xba\xbe text"]
)
def test_data_that_look_like_text_are_known_by_their_beginning(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(warc_record(http(data)))
    assert read_all(path).reasons == ["binary"]
