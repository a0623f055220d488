"""Work spread over threads, its results in order and its memory bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_order"]

T = TypeVar("T")
R = TypeVar("R")


def in_order(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """`map` over threads: results in the order of the items, few of them ahead of what is taken.

    At most `threads` results wait, so that memory stays bounded however slowly they are taken. What
    `function` or `items` raises is raised where its result would stand. With one thread all is done by the
    caller's own.

    >>> list(in_order(str.upper, ["é", "b", "c"], threads=2))
    ['É', 'B', 'C']
    """
    if threads <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="cupel") as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
