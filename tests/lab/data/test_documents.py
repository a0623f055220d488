"""Documents as the lab reads them from files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from cupel.errors import BadInput
from cupel.lab.data.documents import DOCUMENTS, read_documents


def write(folder: Path, *fields: str) -> str:
    path = folder / "pool.jsonl"
    path.write_text("".join(f'{{"text": "東京", {field}}}\n' for field in fields))
    return str(path)


def test_weights_and_domains_are_fields(tmp_path: Path) -> None:
    lines = [
        '"weight": 2',
        '"weight": 0.5, "domain": "wiki"',
        '"weight": null',
        '"a": {"weight": 7}, "domain": 3',
    ]
    lines.append('"weight": 20000000000000000000')
    table = pa.Table.from_batches(read_documents(write(tmp_path, *lines)))
    assert table.schema == DOCUMENTS
    assert table["weight"].to_pylist() == [2.0, 0.5, 1.0, 1.0, 2e19]
    assert table["domain"].to_pylist() == ["pool", "wiki", "pool", "pool", "pool"]


@pytest.mark.parametrize("weight", [-1, "heavy", True, [1]])
def test_a_weight_that_is_none_is_refused(weight: object, tmp_path: Path) -> None:
    path = write(tmp_path, '"weight": 1', f'"id": "b", "weight": {json.dumps(weight)}')
    with pytest.raises(BadInput, match=r"document b: weight .*; expected a number of 0 or more"):
        list(read_documents(path))
