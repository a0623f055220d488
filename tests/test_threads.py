"""Work over threads: in order, and never far ahead."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from cupel.threads import in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    """The first of each pair waits until the second is done, where there are threads for both."""
    done = [threading.Event() for _ in range(20)]

    def work(item: int) -> int:
        if threads > 1 and item % 2 == 0:
            done[item + 1].wait(10)
        done[item].set()
        return item

    assert list(in_order(work, range(20), threads)) == list(range(20))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_few_items_are_taken_ahead(threads: int) -> None:
    """Of an endless stream, what is held at any time is bounded by the threads."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in itertools.count():
            taken += 1
            yield item

    for yielded, _ in enumerate(itertools.islice(in_order(lambda item: item, items(), threads), 100), 1):
        assert taken <= yielded + threads


@pytest.mark.parametrize("threads", [1, 3])
def test_a_fault_stands_where_its_result_would(threads: int) -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results = in_order(work, range(10), threads)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
