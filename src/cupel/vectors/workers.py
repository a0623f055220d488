"""Threads for work on vectors, each of which computes alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Workers"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Workers:
    """Threads that compute alone: no library below divides their work any further."""

    pool: ThreadPoolExecutor
    threads: int

    @classmethod
    @contextmanager
    def start(cls, threads: int) -> Iterator[Workers]:
        """So many of them, until the block ends."""
        import faiss
        from threadpoolctl import threadpool_limits

        pool = ThreadPoolExecutor(threads, initializer=lambda: faiss.omp_set_num_threads(1))
        with threadpool_limits(1, user_api="blas"), pool:
            yield cls(pool, threads)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results in order, few of them waiting so that memory stays bounded."""
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(self.pool.submit(function, item))
            if len(waiting) > 2 * self.threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
