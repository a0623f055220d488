"""What a pool is recognized as."""

from __future__ import annotations

import json
from pathlib import Path

from cupel import Corpus

from .reading import make_tar, png

ALPACA = {"instruction": "A", "output": "B"}


def test_the_layouts_of_a_few_files(tmp_path: Path) -> None:
    for number in range(40):
        row = {"text": "A"} if number < 10 else ALPACA
        (tmp_path / f"{number:02}.jsonl").write_text("{}\n" + f"{json.dumps(row)}\n" * 3)
    (tmp_path / "x.tar").write_bytes(make_tar({"1.png": png(1, 1), "1.txt": b"A"}))
    (tmp_path / "y.jsonl").write_text('{"question": "A"}\n')
    assert Corpus.read(tmp_path).recognized().sentence() == (
        "14 of 42 files looked at: layout 'alpaca' in 10, plain text in 4; --layout NAME names one for all rows"
    )
    assert Corpus.read(tmp_path / "x.tar").recognized().layouts == {"webdataset": 1}
    assert (
        Corpus.read(tmp_path / "0*.jsonl").recognized().sentence()
        == "10 of 10 files looked at: plain text in all"
    )
    assert Corpus.read(tmp_path / "00.jsonl").recognized().sentence() == "plain text"


def test_files_that_cannot_be_read_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "A"}\n')
    assert (
        Corpus.read(tmp_path).recognized().sentence()
        == "no documents at the beginning of the files looked at"
    )
