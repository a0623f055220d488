"""How far a pass is, read from the files that its tasks leave; who draws it is not our business."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["Progress", "Silent", "Snapshot", "watch"]

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Snapshot:
    """How far one pass is.

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
    """

    title: str
    documents: int
    bytes: int
    kept: int
    share: float
    seconds: float
    begun_at: float

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None while there is none."""
        done = self.share - self.begun_at
        if done <= 0 or self.seconds <= 0:
            return None
        return (1.0 - self.share) * self.seconds / done


class Progress(Protocol):
    """Somebody who wants to know how far a run is."""

    def note(self, text: str) -> None:
        """Something else is being done now."""

    def following(self, title: str, folder: Path, sizes: Sequence[int]) -> AbstractContextManager[None]:
        """A context during which one pass runs; `sizes` are input bytes by unit."""


class Silent:
    """Nobody."""

    def note(self, text: str) -> None:
        return None

    @contextmanager
    def following(self, title: str, folder: Path, sizes: Sequence[int]) -> Iterator[None]:
        yield


@contextmanager
def watch(title: str, folder: Path, sizes: Sequence[int], draw: Callable[[Snapshot], None]) -> Iterator[None]:
    """Call `draw` a few times a second with how far the pass in `folder` is, and once at its end."""
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
        self.begun_at = self.snapshot_share()

    def snapshot_share(self) -> float:
        return self._snapshot(0.0).share

    def snapshot(self) -> Snapshot:
        return self._snapshot(self.begun_at)

    def _snapshot(self, begun_at: float) -> Snapshot:
        total = sum(self.sizes) or 1
        documents = text = kept = 0
        done = 0.0
        for unit, size in enumerate(self.sizes):
            counts = self.finished.get(unit)
            if counts is None and (self.folder / f"{unit:05d}.done").exists():
                counts = self.finished[unit] = self._read(f"{unit:05d}.tally.json")
            if counts is not None:
                done += size
            else:
                counts = self._read(f"{unit:05d}.progress")
                done += min(size * 0.99, counts.get("bytes", 0))
            documents += counts.get("documents", counts.get("documents_in", 0)) or counts.get(
                "documents_out", 0
            )
            text += counts.get("bytes", counts.get("bytes_in", 0)) or counts.get("text_bytes_out", 0)
            kept += counts.get("kept", counts.get("documents_out", 0))
        return Snapshot(
            self.title,
            documents,
            text,
            kept,
            min(1.0, done / total),
            time.monotonic() - self.started,
            begun_at,
        )

    def _read(self, name: str) -> dict[str, int]:
        try:
            return dict(json.loads((self.folder / name).read_text()))
        except (OSError, ValueError):
            return {}
