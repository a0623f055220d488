"""What earlier runs remember of their corpora, so that a new crawl is deduplicated against them.

An index is a folder. In it, each method has a folder of its own, and in that one file for each corpus,
named by the digest of the run's input: nothing that is there is ever written again, two runs
cannot disturb each other, and a corpus that is refined once more does not meet itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from cupel.dedup._docs import among
from cupel.errors import BadInput
from cupel.methods import Method, Sketches

__all__ = ["Index", "IndexOptions", "is_outside"]

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
            A file of other options, or no file of an index.
        """
        folder = Path(path) / method
        if Path(path).exists() and not Path(path).is_dir():
            raise BadInput(f"{path}: expected the folder of an index, found a file")
        corpora = tuple(file for file in sorted(folder.glob("*.parquet")) if file.stem != sketches.corpus)
        for file in corpora:
            try:
                known = json.loads((pq.read_schema(file).metadata or {})[OPTIONS])
            except (KeyError, pa.ArrowException, OSError) as error:
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
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False):
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
