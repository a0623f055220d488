"""Stopped assays: whatever ends the command, no trainer and no compiler of its stays behind."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.test_assay import TINY, _sentence, _write

pytest.importorskip("torch", reason="needs the extra lab")
pytestmark = pytest.mark.slow

COMPILER = """#!/bin/sh
echo $$ >> "{place}"
exec sleep 3600
"""
"""A C++ compiler that never ends, and says which process it is."""


def assay(tmp_path: Path, compiler: Path) -> subprocess.Popen[str]:
    """A tiny assay in a process of its own, as a terminal starts it: in a new process group."""
    draw = random.Random(0)
    arms = [str(_write(tmp_path / f"{name}.jsonl", [_sentence(draw) for _ in range(300)])) for name in "ab"]
    options = [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
    places = ["--cache", str(tmp_path / "cache"), "-o", str(tmp_path / "out")]
    command = [sys.executable, "-c", "from cupel.cli import main; main()", "assay", *arms]
    return subprocess.Popen(
        [*command, "--seeds", "1", "--device", "cpu", "--workers", "2", *options, *places],
        env=os.environ | {"CXX": str(compiler), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A script's `... &` ignores it, and these tests with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_for_lines(process: subprocess.Popen[str], place: Path, lines: int) -> list[int]:
    while not place.exists() or place.read_text().count("\n") < lines:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return [int(line) for line in place.read_text().split()]


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [(signal.SIGTERM, False), (signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGKILL, False)],
    ids=["sigterm", "ctrl-c", "sigint", "sigkill"],
)
def test_a_stopped_assay_leaves_no_process_behind(
    number: signal.Signals, whole_group: bool, tmp_path: Path
) -> None:
    place, compiler = tmp_path / "compilers", tmp_path / "c++"
    compiler.write_text(COMPILER.format(place=place))
    compiler.chmod(0o755)
    process = assay(tmp_path, compiler)
    compilers = wait_for_lines(process, place, 2)  # one for each of the two trainers
    trainers = [
        int(Path(f"/proc/{compiler}/stat").read_text().rsplit(")", 1)[1].split()[1]) for compiler in compilers
    ]
    watched = [os.pidfd_open(child) for child in {*compilers, *trainers}]
    if whole_group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, said = process.communicate()
    for child in watched:
        assert select.select([child], [], [])[0]
        os.close(child)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), said
    assert "Traceback" not in said
