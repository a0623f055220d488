"""Ids that several documents of a run share."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.recipe.folder import Folder
from cupel.recipe.pass_files import open_pass_file, row_count
from cupel.threads import in_order

__all__ = ["repeated_ids"]

HASHES_AT_ONCE = 1 << 24
"""Ids are processed in ranges of their hashes, so that at most this many are in memory, 16 bytes each."""


def repeated_ids(folder: Folder, threads: int = 1) -> dict[str, int]:
    """How many documents share their id with an earlier one, and how many of those have a different text.

    Exact copies whose id is derived from the text share it legitimately. Texts of different
    length are certainly different texts.
    """
    paths = sorted((folder.root / "ledger").glob("*.parquet"))
    documents = sum(map(row_count, paths))
    parts = 1 + documents // HASHES_AT_ONCE
    repeated = clashing = 0
    for part in range(parts):
        of_file = partial(_hashes, part=part, parts=parts)
        pieces = [piece for arrays in in_order(of_file, paths, threads) for piece in arrays]
        if not pieces:
            continue
        pairs = np.concatenate(pieces)
        pairs = pairs[np.lexsort((pairs["bytes"], pairs["id"]))]
        same = pairs["id"][1:] == pairs["id"][:-1]
        repeated += int(same.sum())
        # Sizes ascend within an id: its texts differ in size if any two neighbors do.
        differ = same & (pairs["bytes"][1:] != pairs["bytes"][:-1])
        groups = np.concatenate([[0], np.cumsum(~same)])
        counts = np.bincount(groups)
        clashing += int((counts[np.unique(groups[1:][differ])] - 1).sum())
    return {"repeated_ids": repeated, "clashing_ids": clashing}


def _hashes(path: Path, part: int, parts: int) -> list[np.ndarray]:
    """64 bits of each id, in one of `parts` ranges, and the size of its text."""
    from cupel import _kernels

    arrays = []
    with open_pass_file(path) as file:
        for batch in file.iter_batches(batch_size=1 << 16, columns=["id", "bytes_in"], use_threads=False):
            batch = batch.filter(pc.is_valid(batch.column("id")))
            digests = _kernels.text_hash(batch.column("id"))
            words = np.frombuffer(digests.buffers()[1], dtype="<u8")[2 * digests.offset :: 2][: len(digests)]
            pairs = np.empty(len(digests), dtype=[("id", "<u8"), ("bytes", "<i8")])
            pairs["id"] = words
            pairs["bytes"] = batch.column("bytes_in").cast(pa.int64()).fill_null(-1).to_numpy()
            arrays.append(pairs if parts == 1 else pairs[words % np.uint64(parts) == part])
    return arrays
