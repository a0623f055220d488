"""Corpus methods: a few bytes of each document first, then one decision over all of them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import pyarrow as pa

from cupel.contract.method import Method
from cupel.contract.options import Acts
from cupel.contract.signals import Measure
from cupel.contract.view import Resources, View
from cupel.findings import Section

__all__ = ["MEMBERS", "SPANS", "WEIGHTLESS", "Clusters", "CorpusMethod", "Dedup", "Need", "Selector"]

Finds = Literal["documents", "spans", "weights", "selection"]

_MECHANISMS = {"documents": "cluster", "spans": "edit", "weights": "weigh", "selection": "rank"}
"""The mechanism that follows from what a method finds, unless its class names another."""

WEIGHTLESS = float("-inf")
"""The priority of a document of weight 0: it stays only if its whole cluster has weight 0."""

SPANS = pa.large_list(pa.struct([("start", pa.int64()), ("stop", pa.int64())]))
"""Byte ranges of a document's UTF-8 text, ascending and disjoint."""

MEMBERS = pa.schema(
    [
        ("doc", pa.int64()),
        ("cluster", pa.int64()),
        ("size", pa.int64()),
        ("kept", pa.bool_()),
        ("score", pa.float64()),
        ("spans", SPANS),
        ("weight", pa.float64()),
        ("reason", pa.large_string()),
    ]
)
"""Columns of `Clusters.members`; those that a method leaves out are null."""


@dataclass(frozen=True)
class Clusters:
    """Duplicates found: one table for every kind.

    Attributes
    ----------
    members
        Sorted by `doc`, at most one row per document.

        - Where documents are found: `doc` int64, `cluster` int64 (the survivor's `doc`), `size`
          int64, `kept` bool, and where the method has one `score` float64 (similarity to the
          survivor, or what the method says `score` is); only clusters of two or more, of each exactly
          one row kept. With the action `mark`, a method that `scores` gives a row for every
          document: of those without a duplicate `cluster` is null and `size` 1. `reason`, where
          documents of one step go for different reasons.
        - Where parts are found: `doc`, `spans` (byte ranges of the text, ascending and disjoint),
          `cluster` (a document that one of them stood in before; the document itself where the
          method cannot tell), `size` (how many), `score` (the share of the text, or of what was looked
          for), `kept` (false: the document goes whole, whatever the share).
        - Where weights are found: `doc`, `score` (what the weight follows from), `weight` float64;
          `cluster` null, `size` 1, `kept` true.
        - Where documents are selected: every document with `kept` and, where it has one, `score`;
          `cluster` null.
    findings
        What to show of it: the S-curve, alarms, the biggest clusters.
    stop
        Results too extreme to proceed without confirmation: the run stops until they are accepted.
    outside
        Clusters that `members` refer to but that are not documents of this corpus (documents of earlier
        corpora, items of evaluation sets): `doc` (negative) and `id`.
    """

    members: pa.Table
    findings: tuple[Section, ...] = ()
    stop: tuple[str, ...] = ()
    outside: pa.Table | None = None


@dataclass(frozen=True)
class Need:
    """Estimated resources for finding the duplicates of a corpus.

    Attributes
    ----------
    memory_bytes
        Peak memory. A method that has less available spills to disk or refuses to run.
    scratch_bytes
        Temporary files.
    """

    memory_bytes: int
    scratch_bytes: int = 0


class CorpusMethod(Method):
    """A few bytes of each document first, then one decision over all of them."""

    finds: ClassVar[Finds] = "documents"
    """Whole documents that are copies, copied parts of documents, how much a document counts, or which stay."""
    reason: ClassVar[str] = "duplicate"
    """The ledger's reason for a dropped document."""
    scores: ClassVar[bool] = False
    """Whether every document has a score, whichever clusters there are: `mark` adds it as a column."""
    names_origin: ClassVar[bool] = False
    """Copied parts come from something with a name, which `mark` carries as the column `survivor`."""
    roles: ClassVar[tuple[str, str]] = ("stays", "copy")
    """Labels in a list of clusters: for the document that the others resemble, and for those others."""
    needs: ClassVar[tuple[str, ...]] = ("text",)
    stages: ClassVar[tuple[str, ...]] = ("pretraining", "instruction tuning")

    def __init_subclass__(cls) -> None:
        if "finds" in vars(cls) and "mechanism" not in vars(cls):
            cls.mechanism = _MECHANISMS.get(cls.finds)
        super().__init_subclass__()
        if "action" in cls.Options.model_fields and not issubclass(cls.Options, Acts):
            # The recipe would not see it, and would drop what was to be marked.
            raise TypeError(
                f"{cls.__name__}.Options has an 'action' of its own: derive it from cupel.contract.Acts"
            )

    @property
    def limit(self) -> str:
        """The condition for staying, as the ledger states it."""
        return "first of its cluster"

    @property
    def signals(self) -> tuple[str, ...]:
        """Signal columns that `sketch_documents` reads; the recipe measures them first."""
        return ()

    @abstractmethod
    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """What the decision needs of each document; a few bytes per document."""

    @property
    @abstractmethod
    def sketch_schema(self) -> pa.Schema:
        """Columns of the sketch."""

    def prepare(self, resources: Resources) -> Measure:
        """The function that sketches batches of documents; slow loading happens here, once per process."""
        return self.sketch_documents

    def need(self, documents: int, text_bytes: int) -> Need:
        """What `decide` will need for this many documents and bytes of text."""
        return Need(memory_bytes=64 * documents)

    @abstractmethod
    def decide(self, view: View, resources: Resources) -> Clusters:
        """The decision over the whole corpus."""


class Dedup(CorpusMethod):
    """Corpus → clusters of duplicates → which one stays."""

    kind = "dedup"
    heading = "Deduplications: find copies in the whole corpus"
    room = "cupel.deduplication"
    utility = "deduplication"
    mechanism = "cluster"

    @abstractmethod
    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """What the decision needs of each text; a few bytes per document."""

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """The sketch of each document. Override this where the text alone is not enough."""
        return self.sketch(documents.column("text"))

    @property
    def sketch_schema(self) -> pa.Schema:
        return self.sketch(pa.array([], pa.large_string())).schema


class Selector(CorpusMethod):
    """Corpus → which documents stay, or how much each counts."""

    kind = "selector"
    heading = "Selectors: choose which documents to keep, or how often"
    room = "cupel.select"
    utility = "any"
    finds: ClassVar[Finds] = "selection"
    reason = "not-selected"
    scores = True

    @property
    def limit(self) -> str:
        return "selected"
