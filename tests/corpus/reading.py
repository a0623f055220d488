"""What the tests of this package share: reading a path to the end, and making archives and pictures."""

from __future__ import annotations

import io
import os
import struct
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cupel.corpus.files import find_files
from cupel.corpus.read import DOCUMENT_SCHEMA, Quarantined, ReadOptions, read_shard
from cupel.corpus.shards import plan_shards


@dataclass
class Everything:
    """Everything that reading produced."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    batch_sizes: list[int] = field(default_factory=list)
    batch_rows: list[int] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [row["text"] for row in self.rows]

    @property
    def reasons(self) -> list[str]:
        return [entry.reason for entry in self.quarantined]


def read_all(
    *paths: str | os.PathLike[str],
    format: str | None = None,
    target_bytes: int = 128 << 20,
    options: ReadOptions | None = None,
) -> Everything:
    """Every document and entry of `paths`."""
    everything = Everything()
    options = options or ReadOptions()
    files = find_files([os.fspath(path) for path in paths], format=format, text_columns=options.text_columns)
    for shard in plan_shards(files, target_bytes=target_bytes):
        for batch in read_shard(shard, options):
            assert batch.documents.schema == DOCUMENT_SCHEMA
            everything.rows += batch.documents.to_pylist()
            everything.quarantined += batch.quarantined
            everything.skipped.update(batch.skipped)
            everything.bytes_read += batch.bytes_read
            everything.batch_sizes.append(batch.documents.nbytes)
            everything.batch_rows.append(batch.documents.num_rows)
    return everything


def png(width: int, height: int, more: bytes = b"") -> bytes:
    """A PNG file without pixels, whose header says how large the picture is."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(4)
    return start + more + b"\0\0\0\0IEND"


def make_tar(members: dict[str, bytes], *special: tarfile.TarInfo) -> bytes:
    """A tar archive of files by name, then of special members without content."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in special:
            archive.addfile(info)
    return target.getvalue()
