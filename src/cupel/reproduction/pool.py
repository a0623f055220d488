"""The documents that claims are made with: read, drawn, split and planted, always from a seed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.errors import BadInput
from cupel.lab.data.documents import DOCUMENTS, read_documents
from cupel.models.tokenizer import Tokenizer

__all__ = [
    "copies",
    "draw",
    "gibberish",
    "head",
    "in_domain",
    "near_copy",
    "read_pool",
    "read_rows",
    "shuffled",
    "split",
]


def read_pool(data: Path, names: Sequence[str]) -> pa.Table:
    """All non-empty documents of each `data/pool/NAME.jsonl.zst` in turn; the domain is NAME.

    Raises
    ------
    BadInput
        A file is not there.
    """
    tables = []
    for name in names:
        path = data / "pool" / f"{name}.jsonl.zst"
        if not path.is_file():
            raise BadInput(
                f"{path} is not there; this claim reads it: name the folder of the data with --data"
            )
        table = pa.Table.from_batches(read_documents(str(path)), DOCUMENTS)
        table = table.filter(pc.greater(pc.binary_length(table["text"]), 0))
        tables.append(in_domain(table, name))
    return pa.concat_tables(tables)


def read_rows(data: Path, name: str) -> list[dict[str, Any]]:
    """The rows of `data/NAME.jsonl.zst`, or of `data/NAME` where that names a file.

    Raises
    ------
    BadInput
        The file is not there.
    """
    path = data / name if (data / name).is_file() else data / f"{name}.jsonl.zst"
    if not path.is_file():
        raise BadInput(f"{path} is not there; this claim reads it: name the folder of the data with --data")
    with pa.input_stream(str(path), compression="detect") as stream:
        return [json.loads(line) for line in stream.read().split(b"\n") if line.strip()]


def in_domain(documents: pa.Table, domain: str) -> pa.Table:
    """The documents, all of one domain."""
    column = pa.array([domain] * documents.num_rows, pa.large_string())
    return documents.set_column(documents.schema.get_field_index("domain"), "domain", column)


def shuffled(documents: pa.Table, seed: int) -> pa.Table:
    """The documents in a seeded order."""
    return documents.take(pa.array(np.random.default_rng(seed).permutation(documents.num_rows)))


def draw(documents: pa.Table, size: int, seed: int) -> pa.Table:
    """Whole documents drawn uniformly until they have at least `size` bytes of text.

    Raises
    ------
    BadInput
        The documents have fewer.

    Examples
    --------
    >>> table = pa.table({"text": ["Café", "東京", "abc"]})
    >>> sorted(draw(table, 11, 0)["text"].to_pylist())
    ['Café', 'abc', '東京']
    """
    mixed = shuffled(documents, seed)
    ends = np.cumsum(pc.binary_length(mixed["text"].cast(pa.large_binary())).to_numpy())
    held = int(ends[-1]) if len(ends) else 0
    if held < size:
        raise BadInput(
            f"{size:,} bytes of text are wanted of documents that have {held:,}; take a smaller scale"
        )
    return mixed.slice(0, int(np.searchsorted(ends, size)) + 1)


def split(documents: pa.Table, size: int, seed: int) -> tuple[pa.Table, pa.Table]:
    """Hold out `size` bytes of each domain, at most a fifth of it. Returns the held-out documents and the rest."""
    held, rest = [], []
    for domain in pc.unique(documents["domain"]).to_pylist():
        own = documents.filter(pc.equal(documents["domain"], domain))
        whole = pc.sum(pc.binary_length(own["text"])).as_py()
        mixed = shuffled(own, seed)
        taken = draw(own, min(size, whole // 5), seed).num_rows
        held.append(mixed.slice(0, taken))
        rest.append(mixed.slice(taken))
    return pa.concat_tables(held), pa.concat_tables(rest)


def head(documents: pa.Table, tokens: int, tokenizer: Tokenizer) -> pa.Table:
    """The first documents that together have at least `tokens` tokens, end-of-text tokens included.

    Raises
    ------
    BadInput
        The documents have fewer.
    """
    text = documents["text"].cast(pa.large_string()).combine_chunks()
    _, offsets = tokenizer.encoder.encode(text)
    if int(offsets[-1]) < tokens:
        raise BadInput(
            f"{tokens:,} tokens are wanted of documents that have {int(offsets[-1]):,}; take a smaller scale"
        )
    return documents.slice(0, int(np.searchsorted(offsets[1:], tokens)) + 1)


def copies(documents: pa.Table, number: int, kind: str = "copy") -> pa.Table:
    """`number` further copies of each document, with ids of their own."""
    rows = np.repeat(np.arange(documents.num_rows), number)
    ids = [f"{documents['id'][int(row)]}/{kind}-{place % number}" for place, row in enumerate(rows)]
    copied = documents.take(pa.array(rows))
    return copied.set_column(copied.schema.get_field_index("id"), "id", pa.array(ids, pa.large_string()))


def near_copy(text: str, every: int, rng: np.random.Generator) -> str:
    """The text with one word in `every` (at least one) replaced by another word of it; spaces stay.

    >>> near_copy("one two  three", 3, np.random.default_rng(1))
    'one three  three'
    """
    pieces = re.split(r"(\s+)", text)
    words = [place for place, piece in enumerate(pieces) if piece.strip()]
    if not words:
        return text
    for place in rng.choice(words, max(1, len(words) // every), replace=False):
        pieces[place] = pieces[int(rng.choice([other for other in words if other != place] or words))]
    return "".join(pieces)


def gibberish(rng: np.random.Generator) -> str:
    """2,000 random letters, digits and marks in words of 1 to 12."""
    letters = "".join(
        rng.choice(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789#%&/=+"), 2000)
    )
    words, place = [], 0
    while place < len(letters):
        size = int(rng.integers(1, 13))
        words.append(letters[place : place + size])
        place += size
    return " ".join(words)
