"""Methods above the recipe: they examine models, trials or corpora, and return a finding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import pyarrow as pa

from cupel.contract.method import Method
from cupel.contract.own_methods import code_digests
from cupel.errors import BadInput, BadOption
from cupel.findings import Section
from cupel.store import Key, Store

__all__ = ["DOCUMENT_TABLE", "Argument", "Bench", "Finding", "FindingMethod", "TrialProgress"]

DOCUMENT_TABLE = "documents"
"""The table of a finding that has one row per document, and can be joined to a corpus by `id`."""


@dataclass(frozen=True)
class Finding:
    """What a method above the recipe returns.

    Attributes
    ----------
    tables
        By name. The table `documents` has one row per document, a unique `id`, and the method's columns.
    sections
        Tables and figures for a page or a terminal.
    facts
        The headline: a few named values, formatted with their units.
    about
        The figures behind it, as JSON holds them.
    artifacts
        Names of what the method wrote into its bench's folder: a merged model, an index.
    """

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()


class TrialProgress(Protocol):
    """Follows the progress of an assay, a study, a claim, or a set of trials."""

    def note(self, text: str) -> None:
        """One line about what begins."""

    def training(self, trials: int) -> None:
        """`trials` trials are not cached and will be trained now."""

    def trained(self, event: Mapping[str, Any]) -> None:
        """A trial made a step (`trial`, `step`, `steps`, `loss`, `seconds`), is `done`, or met an `error`."""


@dataclass(frozen=True)
class Bench:
    """What a method above the recipe works with.

    Attributes
    ----------
    folder
        Empty; a method writes its artifacts here.
    store
        Where tokens and trials are kept.
    progress
        Receives the progress of the method.
    device, workers
        `auto`, `cpu` or `cuda`; trials at a time.
    """

    folder: Path
    store: Store
    progress: TrialProgress
    device: str = "auto"
    workers: int | None = None


@dataclass(frozen=True)
class Argument:
    """The positional arguments of a kind's methods on the command line, before the options.

    Attributes
    ----------
    metavar, help
        Its name and description in usage and help.
    names
        What each word names: folders of `trials`, references of `models`, `pools` of documents. Their content is
        part of the finding's key. `words` stand only for themselves.
    at_least, at_most
        Minimum and maximum number of words.
    """

    metavar: str
    help: str
    names: Literal["trials", "models", "pools", "words"]
    at_least: int = 1
    at_most: int | None = None


class FindingMethod(Method):
    """A method that returns a finding.

    A kind of these methods sets `kind`, `heading`, `room`, `command` and `argument`, and turns the words of the
    command line into typed inputs in `examine`, which calls the kind's own abstract method. `cupel COMMAND METHOD`
    then exists for all methods of the kind.
    """

    written_in = "command"
    command: ClassVar[str]
    """The command that carries out methods of this kind: a verb, lower case."""
    argument: ClassVar[Argument]
    """What the command takes; a method may override it to narrow the number of words."""
    version: ClassVar[int] = 1
    """Increases whenever the same options and inputs would give another finding."""
    pools: ClassVar[tuple[str, ...]] = ()
    """Options that name pools of documents, whose content decides the finding."""
    applied: ClassVar[frozenset[str]] = frozenset()
    """Options that apply only in a recipe and do not affect the finding."""

    @abstractmethod
    def examine(self, words: Sequence[str], bench: Bench) -> Finding:
        """The finding about what the words name.

        Raises
        ------
        BadInput, BadOption
            A word names nothing that the method can examine.
        """

    def check_words(self, words: Sequence[str]) -> None:
        """Check that the method takes this number of words.

        Raises
        ------
        BadInput
            Too few, or too many.
        """
        argument = self.argument
        if len(words) < argument.at_least:
            count = "one or more" if argument.at_least == 1 else f"{argument.at_least} or more"
            raise BadInput(
                f"{self.name}: {len(words)} given as {argument.metavar}; expected {count}: {argument.help}"
            )
        if argument.at_most is not None and len(words) > argument.at_most:
            raise BadInput(
                f"{self.name}: {' '.join(words)}: {len(words)} given as {argument.metavar}; expected "
                f"{argument.at_most} at most"
            )
        if len(set(words)) < len(words):
            again = next(word for word in words if words.count(word) > 1)
            raise BadOption(f"{self.name}: {again} is named twice")

    def key(self, words: Sequence[str], digests: Mapping[str, str]) -> Key:
        """The key of the finding; `digests` of what words and `pools` name."""
        options = self.options.model_dump(mode="json", exclude=set(self.applied))
        inputs = {**self.file_digests, **code_digests(type(self)), **digests}
        return Key("findings", self.name, self.version, {**options, "words": list(words)}, inputs)
