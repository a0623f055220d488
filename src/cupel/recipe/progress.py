"""The progress of a pass, read from the files that its tasks write; drawing it happens elsewhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cupel.units import write_bytes, write_count, write_percent, write_seconds

__all__ = ["Progress", "Silent", "Snapshot", "watch"]

POLL_SECONDS = 0.25
UNITS_TO_KNOW = 3
"""Units that must finish before the remaining time is estimated: the first ones may all be small."""
TEXT_PER_INPUT_BYTE = 4.0
"""Estimate for the first units, typical of compressed files; later replaced by the measured ratio."""


@dataclass(frozen=True)
class Snapshot:
    """The progress of one pass.

    Attributes
    ----------
    documents, bytes, kept
        Documents and text bytes seen so far in this pass, and documents still there.
    share
        Of the pass that is done, by input bytes, from 0 to 1.
    seconds
        Since the pass began, or was taken up again.
    begun_at
        Share that was already done when it was taken up.
    finished
        Units that have been finished since.
    """

    title: str
    documents: int
    bytes: int
    kept: int
    share: float
    seconds: float
    begun_at: float
    finished: int

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None until enough units have finished."""
        done = self.share - self.begun_at
        if self.finished < UNITS_TO_KNOW or done <= 0 or self.seconds <= 0:
            return None
        return (1.0 - self.share) * self.seconds / done

    def fields(self, *, keeping: bool = True) -> list[str]:
        """What to show of it, the most important first; `keeping`: whether documents may be dropped."""
        if self.share >= 1:
            time_words = write_seconds(self.seconds)
        else:
            time_words = "" if self.seconds_left is None else f"{write_seconds(self.seconds_left)} left"
        rate = max(self.seconds, 1e-3)
        words = [
            f"{write_count(self.documents)} documents" if self.documents else "",
            time_words,
            f"kept {write_percent(self.kept / self.documents)}" if self.documents and keeping else "",
            f"{write_bytes(self.bytes / rate)}/s" if self.bytes else "",
            f"{write_count(self.documents / rate)} documents/s" if self.documents else "",
        ]
        return [word for word in words if word]


class Progress(Protocol):
    """Follows the progress of a run."""

    def note(self, text: str) -> None:
        """The run has started something else."""

    def following(self, title: str, folder: Path, sizes: Sequence[int]) -> AbstractContextManager[None]:
        """A context during which one pass runs; `sizes` are input bytes by unit."""


class Silent:
    """Ignores all progress."""

    def note(self, text: str) -> None:
        return None

    @contextmanager
    def following(self, title: str, folder: Path, sizes: Sequence[int]) -> Iterator[None]:
        yield


@contextmanager
def watch(title: str, folder: Path, sizes: Sequence[int], draw: Callable[[Snapshot], None]) -> Iterator[None]:
    """Call `draw` several times per second with the progress of the pass in `folder`, and once at its end."""
    watcher = _Watcher(title, folder, sizes)
    over = threading.Event()

    def poll() -> None:
        while not over.wait(POLL_SECONDS):
            draw(watcher.snapshot())

    thread = threading.Thread(target=poll, name="cupel-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        draw(watcher.snapshot())


class _Watcher:
    def __init__(self, title: str, folder: Path, sizes: Sequence[int]) -> None:
        self.title = title
        self.folder = folder
        self.sizes = sizes
        self.finished: dict[int, dict[str, int]] = {}
        self.started = time.monotonic()
        self.begun_at = 0.0
        self.found = 0
        first = self.snapshot()
        self.begun_at, self.found = first.share, len(self.finished)

    def snapshot(self) -> Snapshot:
        total = sum(self.sizes) or 1
        documents = text = kept = 0
        done = read = 0.0
        begun: list[tuple[int, int]] = []
        for unit, size in enumerate(self.sizes):
            counts = self.finished.get(unit)
            if counts is None and (self.folder / f"{unit:05d}.done").exists():
                counts = self.finished[unit] = self._read(f"{unit:05d}.tally.json")
            if counts is not None:
                done += size
                read += counts.get("bytes_in", 0)
            else:
                counts = self._read(f"{unit:05d}.progress")
                begun.append((size, counts.get("bytes", 0)))
            documents += counts.get("documents", counts.get("documents_in", 0)) or counts.get(
                "documents_out", 0
            )
            text += counts.get("bytes", counts.get("bytes_in", 0)) or counts.get("text_bytes_out", 0)
            kept += counts.get("kept", counts.get("documents_out", 0))
        expansion = read / done if read else TEXT_PER_INPUT_BYTE
        done += sum(min(0.99 * size, seen / expansion) for size, seen in begun)
        return Snapshot(
            self.title,
            documents,
            text,
            kept,
            min(1.0, done / total),
            time.monotonic() - self.started,
            self.begun_at,
            finished=len(self.finished) - self.found,
        )

    def _read(self, name: str) -> dict[str, int]:
        try:
            return dict(json.loads((self.folder / name).read_text()))
        except (OSError, ValueError):
            return {}
