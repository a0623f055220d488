"""Weights: what weighs, that later steps carry it on, and that it is part of what a corpus is."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import cupel
from cupel.errors import BadInput
from tests.conftest import prose


def write(folder: Path, rows: list[dict]) -> Path:
    folder.mkdir()
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def refine(pool: Path, output: Path, *steps: object, **options: object) -> cupel.Result:
    return cupel.refine(
        cupel.Recipe.from_dict({"name": "weights", "steps": list(steps)}),
        input=pool,
        output=output,
        **options,
    )


def weights(result: cupel.Result) -> dict[str, float]:
    paths = sorted((result.output / "data").glob("*.parquet"))
    return {row["id"]: row["weight"] for path in paths for row in pq.read_table(path).to_pylist()}


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    own = [prose(random.Random(n), 60) for n in range(6)]
    texts = [own[0]] * 4 + [own[1]] * 2 + own[2:]
    return write(tmp_path / "pool", [{"id": f"d{n}", "text": text} for n, text in enumerate(texts)])


def test_copies_share_one_weight(pool: Path, tmp_path: Path) -> None:
    result = refine(pool, tmp_path / "out", {"exact": {"action": "weigh"}})
    assert result.manifest["documents"]["kept"] == 10
    expected = {f"d{n}": 0.25 if n < 4 else 0.5 if n < 6 else 1.0 for n in range(10)}
    assert weights(result) == expected


def test_weights_multiply_along_the_steps_and_from_the_input(tmp_path: Path) -> None:
    text = prose(random.Random(1), 60)
    rows = [
        {"id": "a", "text": text, "weight": 3},
        {"id": "b", "text": text, "weight": 0.5},
        {"id": "c", "text": prose(random.Random(2), 60)},
        {"id": "d", "text": prose(random.Random(3), 60), "weight": "much"},
    ]
    pool = write(tmp_path / "pool", rows)
    result = refine(pool, tmp_path / "out", {"exact": {"action": "weigh"}}, {"minhash": {"action": "weigh"}})
    assert weights(result) == {"a": 0.75, "b": 0.125, "c": 1.0, "d": 1.0}
    # Without a step that weighs, an input's weight is a field like any other.
    pool = write(tmp_path / "numbers", rows[:3])
    plain = refine(pool, tmp_path / "plain", {"exact": {"keep": "first"}})
    assert weights(plain) == {"a": 3, "c": None}


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("nested", [False, True])
def test_a_weight_that_no_document_can_have_is_named(tmp_path: Path, weight: float, nested: bool) -> None:
    field = {"weight": weight}
    rows = [
        {"id": "a", "text": prose(random.Random(1), 60)},
        {"id": "b", "text": prose(random.Random(2), 60)},
    ]
    pool = write(tmp_path / "pool", [rows[0], rows[1] | ({"metadata": field} if nested else field)])
    with pytest.raises(BadInput, match=r"document 'b' .*weight .*expected a number of 0 or more"):
        refine(pool, tmp_path / "out", {"exact": {"action": "weigh"}})
    plain = refine(pool, tmp_path / "plain", "exact")
    assert plain.manifest["documents"]["kept"] == 2


def test_a_later_step_drops_and_the_others_keep_their_weight(pool: Path, tmp_path: Path) -> None:
    result = refine(pool, tmp_path / "out", {"minhash": {"action": "weigh"}}, "exact")
    by_id = weights(result)
    assert sorted(by_id.values()) == [0.25, 0.5, 1.0, 1.0, 1.0, 1.0]


def test_soft_deduplication_end_to_end(pool: Path, tmp_path: Path) -> None:
    step = {"softdedup": {"segments": 3}}
    result = refine(pool, tmp_path / "out", step, report=True)
    by_id = weights(result)
    assert by_id["d0"] == by_id["d3"] < by_id["d9"]
    assert result.manifest["documents"]["dropped"] == 0
    again = refine(pool, tmp_path / "again", step, target_shard_bytes=500)
    assert weights(again) == pytest.approx(by_id)
    assert cupel.clusters(result.output) == []
    assert "dropped and changed nothing" not in result.report.read_text()


def test_weights_count_in_the_content_hash(pool: Path, tmp_path: Path) -> None:
    hashes = {
        refine(pool, tmp_path / f"out{ratio}", {"softdedup": {"segments": 3, "max_ratio": ratio}}).manifest[
            "content_hash"
        ]
        for ratio in (2, 5)
    }
    assert len(hashes) == 2


def test_mark_carries_score_and_weight(pool: Path, tmp_path: Path) -> None:
    result = refine(pool, tmp_path / "out", {"softdedup": {"segments": 3, "action": "mark"}})
    (path,) = (result.output / "data").glob("*.parquet")
    rows = pq.read_table(path).to_pylist()
    assert "weight" not in rows[0]
    assert all(row["softdedup_score"] < 0 < row["softdedup_weight"] for row in rows)
