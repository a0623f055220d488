"""The child process that extracts pages: frames in, frames out, nothing else.

Its arguments are a pipe, a time limit and the extractors, each as `module:class:options`. It dies
with its parent: the pipe closes then, and the kernel sends a signal that no endless loop in
compiled code can hold off. Should the signal not come, the alarm ends it.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import signal
import struct
import sys
from typing import Any

HEADER = struct.Struct("<BIQ")
"""Of a frame: its kind, which extractor, how many bytes follow."""
PAGE, EXTRACT, TEXT, FAILED = range(4)


def load(spec: str) -> Any:
    """The extractor that `module:class:options` names."""
    module, name, options = spec.split(":", 2)
    made: Any = importlib.import_module(module)
    for part in name.split("."):
        made = getattr(made, part)
    return made.from_options(json.loads(options))


def serve(extractors: list[Any], seconds: float, source: int, target: int) -> None:
    """Answers frames until the input ends."""
    html = ""
    with open(source, "rb") as frames, open(target, "wb") as answers:
        while len(header := frames.read(HEADER.size)) == HEADER.size:
            kind, which, length = HEADER.unpack(header)
            payload = frames.read(length)
            if len(payload) < length:
                return
            if kind == PAGE:
                html = payload.decode("utf-8", "replace")
                continue
            # Later than the parent's own limit: only for when the parent is no longer there.
            signal.setitimer(signal.ITIMER_REAL, seconds + 5)
            # Whatever an extractor raises is reported to the parent, page by page.
            try:
                status, answer = TEXT, extractors[which].extract(html).encode("utf-8", "replace")
            except Exception as error:
                status, answer = FAILED, f"{type(error).__name__}: {error}"[:300].encode("utf-8", "replace")
            signal.setitimer(signal.ITIMER_REAL, 0)
            answers.write(HEADER.pack(status, which, len(answer)))
            answers.write(answer)
            answers.flush()


def die_with_parent(life: int) -> None:
    """Have the kernel send SIGIO, which ends the process, once the other end of the pipe closes."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)


def main() -> None:
    """Takes the pipes, then serves."""
    die_with_parent(int(sys.argv[1]))
    # Libraries print; only frames may reach the parent.
    target = os.dup(1)
    os.dup2(2, 1)
    # Ctrl-C goes to the whole group; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    extractors = [load(spec) for spec in sys.argv[3:]]
    answers_ready = HEADER.pack(TEXT, 0, 0)
    os.write(target, answers_ready)
    serve(extractors, float(sys.argv[2]), 0, target)


if __name__ == "__main__":
    main()
