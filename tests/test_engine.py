"""An engine does not begin where the system gives too few threads."""

from __future__ import annotations

import threading

import pytest

from cupel import engine
from cupel.errors import RunFailed


def test_too_few_threads_are_an_error_and_none_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, []

    def start_seven(thread: threading.Thread) -> None:
        if len(started) == 7:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_seven)
    with pytest.raises(
        RunFailed, match=r"raise the limit \(`ulimit -u`\).* \(20 threads are needed at least\)"
    ):
        engine._check_threads(20)
    assert len(started) == 7
    assert not any(thread.is_alive() for thread in started)
    started.clear()
    engine._check_threads(7)
    assert len(started) == 7
    assert not any(thread.is_alive() for thread in started)
