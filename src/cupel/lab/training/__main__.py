"""`python -m cupel.lab.training JOB.json …` trains each trial in turn, told as JSON lines.

With `-`, paths are read from the standard input, one a line; when that ends, so does the process, at
once: whoever gave the jobs is gone, and a trial resumes from its checkpoint. It also ends when it has been given
nothing for a while. The standard error of each trial goes to `trainer.log` beside its job.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

IDLE_SECONDS = 600.0
"""How long a process that holds torch, and some hundred megabytes, waits for its next job."""


def main(arguments: Sequence[str]) -> int:
    """Train the trials of these job files; 0 when all are done, 3 or 4 with an error told."""
    from cupel.lab.training.trainer import Trainer, exit_code, train_file

    trainer = Trainer(_tell)
    worst = 0
    for path in _asked() if list(arguments) == ["-"] else arguments:
        ended = train_file(trainer, Path(path))
        worst = max(worst, exit_code(ended))
        if trainer.first or "error" in ended:
            _tell(ended)
    return worst


def _asked() -> Iterator[str]:
    paths: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            paths.put(line.strip())
        end()

    def end() -> None:
        if os.getsid(0) == os.getpid():  # whoever gave the jobs has given this process a session of its own
            os.killpg(0, signal.SIGKILL)  # the compilers that torch has started must not stay behind
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        try:
            path = paths.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            end()
        else:
            _log_to(Path(path).with_name("trainer.log"))
            yield path


def _log_to(path: Path) -> None:
    """Have what this process and its compilers write to the standard error in this file."""
    sys.stderr.flush()
    with path.open("a") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())


def _tell(message: Mapping[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
