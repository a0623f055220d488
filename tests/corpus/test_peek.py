"""A first look at files: how they are understood, and how much their bytes hold."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cupel.corpus.files import find_files
from cupel.corpus.peek import peek_at
from cupel.corpus.records import ReadOptions

ROW = {"id": "a", "text": "Café in 東京 " * 50}


def write(folder: Path, name: str) -> Path:
    path = folder / name
    line = json.dumps(ROW) + "\n"
    match name:
        case "a.parquet":
            pq.write_table(pa.Table.from_pylist([ROW] * 1000), path, use_dictionary=False)
        case "a.json":
            path.write_text(json.dumps([ROW, ROW]))
        case "a.csv":
            path.write_text("id,text\na,Café\n")
        case "a.jsonl.zst":
            path.write_bytes(zstandard.compress((line * 5000).encode()))
        case _:
            path.write_text(line)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet", "a.jsonl.zst"])
def test_rows_have_a_text_column(tmp_path: Path, name: str) -> None:
    (file,) = find_files([str(write(tmp_path, name))])
    peek = peek_at(file, ReadOptions())
    assert peek.understood == "text column 'text'"
    assert peek.row is not None
    assert list(peek.row) == ["id", "text"]
    assert (peek.expansion > 3) == (name in ("a.jsonl.zst", "a.parquet"))


def test_conversations_and_broken_files(tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_text(json.dumps({"messages": [{"role": "user", "content": "x"}]}) + "\n")
    (tmp_path / "broken.jsonl").write_text("{not json\n")
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing")
    (tmp_path / "note.txt").write_text("A note.")
    understood = {
        file.relative: peek_at(file, ReadOptions()).understood for file in find_files([str(tmp_path)])
    }
    assert understood["chat.jsonl"] == "layout 'messages'"
    assert understood["note.txt"] == "one document per file"
    assert {understood[name] for name in ("broken.jsonl", "bad.parquet")} == {""}
