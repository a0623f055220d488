"""A run's progress in the terminal: documents/s, MB/s, kept, time left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cupel.cli._bar import make_bar
from cupel.cli._console import err
from cupel.recipe.progress import Snapshot, watch

__all__ = ["TerminalProgress", "announce"]

LINE_SECONDS = 10.0


def announce(text: str) -> None:
    """Say on a terminal what begins, before anything that takes time is loaded."""
    if err.is_terminal:
        err.print(text, style="dim", markup=False)


class TerminalProgress:
    """A bar where there is a terminal; a line now and then where there is none.

    Parameters
    ----------
    plan
        Lines to say before the first pass, once all that was asked for has been found good.
    keeping
        Whether documents may be dropped, so that the share of those kept says something.
    """

    def __init__(self, plan: Sequence[str] = (), *, keeping: bool = True) -> None:
        self.plan = tuple(plan)
        self.keeping = keeping

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
        with make_bar(err) as bar:
            task = bar.add_task(title, total=1.0, words=())

            def draw(now: Snapshot) -> None:
                bar.update(task, completed=now.share, words=now.fields(keeping=self.keeping))

            with watch(title, folder, sizes, draw):
                yield

    @contextmanager
    def _lines(self, title: str, folder: Path, sizes: Sequence[int]) -> Iterator[None]:
        last = time.monotonic()

        def draw(now: Snapshot) -> None:
            nonlocal last
            if now.share >= 1.0 or time.monotonic() - last >= LINE_SECONDS:
                last = time.monotonic()
                err.print(f"{title}: {' · '.join(now.fields(keeping=self.keeping))}", soft_wrap=True)

        with watch(title, folder, sizes, draw):
            yield
