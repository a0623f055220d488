"""How far a pass is, told from the files that its tasks leave."""

from __future__ import annotations

import json
from pathlib import Path

from cupel.recipe.progress import _Watcher


def finish(folder: Path, unit: int, text: int) -> None:
    tally = {"documents_in": 10, "bytes_in": text, "documents_out": 5}
    (folder / f"{unit:05d}.tally.json").write_text(json.dumps(tally))
    (folder / f"{unit:05d}.done").touch()


def begin(folder: Path, unit: int, text: int) -> None:
    counts = {"documents": 4, "bytes": text, "kept": 2}
    (folder / f"{unit:05d}.progress").write_text(json.dumps(counts))


def test_compressed_input_is_not_taken_for_done_too_early(tmp_path: Path) -> None:
    """100 bytes of a file hold 400 of text: half the text is half the file, not twice."""
    watcher = _Watcher("pass", tmp_path, [100, 100])
    begin(tmp_path, 0, 200)
    assert watcher.snapshot().share == 0.25
    finish(tmp_path, 0, 500)
    begin(tmp_path, 1, 250)
    assert watcher.snapshot().share == 0.75


def test_the_time_left_is_given_once_several_units_are_finished(tmp_path: Path) -> None:
    finish(tmp_path, 0, 400)
    watcher = _Watcher("pass", tmp_path, [100] * 7)
    watcher.started -= 10
    for unit in (1, 2):
        finish(tmp_path, unit, 400)
        assert watcher.snapshot().seconds_left is None, (
            "one or two units say little, and earlier starts nothing"
        )
    finish(tmp_path, 3, 400)
    now = watcher.snapshot()
    assert now.seconds_left is not None
    assert 9.9 < now.seconds_left < 11, "three took 10 s, three are left"


def test_unreadable_progress_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "00000.progress").write_text("{")
    assert _Watcher("pass", tmp_path, [100]).snapshot().share == 0
