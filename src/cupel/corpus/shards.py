"""Files cut or grouped into shards of about equal size: the unit of work, and of resuming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cupel.corpus.files import InputFile
from cupel.corpus.formats import is_compressed_by_name
from cupel.corpus.remote import IOOptions, as_arrow, open_raw

__all__ = ["FilePart", "Shard", "plan_shards"]


@dataclass(frozen=True)
class FilePart:
    """A piece of one file.

    `start` and `stop` are row groups of a Parquet file, or byte offsets in plain JSON lines, where
    a line belongs to the part in which it starts. `stop` is None at the end of the file.
    """

    file: InputFile
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True)
class Shard:
    """Parts that are processed together; `bytes` is their stored size."""

    index: int
    parts: tuple[FilePart, ...]
    bytes: int


def plan_shards(
    files: Sequence[InputFile], *, target_bytes: int = 128 << 20, io: IOOptions | None = None
) -> list[Shard]:
    """Cuts big files that can be cut and groups small ones, in the files' order.

    The same files and target give the same shards. Every byte is in exactly one shard.
    """
    shards: list[Shard] = []
    waiting: list[FilePart] = []
    held = 0

    def close() -> None:
        nonlocal waiting, held
        if waiting:
            shards.append(Shard(len(shards), tuple(waiting), held))
        waiting, held = [], 0

    for file in files:
        for part, size in _cut(file, target_bytes, io):
            # Thousands of tiny files cost more than their size suggests.
            if waiting and (held + size > target_bytes or len(waiting) >= 10_000):
                close()
            waiting.append(part)
            held += size
    close()
    return shards


def _cut(file: InputFile, target: int, io: IOOptions | None) -> list[tuple[FilePart, int]]:
    if file.bytes > target and file.format == "jsonl" and not is_compressed_by_name(file.path):
        pieces = -(-file.bytes // target)
        edges = [file.bytes * piece // pieces for piece in range(pieces + 1)]
        return [
            (FilePart(file, start, stop if stop < file.bytes else None), stop - start)
            for start, stop in pairwise(edges)
        ]
    if file.bytes > target and file.format == "parquet":
        return _cut_parquet(file, target, io)
    return [(FilePart(file), file.bytes)]


def _cut_parquet(file: InputFile, target: int, io: IOOptions | None) -> list[tuple[FilePart, int]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        raw = open_raw(file.path, io)
    except OSError:
        return [(FilePart(file), file.bytes)]
    try:
        metadata = pq.ParquetFile(as_arrow(raw)).metadata
    except (pa.ArrowException, OSError):
        # Reading it will say what is wrong, in the quarantine.
        return [(FilePart(file), file.bytes)]
    finally:
        raw.close()
    sizes = [
        sum(metadata.row_group(group).column(c).total_compressed_size for c in range(metadata.num_columns))
        for group in range(metadata.num_row_groups)
    ]
    parts: list[tuple[FilePart, int]] = []
    start = held = 0
    for group, size in enumerate(sizes):
        if held and held + size > target:
            parts.append((FilePart(file, start, group), held))
            start, held = group, 0
        held += size
    parts.append((FilePart(file, start, None), held))
    return parts
