"""The kernel that reads JSON lines takes what Python would take, and leaves it the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cupel import _kernels
from cupel.corpus.read import ReadOptions
from cupel.corpus.records import TEXT_COLUMNS, metadata_json
from cupel.corpus.rows import BadRow, parse_object, row_to_record
from tests.conftest import examples
from tests.corpus.reading import read_all

OPTIONS = ReadOptions(max_document_bytes=200)
LAYOUT = _kernels.RowLayout(
    text=list(TEXT_COLUMNS), id="id", source="source", url="url", default_source="here", most_bytes=200
)

Left = list[tuple[int, int, int, int]]


def read(block: bytes, *, numbered: bool = True, layout: Any = LAYOUT) -> tuple[list[dict], Left, int]:
    rows, left, lines = _kernels.read_rows(
        block, 0, len(block), layout, first_doc=0, first_position=1, numbered=numbered
    )
    return rows.to_pylist(), left, lines


def by_python(line: bytes, number: int) -> dict | None:
    """What the line is without the kernel; None where it is no document."""
    try:
        record = row_to_record(parse_object(line), OPTIONS, number, number + 1)
    except BadRow:
        return None
    return {
        "doc": number,
        "id": record.id,
        "text": record.text,
        "source": "here" if record.source is None else record.source,
        "url": record.url,
        "position": number + 1,
        "metadata": metadata_json(record.metadata or {}),
    }


NAMES = st.sampled_from(["text", "content", "id", "source", "url", "metadata", "a", "metadata.a", "é\n", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=1 << 62, max_value=1 << 66)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["{", '{"a": 1}', " \x1d\t", "\\", "\x00", "\u2028", "half \ud83d"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """One object, perhaps with a name twice, written in any of the ways that JSON allows."""
    ascii_only, space = draw(st.booleans()), draw(st.sampled_from(["", " ", "\t "]))
    entries = draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))
    if draw(st.booleans()):
        entries.append(("text", draw(st.text(min_size=1, max_size=80))))
    written = [
        json.dumps(name) + space + ":" + space + json.dumps(value, ensure_ascii=ascii_only)
        for name, value in entries
    ]
    text = space + "{" + ("," + space).join(written) + "}" + space
    return text.replace("e+", draw(st.sampled_from(["e+", "E", "e"]))).encode("utf-8", "surrogatepass")


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(lines() | st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")), max_size=4))
@example([b'{"text":"x","n":-0,"m":-0.0,"k":1e400}', b'{"text":"x","id":1.5}', b'{"text":"x","a":1.0e5}'])
@example([b'{"text":"x","metadata":{"a":1,"id":7},"a":2}', b'{"text":"x","metadata":"{\\"a\\": 1}"}'])
@example([b'{"text":"x","id":NaN,"n":[NaN,-Infinity]}', b'{"text":"x","metadata":{"weight":NaN}}'])
@example([b'{"text":"x","metadata":{"id":null,"source":["s"],"url":"u"},"id":true,"source":5}'])
def test_what_is_taken_is_what_python_takes(given_lines: list[bytes]) -> None:
    rows, left, count = read(b"".join(line + b"\n" for line in given_lines))
    assert count == len(given_lines)
    taken = {row["position"] - 1: row for row in rows}
    others = {line: given_lines[line] for _, line, _, _ in left}
    for number, line in enumerate(given_lines):
        expected = by_python(line, number)
        if number not in taken:
            assert (number in others) == bool(line and not line.isspace())
            continue
        assert number not in others
        assert expected is not None
        if expected["id"] is None:
            expected["id"] = taken[number]["id"]
            assert len(expected["id"]) == 32
        assert taken[number] == expected


def test_plain_lines_are_taken() -> None:
    plain = [
        {"text": "Silver."},
        {"id": 7, "content": "Gold.", "score": 0.25, "big": 2**63, "tags": ["a", {"b": None}]},
        {"metadata": {"url": "https://a.example/é", "language_score": 1e-7}, "id": "1", "text": 'A "q"\n'},
    ]
    block = b"".join(orjson.dumps(row) + b"\n" for row in plain)
    rows, left, _ = read(block)
    assert left == []
    assert [row["text"] for row in rows] == ["Silver.", "Gold.", 'A "q"\n']
    assert [row["url"] for row in rows] == [None, None, "https://a.example/é"]
    assert rows[1]["metadata"] == '{"score":0.25,"big":9223372036854775808,"tags":["a",{"b":null}]}'
    assert rows[2]["metadata"] == '{"language_score":1e-7}'


def test_a_place_outside_of_the_data_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no bytes 3\.\.9"):
        _kernels.read_rows(b"12345", 3, 9, LAYOUT, first_doc=0, first_position=1, numbered=True)


def test_left_lines_say_where_they_are() -> None:
    block = b'{"text":"a"}\n\n{"text":null}\n{"text":"b"}\r\nnot JSON\n'
    rows, left, lines = read(block, numbered=False)
    assert [(row["doc"], row["position"]) for row in rows] == [(0, 1), (28, 29)]
    assert [block[start:stop] for _, _, start, stop in left] == [b'{"text":null}', b"not JSON"]
    assert [(before, line) for before, line, _, _ in left] == [(1, 2), (2, 4)]
    assert lines == 5


def test_derived_ids_are_those_of_python(tmp_path: Path) -> None:
    """A file of one long line is read by Python, a piece with a line feed by the kernel."""
    (tmp_path / "kernel.jsonl").write_bytes(b'{"text":"caf\xc3\xa9"}\n')
    (tmp_path / "python.jsonl").write_bytes(b'{"text":"caf\xc3\xa9"}')
    kernel, python = (read_all(tmp_path / f"{name}.jsonl") for name in ("kernel", "python"))
    assert [row["id"] for row in kernel.rows] == [row["id"] for row in python.rows]


@pytest.mark.parametrize("depth", [10, 63, 70, 500, 100_000])
def test_deep_values_do_no_harm(depth: int) -> None:
    line = b'{"text":"x","deep":' + b"[" * depth + b"]" * depth + b"}\n"
    rows, left, _ = read(line)
    assert len(rows) + len(left) == 1
    assert bool(rows) == (depth < 64)


def test_batches_are_bounded_by_rows_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    path.write_bytes(b"".join(b'{"text":"%d %s"}\n' % (n, b"x" * (n % 50)) for n in range(1000)))
    by_rows = read_all(path, options=ReadOptions(batch_rows=7))
    by_bytes = read_all(path, options=ReadOptions(batch_bytes=1000))
    assert by_rows.texts == by_bytes.texts == read_all(path).texts
    assert set(by_rows.batch_rows[:-1]) == {7}
    assert max(by_bytes.batch_rows) <= 5
