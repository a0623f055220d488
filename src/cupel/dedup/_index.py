"""What earlier runs remember of their corpora, so that a new crawl is deduplicated against them.

An index is a folder. In it, each method has a folder of its own, and in that a file
`INPUT-CONTENT.parquet` for each corpus: the digest of the run's input, so that a corpus refined once
more does not meet itself, and the digest of the file's own bytes. A name therefore belongs to one
content: no file is ever overwritten, a rerun that remembers something else adds a file beside the
first, and a damaged file is noticed before it is read.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from cupel.dedup._docs import among
from cupel.errors import BadInput
from cupel.methods import Method, Sketches
from cupel.store import digest_file, replace, sync

__all__ = ["Index", "IndexOptions", "commit_memory", "is_outside", "stage_memory"]

OPTIONS = b"cupel.options"
BATCH_ROWS = 65536


class IndexOptions(Method.Options):
    """The option of every deduplication that can remember."""

    index: str | None = Field(
        None,
        description="Folder of what earlier runs have seen. Documents that are in it go, the earlier ones stay "
        "untouched; what stays of this corpus is remembered once the run is finished. Made if it is not there.",
    )


def is_outside(docs: pa.Array) -> np.ndarray:
    """Which documents are of earlier corpora: their numbers are negative."""
    outside: np.ndarray = docs.to_numpy() < 0
    return outside


@dataclass(frozen=True)
class Index:
    """One method's part of an index, as Parquet files.

    Attributes
    ----------
    decisive
        Options on which it depends what is remembered; files of other options are refused.
    corpora
        Files of earlier corpora, by name.
    """

    decisive: Mapping[str, Any]
    corpora: tuple[Path, ...]

    @classmethod
    def of(cls, path: str, method: str, decisive: Mapping[str, Any], sketches: Sketches) -> Index:
        """The index at `path`, without what it remembers of this very corpus.

        Raises
        ------
        BadInput
            A file of other options, a damaged one, or no file of an index.
        """
        folder = Path(path).absolute() / method
        if Path(path).exists() and not Path(path).is_dir():
            raise BadInput(f"{path}: expected the folder of an index, found a file")
        corpora = tuple(file for file in sorted(folder.glob("*.parquet")) if _corpus(file) != sketches.corpus)
        for file in corpora:
            _check(file)
            try:
                known = json.loads((pq.read_schema(file).metadata or {})[OPTIONS])
            except (KeyError, ValueError, pa.ArrowException, OSError) as error:
                raise BadInput(f"{file}: not the file of an index ({error})") from None
            if known != decisive:
                other = ", ".join(
                    f"{key} {known.get(key)!r}" for key in decisive if known.get(key) != decisive[key]
                )
                raise BadInput(
                    f"{path}: {method} remembers with other options there ({other}); use the same ones, or "
                    "another index"
                )
        return cls(decisive, corpora)

    def rows(self) -> int:
        """Documents remembered."""
        return sum(pq.read_metadata(file).num_rows for file in self.corpora)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The columns, and before them `doc`: -n, ..., -1 over all documents remembered."""
        doc = -self.rows()
        for path in self.corpora:
            for batch in _batches(path, columns):
                docs = pa.array(np.arange(doc, doc + batch.num_rows))
                doc += batch.num_rows
                arrays = [batch.column(name) for name in columns]
                yield pa.RecordBatch.from_arrays([docs, *arrays], names=["doc", *columns])

    def ids(self, docs: pa.Array) -> pa.Table:
        """`doc` and `id` of the documents of earlier corpora among `docs`."""
        wanted = np.unique(docs.to_numpy()[is_outside(docs)])
        found = [
            batch.filter(pa.array(among(batch.column("doc").to_numpy(), wanted)))
            for batch in (self.batches(["id"]) if len(wanted) else ())
        ]
        schema = pa.schema([("doc", pa.int64()), ("id", pa.large_string())])
        return pa.Table.from_batches([batch.cast(schema) for batch in found], schema)

    def writer(self, path: str, schema: pa.Schema) -> pq.ParquetWriter:
        """Writes what is to be remembered of this corpus."""
        options = json.dumps(dict(self.decisive), sort_keys=True).encode()
        return pq.ParquetWriter(path, schema.with_metadata({OPTIONS: options}), compression="zstd")


def stage_memory(written: Path, place: Path, corpus: str) -> Path:
    """Bring what a run remembers of `corpus` into the method's folder `place` of an index, without counting yet.

    The name says that the content is the same, so what is there already is left as it is.

    Returns
    -------
    Path
        The file that it will be; until `commit_memory` makes it so, no run reads it.
    """
    target = place / f"{corpus}-{digest_file(written)}.parquet"
    if not target.exists():
        replace(_staged(target), lambda unfinished: shutil.copyfile(written, unfinished))
    return target


def commit_memory(target: Path) -> bool:
    """Let a staged file count; whether the index has it then. What counts already is left as it is."""
    if target.exists():
        _staged(target).unlink(missing_ok=True)
        return True
    try:
        os.replace(_staged(target), target)
    except FileNotFoundError:
        return target.exists()  # another process may have been faster
    sync(target.parent)
    return True


def _staged(target: Path) -> Path:
    return target.with_name(f".{target.name}.staged")


def _batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: this file of an index cannot be read: {error}") from None


def _corpus(file: Path) -> str:
    """The digest of the input that a file remembers."""
    return file.stem.partition("-")[0]


def _check(file: Path) -> None:
    """Refuse a file whose content is not the one that its name says.

    Files of earlier versions are named by their input alone; what is broken in those shows when they are read.
    """
    expected = file.stem.partition("-")[2]
    if not expected:
        return
    try:
        status = file.stat()
        damaged = _digest_of_state(file, status.st_size, status.st_mtime_ns, status.st_ctime_ns) != expected
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}") from None
    if damaged:
        raise BadInput(
            f"{file}: this file of an index is damaged (its content is not what its name says); restore it from "
            "a copy, or delete it to forget the corpus that it remembers"
        )


@lru_cache(maxsize=4096)
def _digest_of_state(file: Path, size: int, modified_ns: int, changed_ns: int) -> str:
    """The digest of a file in one state: the steps of a run do not read it once each."""
    return digest_file(file)
