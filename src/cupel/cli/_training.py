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
MIN_SHARE, MIN_SECONDS = 0.05, 10.0
"""Of the training that must be over before the time left means something: the first steps compile and warm up."""


class TrainingProgress:
    """A bar where there is a terminal; a line now and then where there is none."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()
        self._done: set[str] = set()
        self._at: dict[str, Mapping[str, Any]] = {}
        self._total = 0
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
        self._total, self._began = trials, time.monotonic()
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
        if self._task is not None:
            self._bar.update(self._task, completed=self._share(), words=self._words())
        if not err.is_terminal and ("done" in event or time.monotonic() - self._said >= LINE_SECONDS):
            self._said = time.monotonic()
            err.print(f"train: {' · '.join(self._words())}", markup=False, soft_wrap=True)

    def _share(self) -> float:
        going = sum(event["step"] / event["steps"] for event in self._at.values())
        return (len(self._done) + going) / max(self._total, 1)

    def _words(self) -> list[str]:
        share, spent = self._share(), time.monotonic() - self._began
        is_known = MIN_SHARE <= share < 1 and spent >= MIN_SECONDS
        left = f"{write_seconds(spent / share - spent)} left" if is_known else ""
        at = [
            f"{name}: step {event['step']}/{event['steps']}, loss {event['loss']:.3f}"
            for name, event in self._at.items()
        ]
        return [part for part in (f"{len(self._done)}/{self._total} trials", left, *at) if part]
