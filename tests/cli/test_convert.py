"""`cupel convert`: rows in, rows out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq

from tests import warm


def cupel(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([warm.cupel(), *map(str, arguments)], capture_output=True, text=True)


ROWS = [
    {"instruction": "Name a city.", "input": "", "output": "東京.", "topic": "places"},
    {"instruction": "Name a river.", "input": "", "output": "Seine.", "topic": "places"},
]


def _pool(folder: Path) -> Path:
    path = folder / "alpaca.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "{broken\n")
    return path


def test_another_layout_and_format(tmp_path: Path) -> None:
    done = cupel("convert", _pool(tmp_path), "-o", tmp_path / "chats.parquet", "--to", "messages")
    assert done.returncode == 0
    said = done.stdout + done.stderr
    assert "2 documents in" in said
    assert "1 not read" in said
    assert "line 3: invalid-json" in " ".join(said.split())
    rows = pq.read_table(tmp_path / "chats.parquet").to_pylist()
    assert [row["messages"][1]["content"] for row in rows] == ["東京.", "Seine."]
    back = cupel(
        "convert", tmp_path / "chats.parquet", "-o", tmp_path / "back.jsonl", "--to", "prompt-completion"
    )
    assert back.returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()]
    assert lines[0] == {"prompt": "Name a city.", "completion": "東京.", "topic": "places"}


def test_errors_are_one_line(tmp_path: Path) -> None:
    pool = _pool(tmp_path)
    (tmp_path / "plain.jsonl").write_text('{"text": "Plain."}\n')
    for arguments, expected in (
        ((pool, "-o", tmp_path / "x.jsonl", "--to", "mesages"), "did you mean 'messages'"),
        ((pool, "-o", tmp_path / "x.csv"), "ending"),
        ((tmp_path / "plain.jsonl", "-o", tmp_path / "x.jsonl"), "is a plain text"),
        ((pool, "-o", tmp_path), "name"),
        ((tmp_path / "nowhere", "-o", tmp_path / "x.jsonl"), "nowhere"),
    ):
        done = cupel("convert", *arguments)
        assert done.returncode not in (0, -1)
        assert expected in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "x.jsonl").exists()
