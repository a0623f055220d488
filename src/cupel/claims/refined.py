"""Arms that recipes make of one pool."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cupel.claims.claim import Context
from cupel.lab.arms import DOCUMENTS, read_documents
from cupel.recipe.recipe import Recipe
from cupel.recipe.run import refine
from cupel.store import make

__all__ = ["refined"]


def refined(context: Context, pool: pa.Table, recipes: Mapping[str, Recipe]) -> dict[str, pa.Table]:
    """What each recipe leaves of a pool (`id`, `text`); both are kept in the cache."""
    digest = hashlib.blake2b(digest_size=16)
    for text in pool["text"].to_pylist():
        digest.update(text.encode() + b"\0")
    folder = context.cache / "claims" / "refined" / digest.hexdigest()
    path = _written(pool, folder / "raw.parquet")
    found = {}
    for name, recipe in recipes.items():
        context.progress.note(f"refine the pool: {name}")
        output = folder / recipe.digest
        refine(recipe, input=path, output=output, accept=True)
        found[name] = pa.Table.from_batches(read_documents(str(output)), DOCUMENTS)
    return found


def _written(pool: pa.Table, path: Path) -> Path:
    return make(path, lambda unfinished: pq.write_table(pool.select(["id", "text"]), unfinished))
