"""What a pass left, read back by any number of threads: all of it, once, in order."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cupel
from cupel.recipe.folder import Folder
from cupel.recipe.planner import make_plan
from cupel.recipe.readback import Reader
from cupel.recipe.writers import ParquetWriter
from tests.conftest import prose

SOURCES = ["news", "web", "books"]
Row = dict[str, object]


def rows(units: int = 5, seed: int = 3) -> list[list[Row]]:
    """Documents of each unit: numbers ascend with gaps, texts of one word and of thousands."""
    rng = random.Random(seed)
    doc, by_unit = 0, []
    for _ in range(units):
        unit: list[Row] = []
        for _ in range(rng.randrange(1, 60)):
            doc += rng.randrange(1, 5)
            text = prose(rng, rng.choice([1, 20, 3000])) if rng.random() < 0.95 else "東京 é"
            unit.append(
                {
                    "doc": doc,
                    "id": f"d{doc}",
                    "text": text,
                    "source": rng.choice(SOURCES),
                    "lines.priority": 0.0,
                }
            )
        by_unit.append(unit)
    return by_unit


def written(folder: Folder, units: list[list[Row]]) -> None:
    """As a pass leaves them, in row groups of a few documents."""
    schema = pa.schema(
        [
            ("doc", pa.int64()),
            ("id", pa.large_string()),
            ("text", pa.large_string()),
            ("source", pa.large_string()),
            ("lines.priority", pa.float64()),
        ]
    )
    for number, unit in enumerate(units):
        for suffix, names in (
            ("parquet", schema.names[:4]),
            ("sketch.parquet", ["doc", "id", "source", "lines.priority"]),
        ):
            own = pa.schema([schema.field(name) for name in names])
            writer = ParquetWriter(folder.unit(0, number, suffix), own, row_group_bytes=20_000)
            table = pa.Table.from_pylist([{name: row[name] for name in names} for row in unit], own)
            for batch in table.to_batches(max_chunksize=3):
                writer.write(batch)
            writer.close()


def reader(
    folder: Folder, units: int, threads: int, dropped: list[int], sources: list[str], memory: int
) -> Reader:
    recipe = cupel.Recipe.from_dict({"name": "r", "steps": [{"lines": {"sources": sources}}]})
    pass_ = make_plan(recipe).passes[0]
    (step,) = pass_.decisions
    without = np.array(dropped, dtype=np.int64)
    return Reader(folder, pass_, step, list(range(units)), without, memory, threads, "corpus")


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_any_number_of_threads_reads_the_same(threads: int, memory: int, tmp_path: Path) -> None:
    units = rows()
    folder = Folder(tmp_path)
    written(folder, units)
    all_rows = [row for unit in units for row in unit]
    groups = [pq.read_metadata(folder.unit(0, unit, "parquet")).num_row_groups for unit in range(len(units))]
    assert max(groups) > 3, "too few row groups to come out of order"
    dropped = [int(row["doc"]) for row in all_rows[::7]]  # type: ignore[call-overload]
    alive = [row for row in all_rows if row["doc"] not in dropped]
    view = reader(folder, len(units), threads, dropped, [], memory)

    def texts(docs: pa.Array | None) -> list[tuple[object, object]]:
        batches = list(view.texts(docs))
        assert all(0 < batch.num_rows <= 2048 for batch in batches)
        return [(row["doc"], row["text"]) for batch in batches for row in batch.to_pylist()]

    assert texts(None) == [(row["doc"], row["text"]) for row in alive]
    wanted = random.Random(1).sample([row["doc"] for row in all_rows], 20)
    asked = pa.array(wanted, pa.int64())
    # Documents that are asked for by number are given, gone or not.
    assert texts(asked) == [(row["doc"], row["text"]) for row in all_rows if row["doc"] in wanted]
    assert texts(pa.array([], pa.int64())) == []
    known = {row["doc"]: row for row in all_rows}
    assert view.ids(asked).to_pylist() == [known[doc]["id"] for doc in wanted]
    assert view.sources(asked).to_pylist() == [known[doc]["source"] for doc in wanted]
    streamed = [row for batch in view.batches(["doc", "source"]) for row in batch.to_pylist()]
    assert streamed == [{"doc": row["doc"], "source": row["source"]} for row in alive]


def test_sources_come_one_after_the_other(tmp_path: Path) -> None:
    units = rows()
    folder = Folder(tmp_path)
    written(folder, units)
    view = reader(folder, len(units), 3, [], ["web", "news"], 1 << 30)
    rank = {"web": 0, "news": 1, "books": 2}
    by_rank = sorted((row for unit in units for row in unit), key=lambda row: rank[str(row["source"])])
    expected = [row["doc"] for row in by_rank]
    assert [doc for batch in view.texts(None) for doc in batch.column("doc").to_pylist()] == expected
    assert [doc for batch in view.batches(["doc"]) for doc in batch.column("doc").to_pylist()] == expected
