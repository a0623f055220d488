"""A method's view of the corpus, and the resources it may use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cupel.models.load import load_model
from cupel.models.model import Answer, Request

__all__ = ["NO_DOCUMENTS", "Ask", "Documents", "Resources", "View"]


Ask = Callable[[Sequence[Request]], list[Answer]]
"""Requests to a model, and its answers in the same order."""


class Documents(ABC):
    """Documents that a method learns from, in document order; they can be read more than once.

    Iterating gives record batches with at least `doc` (int64, the place in the input), `id`, `text` and `source`
    (large_string).
    """

    @abstractmethod
    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    @property
    @abstractmethod
    def digest(self) -> str:
        """Digest of everything that determines their content."""

    @property
    @abstractmethod
    def text_bytes(self) -> int:
        """UTF-8 bytes of all texts."""


class View(ABC):
    """The documents still alive, read lazily: what `CorpusMethod.sketch_documents` gave for each, and their texts.

    Column `doc` (int64) is the document's position in the input: files in sorted order, then rows. Column
    `priority` (float64) decides survivors: the highest stays, then the lowest `doc`. It is `WEIGHTLESS` for
    documents of weight 0.
    """

    @abstractmethod
    def read(self, columns: list[str]) -> pa.Table:
        """One table with exactly these columns, in document order."""

    @abstractmethod
    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """The same as a stream of record batches.

        It comes in document order; with the option `sources`, documents of the first source come first; documents
        of weight 0 come after all others.
        """

    @abstractmethod
    def texts(self, docs: pa.Array | None) -> Iterator[pa.RecordBatch]:
        """Record batches (`doc` int64, `text` large_string) of these documents.

        They come in document order, and never all at once. None means all documents, in the order of `batches`.
        """

    @abstractmethod
    def ids(self, docs: pa.Array) -> pa.Array:
        """The id of each of these documents."""

    @abstractmethod
    def sources(self, docs: pa.Array) -> pa.Array:
        """The source of each of these documents."""


class _NoDocuments(Documents):
    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(())

    @property
    def digest(self) -> str:
        return ""

    @property
    def text_bytes(self) -> int:
        return 0


NO_DOCUMENTS: Documents = _NoDocuments()
"""For a method that does not learn from the corpus."""


@dataclass(frozen=True)
class Resources:
    """Resources and folders of a method.

    Attributes
    ----------
    scratch
        A folder for temporary files, removed afterwards.
    memory_bytes, threads
        Limits on use; no result depends on either.
    corpus
        Digest of the input, which identifies this corpus in an index.
    remembered
        A file to write to what an index is to remember of these documents; it goes to its place when
        the run is finished.
    artifact
        Folder of a fitted method's artifact.
    ask
        What gives the asker of a model; see `asker`.
    """

    scratch: str = ""
    memory_bytes: int = 1 << 30
    threads: int = 1
    corpus: str = ""
    remembered: str = ""
    artifact: Path | None = None
    ask: Callable[[str, str], Ask] | None = None

    def asker(self, reference: str, device: str = "cpu") -> Ask:
        """What asks the model of a reference: answers are kept, budgets hold and costs are counted in a run.

        Raises
        ------
        BadOption, BadInput, MissingExtra
            The model cannot be loaded, or generates nothing.
        """
        if self.ask is not None:
            return self.ask(reference, device)
        return load_model(reference, "generate", device=device).generate
