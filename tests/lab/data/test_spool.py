"""What is read once comes again as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from cupel.lab.data import spool as spool_module
from cupel.lab.data.documents import read_documents
from cupel.lab.data.spool import Spool


@pytest.mark.parametrize("chats", [False, True])
def test_a_source_is_read_once(chats: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pool.jsonl"
    rows = [{"text": f"Café {number}", "weight": number} for number in range(50)]
    rows.append({"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B"}]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = pa.Table.from_batches(read_documents(str(path), chats=chats))
    reads = []

    def counted(path: str, *, chats: bool) -> object:
        reads.append(path)
        return read_documents(path, chats=chats)

    monkeypatch.setattr(spool_module, "read_documents", counted)
    folder = tmp_path / "cache"
    with Spool(folder, chats=chats) as spool:
        for _ in spool.read(str(path)):
            break  # whoever stops early has not read it all
        for _ in range(3):
            assert pa.Table.from_batches(spool.read(str(path))).equals(expected)
        assert len(reads) == 2
        assert not list(folder.iterdir()), "files without names are taken away with the process"
