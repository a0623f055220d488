"""New documents: written at the end of a pass, numbered after it, read by the next one beside the old ones.

The new documents of one generator are rows of one virtual input file, which comes after all others. Each unit of the
pass writes its own, numbered from 0; once all are there, the driver adds up how many come before those of each unit.
So a document has the same key however the input is divided, and keys ascend from unit to unit, as they do in the
input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Births, Generate, Refusal
from cupel.corpus.records import ORDINAL_BITS, content_id
from cupel.recipe.asking import used
from cupel.recipe.folder import Folder
from cupel.recipe.job import WEIGHT, Job
from cupel.recipe.outcome import Outcome, Refused, drop_these
from cupel.recipe.pass_files import open_pass_file, read_pass_json
from cupel.recipe.plan import Pass, Plan
from cupel.recipe.steps import GeneratorStep

__all__ = ["PARENTS", "PassReader", "generate", "numbered", "reader_of", "virtual_path"]

PARENTS = pa.large_list(pa.int64())
"""The type of the column `parents`: the `doc` of each; null in documents that were read."""


def virtual_path(label: str) -> str:
    """What the ledger calls the file of a generator's documents."""
    return f"generated/{label}"


# -- writing ---------------------------------------------------------------------------------------


def generate(outcome: Outcome, step: GeneratorStep, write: Generate, schema: pa.Schema) -> None:
    """Have new documents written from the survivors of a batch.

    Parameters
    ----------
    write
        What the generator prepared.
    schema
        Of the documents that the pass hands on.
    """
    parents = outcome.survivors
    if not parents.num_rows:
        return
    with outcome.spending(step.label), used() as usages:
        births = _sound(write(parents))
    outcome.count_usage(step.label, usages, refused=len(births.refused))
    outcome.refused = [_refused(parents, step, refusal) for refusal in births.refused]
    outcome.born = _documents(parents, step, births, schema)
    if step.drops_originals:
        had = np.zeros(parents.num_rows, dtype=bool)
        had[[row for document in births.documents for row in document.parents]] = True
        drop_these(outcome, step.label, "replaced", had, "not written anew")
        without = np.ones(outcome.survivors.num_rows, dtype=bool)
        drop_these(outcome, step.label, "nothing-written", without, "something is written from it")


def _sound(births: Births) -> Births:
    """The same, with documents without text moved to the refused ones."""
    documents, refused = [], list(births.refused)
    for document in births.documents:
        text = document.text.encode("utf-8", "replace").decode()  # half a surrogate pair is no character
        if text.strip():
            documents.append(document._replace(text=text))
        else:
            refused.append(
                Refusal(document.parents, "empty-text", "nothing is left of the answer", document.text)
            )
    return Births(documents, refused)


def _documents(
    parents: pa.RecordBatch, step: GeneratorStep, births: Births, schema: pa.Schema
) -> pa.RecordBatch:
    documents = births.documents
    first = pa.array([document.parents[0] for document in documents], pa.int64())
    docs, ids = parents.column("doc").to_pylist(), parents.column("id").to_pylist()
    sources = parents.column("source").to_pylist()
    metadata = parents.column("metadata").to_pylist()
    text = pa.array([document.text for document in documents], pa.large_string())
    columns: dict[str, pa.Array] = {
        "doc": pa.array(np.arange(len(documents))),
        "id": pa.array([content_id(document.text.encode()) for document in documents], pa.large_string()),
        "text": text,
        "source": pa.array(
            [f"{sources[document.parents[0]]}/{step.label}" for document in documents], pa.large_string()
        ),
        "url": parents.column("url").take(first),
        "path": pa.repeat(pa.scalar(virtual_path(step.label), pa.large_string()), len(documents)),
        "position": pa.array(np.arange(1, len(documents) + 1)),
        "bytes_in": pc.cast(pc.binary_length(text), pa.int64()),
        "edits": pa.array([[]] * len(documents), schema.field("edits").type),
        "parents": pa.array([[docs[row] for row in document.parents] for document in documents], PARENTS),
    }
    fields = []
    for document in documents:
        # Properties of a text carry over to documents written from it alone; several parents may disagree.
        known = orjson.loads(metadata[document.parents[0]]) if len(document.parents) == 1 else {}
        written = {"generator": step.label, "parents": [ids[row] for row in document.parents]}
        fields.append(orjson.dumps(known | dict(document.fields) | written).decode())
    columns["metadata"] = pa.array(fields, pa.large_string())
    for item in schema:
        if item.name not in columns:
            inherited = item.name in parents.schema.names and (
                item.name in step.inherited or item.name == WEIGHT
            )
            columns[item.name] = (
                parents.column(item.name).take(first) if inherited else pa.nulls(len(documents), item.type)
            )
    return pa.RecordBatch.from_arrays([columns[item.name].cast(item.type) for item in schema], schema=schema)


def _refused(parents: pa.RecordBatch, step: GeneratorStep, refusal: Refusal) -> Refused:
    row = refusal.parents[0]
    docs = parents.column("doc")
    return Refused(
        refusal,
        tuple(docs[parent].as_py() for parent in refusal.parents),
        f"{parents.column('source')[row].as_py()}/{step.label}",
        parents.column("path")[row].as_py(),
        parents.column("position")[row].as_py(),
        parents.column("id")[row].as_py(),
    )


def numbered(folder: Folder, plan: Plan, job: Job) -> dict[str, Any]:
    """Where the new documents of each generator lie, for the manifest: the number of their file, and for each part
    of it in `generated` how many come before."""
    files = {}
    for pass_ in plan.passes:
        if pass_.generator is not None:
            reader = reader_of(folder, plan, pass_.index, len(job.files), len(job.shards))
            paths = [
                folder.published(folder.unit(pass_.index, unit - reader.units, "born.parquet")).name
                for unit in reader.starts
            ]
            starts = dict(zip(paths, reader.starts.values(), strict=True))
            files[pass_.generator.label] = {"file": reader.base >> ORDINAL_BITS, "starts": starts}
    return files


# -- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PassReader:
    """Reads what a pass left, new documents after all others, each with its key.

    Attributes
    ----------
    base
        Key of the first new document.
    units
        How many units the pass has; in the next one these are followed by as many of new documents.
    starts
        Unit of the next pass → how many new documents come before its own.
    """

    folder: Folder
    pass_: Pass
    base: int
    units: int
    starts: Mapping[int, int]

    def path(self, index: int) -> Path:
        """The file that a unit of the next pass reads."""
        if index >= self.units:
            path = self.folder.unit(self.pass_.index, index - self.units, "born.parquet")
            # A run that was stopped while finishing has already moved it into place.
            return path if path.exists() else self.folder.published(path)
        return self.folder.unit(self.pass_.index, index, "parquet")

    def batches(
        self, index: int, rows: int, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The documents that a unit of the next pass reads; `doc` is among the columns."""
        wanted = None if columns is None else list(dict.fromkeys([*columns, "position"]))
        with open_pass_file(self.path(index)) as file:
            for batch in file.iter_batches(rows, columns=wanted, use_threads=False):
                if index >= self.units:
                    batch = self._numbered(batch, self.starts[index])
                yield batch if columns is None else batch.select(list(columns))

    def _numbered(self, batch: pa.RecordBatch, start: int) -> pa.RecordBatch:
        for name, first in (("doc", self.base + start), ("position", start)):
            at = batch.schema.get_field_index(name)
            batch = batch.set_column(at, batch.schema.field(at), pc.add(batch.column(at), first))
        return batch

    def to_json(self, units: Iterable[int]) -> dict[str, Any]:
        """The data that a task needs to process these units of the next pass."""
        starts = {str(unit): self.starts[unit] for unit in units if unit in self.starts}
        return {"base": self.base, "units": self.units, "starts": starts}

    @classmethod
    def from_json(cls, folder: Folder, pass_: Pass, record: Mapping[str, Any]) -> PassReader:
        starts = {int(unit): start for unit, start in record["starts"].items()}
        return cls(folder, pass_, record["base"], record["units"], starts)


def reader_of(folder: Folder, plan: Plan, number: int, files: int, shards: int) -> PassReader:
    """A reader of the documents that a finished pass left.

    Parameters
    ----------
    files, shards
        How many the input has.
    """
    units = plan.units(shards, number)
    base = (files + sum(pass_.generator is not None for pass_ in plan.passes[:number])) << ORDINAL_BITS
    starts: dict[int, int] = {}
    if plan.passes[number].generator is not None:
        tallies = (read_pass_json(folder.unit(number, unit, "tally.json")) for unit in range(units))
        born = accumulate((tally["born"] for tally in tallies), initial=0)
        starts = {units + unit: start for unit, start in zip(range(units), born, strict=False)}
    return PassReader(folder, plan.passes[number], base, units, starts)
