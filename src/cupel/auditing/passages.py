"""Passages that open documents: drawn from a pool, and counted in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel.contract.draws import uniform
from cupel.errors import BadInput
from cupel.lab.data.documents import HELD_OUT, read_documents

__all__ = ["count_documents", "draw_passages", "read_pools"]

_LONGEST_TOKEN = 16
"""Characters of a token at most, on average over a passage; only so much of a document is encoded."""
_ANCHOR = 16
"""Bytes by which a passage is looked for; it is then compared whole."""
_BASE = np.uint64(0x9E3779B97F4A7C15)


_PASSAGES = HELD_OUT.append(pa.field("passage", pa.large_string()))


def read_pools(paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The documents of several pools, one after the other (`cupel.lab.data.documents.DOCUMENTS`)."""
    for path in paths:
        yield from read_documents(path)


def draw_passages(
    batches: Iterable[pa.RecordBatch], encoders: Sequence[Any], tokens: int, count: int, seed: int
) -> pa.Table:
    """At most `count` documents that have `tokens` tokens or more under every encoder, drawn by their ids.

    Returns
    -------
    Columns `id`, `text` (the document's beginning, long enough to be encoded as the document is), `domain`, and
    `passage` (its first `tokens` tokens under the first encoder, as text). An id that stands twice is taken once.

    Raises
    ------
    BadInput
        No document is long enough.
    """
    drawn: dict[str, tuple[float, str, str, str]] = {}
    limit, documents = 1.0, 0
    for batch in batches:
        documents += batch.num_rows
        draws = uniform(batch.column("id"), seed)
        wanted = np.flatnonzero(draws < limit)
        rows = batch.take(pa.array(wanted))
        heads = [(text or "")[: _LONGEST_TOKEN * tokens] for text in rows.column("text").to_pylist()]
        encoded = [encoder.encode_batch(heads, add_special_tokens=False) for encoder in encoders]
        ids, domains = rows.column("id").to_pylist(), rows.column("domain").to_pylist()
        for place, row in enumerate(wanted):
            if ids[place] not in drawn and all(len(of_encoder[place]) >= tokens for of_encoder in encoded):
                end = encoded[0][place].offsets[tokens - 1][1]
                drawn[ids[place]] = (float(draws[row]), heads[place], domains[place], heads[place][:end])
        if len(drawn) > 2 * count:
            drawn = _lowest(drawn, count)
            limit = max(draw for draw, *_ in drawn.values())
    drawn = _lowest(drawn, count)
    if not drawn:
        raise BadInput(f"none of {documents:,} documents has {tokens} tokens or more; take shorter passages")
    _, texts, domains, passages = zip(*drawn.values(), strict=True)
    columns = (list(drawn), texts, domains, passages)
    return pa.Table.from_arrays([pa.array(column, pa.large_string()) for column in columns], schema=_PASSAGES)


def count_documents(passages: Sequence[str], batches: Iterable[pa.RecordBatch]) -> NDArray[np.int64]:
    """In how many of the documents each passage stands, byte for byte.

    Examples
    --------
    >>> batch = pa.record_batch({"text": ["a Café in 東京, a Café", "Café", "nothing"]})
    >>> count_documents(["Café", "in 東京", "absent"], [batch]).tolist()
    [2, 1, 0]
    """
    encoded = [passage.encode() for passage in passages]
    width = min([_ANCHOR, *map(len, encoded)])
    anchors = np.array(
        [_hashes(np.frombuffer(data[:width], np.uint8), width)[0] for data in encoded], np.uint64
    )
    order = np.argsort(anchors)
    ascending = anchors[order]
    counts = np.zeros(len(passages), np.int64)
    for batch in batches:
        for text in batch.column("text").to_pylist():
            data = (text or "").encode("utf-8", "replace")
            hashes = _hashes(np.frombuffer(data, np.uint8), width)
            low = np.searchsorted(ascending, hashes)
            places = np.flatnonzero(ascending[np.minimum(low, len(ascending) - 1)] == hashes)
            held = {
                int(number)
                for place in places.tolist()
                for number in order[low[place] : np.searchsorted(ascending, hashes[place], side="right")]
                if data.startswith(encoded[number], place)
            }
            counts[list(held)] += 1
    return counts


def _hashes(data: NDArray[np.uint8], width: int) -> NDArray[np.uint64]:
    """A hash of each window of `width` bytes: a polynomial modulo 2⁶⁴."""
    windows = len(data) - width + 1
    hashes = np.zeros(max(windows, 0), np.uint64)
    for place in range(width if windows > 0 else 0):
        hashes = hashes * _BASE + data[place : place + windows] + np.uint64(1)
    return hashes


def _lowest(
    drawn: dict[str, tuple[float, str, str, str]], count: int
) -> dict[str, tuple[float, str, str, str]]:
    return dict(sorted(drawn.items(), key=lambda item: item[1][0])[:count])
