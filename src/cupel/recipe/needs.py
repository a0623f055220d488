"""Document columns that steps need beyond the text: checked in the input before the run reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus.files import InputFile
from cupel.corpus.part_arrays import has_role
from cupel.corpus.read import DocumentBatch, ReadOptions, read_shard
from cupel.corpus.shards import FilePart, Shard
from cupel.errors import BadInput
from cupel.recipe.plan import Plan

__all__ = ["LOOKED_AT", "check_needs", "first_documents"]

LOOKED_AT = 1000
"""Documents of each file."""
_WHAT = {"turns": "conversations, with turns and roles", "images": "documents with images"}


def check_needs(plan: Plan, files: Sequence[InputFile], reading: ReadOptions) -> None:
    """Refuse a pool that lacks what a step needs.

    Raises
    ------
    BadInput
        None of the first documents of any file has it.
    """
    wanting = list(plan.needs)
    if plan.generators or not wanting:
        return  # what a generator writes may have it
    documents = False
    for file in files:
        batch = first_documents(file, reading)
        documents = documents or batch is not None
        present = set() if batch is None else _present(batch.documents.column("parts"))
        wanting = [(label, need) for label, need in wanting if need not in present]
        if not wanting:
            return
    if not documents:
        return  # an empty pool has no wrong documents
    label, need = wanting[0]
    raise BadInput(
        f"step '{label}': needs {_WHAT[need]}; none of the first {LOOKED_AT:,} documents of "
        f"{'the file' if len(files) == 1 else f'each of the {len(files):,} files'} is one. Plain texts have a text "
        "column; name the layout of others if it is not recognized: --layout NAME (layout=...)"
    )


def first_documents(file: InputFile, reading: ReadOptions) -> DocumentBatch | None:
    """At most `LOOKED_AT` documents from the beginning of a file; None where it has none."""
    shard = Shard(0, (FilePart(file, 0, None),), file.bytes)
    for batch in read_shard(shard, replace(reading, batch_rows=min(reading.batch_rows, LOOKED_AT))):
        if batch.documents.num_rows:
            return batch
    return None


def _present(parts: pa.Array) -> set[str]:
    present = set()
    if has_role(parts).any():
        present.add("turns")
    if pc.any(pc.equal(pc.struct_field(parts.flatten(), "kind"), "image")).as_py():
        present.add("images")
    return present
