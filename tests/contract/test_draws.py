"""Draws by ids: what they may not depend on."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cupel.contract.draws import sample, uniform


def batch(first: int, last: int) -> pa.RecordBatch:
    return pa.record_batch({"id": [f"文-{number}" for number in range(first, last)]})


def test_uniform() -> None:
    draws = uniform(batch(0, 20_000)["id"], seed=3)
    assert 0 < draws.min() < 0.001
    assert 0.999 < draws.max() < 1
    assert draws.mean() == pytest.approx(0.5, abs=0.01)
    assert (uniform(batch(10, 20)["id"], seed=3) == draws[10:20]).all()
    assert (uniform(batch(10, 20)["id"], seed=4) != draws[10:20]).all()


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_a_sample_does_not_depend_on_batches(rows: int) -> None:
    batches = [batch(start, min(start + rows, 1000)) for start in range(0, 1000, rows)]
    drawn = sample(batches, 90, seed=1)["id"].to_pylist()
    assert len(drawn) == 90
    ids = batch(0, 1000)["id"].to_pylist()
    draws = uniform(batch(0, 1000)["id"], seed=1)
    lowest = sorted(sorted(range(1000), key=lambda row: draws[row])[:90])
    assert drawn == [ids[row] for row in lowest]


def test_all_where_there_are_fewer() -> None:
    assert sample([batch(0, 5), batch(5, 8)], 90, seed=0).num_rows == 8
    assert sample([], 90, seed=0).num_rows == 0
