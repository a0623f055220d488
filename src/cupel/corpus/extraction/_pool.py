"""Extraction bounded in time: pages go to child processes, which are ended when one hangs.

A thread cannot be stopped and compiled code cannot be interrupted; a process can. Pages and
texts cross as length-prefixed frames; nothing is pickled. One child serves one caller at a
time, idle children wait for the next, all of them end with this process.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Extractor, find_method
from cupel.corpus.extraction._child import EXTRACT, HEADER, PAGE, TEXT
from cupel.corpus.records import Quarantined, excerpt
from cupel.errors import BadOption, RunFailed

__all__ = ["ExtractionError", "ExtractionOptions", "close_pools", "extract_batch", "extract_document"]

_START_SECONDS = 60.0
"""For the imports of a child, which take about one second on an idle machine."""
_START_ATTEMPTS = 2
_PAGE_ATTEMPTS = 2
"""A process that was killed or stopped from outside says nothing about the page that it was at."""


@dataclass(frozen=True)
class ExtractionOptions:
    """Limits on one page.

    A page on which a process hangs or dies is given to a second one; what happens twice is the page's fault.

    Attributes
    ----------
    seconds
        The longest one extractor may work on one page in one attempt.
    max_html_bytes
        A larger page is not tried: parsing takes many times its size in memory.
    """

    seconds: float = 10.0
    max_html_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise BadOption(f"seconds is {self.seconds}; it must be more than 0")


@dataclass(frozen=True)
class ExtractionError:
    """Why an extractor gave no text for a page.

    Attributes
    ----------
    row
        Row of the batch.
    reason
        `extraction-timeout`, `extraction-crash`, `extraction-failed` or `too-large`.
    """

    row: int
    extractor: str
    reason: str
    detail: str


class _Child:
    """One child process and its two pipes."""

    def __init__(self, specs: Sequence[str], seconds: float) -> None:
        life, _ = _life_line()
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-m", "cupel.corpus.extraction._child", str(life), str(seconds), *specs]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=(life,),
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RunFailed("the extraction process has no pipes")
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        # A batch's first page must not pay for the child's imports.
        try:
            self.answer(time.monotonic() + _START_SECONDS)
        except BaseException:
            self.end()
            raise

    def send(self, kind: int, which: int, payload: bytes, deadline: float) -> None:
        """Writes one frame."""
        left = memoryview(HEADER.pack(kind, which, len(payload)) + payload)
        while left:
            if not _ready(self._in, select.POLLOUT, deadline):
                raise _Hung
            try:
                left = left[os.write(self._in, left[: 1 << 20]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise _Died(self.end()) from error

    def answer(self, deadline: float) -> tuple[int, bytes]:
        """Reads one frame: its status and payload."""
        status, _, length = HEADER.unpack(self._exactly(HEADER.size, deadline))
        return status, self._exactly(length, deadline)

    def _exactly(self, size: int, deadline: float) -> bytes:
        parts = []
        while size > 0:
            if not _ready(self._out, select.POLLIN, deadline):
                raise _Hung
            part = os.read(self._out, min(size, 1 << 20))
            if not part:
                raise _Died(self.end())
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def end(self) -> int:
        """Ends the process; its exit status, negative for a signal."""
        if self._process.poll() is None:
            # A closed pipe has been seen by now or never will be.
            self._process.kill() if not self._gone_by_itself() else None
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    # Closing flushes; there is nobody left to read.
                    continue
        return status

    def _gone_by_itself(self) -> bool:
        """Whether the process, whose pipe has closed, is just about to be gone."""
        if not _ready(self._out, select.POLLIN, 0.0):
            return False
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return False
        return True


def _ready(descriptor: int, event: int, deadline: float) -> bool:
    """Whether a pipe can be read or written, or is closed, before a moment of the monotonic clock."""
    poll = select.poll()  # unlike select, it takes descriptors of any number
    poll.register(descriptor, event)
    return bool(poll.poll(1000 * max(0.0, deadline - time.monotonic())))


class _Hung(Exception):
    """No answer in time."""


class _Died(Exception):
    """The process is gone; carries its exit status."""


def _start(specs: Sequence[str], seconds: float) -> _Child:
    """A child that is ready; one that is killed or stopped while it starts is given a second attempt."""
    for _ in range(_START_ATTEMPTS):
        try:
            return _Child(specs, seconds)
        except _Hung:
            fault = f"it was not ready after {_START_SECONDS:g} seconds"
        except _Died as error:
            fault = f"it ended with status {error}"
            if str(error).startswith("-"):
                fault += (
                    ", a signal: there may be too little memory or too few threads (`ulimit -v`, `ulimit -u`)"
                )
        except OSError as error:
            fault = f"{error.strerror or error}"
            if error.errno in (errno.EMFILE, errno.ENFILE):
                fault += "; raise the limit with `ulimit -n`, or use fewer --cores"
            if error.errno == errno.EAGAIN:
                fault += "; raise the limit on processes with `ulimit -u`, or use fewer --cores"
            if error.errno == errno.ENOMEM:
                fault += "; raise the limit with `ulimit -v`, free some memory, or use fewer --cores"
            break
    raise RunFailed(f"the extraction process does not start: {fault}; the same command resumes")


class _Pool:
    """Children for one set of extractors: as many as there are callers at a time."""

    def __init__(self, specs: tuple[str, ...], names: tuple[str, ...], options: ExtractionOptions) -> None:
        self._specs = specs
        self._names = names
        self._options = options
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        self._closed = False

    def _take(self, *, fresh: bool) -> _Child:
        with self._lock:
            if self._idle and not fresh:
                return self._idle.pop()
        return _start(self._specs, self._options.seconds)

    def _give(self, child: _Child | None) -> None:
        if child is None:
            return
        with self._lock:
            if not self._closed:
                self._idle.append(child)
                return
        child.end()

    def close(self) -> None:
        """Ends all idle children; those at work end when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def extract(self, pages: pa.Array) -> tuple[list[list[str | None]], list[ExtractionError]]:
        """The text of each page by each extractor."""
        texts: list[list[str | None]] = [[None] * len(pages) for _ in self._names]
        errors: list[ExtractionError] = []
        child: _Child | None = None
        try:
            for row, page in enumerate(pages):
                if not page.is_valid:
                    continue
                html = page.as_buffer().to_pybytes()
                if len(html) > self._options.max_html_bytes:
                    detail = f"the page has {len(html)} bytes; the limit is {self._options.max_html_bytes}"
                    errors += [ExtractionError(row, name, "too-large", detail) for name in self._names]
                    continue
                sent = False
                for which, name in enumerate(self._names):
                    for attempt in range(_PAGE_ATTEMPTS):
                        child = child or self._take(fresh=attempt > 0)
                        try:
                            texts[which][row], problem = self._one(child, which, html, not sent)
                            sent = True
                            break
                        except (_Hung, _Died) as fault:
                            problem = self._problem(fault)
                            child.end()
                            child, sent = None, False
                    if problem:
                        errors.append(ExtractionError(row, name, *problem))
        except BaseException:
            # A child in the middle of a page is of no use to anyone.
            if child is not None:
                child.end()
                child = None
            raise
        finally:
            self._give(child)
        return texts, errors

    def _one(
        self, child: _Child, which: int, html: bytes, send_page: bool
    ) -> tuple[str | None, tuple[str, str] | None]:
        deadline = time.monotonic() + self._options.seconds
        if send_page:
            child.send(PAGE, 0, html, deadline)
        child.send(EXTRACT, which, b"", deadline)
        status, payload = child.answer(deadline)
        text = payload.decode("utf-8", "replace")
        return (text, None) if status == TEXT else (None, ("extraction-failed", text))

    def _problem(self, fault: Exception) -> tuple[str, str]:
        if isinstance(fault, _Hung):
            return "extraction-timeout", f"not done after {self._options.seconds:g} seconds"
        return "extraction-crash", f"the extraction process ended with status {fault}"


_pools: dict[tuple[tuple[str, ...], ExtractionOptions], _Pool] = {}
_pools_lock = threading.Lock()


def _pool(specs: tuple[str, ...], names: tuple[str, ...], options: ExtractionOptions) -> _Pool:
    with _pools_lock:
        if (specs, options) not in _pools:
            if not _pools:
                atexit.register(close_pools)
            _pools[specs, options] = _Pool(specs, names, options)
        return _pools[specs, options]


def close_pools() -> None:
    """Ends all extraction processes; the next page starts new ones."""
    with _pools_lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.close()


_life: tuple[int, int] | None = None


def _life_line() -> tuple[int, int]:
    """Both ends of a pipe whose writing end only this process holds; the kernel tells the children when it closes."""
    global _life
    with _pools_lock:
        if _life is None:
            _life = os.pipe()
        return _life


def _forget_in_fork() -> None:
    """A forked copy of this process must not use, nor end, its parent's children."""
    global _life, _pools_lock
    _pools.clear()
    if _life is not None:
        for end in _life:
            os.close(end)
        _life = None
    _pools_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_in_fork)


def extract_batch(
    documents: pa.RecordBatch,
    extractors: Sequence[str | tuple[str, Mapping[str, Any]] | Extractor],
    seconds: float = 10.0,
    *,
    max_html_bytes: int = 64 << 20,
) -> tuple[list[pa.Array], list[Quarantined | None]]:
    """The main text of each page of a batch, by each extractor.

    Parameters
    ----------
    documents
        A batch as `read_shard` gives it, with column `html` (large_binary, UTF-8).
    extractors
        Names, (name, options) pairs, or extractors.
    seconds
        The longest one extractor may work on one page; one that takes longer, or ends its process, is given a
        second attempt.
    max_html_bytes
        A larger page is not tried: parsing takes many times its size in memory.

    Returns
    -------
    texts
        For each extractor a large_string array with one row per document: its text as it is
        where the document is no page, null where this extractor gave none, empty where the
        page has no main text.
    errors
        For each document nothing, or, where every extractor failed on its page, the entry
        for the quarantine: `extraction-timeout`, `extraction-crash`, `extraction-failed` or
        `too-large`.

    Examples
    --------
    >>> page = "<nav>Home</nav><main><p>Silver is refined in a cupel of bone ash.</p></main>"
    >>> batch = pa.record_batch({"html": pa.array([page.encode()], pa.large_binary())})
    >>> (texts,), errors = extract_batch(batch, ["resiliparse"])
    >>> texts.to_pylist(), errors
    (['Silver is refined in a cupel of bone ash.'], [None])
    """
    made = [_make(item) for item in extractors]
    if not made:
        raise BadOption("no extractor is named")
    specs = tuple(
        f"{type(item).__module__}:{type(item).__qualname__}:{json.dumps(item.options.model_dump(mode='json'))}"
        for item in made
    )
    pool = _pool(specs, tuple(item.name for item in made), ExtractionOptions(seconds, max_html_bytes))
    columns, problems = pool.extract(documents.column("html"))
    texts: list[pa.Array] = [pa.array(column, type=pa.large_string()) for column in columns]
    if "text" in documents.schema.names:
        texts = [pc.coalesce(documents.column("text"), column) for column in texts]
    return texts, _quarantine(documents, problems, len(made))


def extract_document(
    spec: str, name: str, content: bytes, options: ExtractionOptions
) -> tuple[str | None, ExtractionError | None]:
    """What one object in a child process makes of one document, or why it makes nothing.

    Parameters
    ----------
    spec
        `module:class:options`, a class with `from_options` and `extract` (text in, text out), and its options as JSON.
    content
        UTF-8.
    """
    texts, errors = _pool((spec,), (name,), options).extract(pa.array([content], pa.large_binary()))
    return texts[0][0], errors[0] if errors else None


def _quarantine(
    documents: pa.RecordBatch, problems: Sequence[ExtractionError], extractors: int
) -> list[Quarantined | None]:
    """Entries for the pages on which every extractor failed, with the first one's reason."""
    by_row: dict[int, list[ExtractionError]] = {}
    for problem in problems:
        by_row.setdefault(problem.row, []).append(problem)
    entries: list[Quarantined | None] = [None] * documents.num_rows
    names = documents.schema.names
    for row, errors in by_row.items():
        if len(errors) < extractors:
            continue
        path = documents.column("path")[row].as_py() if "path" in names else ""
        position = documents.column("position")[row].as_py() if "position" in names else row
        url = documents.column("url")[row].as_py() if "url" in names else None
        detail = "; ".join(f"{problem.extractor}: {problem.detail}" for problem in errors)
        entries[row] = Quarantined(path, position, "record", errors[0].reason, detail, excerpt(url or ""))
    return entries


def _make(item: str | tuple[str, Mapping[str, Any]] | Extractor) -> Extractor:
    if isinstance(item, Extractor):
        return item
    name, options = (item, {}) if isinstance(item, str) else item
    return find_method(name, Extractor).from_options(options)
