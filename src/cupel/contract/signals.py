"""Signals: what is measured of each document."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa

from cupel.contract.method import Column, Method

__all__ = ["KernelSignal", "Signal"]


class Signal(Method):
    """A pure function document → typed columns. It measures and never decides."""

    kind = "signal"
    heading = "Signals: measure, never drop"
    room = "cupel.signals"
    columns: ClassVar[Mapping[str, Column]]
    needs: ClassVar[tuple[str, ...]] = ("text",)
    """Which document columns it reads: text, url, source, metadata."""

    @abstractmethod
    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """The signal's columns, one row per document, in the same order."""


class KernelSignal(Signal):
    """A signal family that the Rust kernel measures; all families share one pass over the text.

    A family declares its columns and, through `kernel_options`, how the kernel is to
    measure them. The planner asks the kernel once for all families of a step.
    """

    def kernel_options(self) -> dict[str, Any]:
        """Keyword arguments for `cupel._kernels.measure`; families of one step must agree."""
        return {}

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        from cupel import _kernels

        measured = _kernels.measure(documents.column("text"), list(self.columns), **self.kernel_options())
        return pa.record_batch(measured)
