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

WEIGHTLESS = float("-inf")
"""The priority of a document of weight 0: it stays only where no other document of its cluster can."""

SPANS = pa.large_list(pa.struct([("start", pa.int64()), ("stop", pa.int64())]))
"""Byte ranges of a document's UTF-8 text, ascending and apart."""

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
        - Where parts are found: `doc`, `spans` (byte ranges of the text, ascending and apart),
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
        What is so much that nobody should go on unasked: the run stops until it is told to accept.
    outside
        What `members` name as their cluster and is no document of this corpus (documents of earlier
        corpora, items of evaluation sets): `doc` (negative) and `id`.
    """

    members: pa.Table
    findings: tuple[Section, ...] = ()
    stop: tuple[str, ...] = ()
    outside: pa.Table | None = None


@dataclass(frozen=True)
class Need:
    """What finding the duplicates of a corpus takes, as far as can be told before.

    Attributes
    ----------
    memory_bytes
        The most that is held at once. A method that finds less to be free goes to disk or says no.
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
    """What the ledger says of a document that goes."""
    scores: ClassVar[bool] = False
    """Whether every document has a score, whichever clusters there are: `mark` adds it as a column."""
    names_origin: ClassVar[bool] = False
    """Copied parts come from something with a name, which `mark` carries as the column `survivor`."""
    roles: ClassVar[tuple[str, str]] = ("stays", "copy")
    """What a list of clusters calls the one that the others are like, and what it calls these."""
    needs: ClassVar[tuple[str, ...]] = ("text",)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "action" in cls.Options.model_fields and not issubclass(cls.Options, Acts):
            # The recipe would not see it, and would drop what was to be marked.
            raise TypeError(
                f"{cls.__name__}.Options has an 'action' of its own: derive it from cupel.contract.Acts"
            )

    @property
    def limit(self) -> str:
        """What a document would have had to be to stay, as the ledger says it."""
        return "first of its cluster"

    @property
    def signals(self) -> tuple[str, ...]:
        """Signal columns that `sketch_documents` reads; the recipe measures them before."""
        return ()

    @abstractmethod
    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """What the decision needs of each document; a few bytes per document."""

    @property
    @abstractmethod
    def sketch_schema(self) -> pa.Schema:
        """Columns of the sketch."""

    def prepare(self, resources: Resources) -> Measure:
        """What sketches batches of documents in this process; what takes time to load is loaded here, once."""
        return self.sketch_documents

    def need(self, documents: int, text_bytes: int) -> Need:
        """What `decide` will take for so many documents with so much text."""
        return Need(memory_bytes=64 * documents)

    @abstractmethod
    def decide(self, view: View, resources: Resources) -> Clusters:
        """The decision over the whole corpus."""


class Dedup(CorpusMethod):
    """Corpus → clusters of duplicates → which one stays."""

    kind = "dedup"
    heading = "Deduplications: find copies in the whole corpus"
    room = "cupel.deduplication"

    @abstractmethod
    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """What the decision needs of each text; a few bytes per document."""

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """The sketch of each document, where its text alone does not do."""
        return self.sketch(documents.column("text"))

    @property
    def sketch_schema(self) -> pa.Schema:
        return self.sketch(pa.array([], pa.large_string())).schema


class Selector(CorpusMethod):
    """Corpus → which documents stay, or how much each counts."""

    kind = "selector"
    heading = "Selectors: choose which documents to keep, or how often"
    room = "cupel.select"
    finds: ClassVar[Finds] = "selection"
    reason = "not-selected"
    scores = True

    @property
    def limit(self) -> str:
        return "selected"
