"""Trials on their way in the terminal: one bar for all of them, and what each is at."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.progress import TaskID

from cupel.cli._bar import make_bar
from cupel.cli._console import err
from cupel.units import write_seconds

__all__ = ["TrainingProgress"]

LINE_SECONDS = 10.0
SURE_SECONDS = 15.0
"""Of steps, before which the time that is left is not shown: their pace is not known."""


class TrainingProgress:
    """A bar where there is a terminal; a line now and then where there is none."""

    def __init__(self) -> None:
        self._said = time.monotonic()
        self._done: set[str] = set()
        self._at: dict[str, Mapping[str, Any]] = {}
        self._total = 0
        self._first: tuple[float, float] | None = None
        """When the first step was reported, and the share done by then: what came before is loading and compiling."""
        self._bar = make_bar(err)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def note(self, text: str) -> None:
        """One line about what begins."""
        err.print(text, style="dim", markup=False)

    def training(self, trials: int) -> None:
        """So many trials are trained now."""
        self._total, self._first = trials, None
        self._done.clear()
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task("train", total=1.0, words=())

    def trained(self, event: Mapping[str, Any]) -> None:
        """A trial made a step, or ended."""
        if "step" in event:
            self._at[event["trial"]] = event
        if "done" in event:
            self._done.add(event["trial"])
            self._at.pop(event["trial"], None)
        if self._first is None and "step" in event:
            self._first = (time.monotonic(), self._share())
        if self._task is not None:
            self._bar.update(self._task, completed=self._share(), words=self._words())
        if not err.is_terminal and ("done" in event or time.monotonic() - self._said >= LINE_SECONDS):
            self._said = time.monotonic()
            err.print(f"train: {' · '.join(self._words())}", markup=False, soft_wrap=True)

    def _share(self) -> float:
        going = sum(event["step"] / event["steps"] for event in self._at.values())
        return (len(self._done) + going) / max(self._total, 1)

    def _words(self) -> list[str]:
        left = "" if (seconds := self._left()) is None else f"about {write_seconds(seconds)} left"
        at = [
            f"{name}: step {event['step']}/{event['steps']}, loss {event['loss']:.3f}"
            for name, event in self._at.items()
        ]
        return [part for part in (f"{len(self._done)}/{self._total} trials", left, *at) if part]

    def _left(self) -> float | None:
        """Seconds until all is trained, at the pace of the steps so far; None before that means something."""
        share = self._share()
        if self._first is None or share >= 1:
            return None
        began, before = self._first
        spent = time.monotonic() - began
        if spent < SURE_SECONDS or share - before < 0.02:
            return None
        return spent / (share - before) * (1 - share)
