"""Signals: measurements of each document."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import pyarrow as pa

from cupel.contract.asks import Asks
from cupel.contract.fitted import Fitted
from cupel.contract.method import Column, Method
from cupel.contract.view import Resources

__all__ = ["KernelSignal", "Measure", "Signal"]

Measure = Callable[[pa.RecordBatch], pa.RecordBatch]
"""Documents in, a few columns out: one row per document, in the same order."""


class Signal(Method):
    """A pure function document → typed columns. It measures and never decides.

    A signal defines `measure`. One that must load something first, what was learned or a model, defines
    `prepare` instead, which a run calls once in each process.
    """

    kind = "signal"
    heading = "Signals: measure, never drop"
    room = "cupel.signals"
    utility = "heuristics"
    mechanism = "measure"
    stages: ClassVar[tuple[str, ...]] = ("pretraining",)
    columns: ClassVar[Mapping[str, Column]]
    needs: ClassVar[tuple[str, ...]] = ("text",)
    alias: str = ""
    """The name that a recipe gives it, where it is one of several signals of its family; empty: its own."""

    def __init_subclass__(cls) -> None:
        if cls.utility == "heuristics" and issubclass(cls, Asks | Fitted) and "utility" not in vars(cls):
            cls.utility = "quality"  # a model's judgment, unless the class says of what
        super().__init_subclass__()
        if "name" in vars(cls) and cls.measure is Signal.measure and cls.prepare is Signal.prepare:
            raise TypeError(f"{cls.__name__}: a signal defines 'measure' or 'prepare'")

    @property
    def label(self) -> str:
        """What a recipe calls it: its alias, or its own name."""
        return self.alias or self.name

    @property
    def recipe_columns(self) -> Mapping[str, str]:
        """The columns as a recipe names them, and the method's own name of each.

        Under an alias a single column has that name, and several begin with it, in place of what all of them begin with.

        Examples
        --------
        >>> from cupel.contract import find_method
        >>> counts = find_method("boilerplate", Signal)()
        >>> list(counts.recipe_columns)[:1], list(counts.under("old").recipe_columns)[:1]
        (['javascript_line_count'], ['old_javascript_line_count'])
        """
        if not self.alias:
            return {name: name for name in self.columns}
        prefix = self.alias.replace("-", "_")
        if len(self.columns) == 1:
            return {prefix: next(iter(self.columns))}
        shared = os.path.commonprefix(list(self.columns)).rfind("_") + 1  # noqa: RUF071, names are no paths
        return {f"{prefix}_{name[shared:]}": name for name in self.columns}

    def under(self, alias: str) -> Self:
        """The same signal under a name of its own, beside others of its family."""
        named = copy.copy(self)
        named.alias = alias
        return named

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """The signal's columns, one row per document, in the same order."""
        return self.prepare(Resources())(documents)

    def prepare(self, resources: Resources) -> Measure:
        """The function that measures batches of documents in this process."""
        return self.measure


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
