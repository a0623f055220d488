"""The plan of a recipe: passes over the documents, each with its operations on batches and its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from cupel.contract import (
    Asks,
    Column,
    Computes,
    Extractor,
    Method,
    Signal,
    all_methods,
)
from cupel.recipe.recipe import Recipe
from cupel.recipe.steps import CorpusStep, EditStep, FitStep, GeneratorStep, StepGroup

__all__ = ["Pass", "Plan"]


@dataclass(frozen=True)
class Pass:
    """One pass: what is fitted before it, operations on batches, and the decisions or the generator that end it."""

    index: int
    fits: tuple[FitStep, ...]
    operations: tuple[StepGroup | EditStep, ...]
    decisions: tuple[CorpusStep, ...]
    generator: GeneratorStep | None

    @property
    def signals(self) -> list[Signal]:
        """All that is measured."""
        groups = [operation for operation in self.operations if isinstance(operation, StepGroup)]
        return [signal for group in groups for signal in group.signals]

    @property
    def methods(self) -> list[Method]:
        """All that is carried out on documents."""
        edits = [operation.edit for operation in self.operations if isinstance(operation, EditStep)]
        writing = [self.generator.method] if self.generator else []
        return [*self.signals, *edits, *(step.method for step in self.decisions), *writing]

    @property
    def asking(self) -> list[Asks]:
        """All that asks a model."""
        return [method for method in self.methods if isinstance(method, Asks)]

    @property
    def computes_on_gpus(self) -> bool:
        """Whether a loaded model computes on a GPU."""
        options = [method.options for method in self.methods]
        return any(isinstance(each, Computes) and each.device.startswith("cuda") for each in options)


@dataclass(frozen=True)
class Plan:
    """The plan of a recipe.

    Attributes
    ----------
    extractors, extraction_seconds
        How HTML becomes text; more than one extractor is their union.
    passes
        The last one has no decisions and writes the corpus.
    kept_columns
        Signal columns that the recipe asks for by name: they stay in the output.
    measured
        All columns measured anywhere, with the method that measures them: the ledger's signals.
    reused
        Columns taken from the annotated input instead of measured.
    """

    recipe: Recipe
    extractors: tuple[Extractor, ...]
    extraction_seconds: float
    passes: tuple[Pass, ...]
    kept_columns: tuple[str, ...]
    measured: Mapping[str, str]
    reused: tuple[str, ...]

    @property
    def columns(self) -> dict[str, Column]:
        """The type, unit and meaning of all columns of methods, by name; of signals as their options say."""
        columns = {
            name: column for method in all_methods().values() for name, column in method.columns.items()
        }
        for pass_ in self.passes:
            for signal in pass_.signals:
                columns.update(signal.columns)
        return columns

    @property
    def weighs(self) -> bool:
        """Whether a step changes how much documents count, so that the output has a column `weight`."""
        return any(step.action == "weigh" for pass_ in self.passes for step in pass_.decisions)

    @property
    def marks(self) -> dict[str, pa.DataType]:
        """Columns of steps that mark."""
        return {
            f"{step.label}_{name}": kind
            for pass_ in self.passes
            for step in pass_.decisions
            for name, kind in step.marked.items()
        }

    @property
    def generators(self) -> tuple[GeneratorStep, ...]:
        """All that write documents, in order."""
        return tuple(pass_.generator for pass_ in self.passes if pass_.generator)

    @property
    def fits(self) -> tuple[FitStep, ...]:
        """All that is fitted, in order."""
        return tuple(step for pass_ in self.passes for step in pass_.fits)

    @property
    def needs(self) -> tuple[tuple[str, str], ...]:
        """What documents must have for some steps to make sense: label of the step, and `turns` or `images`."""
        wanted = [
            (step.label, need)
            for step in self.recipe.steps
            for need in step.method.needs
            if need in ("turns", "images")
        ]
        compared = [(step.label, "turns") for pass_ in self.passes for step in pass_.decisions if step.side]
        return (*wanted, *compared)

    def units(self, shards: int, number: int) -> int:
        """How many units a pass before the last has: those of a generator's new documents double them."""
        return shards << sum(pass_.generator is not None for pass_ in self.passes[:number])

    def notices(self) -> list[str]:
        """What the signals want to be read once before they measure."""
        groups = [
            group for pass_ in self.passes for group in pass_.operations if isinstance(group, StepGroup)
        ]
        signals = {signal.name: signal for group in groups for signal in group.signals}
        return [f"{name}: {notice}" for name, signal in signals.items() if (notice := signal.notice())]

    def describe(self) -> list[str]:
        """One line per pass, for a terminal."""
        lines = []
        for pass_ in self.passes:
            parts = [f"fit {step.label}" for step in pass_.fits]
            for operation in pass_.operations:
                if isinstance(operation, EditStep):
                    parts.append(operation.label)
                else:
                    if operation.columns:
                        parts.append(f"measure {len(operation.columns)} signals")
                    parts += [step.label for step in operation.rules]
            parts += [step.label for step in pass_.decisions]
            parts += [pass_.generator.label] if pass_.generator else []
            lines.append(f"pass {pass_.index + 1}: " + (" → ".join(parts) or "write"))
        return lines
