"""A run's progress in the terminal: documents/s, MB/s, kept, time left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn

from cupel.cli._console import err
from cupel.recipe.progress import Snapshot, watch
from cupel.units import write_bytes, write_count, write_percent, write_seconds

__all__ = ["TerminalProgress"]

LINE_SECONDS = 10.0


class TerminalProgress:
    """A bar where there is a terminal; a line now and then where there is none.

    Parameters
    ----------
    plan
        Lines to say before the first pass, once all that was asked for has been found good.
    """

    def __init__(self, plan: Sequence[str] = ()) -> None:
        self.plan = tuple(plan)

    def note(self, text: str) -> None:
        err.print(text, style="dim", markup=False)

    @contextmanager
    def following(self, title: str, folder: Path, sizes: Sequence[int]) -> Iterator[None]:
        for line in self.plan:
            self.note(line)
        self.plan = ()
        follow = self._bar if err.is_terminal else self._lines
        with follow(title, folder, sizes):
            yield

    @contextmanager
    def _bar(self, title: str, folder: Path, sizes: Sequence[int]) -> Iterator[None]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[told]}"),
        )
        with Progress(*columns, console=err, transient=False) as bar:
            task = bar.add_task(title, total=1.0, told="")

            def draw(now: Snapshot) -> None:
                bar.update(task, completed=now.share, told=told(now))

            with watch(title, folder, sizes, draw):
                yield

    @contextmanager
    def _lines(self, title: str, folder: Path, sizes: Sequence[int]) -> Iterator[None]:
        last = time.monotonic()

        def draw(now: Snapshot) -> None:
            nonlocal last
            if now.share >= 1.0 or time.monotonic() - last >= LINE_SECONDS:
                last = time.monotonic()
                err.print(f"{title}: {told(now)}", soft_wrap=True)

        with watch(title, folder, sizes, draw):
            yield


def told(now: Snapshot) -> str:
    """One line of a snapshot."""
    rate = max(now.seconds, 1e-3)
    kept = write_percent(now.kept / now.documents) if now.documents else "–"
    left = now.seconds_left
    parts = [
        f"{write_count(now.documents)} documents",
        f"{write_count(now.documents / rate)}/s",
        f"{write_bytes(now.bytes / rate)}/s",
        f"kept {kept}",
        f"{write_seconds(now.seconds)}"
        if now.share >= 1
        else f"{write_seconds(left)} left"
        if left is not None
        else "",
    ]
    return " · ".join(part for part in parts if part)
