"""Edits: documents in, changed documents out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from cupel.contract.asks import Asks
from cupel.contract.fitted import Fitted
from cupel.contract.method import Method
from cupel.contract.view import Resources

__all__ = ["Edit", "Edited", "Revise"]


@dataclass(frozen=True)
class Edited:
    """The result of an edit: the new text, and counts made while editing."""

    text: pa.Array
    columns: Mapping[str, pa.Array] = field(default_factory=dict)


Revise = Callable[[pa.RecordBatch], Edited]
"""Documents in, their new texts out."""


class Edit(Method):
    """A pure function document → document.

    An edit defines `edit`. One that must load something first, such as a model, defines `prepare` instead, which a
    run calls once per process. For a document with parts, each text part is edited separately.
    """

    kind = "edit"
    heading = "Edits: change the text"
    room = "cupel.edits"
    utility = "heuristics"
    mechanism = "edit"
    stages: ClassVar[tuple[str, ...]] = ("pretraining",)
    needs: ClassVar[tuple[str, ...]] = ("text",)

    def __init_subclass__(cls) -> None:
        if cls.utility == "heuristics" and issubclass(cls, Asks | Fitted) and "utility" not in vars(cls):
            cls.utility = "quality"  # a model's judgment, unless the class says of what
        super().__init_subclass__()
        if "name" in vars(cls) and cls.edit is Edit.edit and cls.prepare is Edit.prepare:
            raise TypeError(f"{cls.__name__}: an edit defines 'edit' or 'prepare'")

    def edit(self, documents: pa.RecordBatch) -> Edited:
        """The edited text, one row per document, in the same order."""
        return self.prepare(Resources())(documents)

    def prepare(self, resources: Resources) -> Revise:
        """The function that edits batches of documents in this process."""
        return self.edit
