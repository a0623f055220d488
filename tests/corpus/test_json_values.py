"""JSON in every layout: which column holds the text, what is no document, and what memory is held."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.corpus.files import find_files
from cupel.corpus.json_layout import json_layout
from cupel.corpus.json_splitter import Value, ValueSplitter
from cupel.corpus.read import ReadOptions
from cupel.errors import BadInput
from tests.conftest import examples
from tests.corpus.reading import read_all

ROWS = [
    {"passage": "東京 is {large}", "id": 1},
    {"passage": 'Say "]" twice', "id": 2},
    {"passage": "c", "id": 3},
]
NAMED = ReadOptions(text_column="passage")


def layouts(rows: list[dict[str, Any]]) -> dict[str, bytes]:
    """The same objects in every layout that is read."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    pretty = [json.dumps(row, indent=2) for row in rows]
    texts = {
        "lines": "\n".join(lines),
        "lines after blank ones": "\n \n\n" + "\n".join(lines),
        "lines that end in commas": ",\n".join(lines) + ",\n",
        "array": json.dumps(rows),
        "array, a line each": "[\n" + ",\n".join(lines) + "\n]\n",
        "pretty array": json.dumps(rows, indent=4),
        "pretty": "\n".join(pretty),
        "concatenated": "".join(lines),
        "sequence": "".join(f"\x1e{line}\n" for line in lines),
        "pretty sequence": "".join(f"\x1e{value}\n" for value in pretty),
        "several arrays": json.dumps(rows[:1]) + "\n" + json.dumps(rows[1:]),
    }
    encoded = {name: text.encode() for name, text in texts.items()}
    encoded["byte order mark"] = b"\xef\xbb\xbf" + encoded["pretty array"]
    encoded["UTF-16"] = encoded["lines"].decode().encode("utf-16")
    encoded["packed"] = gzip.compress(encoded["pretty array"])
    return encoded


LAYOUTS = layouts(ROWS)


@pytest.mark.parametrize("ending", ["json", "jsonl", "txt", "export", ""])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_named_column_decides_in_every_layout(tmp_path: Path, layout: str, ending: str) -> None:
    path = tmp_path / f"pool.{ending}".rstrip(".")
    path.write_bytes(LAYOUTS[layout])
    contents = read_all(path, options=NAMED)
    assert contents.texts == [row["passage"] for row in ROWS]
    assert [row["id"] for row in contents.rows] == ["1", "2", "3"]
    assert not contents.quarantined


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_column_stops_the_run_and_lists_those_that_are_there(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "pool.json"
    path.write_bytes(LAYOUTS[layout])
    with pytest.raises(BadInput, match=r"no 'body' column; there are: passage, id"):
        read_all(tmp_path, options=ReadOptions(text_column="body"))
    with pytest.raises(BadInput, match=r"no text column; there are: passage, id"):
        read_all(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_objects_without_text_in_a_folder_are_put_aside_once(tmp_path: Path, layout: str) -> None:
    (tmp_path / "fixtures.json").write_bytes(LAYOUTS[layout])
    (tmp_path / "main.py").write_text("print()\n")
    contents = read_all(tmp_path)
    assert contents.texts == ["print()\n"]
    (entry,) = contents.quarantined
    assert entry.reason == "no-text-column"
    assert "passage, id" in entry.detail


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("# exported on Monday", "invalid-json"),
        ("passage;id", "invalid-json"),
        ('{"version": 2}', "missing-text"),
    ],
)
@pytest.mark.parametrize("ending", ["json", "txt"])
def test_an_odd_first_line_is_one_entry(tmp_path: Path, first: str, reason: str, ending: str) -> None:
    (tmp_path / f"pool.{ending}").write_bytes(first.encode() + b"\n" + LAYOUTS["lines"])
    contents = read_all(tmp_path, options=NAMED)
    assert len(contents.texts) == 3
    assert [(entry.reason, entry.position) for entry in contents.quarantined] == [(reason, 1)]


def test_a_comment_above_an_array_is_one_entry(tmp_path: Path) -> None:
    (tmp_path / "pool.json").write_bytes(b"// exported [on] Monday\n" + LAYOUTS["pretty array"])
    contents = read_all(tmp_path, options=NAMED)
    assert contents.texts == [row["passage"] for row in ROWS]
    assert contents.reasons == ["invalid-json"]


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "name": "cupel",\n  "private": true\n}\n',
        '{"name": "cupel"}\n',
        "[1, 2, 3]\n",
        '["a", "b"]\n',
        "[]\n",
        '"text"\n',
        "{% for row in rows %}\n{{ row }}\n",
        '{"level": "info"}\n' + "Then a long story begins.\n" * 9000,
        'A story with an example:\n{\n  "text": 1\n}\nand more of it.\n',
    ],
)
@pytest.mark.parametrize("ending", ["json", "py", "md", ""])
def test_settings_and_code_stay_texts(tmp_path: Path, text: str, ending: str) -> None:
    (tmp_path / f"a.{ending}".rstrip(".")).write_text(text)
    assert read_all(tmp_path).texts == [text]


def test_one_object_is_a_row_where_its_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ROWS[0], indent=1))
    (tmp_path / "b.json").write_text('{"features": {}}')
    contents = read_all(tmp_path, options=NAMED)
    assert contents.texts == [ROWS[0]["passage"]]
    assert contents.reasons == ["no-text-column"]
    (tmp_path / "c.json").write_text('{"text": "usual", "n": 1}')
    assert read_all(tmp_path / "c.json").texts == ["usual"]


def test_values_that_no_json_has(tmp_path: Path) -> None:
    rows = (
        b'{"text": "a", "score": NaN, "id": NaN},{"text": "b", "list": [Infinity, -Infinity, 1e999]}'
        b',{"text": NaN},{"text": "NaN", "big": 123456789012345678901234567890, "n": NaN}'
    )
    (tmp_path / "a.json").write_bytes(b"[" + rows + b"]")
    (tmp_path / "b.jsonl").write_bytes(rows.replace(b"},{", b"}\n{"))
    for name in ("a.json", "b.jsonl"):
        contents = read_all(tmp_path / name)
        assert contents.texts == ["a", "b", "NaN"]
        assert [json.loads(row["metadata"]) for row in contents.rows] == [
            {"score": None, "id": None},
            {"list": [None, None, None]},
            {"big": 1.2345678901234568e29, "n": None},
        ]
        assert len(contents.rows[0]["id"]) == 32
        assert contents.reasons == ["null-text"]


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (b'{"text": "\\ud800"}', "lone-surrogate"),
        (b'{"text": "line\nfeed"}', "invalid-json"),
        (b'{\n  "text": "no end,\n  "n": 1\n}', "invalid-json"),
        (b'{"text": tru}', "invalid-json"),
        (b'{"text" "a"}', "invalid-json"),
        (b"7", "invalid-json"),
        (b'"a, b"', "invalid-json"),
        (b'{"text": ""}', "empty-text"),
        (b'{"title": "a"}', "missing-text"),
    ],
)
def test_a_bad_element_spoils_no_other(tmp_path: Path, element: bytes, reason: str) -> None:
    good = b'{"text": "a"}'
    for name, data in {
        "array.json": b"[" + b", ".join([good, element, good, element, good]) + b"]",
        "pretty.json": b"[\n" + b",\n".join([good, element, good, element, good]) + b"\n]",
        "a.jsonl": b"\x1e" + b"\n\x1e".join([good, element, good, element, good]),
    }.items():
        (tmp_path / name).write_bytes(data)
        contents = read_all(tmp_path / name)
        assert contents.texts == ["a"] * 3
        assert [(entry.reason, entry.position) for entry in contents.quarantined] == [
            (reason, 2),
            (reason, 4),
        ]


def test_a_cut_array_keeps_what_came_before(tmp_path: Path) -> None:
    data = LAYOUTS["pretty array"]
    (tmp_path / "a.json").write_bytes(data[: data.rindex(b"passage") + 12])
    contents = read_all(tmp_path, options=NAMED)
    assert contents.texts == [row["passage"] for row in ROWS[:2]]
    (entry,) = contents.quarantined
    assert (entry.reason, entry.position, entry.unit) == ("invalid-json", 3, "row")
    assert "has no end" in entry.detail


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.tsv", "a.txt", "a.html"])
def test_a_document_beyond_the_limit_is_put_aside_and_not_held(tmp_path: Path, name: str) -> None:
    import tracemalloc

    size = 40 << 20
    huge = b"x" * size
    files = {
        "a.json": b'[{"text": "' + huge + b'"}, {"text": "small"}]',
        "a.jsonl": b'{"text": "' + huge + b'"}\n{"text": "small"}\n',
        "a.csv": b'text\n"' + huge[: size // 2] + b"\n" + huge[: size // 2] + b'"\nsmall\n',
        "a.tsv": b"text\n" + huge + b"\nsmall\n",
        "a.txt": huge,
        "a.html": huge,
    }
    path = tmp_path / name
    path.write_bytes(files.pop(name))
    del huge, files
    tracemalloc.start()
    contents = read_all(path, options=ReadOptions(max_document_bytes=1 << 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert contents.reasons == ["too-large"]
    assert "--max-document-bytes" in contents.quarantined[0].detail
    assert contents.texts == ([] if name in ("a.txt", "a.html") else ["small"])
    assert peak < size // 2


def test_lines_stay_lines_however_many_are_broken(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n' + b'{"text": "no end\n' * 60 + b'{"text": "b"}\n')
    contents = read_all(path)
    assert contents.texts == ["a", "b"]
    assert contents.reasons == ["invalid-json"] * 60


def test_layouts_of_very_long_heads() -> None:
    line = b'{"text": "' + b"x" * 70_000
    assert json_layout(line, whole=False).kind == "lines"  # type: ignore[union-attr]
    pretty = b'{\n "title": "a",\n "passage": "' + b"x" * 70_000
    layout = json_layout(pretty, whole=False)
    assert layout is not None
    assert (layout.kind, layout.has_text(("passage",)), layout.has_text(("body",))) == ("values", True, False)
    for hostile in (b"/*" * 32_000, b'"\\"' * 20_000, b"[{" + b'"' * 60_000, b"{" * 60_000, b'["{' * 20_000):
        json_layout(hostile + b"{", whole=False)


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    """The bytes cut at these distances."""
    parts, at = [], 0
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    return [*parts, data[at:]]


JSON = st.recursive(
    st.none()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.sampled_from(['"', "\\", "{]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=examples(300))
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), min_size=1, max_size=4),
    layout=st.sampled_from(
        sorted(set(LAYOUTS) - {"UTF-16", "packed", "byte order mark", "lines that end in commas"})
    ),
    sizes=st.lists(st.integers(1, 9), max_size=40),
)
def test_values_are_cut_as_a_parser_would(rows: list[dict[str, Any]], layout: str, sizes: list[int]) -> None:
    splitter = ValueSplitter(1 << 20)
    values = [value for part in pieces(layouts(rows)[layout], sizes) for value in splitter.feed(part)]
    assert splitter.finish() is None
    assert [json.loads(value.data) for value in values] == rows
    assert all(value == Value(value.data, len(value.data)) for value in values)


@settings(deadline=None, max_examples=examples(300))
@given(
    data=st.lists(
        st.sampled_from(
            [b"{", b"}", b"[", b"]", b'"', b"\\", b",", b"\n", b"a", b" ", b"\x1e", b"#", b"\xff", b"1"]
        ),
        max_size=60,
    ).map(b"".join),
    sizes=st.lists(st.integers(1, 9), max_size=40),
    limit=st.integers(1, 30),
)
def test_any_bytes_are_cut_the_same_however_they_come(data: bytes, sizes: list[int], limit: int) -> None:
    def cut(parts: list[bytes], limit: int) -> list[Value]:
        splitter = ValueSplitter(limit)
        values = [value for part in parts for value in splitter.feed(part)]
        return values + [left for left in [splitter.finish()] if left is not None]

    whole = cut([data], 1 << 20)
    assert cut(pieces(data, sizes), 1 << 20) == whole
    bounded = cut(pieces(data, sizes), limit)
    assert [value.size for value in bounded] == [value.size for value in whole]
    assert all(
        value.data == full.data for value, full in zip(bounded, whole, strict=True) if full.size <= limit
    )
    separators = b" \n,[]\x1e"
    kept = b"".join(value.data for value in whole)
    assert len(kept.translate(None, separators)) == len(data.translate(None, separators))


@settings(deadline=None, max_examples=examples(150))
@given(
    data=st.binary(max_size=200),
    ending=st.sampled_from(["json", "jsonl", "csv", "tsv", "txt", "zip", "arrow"]),
)
def test_any_bytes_never_raise(data: bytes, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{ending}"
        path.write_bytes(data)
        contents = read_all(path, options=ReadOptions(missing_column="quarantine"))
        assert (
            contents.rows
            or contents.quarantined
            or not data.strip(b" \t\r\n\x0b\x0c,[]\x1e\xef\xbb\xbf\xff\xfe\0")
        )
        assert find_files([str(path)])
