"""Arms that recipes make of one pool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cupel.lab.data.documents import DOCUMENTS, documents_digest, read_documents
from cupel.models.tokenizer import train_tokenizer
from cupel.recipe.options import RunOptions
from cupel.recipe.recipe import Recipe
from cupel.recipe.run import refine
from cupel.reproduction.claim import Context
from cupel.store import Key

__all__ = ["keep_pool", "keep_tokenizer", "refined"]


def refined(context: Context, pool: pa.Table, recipes: Mapping[str, Recipe]) -> dict[str, pa.Table]:
    """The output of each recipe for a pool (`id`, `text`); pool and outputs are cached."""
    documents = documents_digest(pool, ("id", "text"))
    path = keep_pool(context, pool)
    tables = {}
    for name, recipe in recipes.items():
        context.progress.note(f"refine the pool: {name}")
        key = Key("refined", recipe.name, inputs={"recipe": recipe.digest, "documents": documents})
        output = context.cache.place(key)
        refine(recipe, input=path, output=output, options=RunOptions(accept=True))
        tables[name] = pa.Table.from_batches(read_documents(str(output)), DOCUMENTS)
    return tables


def keep_pool(context: Context, documents: pa.Table) -> Path:
    """A file of documents (`id`, `text`) in the cache, named by their content."""

    def write(unfinished: Path) -> None:
        unfinished.mkdir()
        pq.write_table(documents.select(["id", "text"]), unfinished / "documents.parquet")

    key = Key("pools", inputs={"documents": documents_digest(documents, ("id", "text"))})
    return context.cache.make(key, write) / "documents.parquet"


def keep_tokenizer(context: Context, documents: pa.Table) -> Path:
    """A file of a tokenizer of the scale's size in the cache, trained on documents."""
    vocabulary = context.scale.tokenizer.vocabulary

    def write(unfinished: Path) -> None:
        unfinished.mkdir()
        train_tokenizer(documents["text"].to_pylist(), vocabulary, unfinished / "tokenizer.json")

    inputs = {"documents": documents_digest(documents, ("id", "text")), "vocabulary": str(vocabulary)}
    return context.cache.make(Key("pools", "tokenizer", inputs=inputs), write) / "tokenizer.json"
