"""Arms that recipes make of one pool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cupel.lab.data.documents import DOCUMENTS, documents_digest, read_documents
from cupel.recipe.options import RunOptions
from cupel.recipe.recipe import Recipe
from cupel.recipe.run import refine
from cupel.reproduction.claim import Context
from cupel.store import Key

__all__ = ["refined"]


def refined(context: Context, pool: pa.Table, recipes: Mapping[str, Recipe]) -> dict[str, pa.Table]:
    """The output of each recipe for a pool (`id`, `text`); pool and outputs are cached."""
    documents = documents_digest(pool, ("id", "text"))

    def write(unfinished: Path) -> None:
        unfinished.mkdir()
        pq.write_table(pool.select(["id", "text"]), unfinished / "documents.parquet")

    path = context.cache.make(Key("pools", inputs={"documents": documents}), write) / "documents.parquet"
    tables = {}
    for name, recipe in recipes.items():
        context.progress.note(f"refine the pool: {name}")
        key = Key("refined", recipe.name, inputs={"recipe": recipe.digest, "documents": documents})
        output = context.cache.place(key)
        refine(recipe, input=path, output=output, options=RunOptions(accept=True))
        tables[name] = pa.Table.from_batches(read_documents(str(output)), DOCUMENTS)
    return tables
