"""Generators: documents in, new documents out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import pyarrow as pa
from pydantic import Field

from cupel.contract.method import Method
from cupel.contract.view import Resources

__all__ = ["Births", "Generate", "Generator", "KeepsOriginals", "NewDocument", "Refusal"]


class NewDocument(NamedTuple):
    """A document that a generator wrote.

    Attributes
    ----------
    parents
        Source documents, as rows of the batch.
    text
        Its text.
    fields
        Further properties, such as the requested style: JSON values by name.
    """

    parents: tuple[int, ...]
    text: str
    fields: Mapping[str, Any] = {}


class Refusal(NamedTuple):
    """A document that was not written.

    Attributes
    ----------
    parents
        Intended source documents, as rows of the batch.
    reason
        A stable code such as `no-answer`.
    detail
        One plain sentence.
    answer
        The complete answer of the model; empty if there was none.
    """

    parents: tuple[int, ...]
    reason: str
    detail: str
    answer: str = ""


@dataclass(frozen=True)
class Births:
    """What a generator made of a batch: the same for the same documents, in their order."""

    documents: Sequence[NewDocument] = field(default_factory=tuple)
    refused: Sequence[Refusal] = field(default_factory=tuple)


Generate = Callable[[pa.RecordBatch], Births]
"""Documents in, new documents out."""


class KeepsOriginals(Method.Options):
    """What becomes of the documents that others are written from."""

    originals: Literal["keep", "drop"] = Field(
        "keep", description="`keep` the documents beside what is written from them, or `drop` them then."
    )


class Generator(Method):
    """Documents → new documents, each of which knows its parents.

    A generator writes from one batch at a time, so that every parent of a document stands in the batch. The run
    gives new documents their keys, ids, source and provenance, and puts refused ones into quarantine with the
    answer that was refused. What stands after the generator in the recipe is done to old and new documents alike.

    Options derive from `KeepsOriginals` where documents may be dropped once others are written from them; without it
    they stay.
    """

    kind = "generator"
    heading = "Generators: write new documents"
    room = "cupel.synthesize"
    utility = "quality"
    mechanism = "write"
    stages: ClassVar[tuple[str, ...]] = ("pretraining",)
    needs: ClassVar[tuple[str, ...]] = ("text",)

    @abstractmethod
    def prepare(self, resources: Resources) -> Generate:
        """What writes documents in this process; what takes time to load is loaded here, once."""
