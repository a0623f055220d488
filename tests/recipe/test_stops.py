"""Stops: a signal at any time ends a run in one line, leaves nothing behind, and the same command resumes."""

from __future__ import annotations

import json
import shutil
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
from cupel.errors import OutputInUse, RunFailed, Stopped
from cupel.recipe.folder import Folder
from cupel.recipe.task import run_task, stop_tasks

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
    pool = make_pool(700, 7)
    process = start(command(pool, tmp_path / "out"), ignoring=True)
    wait_for_a_unit(process, tmp_path / "out")
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, said = process.communicate()
    assert process.returncode == 0, said
    resumed, expected = manifest(tmp_path / "out"), refine(pool, tmp_path / "whole").manifest
    assert (resumed["content_hash"], resumed["documents"]) == (
        expected["content_hash"],
        expected["documents"],
    )


def test_a_pass_with_units_not_done_is_not_finished(
    make_pool: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, carry_out = make_pool(200, 4), Engine.map

    def lose_the_last(
        self: Engine, task: Callable[[str], str], payloads: Sequence[str], **_: bool
    ) -> Iterator[str]:
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


def test_a_stop_of_one_run_stops_no_other_of_the_process(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(40, 2)
    stop_tasks(tmp_path / "other")
    done = refine(pool, tmp_path / "out")
    assert done.manifest["documents"]["in"] == 40
    task = json.dumps({"folder": str(tmp_path / "other"), "pass": 0, "unit": 0, "shards": [0], "threads": 1})
    assert json.loads(run_task(task))["error"] == "Stopped"
    again = refine(pool, tmp_path / "other")
    assert again.manifest["content_hash"] == done.manifest["content_hash"]


def test_a_termination_is_a_clean_stop(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool, output = make_pool(700, 7), tmp_path / "out"
    process = start(command(pool, output))
    wait_for_a_unit(process, output)
    process.terminate()
    _, said = process.communicate()
    assert process.returncode == 143, said
    assert said.splitlines()[-1] == "stopped; the same command resumes"
    assert "Traceback" not in said
    assert not list(output.rglob("*.tmp"))
    resumed, whole = refine(pool, output), refine(pool, tmp_path / "whole")
    assert resumed.manifest["content_hash"] == whole.manifest["content_hash"]


STOP_AT_IMPORT = """
import os, sys

class Stop:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Stop())
from cupel.cli import main
sys.argv = ["cupel", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    ("module", "number"),
    [
        ("typer", signal.SIGTERM),
        ("cupel.api", signal.SIGINT),
        ("pyarrow.parquet", signal.SIGTERM),
        ("daft", signal.SIGINT),
    ],
)
def test_a_stop_while_starting_is_one_line(
    module: str, number: signal.Signals, make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    code = STOP_AT_IMPORT.format(module=module, number=int(number))
    pool = make_pool(20, 1)
    process = start([sys.executable, "-c", code, *command(pool, tmp_path / "out")[1:]])
    printed, said = process.communicate()
    assert (process.returncode, printed) == (128 + number, ""), said
    assert len(said.splitlines()) == 1, said
    assert said.startswith("stopped")


def test_a_stopped_assay_shows_no_traceback(make_pool: Callable[..., Path]) -> None:
    code = STOP_AT_IMPORT.format(module="torch", number=int(signal.SIGTERM))
    arms = [str(make_pool(20, 1, seed=seed, name=f"pool{seed}")) for seed in (1, 2)]
    process = start([sys.executable, "-c", code, "assay", *arms, "--scale", "nano"])
    _, said = process.communicate()
    assert process.returncode == 143, said
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "stopped"


def test_a_restart_waits_for_nobody_and_takes_nothing_away_from_a_running_run(
    make_pool: Callable[..., Path], tmp_path: Path
) -> None:
    pool = make_pool(40, 2)
    refine(pool, tmp_path / "out")
    folder = Folder(tmp_path / "out")
    with folder.locked():
        before = sorted(str(path) for path in folder.root.rglob("*"))
        with pytest.raises(OutputInUse, match="another cupel process is writing it"):
            refine(pool, tmp_path / "out", restart=True)
        assert sorted(str(path) for path in folder.root.rglob("*")) == before
    assert refine(pool, tmp_path / "out", restart=True).manifest["documents"]["in"] == 40


def test_a_restart_that_is_killed_is_completed(
    make_pool: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of an earlier run must not be taken for a part of the next."""
    pool, output = make_pool(40, 2), tmp_path / "out"
    refine(pool, output, writing=cupel.OutputOptions(format="jsonl"))
    remove = shutil.rmtree

    def die(path: Path, *more: Any, **options: Any) -> None:
        if Path(path).name == "ledger":
            raise KeyboardInterrupt
        remove(path, *more, **options)

    monkeypatch.setattr(shutil, "rmtree", die)
    with pytest.raises(Stopped, match="the same command resumes"):
        refine(pool, output, restart=True)
    monkeypatch.undo()
    resumed, whole = refine(pool, output), refine(pool, tmp_path / "whole")
    assert resumed.manifest["data_files"] == whole.manifest["data_files"]
    assert sorted(path.name for path in output.rglob("*")) == sorted(
        path.name for path in whole.output.rglob("*")
    )


def test_a_restart_leaves_a_folder_of_others_alone(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputInUse, match="not empty, and no run of Cupel"):
        refine(make_pool(20, 1), tmp_path / "mine", restart=True)
    assert (tmp_path / "mine" / "data" / "thesis.txt").read_text() == "mine"
