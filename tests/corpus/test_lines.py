"""JSON lines: every layout, every kind of bad line, split anywhere, cut anywhere."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tempfile
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.corpus.read import ReadOptions
from cupel.errors import BadInput
from tests.conftest import examples
from tests.corpus.reading import read_all

GOOD = {"id": "1", "text": "Silver in the cupel."}


def write_lines(path: Path, *lines: object) -> Path:
    data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(data + b"\n")
    return path


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "no end', "invalid-json"),
        (b"[1, 2]", "invalid-json"),
        (b'"text"', "invalid-json"),
        (b'{"text": NaN}', "null-text"),
        (b'{"text": "a", "score": nan}', "invalid-json"),
        (b'{"text": "raw \x00 byte"}', "invalid-json"),
        (b"[" * 5000, "invalid-json"),
        (b'{"text": "caf\xe9', "invalid-json"),
        (b'{"text": "half \\ud83d a pair"}', "lone-surrogate"),
        (b'{"text": "fine", "title": "half \\uDE00"}', "lone-surrogate"),
        (b'{"title": "no text"}', "missing-text"),
        (b'{"text": null}', "null-text"),
        (b'{"text": ""}', "empty-text"),
        (b'{"text": " \\n\\t "}', "empty-text"),
        (b'{"text": ["a"]}', "not-text"),
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_one_bad_line_is_put_aside(tmp_path: Path, line: bytes, reason: str, ending: str) -> None:
    path = write_lines(tmp_path / "pool.jsonl", GOOD, line, {"id": "2", "text": "Gold."})
    if ending == "jsonl.gz":
        path = tmp_path / "pool.jsonl.gz"
        path.write_bytes(gzip.compress((tmp_path / "pool.jsonl").read_bytes()))
    contents = read_all(path)
    assert contents.texts == ["Silver in the cupel.", "Gold."]
    (entry,) = contents.quarantined
    assert (entry.reason, entry.position, entry.unit) == (reason, 2, "line")
    assert entry.path == str(path)
    assert len(entry.excerpt) <= 200
    assert entry.excerpt.isprintable()


def test_unreadable_bytes_of_terminals_do_not_reach_the_excerpt(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", GOOD, b"\x1b]0;owned\x07\x1b[31m\xff\xfe<script>")
    (entry,) = read_all(path).quarantined
    assert "\x1b" not in entry.excerpt
    assert "\\x1b" in entry.excerpt


def test_layouts_of_other_tools_need_no_flags(tmp_path: Path) -> None:
    datatrove = {"text": "A", "id": "d", "metadata": {"url": "http://a/", "language": "en"}}
    dolma = {"id": "o", "text": "B", "source": "cc", "added": "2024", "created": "2023", "metadata": {"n": 1}}
    dclm = {"text": "C", "url": "http://c/", "metadata": {"WARC-Type": "response"}, "warcinfo": "w"}
    contents = read_all(write_lines(tmp_path / "mixed.jsonl", datatrove, dolma, dclm))
    a, b, c = contents.rows
    assert (a["id"], a["source"], a["url"], json.loads(a["metadata"])) == (
        "d",
        "mixed",
        "http://a/",
        {"language": "en"},
    )
    assert (b["id"], b["source"], b["url"]) == ("o", "cc", None)
    assert json.loads(b["metadata"]) == {"added": "2024", "created": "2023", "n": 1}
    assert (c["url"], json.loads(c["metadata"])) == ("http://c/", {"warcinfo": "w", "WARC-Type": "response"})
    assert len(c["id"]) == 32


def test_same_name_on_both_levels_keeps_both(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", {"text": "A", "lang": "en", "metadata": {"lang": "de"}})
    (row,) = read_all(path).rows
    assert json.loads(row["metadata"]) == {"lang": "en", "metadata.lang": "de"}


def test_foreign_columns_are_mapped(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", {"body_text": "A", "key": 7, "site": "s", "link": "http://x/"})
    options = ReadOptions(text_column="body_text", id_column="key", source_column="site", url_column="link")
    (row,) = read_all(path, options=options).rows
    assert (row["text"], row["id"], row["source"], row["url"], row["metadata"]) == (
        "A",
        "7",
        "s",
        "http://x/",
        "{}",
    )


def test_no_text_column_names_the_columns(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", *[{"prompt": "A", "answer": "B"}] * 3)
    with pytest.raises(BadInput, match=r"prompt, answer.*--text-column"):
        read_all(path)
    with pytest.raises(BadInput, match="'summary'"):
        read_all(path, options=ReadOptions(text_column="summary"))
    aside = read_all(path, options=ReadOptions(missing_column="quarantine"))
    assert aside.reasons == ["missing-text"] * 3


def test_files_of_different_schemas_read_together(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", {"text": "A", "score": 1})
    write_lines(tmp_path / "b.jsonl", {"content": "B", "score": "high", "tags": ["x"]})
    write_lines(tmp_path / "c.jsonl", {"raw_content": "C", "score": {"deep": None}})
    assert read_all(tmp_path).texts == ["A", "B", "C"]


def test_repeated_ids_are_all_kept(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", *[{"id": "same", "text": f"Text {n}"} for n in range(5)])
    contents = read_all(path)
    assert [row["id"] for row in contents.rows] == ["same"] * 5
    assert len({row["doc"] for row in contents.rows}) == 5


def test_nul_characters_stay_in_the_text(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", b'{"text": "a\\u0000b"}')
    assert read_all(path).texts == ["a\x00b"]


def test_blank_lines_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "A"}\r\n\r\n\n  \n{"text": "B"}')
    contents = read_all(path)
    assert contents.texts == ["A", "B"]
    assert not contents.quarantined


def test_an_enormous_line_is_a_document_and_a_larger_one_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    large = b'{"text": "' + b"silver " * 12_000_000 + b'"}'
    path.write_bytes(zstandard.compress(b'{"text": "first"}\n' + large + b'\n{"text": "last"}\n'))
    contents = read_all(path, options=ReadOptions(max_document_bytes=128 << 20))
    assert [len(text) for text in contents.texts] == [5, 84_000_000, 4]
    assert read_all(path).reasons == ["too-large"]
    aside = read_all(path, options=ReadOptions(max_document_bytes=1 << 20))
    assert aside.texts == ["first", "last"]
    (entry,) = aside.quarantined
    assert (entry.reason, entry.position) == ("too-large", 2)


def test_metadata_of_any_json_stays_json(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.jsonl", b'{"text": "A", "big": 123456789012345678901234567890, "x": [1, {}]}'
    )
    (row,) = read_all(path).rows
    assert json.loads(row["metadata"])["x"] == [1, {}]


@pytest.mark.parametrize("depth", [254, 300, 1000])
def test_deep_metadata_becomes_text_and_spoils_no_other_field(tmp_path: Path, depth: int) -> None:
    deep = '[{"é":1,"b":[]},"c",' * depth + "null" + "]" * depth
    line = f'{{"text": "A", "score": 0.5, "deep": {deep}}}'.encode()
    contents = read_all(write_lines(tmp_path / "a.jsonl", line))
    assert json.loads(contents.rows[0]["metadata"]) == {"score": 0.5, "deep": deep}


def test_json_array_is_read_by_element(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": "A"}, {"text": None}, 3, {"text": "B"}], indent=1))
    contents = read_all(path)
    assert contents.texts == ["A", "B"]
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [
        ("null-text", 2),
        ("invalid-json", 3),
    ]


def test_settings_in_json_are_a_text(tmp_path: Path) -> None:
    path = tmp_path / "package.json"
    path.write_text('{\n  "name": "cupel"\n}\n')
    (row,) = read_all(path).rows
    assert row["text"].startswith("{\n")


@pytest.mark.parametrize("target", [1, 7, 100, 1000, 5000, 1 << 20])
def test_splitting_changes_nothing(tmp_path: Path, target: int) -> None:
    import random

    rng = random.Random(3)
    longest = 60 if target >= 100 else 6  # hundreds of shards
    lines: list[object] = [{"text": "Zürich 東京 " * rng.randint(1, longest), "n": n} for n in range(60)]
    lines[10] = b""
    lines[20] = b"not json"
    lines[30] = b'{"text": "' + b"long " * 15 * longest + b'"}'
    path = write_lines(tmp_path / "a.jsonl", *lines)
    whole = read_all(path)
    split = read_all(path, target_bytes=target)
    assert len(whole.rows) == 58
    assert split.rows == whole.rows
    assert split.quarantined == whole.quarantined
    assert split.bytes_read == whole.bytes_read == path.stat().st_size


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "zst": lambda data: zstandard.compress(data, level=19),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4.frame.compress,
}


def make_compressed(kind: str) -> tuple[bytes, list[str]]:
    rows = [f"Document {n} " + "é東 silver " * (n % 40) for n in range(200)]
    content = [json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n" for text in rows]
    pieces = [b"".join(content[at : at + 50]) for at in range(0, 200, 50)]
    if kind != "zst":
        return b"".join(PACK[kind](piece) for piece in pieces), rows
    with_checksum = zstandard.ZstdCompressor(write_checksum=True, write_content_size=False)
    frames = [with_checksum.compress(piece) for piece in pieces[:2]] + [
        zstandard.compress(p) for p in pieces[2:]
    ]
    return b"".join(frames), rows


WHOLE = {kind: make_compressed(kind) for kind in PACK}


@pytest.mark.parametrize("kind", PACK)
def test_members_and_frames_one_after_the_other(tmp_path: Path, kind: str) -> None:
    data, rows = WHOLE[kind]
    path = tmp_path / f"a.jsonl.{kind}"
    path.write_bytes(data)
    contents = read_all(path)
    assert contents.texts == rows
    assert not contents.quarantined


@pytest.mark.parametrize("kind", PACK)
def test_packed_under_a_plain_name(tmp_path: Path, kind: str) -> None:
    data, rows = WHOLE[kind]
    (tmp_path / "a.jsonl").write_bytes(data)
    assert read_all(tmp_path).texts == rows
    assert read_all(tmp_path, target_bytes=1000).texts == rows


@pytest.mark.parametrize("outer", PACK)
@pytest.mark.parametrize("inner", PACK)
def test_packed_twice_is_unpacked_twice(tmp_path: Path, inner: str, outer: str) -> None:
    data, rows = WHOLE[inner]
    twice = PACK[outer](data)
    for name in (f"a.jsonl.{inner}.{outer}", f"b.jsonl.{outer}", "c.jsonl"):
        (tmp_path / name).write_bytes(twice)
    contents = read_all(tmp_path)
    assert contents.texts == rows * 3
    (tmp_path / "c.jsonl").write_bytes(twice[: len(twice) // 2])
    cut = read_all(tmp_path / "c.jsonl")
    assert cut.texts == rows[: len(cut.texts)]
    assert cut.reasons == ["truncated"]
    (tmp_path / "notes.txt.gz").write_bytes(PACK[outer](PACK[inner](b"Silver")))
    assert read_all(tmp_path / "notes.txt.gz").texts == ["Silver"]


def test_packed_over_and_over_is_refused(tmp_path: Path) -> None:
    data = b'{"text": "A"}\n'
    for _ in range(8):
        data = gzip.compress(data)
    (tmp_path / "a.jsonl.gz").write_bytes(data)
    contents = read_all(tmp_path)
    assert (contents.texts, contents.reasons) == ([], ["expands-too-much"])


def test_a_bomb_inside_of_another_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(gzip.compress(b"0" * (64 << 20))))
    options = ReadOptions(max_expansion=100, free_expansion_bytes=1 << 20, max_document_bytes=1 << 20)
    contents = read_all(tmp_path, options=options)
    assert contents.reasons == ["expands-too-much"]
    assert contents.bytes_read <= 4 << 20


def zstd_frame(window: int, text: bytes, dictionary: bytes = b"") -> bytes:
    """A frame of one raw block whose header asks for a window of this descriptor (RFC 8878, 3.1.1.1)."""
    flag = {0: 0, 1: 1, 2: 2, 4: 3}[len(dictionary)]
    block = (len(text) << 3 | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd" + bytes([flag, window]) + dictionary + block + text


@pytest.mark.parametrize("exponent", [10, 17, 20, 21])
def test_zstd_windows_up_to_two_gibibytes(tmp_path: Path, exponent: int) -> None:
    (tmp_path / "a.jsonl.zst").write_bytes(zstd_frame(exponent << 3, b'{"text": "A"}\n'))
    contents = read_all(tmp_path)
    assert (contents.texts, contents.reasons) == (["A"], [])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zstd_frame(22 << 3, b'{"text": "A"}\n'), "a window of 4294967296 bytes"),
        (zstd_frame(21 << 3 | 1, b'{"text": "A"}\n'), "a window of 2415919104 bytes"),
        (zstd_frame(0, b'{"text": "A"}\n', b"\x07"), "needs dictionary 7"),
        (b"\x02\x21\x4c\x18" + bytes(20), "legacy LZ4"),
    ],
)
def test_what_is_not_unpacked_says_why(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "a.jsonl.zst").write_bytes(data)
    (entry,) = read_all(tmp_path).quarantined
    assert (entry.reason, entry.position) == ("unsupported", 0)
    assert why in entry.detail


def test_lz4_frames_may_be_skipped(tmp_path: Path) -> None:
    skippable = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    (tmp_path / "a.jsonl.lz4").write_bytes(
        lz4.frame.compress(b'{"text": "A"}\n') + skippable + lz4.frame.compress(b'{"text": "B"}\n')
    )
    contents = read_all(tmp_path)
    assert (contents.texts, contents.reasons) == (["A", "B"], [])


@pytest.mark.parametrize(
    "text", ["BZh", "BZhou Dynasty", "BZh9 is how bzip2 begins", "PK", "PAR1 is a magic"]
)
def test_texts_that_begin_like_packed_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert read_all(tmp_path).texts == [text]


@pytest.mark.parametrize("ending", ["jsonl", "json", "txt", "html", "md"])
@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        # Where a file is one document, one that begins as a PDF is read as one; this is none.
        (b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n" * 9, {"binary", "corrupt"}),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, {"binary"}),
    ],
)
def test_binary_under_the_ending_of_text_is_one_entry(
    tmp_path: Path, ending: str, data: bytes, reasons: set[str]
) -> None:
    (tmp_path / f"a.{ending}").write_bytes(data)
    contents = read_all(tmp_path / f"a.{ending}")
    assert contents.rows == []
    assert len(contents.reasons) == 1
    assert set(contents.reasons) <= reasons


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("cut", range(1, 8))
def test_a_cut_inside_of_the_first_bytes_is_one(tmp_path: Path, kind: str, cut: int) -> None:
    path = tmp_path / f"a.jsonl.{kind}"
    path.write_bytes(WHOLE[kind][0][:cut])
    contents = read_all(path)
    assert contents.texts == []
    assert contents.reasons == ["truncated"]


@pytest.mark.parametrize("kind", PACK)
@settings(deadline=None, max_examples=80)
@given(where=st.floats(0, 1))
def test_a_cut_loses_nothing_before_it(kind: str, where: float) -> None:
    data, rows = WHOLE[kind]
    cut = max(1, int(len(data) * where))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.jsonl.{kind}"
        path.write_bytes(data[:cut])
        contents = read_all(path)
    assert contents.texts == rows[: len(contents.texts)]
    assert len(contents.quarantined) <= 1
    if len(contents.texts) < len(rows) and contents.quarantined:
        assert contents.reasons == ["truncated"]
        assert contents.quarantined[0].position <= cut
    # Whatever of it the standard decompressor can read is not less than what is read here.
    if kind == "gz" and contents.texts:
        assert len(contents.texts) >= 50 * sum(cut >= end for end in ends_of_members(data))


def ends_of_members(data: bytes) -> list[int]:
    import zlib

    ends, at = [], 0
    while at < len(data):
        inner = zlib.decompressobj(31)
        inner.decompress(data[at:])
        at = len(data) - len(inner.unused_data)
        ends.append(at)
    return ends


@pytest.mark.parametrize("kind", PACK)
@settings(deadline=None, max_examples=80)
@given(at=st.integers(0, 1 << 30), value=st.integers(0, 255))
def test_a_wrong_byte_spoils_only_what_follows(kind: str, at: int, value: int) -> None:
    whole, rows = WHOLE[kind]
    data = bytearray(whole)
    at = at % len(data)
    data[at] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.jsonl.{kind}"
        path.write_bytes(data)
        contents = read_all(path, options=ReadOptions(missing_column="quarantine"), format="jsonl")
    if kind == "gz":
        sound = 50 * sum(end <= at for end in ends_of_members(whole))
        assert contents.texts[:sound] == rows[:sound]
    if data == whole:
        assert contents.texts == rows


@settings(deadline=None, max_examples=examples(200))
@given(data=st.binary(max_size=400))
def test_any_bytes_never_raise(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(data)
        contents = read_all(path, options=ReadOptions(missing_column="quarantine"))
    assert len(contents.rows) + len(contents.quarantined) <= data.count(b"\n") + 1


@pytest.mark.parametrize("kind", PACK)
def test_a_bomb_is_stopped(tmp_path: Path, kind: str) -> None:
    zeros = b'{"text": "' + b"0" * (64 << 20) + b'"}\n'
    data = PACK[kind](zeros) * 4
    path = tmp_path / f"a.jsonl.{kind}"
    path.write_bytes(data)
    options = ReadOptions(max_expansion=100, free_expansion_bytes=1 << 20, max_document_bytes=1 << 20)
    contents = read_all(path, options=options)
    assert "expands-too-much" in contents.reasons
    assert contents.bytes_read <= 128 << 20
