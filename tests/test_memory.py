"""What memory a process may still take, by the limits on it."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cupel.engine import Engine
from cupel.memory import address_space_left, container_left, free_bytes


def group(folder: Path, limit: str, used: int, cached: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")
    return folder


def test_a_container_leaves_what_its_limit_and_those_around_it_leave(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("0::/outer/inner\n")
    root = tmp_path / "root"
    assert container_left(membership, root) is None
    group(root / "outer" / "inner", "max", 700, 0)
    assert container_left(membership, root) is None
    group(root / "outer", "1000", 700, 200)
    assert container_left(membership, root) == 500
    group(root / "outer" / "inner", "800", 700, 0)
    assert container_left(membership, root) == 100
    group(root / "outer" / "inner", "600", 700, 0)
    assert container_left(membership, root) == 0
    membership.write_text("4:memory:/older\n")
    assert container_left(membership, root) is None
    assert container_left(tmp_path / "none", root) is None


def limited(code: str, limit: int) -> str:
    """What a process prints that may have so many bytes of address space."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    ).stdout


def test_a_limit_on_address_space_bounds_what_is_free() -> None:
    code = "from cupel.memory import address_space_left as a, free_bytes as f; print(a(), f())"
    left, free = map(int, limited(code, 1 << 30).split())
    assert 0 < free <= left < 1 << 30
    assert free_bytes() > 0
    assert Engine(memory=7).memory_bytes() == 7
    assert Engine().memory_bytes() >= 1 << 28


@pytest.mark.skipif(address_space_left() is not None, reason="the address space is limited here")
def test_a_run_that_would_end_with_a_signal_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").write_text('{"id": "a", "text": "Caf\u00e9"}\n')
    places = ["refine", "gopher", "-i", str(tmp_path / "pool.jsonl"), "-o", str(tmp_path / "out")]
    code = f"import sys; sys.argv = ['cupel', *{places!r}]; from cupel.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the limit on address space (`ulimit -v`) leaves "), done.stderr
