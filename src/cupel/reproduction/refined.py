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
from cupel.recipe.run import Result, refine
from cupel.reproduction.claim import Context
from cupel.store import Key

__all__ = ["keep_tokenizer", "output_of", "pool_file", "refined", "run_recipe"]


def refined(context: Context, pool: pa.Table, recipes: Mapping[str, Recipe]) -> dict[str, pa.Table]:
    """The output of each recipe for a pool (`id`, `text`); pool and outputs are cached."""
    path, documents = pool_file(context, pool)
    tables = {}
    for name, recipe in recipes.items():
        context.progress.note(f"refine the pool: {name}")
        tables[name] = output_of(run_recipe(context, recipe, path, documents))
    return tables


def pool_file(context: Context, pool: pa.Table) -> tuple[Path, str]:
    """A cached file of the documents (`id`, `text`), and their digest."""
    documents = documents_digest(pool, ("id", "text"))

    def write(unfinished: Path) -> None:
        unfinished.mkdir()
        pq.write_table(pool.select(["id", "text"]), unfinished / "documents.parquet")

    made = context.cache.make(Key("pools", inputs={"documents": documents}), write)
    return made / "documents.parquet", documents


def run_recipe(context: Context, recipe: Recipe, path: Path, documents: str) -> Result:
    """Carry out a recipe on a file or a refined folder whose documents have this digest; the output is cached."""
    key = Key("refined", recipe.name, inputs={"recipe": recipe.digest, "documents": documents})
    return refine(recipe, input=path, output=context.cache.place(key), options=RunOptions(accept=True))


def output_of(result: Result) -> pa.Table:
    """The documents of a run's output: `id`, `text`, `domain`, `weight`."""
    return pa.Table.from_batches(read_documents(str(result.output)), DOCUMENTS)


def keep_tokenizer(context: Context, documents: pa.Table) -> Path:
    """A file of a tokenizer of the scale's size in the cache, trained on documents."""
    vocabulary = context.scale.tokenizer.vocabulary

    def write(unfinished: Path) -> None:
        unfinished.mkdir()
        train_tokenizer(documents["text"].to_pylist(), vocabulary, unfinished / "tokenizer.json")

    inputs = {"documents": documents_digest(documents, ("id", "text")), "vocabulary": str(vocabulary)}
    return context.cache.make(Key("pools", "tokenizer", inputs=inputs), write) / "tokenizer.json"
