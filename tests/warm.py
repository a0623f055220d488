"""Commands run in forks of a process that has already imported everything heavy.

Starting Python and importing PyArrow, Daft and pandas takes a second of processor time, torch and transformers
take ten, and hundreds of tests run a command or train a model. `cupel()`, `python()` and `trainer()` are paths
of small programs; whoever runs one (a test, or a shell that a test runs) has it carried out by a fork of a warm
server, with the caller's own standard streams, environment and working directory, and gets its exit status.
Nothing is shared between two commands but what was imported before the first. All processes of one test run
share its servers, which end with it. Tests that send signals, or measure what a start imports, run the real thing.
"""

from __future__ import annotations

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cupel.store import make

__all__ = ["cupel", "prepare", "python", "trainer", "trainer_python"]

FOLDER, OWNER = "CUPEL_TESTS_FOLDER", "CUPEL_TESTS_OWNER"
"""Names of environment variables: where servers are found, and the process that they end with."""
COMMANDS = (
    "cupel.api",
    "daft",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "typer",
    "rich.progress",
    "vl_convert",
)
"""What most commands import; not `cupel.cli._console`, which looks at the terminal when it is imported."""
TRAINING = ("cupel.lab.training.trainer", "transformers.models.llama.modeling_llama")

CLIENT = """#!{python} -SE
import array, json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([{program!r}, sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
streams = array.array("i", [0, 1, 2])
server.sendmsg([len(request).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
server.sendall(request)
status = int.from_bytes(server.recv(4), "big", signed=True)
if status < 0:
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)  # as the command was
sys.exit(status)
"""


def cupel() -> str:
    """Path of a program that acts as the command `cupel`."""
    return str(_programs(COMMANDS) / "cupel")


def python() -> str:
    """Path of a program that acts as `python -c CODE ARGUMENT …`."""
    return str(_programs(COMMANDS) / "python")


def trainer() -> str:
    """Path of a program that acts as `python -m cupel.lab.training`."""
    return str(_programs(TRAINING) / "trainer")


def trainer_python() -> str:
    """Path of a program that acts as `python -c CODE ARGUMENT …` and has imported what training imports, no more."""
    return str(_programs(TRAINING) / "python")


def prepare() -> Path:
    """The folder of the servers of this test run; to be called before processes of it are started."""
    if FOLDER not in os.environ:
        folder = tempfile.mkdtemp(prefix="cupel-warm-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ |= {FOLDER: folder, OWNER: str(os.getpid())}
    return Path(os.environ[FOLDER])


@cache
def _programs(imported: tuple[str, ...]) -> Path:
    """The folder of the programs that a server which has imported these modules carries out."""
    address = str(prepare() / f"{imported[0]}.socket")

    def start(unfinished: Path) -> None:
        server = subprocess.Popen(
            [sys.executable, "-P", __file__, os.environ[OWNER], address, *imported],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # OpenMP reads how many threads it may have when it is loaded.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        )
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n", "the warm server did not start"
        server.stdout.close()
        server.returncode = 0  # it outlives this process, which must not wait for it
        unfinished.mkdir()
        for program in ("cupel", "python", "trainer"):
            path = unfinished / program
            path.write_text(CLIENT.format(python=sys.executable, address=address, program=program))
            path.chmod(0o755)

    return make(prepare() / imported[0], start)


def serve(owner: int, address: str, imported: Sequence[str]) -> None:
    """Import, listen, and fork once per request, as long as the owner is there."""
    for name in imported:
        importlib.import_module(name)
    gc.freeze()  # a fork copies no page for the sake of a count of references to what stays
    assert threading.active_count() == 1, "a fork would lose the other threads"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel collects the children
    print("ready", flush=True)
    while _is_running(owner):
        if not select.select([listening], [], [], 1.0)[0]:
            continue
        caller, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            command = os.fork()
            if command == 0:
                _answer(caller)
            _, state = os.waitpid(command, 0)
            caller.sendall(os.waitstatus_to_exitcode(state).to_bytes(4, "big", signed=True))
            os._exit(0)
        caller.close()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _answer(caller: socket.socket) -> None:
    streams = array.array("i")
    header, ancillary, *_ = caller.recvmsg(8, socket.CMSG_LEN(3 * streams.itemsize))
    streams.frombytes(ancillary[0][2])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    request = b""
    while len(request) < int.from_bytes(header, "big"):
        request += caller.recv(1 << 20)
    program, arguments, environment, folder = json.loads(request)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    status = _carry_out(program, arguments)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)


def _carry_out(program: str, arguments: list[str]) -> int:
    sys.argv = [program, *arguments]
    try:
        if program == "cupel":
            importlib.import_module("cupel.cli").main()
        elif program == "trainer":
            runpy.run_module("cupel.lab.training", run_name="__main__", alter_sys=True)
        else:
            flag, code, *rest = arguments
            assert flag == "-c"
            sys.argv = [flag, *rest]
            sys.path.insert(0, "")
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
