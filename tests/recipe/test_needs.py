"""A pool that has nothing of what a step needs is refused before anything is read in earnest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from cupel.contract import Column, Signal
from cupel.corpus.files import scan
from cupel.corpus.read import ReadOptions
from cupel.errors import BadInput
from cupel.recipe.needs import check_needs
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe, Step
from tests.corpus.reading import make_tar, png


class Pictures(Signal):
    """Counts images."""

    name = "pictures"
    needs = ("text", "images")
    columns: ClassVar[Mapping[str, Column]] = {"pictures": Column(pa.int64(), "images", "how many there are")}

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        counts = [
            sum(part["kind"] == "image" for part in parts or ()) for parts in documents["parts"].to_pylist()
        ]
        return pa.record_batch({"pictures": pa.array(counts, pa.int64())})


def _check(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cupel.recipe.planner.methods_of", lambda kind: {"pictures": Pictures})
    monkeypatch.setattr("cupel.recipe.planner.find_method", lambda name, kind: Pictures)
    plan = make_plan(Recipe("r", (Step("plain", _plain()), Step("pictures", Pictures()))))
    check_needs(plan, scan([str(pool)]).files, ReadOptions())


def _plain() -> Signal:
    from cupel.contract import Extraction, find_method

    return find_method("plain", Extraction)()  # type: ignore[return-value]


def test_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    (pool / "a.jsonl").write_text(json.dumps({"text": "Plain."}) + "\n")
    (pool / "b.jsonl").write_text(json.dumps({"prompt": "Yes?", "completion": "No."}) + "\n")
    with pytest.raises(
        BadInput, match="step 'pictures': needs documents with images; none of the first 1,000"
    ):
        _check(pool, monkeypatch)
    (pool / "c.tar").write_bytes(make_tar({"1.png": png(1, 1), "1.txt": b"A cat."}))
    _check(pool, monkeypatch)
