"""What steps need of documents beyond a text: looked for in the input before anything is read in earnest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus.files import InputFile
from cupel.corpus.part_arrays import has_role
from cupel.corpus.read import ReadOptions, read_shard
from cupel.corpus.shards import Part, Shard
from cupel.errors import BadInput
from cupel.recipe.plan import Plan

__all__ = ["check_needs"]

LOOKED_AT = 1000
"""Documents of each file."""
_WHAT = {"turns": "conversations, with turns and roles", "images": "documents with images"}


def check_needs(plan: Plan, files: Sequence[InputFile], reading: ReadOptions) -> None:
    """Refuse a pool that has nothing of what a step needs.

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
        columns = list(_first(file, reading))
        documents = documents or bool(columns)
        present = _present(columns)
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


def _first(file: InputFile, reading: ReadOptions) -> Iterable[pa.Array]:
    """The parts of a file's first documents."""
    shard = Shard(0, (Part(file, 0, None),), file.bytes)
    for batch in read_shard(shard, replace(reading, batch_rows=min(reading.batch_rows, LOOKED_AT))):
        if batch.documents.num_rows:
            yield batch.documents.column("parts")
            return


def _present(columns: Iterable[pa.Array]) -> set[str]:
    present = set()
    for parts in columns:
        if has_role(parts).any():
            present.add("turns")
        if pc.any(pc.equal(pc.struct_field(parts.flatten(), "kind"), "image")).as_py():
            present.add("images")
    return present
