"""Edits: documents in, changed documents out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from cupel.contract.method import Method

__all__ = ["Edit", "Edited"]


@dataclass(frozen=True)
class Edited:
    """What an edit gives back: the new text, and what it counted while editing."""

    text: pa.Array
    columns: Mapping[str, pa.Array] = field(default_factory=dict)


class Edit(Method):
    """A pure function document → document."""

    kind = "edit"
    heading = "Edits: change the text"
    room = "cupel.edits"
    needs: ClassVar[tuple[str, ...]] = ("text",)

    @abstractmethod
    def edit(self, documents: pa.RecordBatch) -> Edited:
        """The edited text, one row per document, in the same order."""
