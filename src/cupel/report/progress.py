"""How far a run or an assay is, drawn from Python: a bar in a notebook or a terminal (`progress=True`)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, TypeVar

from cupel.recipe.progress import Snapshot, watch

__all__ = ["ProgressBar", "as_progress"]

P = TypeVar("P")

CELLS = 24
REDRAW_SECONDS = 0.2


class ProgressBar:
    """One line that is drawn again and again: in a notebook by its display, else on the standard error.

    It follows runs of recipes and trials alike, so it fits every function with a parameter `progress`. Where the
    standard error is no terminal (a log), each pass and each trial leaves one line.
    """

    def __init__(self) -> None:
        self._display = _notebook_display()
        self._live = self._display is not None or sys.stderr.isatty()
        self._drawn = 0.0
        self._trials = 0
        self._done: set[str] = set()
        self._at: dict[str, float] = {}

    # -- runs ----------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """One line about what begins."""
        if self._display is not None:
            self._display(f'<div style="opacity:.7">{escape(text)}</div>')
        else:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def following(self, title: str, folder: Path, sizes: Sequence[int]) -> Iterator[None]:
        """Follow one pass of a run."""

        def draw(now: Snapshot) -> None:
            self._draw(title, now.share, " · ".join(now.fields()), last=now.share >= 1.0)

        with watch(title, folder, sizes, draw):
            yield

    # -- trials --------------------------------------------------------------------------------

    def training(self, trials: int) -> None:
        """So many trials are trained now."""
        self._trials = trials
        self._done.clear()
        self._at.clear()

    def trained(self, event: Mapping[str, Any]) -> None:
        """A trial made a step, or ended."""
        name = str(event["trial"])
        if "step" in event:
            self._at[name] = event["step"] / event["steps"]
        if "done" in event:
            self._done.add(name)
            self._at.pop(name, None)
        share = (len(self._done) + sum(self._at.values())) / max(self._trials, 1)
        words = f"{len(self._done)} of {self._trials} trials"
        self._draw("train", share, words, last="done" in event)

    # -- drawing -------------------------------------------------------------------------------

    def _draw(self, title: str, share: float, words: str, *, last: bool) -> None:
        now = time.monotonic()
        if not last and (not self._live or now - self._drawn < REDRAW_SECONDS):
            return
        self._drawn = now
        filled = round(min(share, 1.0) * CELLS)
        if self._display is not None:
            bar = f'<progress value="{share:.4f}" max="1" style="width:16em"></progress>'
            self._display(f"<div>{escape(title)} {bar} {escape(words)}</div>", name=title)
        elif self._live:
            line = f"{title} {'━' * filled}{'╌' * (CELLS - filled)} {words}"
            print(f"\r\x1b[K{line}", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            print(f"{title}: {words}", file=sys.stderr, flush=True)


def as_progress(progress: P | bool | None) -> P | ProgressBar | None:
    """What follows a run or trials where `progress` may also be True, for a bar, or False."""
    return (ProgressBar() if progress else None) if isinstance(progress, bool) else progress


class _Display:
    """Pieces of HTML in the output of a notebook cell; one of the same name takes the place of the last."""

    def __init__(self, display: Any, html: Any) -> None:
        self._show = display
        self._html = html
        self._handles: dict[str, Any] = {}

    def __call__(self, html: str, name: str = "") -> None:
        handle = self._handles.get(name) if name else None
        if handle is not None:
            handle.update(self._html(html))
        else:
            made = self._show(self._html(html), display_id=True)
            if name:
                self._handles[name] = made


def _notebook_display() -> _Display | None:
    """What draws in the notebook that this process is the kernel of, if it is one."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    if running is None or not getattr(running, "kernel", None):
        return None
    from IPython.display import HTML, display

    return _Display(display, HTML)
