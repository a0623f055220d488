"""Which engine carries out the work: Daft's native runner by default, or Ray.

Both engines run the same plan: a Daft table of tasks, one row per shard, and one function
over it. Documents do not pass through the table: inside a task they stream as Arrow
batches from reader to writer, so that memory is bounded by the batch and not by the shard.
(Measured with Daft 0.7: documents through a scan and `write_parquet` held 4.5 GB for a
corpus of 3.9 GB; the task table holds a few kilobytes.) What crosses documents (sketches,
ledger, the finished corpus) is read back as Daft tables.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cupel.contract import OWN_METHODS
from cupel.errors import BadOption, MissingExtra, RunFailed, system_refusal
from cupel.memory import address_space_left, free_bytes
from cupel.units import write_bytes

__all__ = ["Engine", "daft", "read_tables", "wait_for_results"]

Task = Callable[[str], str]

ADDRESS_SPACE_BYTES = 1300 << 20
"""What a run on one core still takes after its start: it went well with 1.3 GiB left, and ended with 1.2."""
ADDRESS_SPACE_BYTES_PER_CORE = 8 << 20
THREADS, THREADS_PER_CORE = 12, 4
"""A run on two cores was seen to have 20 beside its first."""
SETTLE_SECONDS = 0.1
_WAITING = "cupel-results"


def daft() -> Any:
    """Daft, silent, with its telemetry and Ray's switched off before either is imported.

    Left to itself, Daft imports Ray, where it is installed, to find out whether it runs in a cluster: two
    seconds of processor time before the first query.
    """
    os.environ.setdefault("DAFT_RUNNER", "native")
    for name, value in (
        ("DAFT_ANALYTICS_ENABLED", "0"),
        ("DO_NOT_TRACK", "true"),
        ("SCARF_NO_ANALYTICS", "true"),
        ("RAY_USAGE_STATS_ENABLED", "0"),
        ("DAFT_PROGRESS_BAR", "0"),
        ("DAFT_SHOW_QUERY_ID", "0"),
    ):
        os.environ[name] = value
    import daft as module

    _settle_at_exit()
    return module


def read_tables(place: Path) -> Any:
    """A Parquet file, or all Parquet files of a folder, as a Daft DataFrame.

    Daft takes every path for a pattern, in which `[`, `]`, `?`, `*`, `{`, `}`, `!` and the backslash have a meaning;
    here `place` is the file or folder of exactly that name.
    """
    literal = re.sub(r"([\[\]?*{}!\\])", r"\\\1", os.path.abspath(place))
    return daft().read_parquet(f"{literal}/*.parquet" if place.is_dir() else literal)


@cache
def _settle_at_exit() -> None:
    """Give the threads of Daft a moment before the interpreter ends.

    One that lets go of the interpreter's lock while that is torn down ends the process with a signal, after
    all is done and written: seen once in fifty starts on a busy machine, with Daft 0.7.
    """
    atexit.register(time.sleep, SETTLE_SECONDS)


@dataclass(frozen=True)
class Engine:
    """Where a plan runs.

    Parameters
    ----------
    name
        `native` (this process, all cores) or `ray`.
    address
        Ray cluster, as `ray://host:10001`; None joins the cluster of `RAY_ADDRESS`
        or starts one here.
    cores
        Tasks that run at once on the native engine; None: all cores of this process.
    memory
        Bytes that finding duplicates may hold; None: half of what is free.
    """

    name: Literal["native", "ray"] = "native"
    address: str | None = None
    cores: int | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.name not in ("native", "ray"):
            raise BadOption(f"engine '{self.name}': expected 'native' or 'ray'")
        if self.address is not None and self.name != "ray":
            raise BadOption("an address goes with the Ray engine; add --engine ray")
        if self.cores is not None and self.cores < 1:
            raise BadOption(f"cores is {self.cores}: expected 1 or more")
        if self.memory is not None and self.memory < 1:
            raise BadOption(f"memory is {self.memory}: expected 1 byte or more")

    def start(self) -> None:
        """Make this the engine of Daft in this process; a second call does nothing.

        Raises
        ------
        MissingExtra
            Ray is asked for and not installed.
        RunFailed
            This process already uses the other engine, the cluster does not answer, or a limit on address
            space or threads is too low to begin.
        """
        if self.name == "native":
            _check_address_space(self.parallelism())
            _check_threads(THREADS + self.parallelism() * THREADS_PER_CORE)
        module = daft()
        try:
            if self.name == "ray":
                _join_ray(self.address)
                module.set_runner_ray(address=None, noop_if_initialized=True)
            else:
                module.set_runner_native(num_threads=self.cores)
                _keep_ignoring_interrupts(module)
        except (RuntimeError, module.exceptions.DaftCoreException) as error:
            if _running() == self.name:
                return
            raise RunFailed(
                f"this process already runs Daft on '{_running()}'; start a new one for '{self.name}' ({error})"
            ) from error
        except ConnectionError as error:
            raise RunFailed(f"no Ray cluster answers at {self.address}: {error}") from error

    def parallelism(self) -> int:
        """How many tasks can run at once."""
        if self.name == "ray":
            import ray

            return max(1, int(ray.cluster_resources().get("CPU", 1))) if ray.is_initialized() else 1
        here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.cores or here or 1

    def memory_bytes(self) -> int:
        """What one step that needs all documents at once may hold: half of what is free here."""
        return self.memory if self.memory is not None else max(1 << 28, free_bytes() // 2)

    def map(self, task: Task, payloads: Sequence[str], *, gpus: bool = False) -> Iterator[str]:
        """Results of `task` over `payloads`, as they come, in no particular order.

        `task` must be a function of a module, take a JSON text and give one. A task that is
        lost with its node is run again by Ray.

        Parameters
        ----------
        gpus
            On a cluster, carry tasks out in one process for each GPU, which sees that one alone.

        Raises
        ------
        RunFailed
            The cluster has no GPU, and one is asked for.
        """
        if not payloads:
            return
        if gpus and self.name == "ray":
            yield from _interruptible(_on_gpus(task, payloads))
            return
        module = daft()

        @module.func.batch(return_dtype=module.DataType.string(), batch_size=1, use_process=False)
        def carry_out(payload: Any) -> Any:
            import pyarrow as pa

            return pa.array([task(text) for text in payload.to_pylist()], pa.large_string())

        tasks = module.from_pydict({"task": list(payloads)})
        if self.name == "ray":
            tasks = tasks.into_partitions(len(payloads))
        rows = tasks.select(carry_out(module.col("task")).alias("result"))
        yield from _interruptible(row["result"] for row in rows.iter_rows())


def _on_gpus(task: Task, payloads: Sequence[str]) -> Iterator[str]:
    """Results of `task`, carried out by an actor for each GPU of the cluster."""
    import ray
    from ray.util import ActorPool

    count = int(ray.cluster_resources().get("GPU", 0))
    if not count:
        raise RunFailed(
            "a step computes on 'cuda', and the cluster has no GPU; start nodes with one, or use 'cpu'"
        )
    actor = ray.remote(num_gpus=1, max_restarts=-1, max_task_retries=-1)(_OneGpu)
    pool = ActorPool([actor.remote() for _ in range(min(count, len(payloads)))])
    yield from pool.map_unordered(
        lambda actor, payload: actor.carry_out.remote(task, payload), list(payloads)
    )


class _OneGpu:
    """A process that has one GPU for itself, and keeps what it loaded from task to task."""

    def carry_out(self, task: Task, payload: str) -> str:
        return task(payload)


def wait_for_results() -> None:
    """Wait until no query of `Engine.map` runs any more."""
    for thread in threading.enumerate():
        if thread.name == _WAITING:
            thread.join()


def _interruptible(results: Iterator[str]) -> Iterator[str]:
    """The same results, awaited where Python's signal handlers run at once.

    A thread that waits inside Daft sees no signal until the next result is there, which can take minutes. Here
    another thread waits, and an exception raised by a handler ends the iteration.
    """
    ready: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
    abandoned = threading.Event()

    def wait() -> None:
        try:
            for result in results:
                ready.put(result)
                if abandoned.is_set():
                    return
            ready.put(None)
        except BaseException as error:  # raised again by the thread that asked
            ready.put(error)

    threading.Thread(target=wait, name=_WAITING, daemon=True).start()
    try:
        while (result := ready.get()) is not None:
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        abandoned.set()


def _keep_ignoring_interrupts(module: Any) -> None:
    """Leave SIGINT ignored where this process was started with it ignored, as a script's `command &` is.

    With its first query Daft installs a handler of its own, which cancels whatever query runs, and it does so only
    once. So the first query is an empty one, after which the signal is ignored again.
    """
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        return
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may set handlers
    module.from_pydict({"task": [""]}).select(module.col("task").alias("result")).to_pydict()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _join_ray(address: str | None) -> None:
    """Join the cluster that is named here or in RAY_ADDRESS, or start one on this machine.

    Ray itself would also join whatever cluster last ran here, and wait long if it is gone.
    """
    try:
        import ray
    except ImportError:
        raise MissingExtra("the Ray engine", "ray") from None
    if not ray.is_initialized():
        where = address or os.environ.get("RAY_ADDRESS") or "local"
        alone: dict[str, Any] = {"include_dashboard": False} if where == "local" else {}
        if methods := os.environ.get(OWN_METHODS):  # the nodes of a cluster do not inherit it
            alone["runtime_env"] = {"env_vars": {OWN_METHODS: methods}}
        ray.init(address=where, log_to_driver=False, logging_level=logging.WARNING, **alone)


def _check_address_space(cores: int) -> None:
    """Refuse to begin where `ulimit -v` leaves too little: threads that get no stack end the process with a signal."""
    left = address_space_left()
    need = ADDRESS_SPACE_BYTES + cores * ADDRESS_SPACE_BYTES_PER_CORE
    if left is not None and left < need:
        raise RunFailed(
            f"the limit on address space (`ulimit -v`) leaves {write_bytes(left)}, and a run on {cores:,} cores "
            f"takes {write_bytes(need)} at least; raise it, or use fewer --cores"
        )


def _check_threads(count: int) -> None:
    """Refuse to begin where the system does not give so many threads: libraries wait without end for those they lack."""
    enough, threads = threading.Event(), []
    try:
        for _ in range(count):
            threads.append(threading.Thread(target=enough.wait, daemon=True))
            threads[-1].start()
    except RuntimeError as error:
        threads.pop()
        raise RunFailed(f"{system_refusal(error) or error} ({count:,} threads are needed at least)") from None
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def _running() -> str:
    from daft.runners import get_or_create_runner

    return str(get_or_create_runner().name)
