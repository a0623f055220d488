"""What earlier runs remember of their corpora, so that a new crawl is deduplicated against them.

`cupel.contract.index` says how its files are named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cupel.contract.docs import among
from cupel.errors import BadInput
from cupel.store import digest_file

__all__ = ["Index", "is_outside"]

OPTIONS = b"cupel.options"
BATCH_ROWS = 65536


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
        Options that determine what is remembered; files with other options are refused.
    corpora
        Files of earlier corpora, by name.
    """

    decisive: Mapping[str, Any]
    corpora: tuple[Path, ...]

    @classmethod
    def of(cls, path: str, method: str, decisive: Mapping[str, Any], corpus: str) -> Index:
        """The index at `path`, without what it remembers of the very corpus `corpus`.

        Raises
        ------
        BadInput
            A file has other options, is damaged, or is not part of an index.
        """
        folder = Path(path).absolute() / method
        if Path(path).exists() and not Path(path).is_dir():
            raise BadInput(f"{path}: expected the folder of an index, found a file")
        corpora = tuple(file for file in sorted(folder.glob("*.parquet")) if _corpus(file) != corpus)
        for file in corpora:
            _check(file)
            try:
                options = json.loads((pq.read_schema(file).metadata or {})[OPTIONS])
            except (KeyError, ValueError, pa.ArrowException, OSError) as error:
                raise BadInput(f"{file}: not the file of an index ({error})") from None
            if options != decisive:
                other = ", ".join(
                    f"{key} {options.get(key)!r}"
                    for key in dict.fromkeys([*decisive, *options])
                    if options.get(key) != decisive.get(key)
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
        batches = [
            batch.filter(pa.array(among(batch.column("doc").to_numpy(), wanted)))
            for batch in (self.batches(["id"]) if len(wanted) else ())
        ]
        schema = pa.schema([("doc", pa.int64()), ("id", pa.large_string())])
        return pa.Table.from_batches([batch.cast(schema) for batch in batches], schema)

    def writer(self, path: str, schema: pa.Schema) -> pq.ParquetWriter:
        """Writes what is to be remembered of this corpus."""
        options = json.dumps(dict(self.decisive), sort_keys=True).encode()
        return pq.ParquetWriter(path, schema.with_metadata({OPTIONS: options}), compression="zstd")


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
    """Refuse a file whose content does not match the digest in its name.

    Files of earlier versions are named by their input alone; damage in those shows when they are read.
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
    """The digest of a file in one state, cached so that the steps of a run do not each read it."""
    return digest_file(file)
