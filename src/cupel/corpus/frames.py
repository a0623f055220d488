"""Tables in memory as input: DataFrames, Arrow tables and `datasets`, written once as Parquet and read like any file.

A table becomes an artifact of the Store, named by its content. So the same table is the same input on every call,
which is what resuming a run and finding it up to date rest on, and workers on other processes can read it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cupel.errors import BadInput, RunFailed, system_refusal
from cupel.store import Store
from cupel.units import write_bytes, write_count

__all__ = ["Source", "paths_of"]

Source = Any
"""A path, or a table: pandas, Polars, Daft, Arrow, or of the library `datasets`."""

ROW_GROUP_ROWS = 2048
"""A fixed number, so that the same rows give the same file however their table is chunked."""
WARN_BYTES = 1 << 30


def paths_of(
    inputs: Source | Sequence[Source],
    *,
    cache: str | os.PathLike[str] | Store | None = None,
    note: Callable[[str], object] | None = None,
) -> list[str]:
    """The paths that inputs name; each table is written to the Store, and its file is named.

    Parameters
    ----------
    inputs
        Paths and tables: one, or a sequence of them. A table is a pandas or Polars DataFrame, a Daft DataFrame, an
        Arrow table, record batch or reader, anything with `__arrow_c_stream__`, a `Dataset`, `IterableDataset` or a
        dictionary of these of the library `datasets`. The index of a pandas DataFrame is left out.
    cache
        The Store.
    note
        Called with one line for each table that is written. Without it, a table of more than 1 GiB raises a warning.

    Raises
    ------
    BadInput
        Something else, or a column that Parquet cannot hold.
    RunFailed
        There is no room for the table.

    Examples
    --------
    >>> import tempfile
    >>> table = pa.table({"text": ["Café", "東京"]})
    >>> (first,) = paths_of(table, cache=tempfile.mkdtemp())
    >>> pq.read_table(first)["text"].to_pylist()
    ['Café', '東京']
    """
    each = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    paths: list[str] = []
    for item in each:
        if isinstance(item, str | os.PathLike):
            paths.append(os.fspath(item))
            continue
        for name, reader in _tables(item):
            paths.append(str(_stored(name, reader, Store.of(cache), note)))
    return paths


def _tables(item: Any) -> Iterator[tuple[str, pa.RecordBatchReader]]:
    """Each table in `item`, with the name that its documents have as their source."""
    library = type(item).__module__.partition(".")[0]
    if library == "datasets" and isinstance(item, Mapping):
        for split, part in item.items():
            yield str(split), _of_datasets(part)
    elif library == "datasets" and hasattr(item, "with_format"):
        yield str(item.split or "table"), _of_datasets(item)
    elif library == "pandas" and hasattr(item, "columns"):
        try:
            yield "table", pa.Table.from_pandas(item, preserve_index=False).to_reader()
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise BadInput(f"pandas DataFrame: {_line(error)}; give each column values of one type") from None
    elif library == "polars" and hasattr(item, "collect_schema") and hasattr(item, "lazy"):
        import polars

        frame = item.collect() if isinstance(item, polars.LazyFrame) else item
        yield "table", frame.to_arrow(compat_level=polars.CompatLevel.oldest()).to_reader()
    elif library == "daft" and hasattr(item, "to_arrow_iter"):
        schema = item.schema().to_pyarrow_schema()
        yield "table", pa.RecordBatchReader.from_batches(schema, item.to_arrow_iter())
    elif isinstance(item, pa.RecordBatch):
        yield "table", pa.Table.from_batches([item]).to_reader()
    elif hasattr(item, "__arrow_c_stream__"):
        yield "table", pa.RecordBatchReader.from_stream(item)
    else:
        kind = f"{type(item).__module__}.{type(item).__qualname__}".removeprefix("builtins.")
        raise BadInput(
            f"an input is a {kind}: expected a path, a pandas, Polars or Daft DataFrame, an Arrow table, or a "
            "data set of the library `datasets`; for rows in a list: pyarrow.Table.from_pylist(rows)"
        )


def _of_datasets(data: Any) -> pa.RecordBatchReader:
    """A `Dataset` or `IterableDataset`, a few rows at a time."""
    tables: Iterator[pa.Table] = data.with_format("arrow").iter(batch_size=ROW_GROUP_ROWS)
    first = next(tables, None)
    if first is None:
        schema = data.features.arrow_schema if data.features else pa.schema([])
        return pa.RecordBatchReader.from_batches(schema, [])
    schema = data.features.arrow_schema if data.features else first.schema
    schema = schema.remove_metadata()

    def batches() -> Iterable[pa.RecordBatch]:
        table: pa.Table | None = first
        while table is not None:
            try:
                yield from table.cast(schema).to_batches()
            except (pa.ArrowException, ValueError) as error:
                raise BadInput(
                    f"datasets: rows with other columns or types than the first: {_line(error)}; give the data set "
                    "`features`"
                ) from None
            table = next(tables, None)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _stored(
    name: str, reader: pa.RecordBatchReader, store: Store, note: Callable[[str], object] | None
) -> Path:
    """The Parquet file of a table in the Store, which may hold it already."""
    rows = inode = 0

    def write(path: Path) -> None:
        nonlocal rows, inode
        rows, inode = _write(reader, path, name), path.stat().st_ino

    try:
        kept = store.keep("tables", name, f"{name}.parquet", write)
    except OSError as error:
        refusal = system_refusal(error) or error.strerror or str(error)
        raise RunFailed(f"{store.folder}: no table can be written there: {refusal}") from None
    size = kept.stat().st_size
    written = f"{name}: {write_count(rows)} rows written to {kept.parent} ({write_bytes(size)})"
    if kept.stat().st_ino != inode:
        return kept  # the Store held the same table already
    if note is not None:
        note(written)
    elif size > WARN_BYTES:
        warnings.warn(f"{written}; `cupel cache` removes it", stacklevel=4)
    return kept


def _write(reader: pa.RecordBatchReader, path: Path, name: str) -> int:
    """Write row groups of a fixed number of rows; how many rows there were."""
    rows = 0
    try:
        schema = reader.schema.remove_metadata()
        with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
            waiting: list[pa.RecordBatch] = []
            held = 0
            for batch in reader:
                while batch.num_rows:
                    part = batch.slice(0, ROW_GROUP_ROWS - held)
                    batch = batch.slice(part.num_rows)
                    waiting.append(part)
                    held += part.num_rows
                    rows += part.num_rows
                    if held == ROW_GROUP_ROWS:
                        writer.write_table(_joined(waiting, schema))
                        waiting, held = [], 0
            if waiting:
                writer.write_table(_joined(waiting, schema))
    except pa.ArrowException as error:
        if isinstance(error, OSError):
            raise
        raise BadInput(f"{name}: cannot be written as Parquet: {_line(error)}") from None
    return rows


def _joined(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    table = pa.Table.from_batches([batch.replace_schema_metadata() for batch in batches])
    return table.combine_chunks().cast(schema)


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
