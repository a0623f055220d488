"""The claims on likelihood and attention: what their texts are, their rules, and both from end to end, tiny."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from cupel.reproduction.pool import read_pool
from tests.conftest import prose
from tests.reproduction import world

pytest.importorskip("torch", reason="needs the extra lab")


def write_works(folder: Path, names: tuple[str, ...], works: int = 12, pieces: int = 4) -> Path:
    """Works in pieces, as novels and RFCs lie in the pool."""
    (folder / "pool").mkdir(parents=True, exist_ok=True)
    for name in names:
        rng = random.Random(name)
        rows = [
            {"id": f"{name}-{work}#{piece}", "text": prose(rng, 150), "source": name}
            for work in range(works)
            for piece in reversed(range(pieces))
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "pool" / f"{name}.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    return folder


def test_pieces_of_a_work_are_joined_in_their_order(tmp_path: Path) -> None:
    file: Any = world.module("wu_long_range")
    pool = read_pool(write_works(tmp_path, ("books_eltec",), works=3), ("books_eltec",))
    works = file["joined"](pool)
    texts = dict(zip(pool["id"].to_pylist(), pool["text"].to_pylist(), strict=True))
    expected = {"\n\n".join(texts[f"books_eltec-{work}#{piece}"] for piece in range(4)) for work in range(3)}
    assert set(works) == expected


def test_the_three_kinds_differ_by_order_and_origin_alone() -> None:
    file: Any = world.module("wu_long_range")
    works = [chr(97 + number) * 500 + chr(65 + number) * 500 for number in range(20)]
    kinds = file["texts_of"](works, 400, 30, seed=0)
    for texts in kinds.values():
        assert len(texts) == 30
        assert {len(text) for text in texts} == {400}
    assert all(len(set(text.lower())) == 1 for text in (*kinds["documents"], *kinds["shuffled"]))
    assert all(len(set(text.lower())) > 2 for text in kinds["unrelated"])
    assert kinds == file["texts_of"](works, 400, 30, seed=0)


@pytest.mark.parametrize(
    ("areas", "difference", "passed"),
    [
        ((0.9, 0.9), (-0.2, -0.1), True),
        ((0.9, 0.9), (-0.2, 0.1), None),
        ((0.9, 0.9), (0.1, 0.2), False),
        ((0.9, 0.7), (-0.2, -0.1), False),
        ((0.9, 0.79), (-0.2, -0.1), None),
        ((0.9, 0.9), None, None),
    ],
)
def test_the_rule_of_wu(areas: tuple[float, float], difference: Any, passed: bool | None) -> None:
    baseline = {"length": (0.5, 0.4, 0.6), "compression": (0.6, 0.5, 0.7)}
    separated = {
        str(number): {"attention": (area, area - 0.05, area + 0.05), **baseline}
        for number, area in enumerate(areas)
    }
    file: Any = world.module("wu_long_range")
    assert file["decide"](separated, difference) is passed


@pytest.mark.parametrize(
    ("intervals", "passed"),
    [
        ([(0.1, 0.2), (0.01, 0.02)], True),
        ([(0.1, 0.2), (-0.01, 0.02)], None),
        ([(0.1, 0.2), (-0.03, -0.02)], False),
        ([(0.1, 0.2), None], None),
    ],
)
def test_the_rule_of_zhang(intervals: Any, passed: bool | None) -> None:
    file: Any = world.module("zhang_ratio")
    assert file["decide"](intervals) is passed


def test_zhang_compares_as_many_of_the_domain_as_of_others() -> None:
    file: Any = world.module("zhang_ratio")
    rng = np.random.default_rng(0)
    scores = {
        "medical_qa": rng.normal(1, 1, (200, 2)),
        "tweets": rng.normal(0, 1, (100, 2)),
        "code": rng.normal(0, 1, (100, 2)),
    }
    scores["medical_qa"][:, 0] += 2
    rows = file["compare"](scores, ("tweets", "code"))
    assert rows.shape == (file["REPLICATES"] + 1, 2)
    assert rows[0, 0] > rows[0, 1] > 0.5
    np.testing.assert_allclose(rows[1:].mean(axis=0), rows[0], atol=0.01)


@pytest.mark.slow
def test_zhang_from_end_to_end(tmp_path: Path) -> None:
    file = world.claim("zhang_ratio")
    data = world.write_data(tmp_path / "data", file.claim.data)
    outcome = file.run(world.context(tmp_path, data, seeds=(0, 1)))
    assert -1 <= outcome.effect <= 1
    assert outcome.interval is not None
    assert len(outcome.sections[0].blocks[0].rows) == 2


@pytest.mark.slow
def test_wu_from_end_to_end(tmp_path: Path) -> None:
    file = world.claim("wu_long_range")
    outcome = file.run(world.context(tmp_path, write_works(tmp_path / "data", file.claim.data), seeds=(0, 1)))
    assert 0 <= outcome.effect <= 1
    assert len(outcome.sections[0].blocks[1].rows) == 2
