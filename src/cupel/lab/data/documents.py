"""What the lab knows of a document, and how tables of documents are read, made, checked and digested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus import Corpus
from cupel.corpus.parts import PARTS
from cupel.errors import BadInput
from cupel.lab.data.chats import ANSWERS, render_column
from cupel.recipe.job import WEIGHT

__all__ = [
    "CHATS",
    "DOCUMENTS",
    "HELD_OUT",
    "as_documents",
    "check_held_out",
    "documents_digest",
    "read_documents",
    "without",
]

DOCUMENTS = pa.schema(
    {"id": pa.large_string(), "text": pa.large_string(), "domain": pa.large_string(), "weight": pa.float64()}
)
"""What the lab knows of a document."""

CHATS = DOCUMENTS.append(pa.field("answers", ANSWERS))
"""What it knows where a scale trains on answers."""

HELD_OUT = pa.schema({"id": pa.large_string(), "text": pa.large_string(), "domain": pa.large_string()})
"""What an evaluation knows of a held-out document."""


def read_documents(path: str, *, chats: bool = False) -> Iterator[pa.RecordBatch]:
    """The documents of a source as `DOCUMENTS`: weight 1 where none is given, domain from a field of
    that name, else the document's source.

    Parameters
    ----------
    chats
        As `CHATS`: chats are written by the lab's template, and it is known where their answers stand.

    Raises
    ------
    BadInput
        Nothing readable there, or a weight that is no number of 0 or more.
    """
    for batch in Corpus.read([path]).batches({WEIGHT: pa.float64(), "domain": pa.large_string()}):
        text, answers = pc.cast(batch.column("text"), pa.large_string()), None
        if chats:
            text, answers = render_column(text, batch.column("parts"))
        columns = [
            pc.cast(batch.column("id"), pa.large_string()),
            text,
            pc.coalesce(
                batch.column("domain"),
                pc.cast(batch.column("source"), pa.large_string()),
                pa.scalar("", pa.large_string()),
            ),
            _weights(batch),
        ]
        yield (
            pa.RecordBatch.from_arrays(columns, schema=DOCUMENTS)
            if answers is None
            else pa.RecordBatch.from_arrays([*columns, answers], schema=CHATS)
        )


def as_documents(texts: pa.Table | Iterable[str], *, chats: bool = False) -> pa.Table:
    """A table of the lab's columns from one with `text`, or from texts.

    Parameters
    ----------
    chats
        As `CHATS`: chats in a column `parts` are written by the lab's template.

    Raises
    ------
    BadInput
        No column `text`, or a weight below 0.

    Examples
    --------
    >>> as_documents(["Café", "東京"]).to_pylist()[1]
    {'id': '1', 'text': '東京', 'domain': '', 'weight': 1.0}
    """
    table = texts if isinstance(texts, pa.Table) else pa.table({"text": pa.array(texts, pa.large_string())})
    if "text" not in table.column_names:
        raise BadInput(f"no column 'text'; there are: {', '.join(table.column_names) or 'none'}")
    count = table.num_rows
    defaults: dict[str, Any] = {
        "id": [str(place) for place in range(count)],
        "domain": [""] * count,
        "weight": [1.0] * count,
    }
    columns = [
        table.column(f.name).cast(f.type)
        if f.name in table.column_names
        else pa.chunked_array([defaults[f.name]], f.type)
        for f in DOCUMENTS
    ]
    documents = pa.Table.from_arrays(columns, schema=DOCUMENTS)
    if chats:
        parts = table.column("parts") if "parts" in table.column_names else pa.nulls(count, PARTS)
        text, answers = render_column(documents.column("text"), parts)
        documents = documents.set_column(1, "text", text).append_column(CHATS.field("answers"), answers)
    weights = documents.column("weight").to_numpy()
    if count and not (weights >= 0).all():
        raise BadInput("a weight is below 0 or missing; expected numbers of 0 or more")
    return documents


def without(batches: Iterator[pa.RecordBatch], ids: frozenset[str]) -> Iterator[pa.RecordBatch]:
    """The documents whose id is none of `ids`."""
    excluded = pa.array(sorted(ids), pa.large_string())
    for batch in batches:
        yield batch.filter(pc.invert(pc.is_in(batch.column("id"), excluded))) if ids else batch


def check_held_out(documents: pa.Table) -> None:
    """Held-out documents must have the columns of `HELD_OUT`.

    Raises
    ------
    BadInput
        A column is missing.
    """
    missing = [name for name in HELD_OUT.names if name not in documents.column_names]
    if missing:
        raise BadInput(
            f"held-out documents: no column '{missing[0]}'; expected {', '.join(HELD_OUT.names)}, "
            f"there are: {', '.join(documents.column_names) or 'none'}"
        )


def documents_digest(documents: pa.Table, columns: Sequence[str], more: str = "") -> str:
    """Changes with these columns of the documents, their order, and `more`; not with how they are chunked.

    >>> table = pa.table({"id": ["a", "b"], "text": ["Café", ""]})
    >>> documents_digest(table, ("id",)) == documents_digest(table, ("id", "text"))
    False
    """
    digest = hashlib.blake2b(more.encode(), digest_size=16)
    for batch in documents.select(columns).to_batches():
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            for value in row:
                encoded = str(value).encode("utf-8", "replace")
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _weights(batch: pa.RecordBatch) -> pa.Array:
    """Weights, 1 where a document has none."""
    weights = batch.column(WEIGHT)
    # A value that is no number, or an integer beyond 64 bits, is still among the other fields.
    others = pc.match_substring(batch.column("metadata"), f'"{WEIGHT}"')
    unusual = pc.fill_null(pc.invert(pc.and_(pc.greater_equal(weights, 0.0), pc.is_finite(weights))), False)
    if not pc.any(pc.or_kleene(others, unusual)).as_py():
        return pc.fill_null(weights, 1.0)
    checked = weights.to_pylist()
    for place, text in enumerate(batch.column("metadata").to_pylist()):
        weight = checked[place]
        if weight is None:
            weight = orjson.loads(text or "{}").get(WEIGHT, 1.0)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise BadInput(
                f"document {batch.column('id')[place]}: weight {weight!r}; expected a number of 0 or more"
            )
        checked[place] = float(weight)
    return pa.array(checked, pa.float64())
