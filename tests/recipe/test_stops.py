"""Stops: a signal at any time ends a run in one line, leaves nothing behind, and the same command resumes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import cupel
from cupel.engine import Engine
from cupel.errors import RunFailed

STEPS = ["gopher-repetition", "gopher-quality", "exact", "minhash", "pii"]


def refine(pool: Path, output: Path, **options: Any) -> cupel.Result:
    recipe = cupel.Recipe.from_dict({"name": "stops", "steps": STEPS})
    return cupel.refine(recipe, input=pool, output=output, target_shard_bytes=40_000, **options)


def command(pool: Path, output: Path, *more: str) -> list[str]:
    recipe = output.parent / "recipe.yaml"
    recipe.write_text(cupel.Recipe.from_dict({"name": "stops", "steps": STEPS}).to_yaml())
    program = str(Path(sys.executable).with_name("cupel"))
    places = ["--input", str(pool), "--output", str(output), "--shard-size", "40kB", "--no-report"]
    return [program, "refine", str(recipe), *places, *more]


def start(arguments: list[str], *, ignoring: bool = False) -> subprocess.Popen[str]:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN if ignoring else signal.default_int_handler)

    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=ignore
    )


def wait_for_a_unit(process: subprocess.Popen[str], output: Path) -> None:
    while not list(output.rglob("*.done")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def manifest(output: Path) -> dict[str, Any]:
    return json.loads((output / "manifest.json").read_text())


def test_an_ignored_interrupt_changes_nothing(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    """A script's `cupel ... &` is started with SIGINT ignored."""
    pool = make_pool(2000, 10)
    process = start(command(pool, tmp_path / "out"), ignoring=True)
    wait_for_a_unit(process, tmp_path / "out")
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, said = process.communicate()
    assert process.returncode == 0, said
    found, expected = manifest(tmp_path / "out"), refine(pool, tmp_path / "whole").manifest
    assert (found["content_hash"], found["documents"]) == (expected["content_hash"], expected["documents"])


def test_a_pass_with_units_not_done_is_not_finished(
    make_pool: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, carry_out = make_pool(200, 4), Engine.map

    def lose_the_last(self: Engine, task: Callable[[str], str], payloads: Sequence[str]) -> Iterator[str]:
        return carry_out(self, task, payloads[:-1])

    monkeypatch.setattr(Engine, "map", lose_the_last)
    with pytest.raises(
        RunFailed, match=r"pass 1 of \d: .* 1 of \d+ units not done; the same command resumes"
    ):
        refine(pool, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    monkeypatch.undo()
    resumed, whole = refine(pool, tmp_path / "out"), refine(pool, tmp_path / "whole")
    assert resumed.manifest["content_hash"] == whole.manifest["content_hash"]
