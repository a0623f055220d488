"""Parquet in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus.arrow import TableRows, first_line
from cupel.corpus.remote import RawFile, Watched, as_arrow
from cupel.corpus.sink import Sink

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["read_parquet"]


def read_parquet(sink: Sink, raw: RawFile, start: int, stop: int | None) -> Iterator[None]:
    """Documents of the row groups `start` to `stop` of a Parquet file.

    A row group that cannot be read is put aside as one entry, and reading continues with the next.
    Times stored as INT96 are read in microseconds: in nanoseconds, years before 1677 and after 2262
    would wrap around.

    Raises
    ------
    BadInput
        The file has no text column.
    """
    import pyarrow.parquet as pq

    file = Watched(raw, sink.path)
    try:
        table = pq.ParquetFile(as_arrow(file), coerce_int96_timestamp_unit="us")
        metadata = table.metadata
        int96 = _int96_columns(table)
        seconds = pq.ParquetFile(as_arrow(file), coerce_int96_timestamp_unit="s") if int96 else None
    except (pa.ArrowException, OSError) as error:
        file.check()
        sink.bad(0, "file", "unreadable", f"not a whole Parquet file: {first_line(error)}")
        yield
        return
    rows = TableRows(sink, table.schema_arrow, first=start == 0)
    if not rows.readable:
        yield
        return
    groups = range(start, metadata.num_row_groups if stop is None else min(stop, metadata.num_row_groups))
    first = sum(metadata.row_group(group).num_rows for group in range(start))
    for group in groups:
        info = metadata.row_group(group)
        yield from _read_row_group(sink, rows, (table, seconds, int96), group, first)
        file.check()
        sink.collector.read(info.total_byte_size)
        first += info.num_rows
    rows.finish()


def _int96_columns(table: pq.ParquetFile) -> list[str]:
    """Top-level columns of times as Spark and Impala once wrote them."""
    columns = (table.schema.column(place) for place in range(len(table.schema.names)))
    names = [column.name for column in columns if column.physical_type == "INT96"]
    return [name for name in names if table.schema_arrow.names.count(name) == 1]


def _read_row_group(
    sink: Sink,
    rows: TableRows,
    tables: tuple[pq.ParquetFile, pq.ParquetFile | None, list[str]],
    group: int,
    first: int,
) -> Iterator[None]:
    table, seconds, int96 = tables
    info = table.metadata.row_group(group)
    rows_at_once = rows.rows_at_once(info.total_byte_size, info.num_rows)
    done = 0
    try:
        batches = table.iter_batches(batch_size=rows_at_once, row_groups=[group])
        if seconds is not None:
            coarse_batches = seconds.iter_batches(batch_size=rows_at_once, row_groups=[group], columns=int96)
            batches = (
                _without_wrapped(sink, batch, coarse, first)
                for batch, coarse in zip(batches, coarse_batches, strict=True)
            )
        for batch in batches:
            yield from rows.add(batch, first + done)
            done += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        detail = f"row group {group} cannot be read from here: {first_line(error)}"
        sink.bad(first + done + 1, "row", "unreadable", detail)
        yield


def _without_wrapped(sink: Sink, batch: pa.RecordBatch, coarse: pa.RecordBatch, first: int) -> pa.RecordBatch:
    """The batch with null where a time does not fit into microseconds, which shows in that its seconds differ."""
    for place, name in enumerate(coarse.schema.names):
        column = batch.column(name)
        microseconds = pc.cast(column, pa.int64()).fill_null(0).to_numpy()
        seconds = pc.cast(coarse.column(place), pa.int64()).fill_null(0).to_numpy()
        wrapped = microseconds // 1_000_000 != seconds
        if wrapped.any():
            detail = (
                f"column '{name}': {int(wrapped.sum())} times from row {first + int(wrapped.argmax()) + 1} on "
                "do not fit into 64 bits of microseconds, and are null"
            )
            sink.bad(first + int(wrapped.argmax()) + 1, "row", "time-out-of-range", detail)
            values = pc.if_else(pa.array(wrapped), pa.scalar(None, column.type), column)
            batch = batch.set_column(batch.schema.get_field_index(name), name, values)
    return batch
