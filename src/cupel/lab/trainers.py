"""Processes that train. One that has trained stays warm: its imports and its compiled model serve the next call.

A process ends with the one that started it, however that ends, and by itself when it has had nothing to train for a
while. What is idle and was started for another environment ends when a process is asked for.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["TrainerProcess", "end_idle", "give_back", "idle_memory", "take"]


class TrainerProcess:
    """A process that reads paths of jobs from its standard input and writes what becomes of them as JSON lines.

    Parameters
    ----------
    command, environment
        What is started.
    log
        Where its standard error goes until its first job; it opens the log of each job itself.

    Attributes
    ----------
    warm
        It has trained before.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.warm = False
        self.key = (tuple(command), tuple(sorted(environment.items())))
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """End it at once, with the compilers that torch has started; its trial resumes from its checkpoint."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what it was to read and has not
                    pipe.close()


_idle: list[TrainerProcess] = []
_lock = threading.Lock()


def take(command: Sequence[str], environment: Mapping[str, str], log: Path) -> TrainerProcess:
    """A process for this environment: an idle one, else a new one."""
    key = (tuple(command), tuple(sorted(environment.items())))
    with _lock:
        useful = [process for process in _idle if process.key == key and process.alive]
        useless = [process for process in _idle if process not in useful]
        _idle[:] = useful[1:]
    for process in useless:
        process.end()
    return useful[0] if useful else TrainerProcess(command, environment, log)


def give_back(process: TrainerProcess) -> None:
    """The process has nothing to train, and waits for whoever takes it next."""
    process.warm = True
    with _lock:
        _idle.append(process)


def idle_memory() -> int | None:
    """Bytes that the processes which wait for something to train have held at most, all together; None where the
    system does not say.
    """
    total = 0
    with _lock:
        for process in _idle:
            try:
                status = Path(f"/proc/{process.process.pid}/status").read_text()
            except OSError:
                return None
            peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
            if peak is None:
                return None
            total += 1024 * int(peak.split()[1])
    return total or None


def end_idle() -> None:
    """End all processes that wait for something to train, and free their memory."""
    with _lock:
        idle, _idle[:] = _idle[:], []
    for process in idle:
        process.end()


atexit.register(end_idle)
