"""The documents that a pass and its decisions leave, for methods that learn from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Documents
from cupel.contract.docs import among
from cupel.recipe.births import PassReader
from cupel.recipe.decide import dropped_before
from cupel.recipe.job import Job
from cupel.recipe.steps import FitStep
from cupel.release import version
from cupel.store import digest_json

__all__ = ["Survivors", "digest_before"]

ROWS = 2048


@dataclass(frozen=True)
class Survivors(Documents):
    """Documents of a finished pass without those that its decisions drop, in the order of the input."""

    left: PassReader
    units: list[int]
    """Those of the pass that follows."""
    decisive: str
    """Digest of the input, and of all that was done with it so far."""
    asked: bool = False
    """Whether models were asked so far: their answers are not covered by any digest of a recipe."""

    @cached_property
    def digest(self) -> str:
        if not self.asked:
            return self.decisive
        content = hashlib.blake2b(digest_size=16)
        for batch in self._read(["doc", "id", "text"]):
            # One document at a time: batch boundaries must not matter.
            for document in zip(
                batch.column("id").to_pylist(), batch.column("text").to_pylist(), strict=True
            ):
                for value in document:
                    data = (value or "").encode()
                    content.update(len(data).to_bytes(8, "little") + data)
        return digest_json([self.decisive, content.hexdigest()])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self._read(["doc", "id", "text", "source", "url", "metadata"])

    @cached_property
    def text_bytes(self) -> int:
        sizes = (
            pc.sum(pc.binary_length(batch.column("text"))).as_py() for batch in self._read(["doc", "text"])
        )
        return sum(size or 0 for size in sizes)

    @cached_property
    def _dropped(self) -> np.ndarray:
        return dropped_before(self.left.folder, self.left.pass_, len(self.left.pass_.decisions))

    def _read(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        for unit in self.units:
            for batch in self.left.batches(unit, ROWS, columns):
                docs = batch.column("doc").to_numpy()
                if len(self._dropped):
                    batch = batch.filter(pa.array(~among(docs, self._dropped)))
                if batch.num_rows:
                    yield batch


def digest_before(job: Job, inputs: str, step: FitStep) -> str:
    """Digest of what decides which documents a method learns from: the input, the steps before it, and their version.

    The cache outlives an upgrade, and another version of Cupel may read and edit in another way.
    """
    before = replace(job.recipe, steps=job.recipe.steps[: step.steps])
    return digest_json([version(), inputs, repr(job.reading), before.digest])
