"""Runs that end just before a change of their folder: every change once, in forks of a warm process.

`python -m tests.crashes ROOT` serves requests from standard input, one line of JSON each: arguments of `cupel`
and the number of the change before which the process is to end. It answers with the exit status and with the
number of changes seen. A fork begins without Daft's threads, and what was imported before costs it nothing.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests import warm

__all__ = ["CRASHED", "CrashServer"]

CRASHED = 9
CHANGES = (
    (os, "replace"),
    (os, "rename"),
    (os, "unlink"),
    (os, "remove"),
    (os, "mkdir"),
    (os, "rmdir"),
    (os, "link"),
    (shutil, "copyfile"),
)
"""What changes which names a folder holds; `pathlib` calls these of `os`."""


class CrashServer:
    """A warm process whose forks run `cupel` and end where they are told to."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes", str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "CUPEL_REPORT": "0"},
        )

    def run(self, arguments: Sequence[str], crash_before: int = 0) -> tuple[int, int]:
        """Exit status of `cupel ARGUMENTS`, and how many changes it made, or was about to make, below the root."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([list(arguments), crash_before]) + "\n")
        self._process.stdin.flush()
        status, changes = json.loads(self._process.stdout.readline())
        return status, changes

    def close(self) -> None:
        self._process.communicate()


def serve(root: str) -> None:
    """Fork once per request, one after the other, until the input ends."""
    for name in warm.COMMANDS:
        importlib.import_module(name)
    importlib.import_module("cupel.cli._app")
    importlib.import_module("cupel.contract").all_methods()
    gc.freeze()  # a fork copies no page for the sake of a count of references to what stays
    assert threading.active_count() == 1, "a fork would lose the other threads"
    for line in iter(sys.stdin.readline, ""):
        arguments, crash_before = json.loads(line)
        counter, teller = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            _count_changes(root, crash_before, teller)
            _carry_out(arguments)
        os.close(teller)
        changes = 0
        while seen := os.read(counter, 1 << 16):
            changes += len(seen)
        os.close(counter)
        _, state = os.waitpid(child, 0)
        print(json.dumps([os.waitstatus_to_exitcode(state), changes]), flush=True)


def _count_changes(root: str, crash_before: int, teller: int) -> None:
    """Tell of each change below the root, and end the process before a certain one."""
    lock, seen = threading.RLock(), 0

    def counting(name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal seen
            if _changes_something(root, name, arguments, options):
                with lock:  # no other thread changes anything between the count and the end
                    seen += 1
                    os.write(teller, b".")
                    if seen == crash_before:
                        os._exit(CRASHED)
                    return change(*arguments, **options)
            return change(*arguments, **options)

        return counted

    for module, name in CHANGES:
        setattr(module, name, counting(name, getattr(module, name)))
    # Both are looked up by shutil to find out whether folders can be removed safely.
    os.supports_dir_fd |= {os.unlink, os.rmdir, os.mkdir, os.rename}
    os.supports_fd |= {os.scandir}


def _changes_something(root: str, name: str, arguments: Sequence[Any], options: dict[str, Any]) -> bool:
    """Whether a call changes names below the root; a folder made where it stands, for example, does not.

    How far a task is, and which file of a folder that is taken away goes first, decides nothing.
    """
    if name == "rmdir" or name in ("unlink", "remove"):
        if options.get("dir_fd") is not None:
            return name == "rmdir"
        return str(arguments[0]).startswith(root) and os.path.lexists(arguments[0])
    place = str(arguments[-1] if name in ("replace", "rename", "copyfile") else arguments[0])
    if not place.startswith(root) or place.endswith(".progress"):
        return False
    return name != "mkdir" or not os.path.lexists(place)


def _carry_out(arguments: list[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = ["cupel", *arguments]
    status: Any = 0
    try:
        importlib.import_module("cupel.cli").main()
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 70
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(int(status))


if __name__ == "__main__":
    serve(sys.argv[1])
