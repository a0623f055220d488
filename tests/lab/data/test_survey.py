import json
from pathlib import Path

import pytest

from cupel.errors import BadInput
from cupel.lab.data.arms import Arm
from cupel.lab.data.documents import read_documents, without
from cupel.lab.data.survey import Lowest, read_held_out, survey


def _pool(folder: Path, count: int = 200) -> Path:
    path = folder / "pool.jsonl"
    path.write_text(
        "".join(json.dumps({"id": f"d{n}", "text": f"text {n} " * 10}) + "\n" for n in range(count))
    )
    return path


def test_the_draw_does_not_depend_on_the_order() -> None:
    first, second = Lowest(500, seed=1), Lowest(500, seed=1)
    for n in range(300):
        first.offer(f"d{n}", "x" * 10, "")
        second.offer(f"d{299 - n}", "x" * 10, "")
    assert first.documents() == second.documents()
    assert len(first.documents()) == 50


def test_the_draw_is_even() -> None:
    counts = [0] * 40
    for seed in range(1000):
        drawn = Lowest(100, seed)
        for n in range(40):
            drawn.offer(f"d{n}", "x" * 10, "")
        for id, *_ in drawn.documents():
            counts[int(id[1:])] += 1
    assert sum(counts) == 10_000
    # Binomial with mean 250 and deviation 13.7; five deviations for forty of them.
    assert max(abs(count - 250) for count in counts) < 69


def test_memory_is_bounded_by_the_draw() -> None:
    drawn = Lowest(1000, seed=0)
    for n in range(10_000):
        drawn.offer(f"d{n}", "x" * 100, "")
        assert len(drawn._heap) <= 11


def test_no_more_than_a_tenth_is_held_out(tmp_path: Path) -> None:
    arm = Arm.parse(str(_pool(tmp_path)))
    surveyed = survey(arm, sample_bytes=1000, held_out_bytes=10**9, seed=0)
    assert surveyed.documents == 200
    held = sum(len(document.text) for document in surveyed.held_out)
    assert 0 < held <= 0.1 * surveyed.bytes + 200
    held_ids = frozenset(document.id for document in surveyed.held_out)
    left = [
        id
        for batch in without(read_documents(arm.parts[0].path), held_ids)
        for id in batch.column("id").to_pylist()
    ]
    assert len(left) == 200 - len(held_ids)
    assert not held_ids & set(left)


def test_of_long_documents_the_beginning_is_held_out(tmp_path: Path) -> None:
    """One huge document must not be all that is scored."""
    path = tmp_path / "long.jsonl"
    texts = [f"{n} café " * 5000 for n in range(20)]
    path.write_text("".join(json.dumps({"id": f"d{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    surveyed = survey(Arm.parse(path), sample_bytes=0, held_out_bytes=20_000, seed=0)
    assert len(surveyed.held_out) == 5
    assert all(document.text == texts[int(document.id[1:])][:4096] for document in surveyed.held_out)


def test_an_arm_without_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text('{"text": ""}\n')
    with pytest.raises(BadInput, match="arm 'empty' holds no text"):
        survey(Arm.parse(str(path)), sample_bytes=10, held_out_bytes=10, seed=0)
    with pytest.raises(BadInput, match="no document with text"):
        read_held_out([str(path)], 1000)


def test_of_much_held_out_text_as_much_is_drawn_of_each_domain(tmp_path: Path) -> None:
    path = tmp_path / "held.jsonl"
    rows = [{"id": f"{n}", "text": f"{n:04} " * 200, "domain": "ab"[n % 10 == 0]} for n in range(1000)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sample = read_held_out([str(path)], 20_000)
    assert sample.column("domain").value_counts().to_pylist() == [
        {"values": "b", "counts": 20},
        {"values": "a", "counts": 20},
    ]
    drawn = sorted(int(id) for id in sample.column("id").to_pylist() if int(id) % 10)
    assert drawn[-1] - drawn[0] > 700
    path.write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))
    assert read_held_out([str(path)], 20_000).sort_by("id") == sample.sort_by("id")
    assert read_held_out([str(path)], 10**9).num_rows == 1000
