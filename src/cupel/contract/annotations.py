"""Findings as signals: the values of a finding for each document, joined to a corpus by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract.finding import DOCUMENT_TABLE, FindingMethod
from cupel.contract.finding_folder import KeptFinding
from cupel.contract.method import Column, Method
from cupel.contract.signals import Measure, Signal
from cupel.contract.view import Resources
from cupel.errors import BadInput

__all__ = ["Annotates", "NamesFinding"]


class NamesFinding(Method.Options):
    """The finding whose values a recipe uses."""

    finding: str | None = Field(
        None,
        description="In a recipe: the folder of the finding whose values are joined to the documents, by id.",
    )


class Annotates(FindingMethod, Signal):
    """A method whose finding is a signal of the documents that it is about. Its options derive from `NamesFinding`.

    In a recipe, and in `cupel annotate`, its columns are read from the finding that the option `finding` names; a
    document that is not in the finding gets null. A method lists its kind before this class:
    `class Cartography(Attribution, Annotates)`.
    """

    needs: ClassVar[tuple[str, ...]] = ("id",)
    utility = "influence"
    columns: ClassVar[Mapping[str, Column]]
    files = ("finding",)
    applied = frozenset({"finding"})

    options: NamesFinding

    def prepare(self, resources: Resources) -> Measure:
        """The function that joins the finding's values to batches of documents."""
        table = self._named_finding().table(DOCUMENT_TABLE)
        # The ids of the table are hashed once; a batch then costs a lookup per document.
        rows = {id: row for row, id in enumerate(table["id"].to_pylist())}
        values = {name: table[name].combine_chunks() for name in self.columns}

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            places = pa.array([rows.get(id) for id in documents.column("id").to_pylist()], pa.int64())
            return pa.record_batch({name: column.take(places) for name, column in values.items()})

        return measure

    def _named_finding(self) -> KeptFinding:
        if self.options.finding is None:
            raise BadInput(
                f"{self.name}: no finding is named; `cupel {self.command} {self.name}` makes one, whose folder is the "
                "option 'finding'"
            )
        kept = KeptFinding.read(self.options.finding)
        if kept.method != self.name:
            raise BadInput(
                f"{self.name}: {self.options.finding} holds what '{kept.method}' found; expected a finding of {self.name}"
            )
        return kept
