"""The steps of a recipe as a plan has them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from cupel.contract import (
    SPANS,
    Acts,
    Compares,
    CorpusMethod,
    Edit,
    Fitted,
    Generator,
    Keeps,
    KeepsOriginals,
    PrefersSources,
    Rules,
    Signal,
)
from cupel.corpus.part_arrays import Side

__all__ = ["CorpusStep", "EditStep", "FitStep", "GeneratorStep", "StepGroup", "RulesStep"]


@dataclass(frozen=True)
class RulesStep:
    """One rule set."""

    label: str
    rules: Rules


@dataclass(frozen=True)
class StepGroup:
    """Signals measured together, and the rule sets decided on them."""

    signals: tuple[Signal, ...]
    columns: tuple[str, ...]
    """Columns to measure here, without those already measured."""
    rules: tuple[RulesStep, ...]


@dataclass(frozen=True)
class EditStep:
    """One edit."""

    label: str
    edit: Edit


@dataclass(frozen=True)
class CorpusStep:
    """One decision over the whole corpus, and what is done with it."""

    label: str
    method: CorpusMethod

    @property
    def action(self) -> str:
        """`drop`, `cut`, `weigh` or `mark`."""
        options = self.method.options
        return options.action if isinstance(options, Acts) else "drop"

    @property
    def side(self) -> Side | None:
        """What of a conversation is compared; None: all of it."""
        options = self.method.options
        compared = options.compare if isinstance(options, Compares) else "text"
        return None if compared == "text" else compared

    @property
    def keep(self) -> str:
        """Which document of a cluster stays: `longest`, `first` or `signal:NAME`."""
        options = self.method.options
        return options.keep if isinstance(options, Keeps) else "first"

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources in order of preference."""
        options = self.method.options
        return options.sources if isinstance(options, PrefersSources) else ()

    @property
    def marked(self) -> dict[str, pa.DataType]:
        """Columns that `mark` adds, without the label before them."""
        if self.action != "mark":
            return {}
        if self.method.finds == "documents":
            score = {"score": pa.float64()} if self.method.scores else {}
            return {"cluster": pa.int64(), "cluster_size": pa.int64(), **score}
        if self.method.finds == "weights":
            return {"score": pa.float64(), "weight": pa.float64()}
        if self.method.finds == "selection":
            group = {self.method.group: pa.large_string()} if self.method.group else {}
            return {"selected": pa.bool_(), "score": pa.float64(), **group}
        name = {"survivor": pa.large_string()} if self.method.names_origin else {}
        return {"cluster": pa.int64(), **name, "score": pa.float64(), "spans": SPANS}


@dataclass(frozen=True)
class FitStep:
    """One method that is fitted.

    Attributes
    ----------
    label
        Of the method's artifact: the family of a signal, the label of a step.
    steps
        How many steps of the recipe have gone over the documents that it learns from.
    """

    label: str
    method: Fitted
    steps: int


@dataclass(frozen=True)
class GeneratorStep:
    """One generator.

    Attributes
    ----------
    inherited
        Columns that hold for what is written from a document, too: they do not depend on its text.
    """

    label: str
    method: Generator
    inherited: frozenset[str]

    @property
    def drops_originals(self) -> bool:
        """Whether documents are dropped once others are written from them."""
        options = self.method.options
        return isinstance(options, KeepsOriginals) and options.originals == "drop"
