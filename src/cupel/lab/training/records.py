"""What a trial writes down on the way: its loss curve, the loss of each visit to a document, and how much of it was likely.

All are plain arrays that are added to; a trial that resumes from a checkpoint first cuts them back to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from cupel.lab.training.order import TrainingBatch

__all__ = [
    "CURVE",
    "VISIT_LIKELY",
    "VISIT_LOSS",
    "Records",
    "read_curve",
    "read_visit_likely",
    "read_visit_losses",
    "recorded_rows",
]

CURVE = np.dtype([("step", "<u4"), ("loss", "<f4"), ("learning_rate", "<f4"), ("gradient_norm", "<f4")])
"""One step: mean loss of the targets that count, in nats before the update, learning rate, norm before clipping."""

VISIT_LOSS = np.dtype([("step", "<u4"), ("visit", "<u8"), ("tokens", "<u4"), ("loss", "<f4")])
"""Part of a visit that one step trained on: how many targets count, and the sum of their losses in nats."""

VISIT_LIKELY = np.dtype("<u4")
"""Of the same part: how many targets had a probability above one half, and so were surely the likeliest token."""

_HALF = float(np.log(2.0))


class Records:
    """The files of one trial, open for adding."""

    def __init__(self, folder: Path, curve_rows: int = 0, visit_rows: int = 0) -> None:
        self._curve = _open(folder / "curve.bin", curve_rows * CURVE.itemsize)
        self._visits = _open(folder / "visit_losses.bin", visit_rows * VISIT_LOSS.itemsize)
        self._likely = _open(folder / "visit_likely.bin", visit_rows * VISIT_LIKELY.itemsize)

    def add(
        self, step: int, losses: NDArray[np.float32], batch: TrainingBatch, learning_rate: float, norm: float
    ) -> None:
        """One step; `losses` are those of `batch`'s targets."""
        flat = losses.ravel()
        lengths = np.diff(np.append(batch.starts, flat.size))
        loss = flat.mean(dtype=np.float64)
        likely = flat < _HALF
        if batch.mask is not None:
            counts = batch.mask.ravel()
            flat, likely = np.where(counts, flat, np.float32(0)), likely & counts
            lengths = np.add.reduceat(counts, batch.starts, dtype=np.int64)
            loss = flat.sum(dtype=np.float64) / max(int(lengths.sum()), 1)
        row = np.array([(step, loss, learning_rate, norm)], CURVE)
        self._curve.write(row.tobytes())
        visits = np.empty(len(batch.visits), VISIT_LOSS)
        visits["step"], visits["visit"] = step, batch.visits
        visits["tokens"] = lengths
        visits["loss"] = np.add.reduceat(flat, batch.starts, dtype=np.float64)
        self._visits.write(visits.tobytes())
        self._likely.write(np.add.reduceat(likely, batch.starts, dtype=VISIT_LIKELY).tobytes())

    def flush(self) -> tuple[int, int]:
        """Everything to disk; how many rows the curve and the visits have now."""
        for file in (self._curve, self._visits, self._likely):
            file.flush()
        return self._curve.tell() // CURVE.itemsize, self._visits.tell() // VISIT_LOSS.itemsize

    def close(self) -> None:
        """No more is added."""
        for file in (self._curve, self._visits, self._likely):
            file.close()


def read_curve(folder: Path) -> NDArray[np.void]:
    """The loss curve of a trial (`CURVE`)."""
    return np.fromfile(folder / "curve.bin", CURVE)


def read_visit_losses(folder: Path) -> NDArray[np.void]:
    """The losses of all visits of a trial (`VISIT_LOSS`), mapped."""
    path = folder / "visit_losses.bin"
    return np.memmap(path, VISIT_LOSS, "r") if path.stat().st_size else np.empty(0, VISIT_LOSS)


def read_visit_likely(folder: Path) -> NDArray[np.uint32] | None:
    """Of each row of `read_visit_losses` how many targets had a probability above one half (`VISIT_LIKELY`); None for
    a trial of a version of Cupel that did not write it down."""
    path = folder / "visit_likely.bin"
    return np.fromfile(path, VISIT_LIKELY) if path.is_file() else None


def recorded_rows(folder: Path) -> tuple[int, int]:
    """How many whole rows the curve and the visits of a trial have on disk."""
    curve, visits, likely = (
        path.stat().st_size // kind.itemsize if (path := folder / name).is_file() else 0
        for name, kind in (
            ("curve.bin", CURVE),
            ("visit_losses.bin", VISIT_LOSS),
            ("visit_likely.bin", VISIT_LIKELY),
        )
    )
    return curve, min(visits, likely)


def _open(path: Path, size: int) -> BinaryIO:
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(size)
    file.seek(size)
    return file
