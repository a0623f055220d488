"""Writing Arrow batches: even row groups, rolling files, atomic writes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from cupel.contract import label_columns
from cupel.corpus.json_text import as_text
from cupel.corpus.part_rows import came_in_row, to_row
from cupel.recipe.folder import disk_errors
from cupel.store import make_folder, put, rename, temporary

__all__ = ["PASS_ROW_GROUP_BYTES", "JsonlWriter", "ParquetWriter", "RollingWriter"]

ROW_GROUP_BYTES = 32 << 20
ZSTD_LEVEL = 1
"""Level 3 takes 2.4 times as long for a tenth less: it was a fifth of a whole deduplication."""
PASS_ROW_GROUP_BYTES = 2 << 20
"""Of what one pass leaves to the next: a few documents are read without much else, and many threads hold little."""


class ParquetWriter:
    """One Parquet file with row groups of a given size in bytes of Arrow data, renamed once complete.

    `passing` files are read once or twice and deleted: LZ4, written in two thirds and read in a third of zstd's
    time, in small row groups. What a power cut takes of them, their seals show; what changes while the run still
    goes on, the checksums of their pages.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        row_group_bytes: int | None = None,
        repeating: Collection[str] = (),
        passing: bool = False,
    ) -> None:
        self.path = path
        self.schema = schema
        self.row_group_bytes = row_group_bytes or (PASS_ROW_GROUP_BYTES if passing else ROW_GROUP_BYTES)
        self.rows = 0
        self._put = rename if passing else put
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        with disk_errors(path):
            make_folder(path.parent)
            self._sink = open(temporary(path), "wb", buffering=0)  # noqa: SIM115 - closed in close() and abort()
            try:
                self._writer = pq.ParquetWriter(
                    self._sink,
                    schema,
                    compression="lz4" if passing else "zstd",
                    compression_level=None if passing else ZSTD_LEVEL,
                    use_dictionary=_dictionary(schema, repeating),
                    write_page_checksum=passing,
                )
            except OSError:
                self._sink.close()
                raise

    def write(self, batch: pa.RecordBatch) -> None:
        self._pending.append(batch)
        self._pending_bytes += batch.nbytes
        self.rows += batch.num_rows
        if self._pending_bytes >= self.row_group_bytes:
            self._flush()

    def bytes_written(self) -> int:
        return self._sink.tell()

    def close(self) -> None:
        try:
            self._flush()
            with disk_errors(self.path):
                self._writer.close()
                self._sink.close()
                self._put(self.path)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Discard the file."""
        self._writer.is_open = False  # else it writes a footer when it is collected
        self._sink.close()
        temporary(self.path).unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending, schema=self.schema)
            with disk_errors(self.path):
                self._writer.write_table(table, row_group_size=max(1, table.num_rows))
            self._pending, self._pending_bytes = [], 0


class JsonlWriter:
    """One JSONL.zst file: document columns, with the metadata's fields beside them.

    Conversations are rows of the layout that they came in, or of the one named.
    """

    def __init__(self, path: Path, schema: pa.Schema, layout: str | None = None) -> None:
        import zstandard

        self.layout = layout

        self.path = path
        self.rows = 0
        self._fields = schema.names
        with disk_errors(path):
            make_folder(path.parent)
            self._sink = open(temporary(path), "wb", buffering=0)  # noqa: SIM115 - closed in close() and abort()
            self._stream = zstandard.ZstdCompressor(level=ZSTD_LEVEL).stream_writer(self._sink, closefd=False)

    def write(self, batch: pa.RecordBatch) -> None:
        lines = []
        for row in batch.to_pylist():
            parts = row.get("parts")
            if parts is not None and (self.layout is not None or came_in_row(parts)):
                lines.append(orjson.dumps(_row_of(row, self.layout), default=as_text))
                continue
            fields = orjson.loads(row.pop("metadata", None) or b"{}")
            row = {key: value for key, value in row.items() if value is not None}
            # A field called like a column goes one level down, where reading finds it again.
            below = {name: fields.pop(name) for name in row if name in fields}
            if below:
                if "metadata" in fields:
                    below["metadata"] = fields["metadata"]
                row["metadata"] = below
            lines.append(orjson.dumps(fields | row))
        self.rows += len(lines)
        with disk_errors(self.path):
            self._stream.write(b"".join(line + b"\n" for line in lines))

    def bytes_written(self) -> int:
        return self._sink.tell()

    def close(self) -> None:
        try:
            with disk_errors(self.path):
                self._stream.close()
                self._sink.close()
                put(self.path)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        self._sink.close()
        temporary(self.path).unlink(missing_ok=True)


def _row_of(document: dict[str, Any], layout: str | None) -> dict[str, Any]:
    """A conversation as a row of a layout, what Cupel knows of it behind the fields of the row.

    A field of the row that clashes with one of these moves one level down, where reading finds it again.
    """
    row = to_row(document, layout)
    known = {name: value for name, value in document.items() if value is not None}
    for name in ("text", "parts", "metadata"):
        known.pop(name, None)
    for name in ("id", "source", "url"):
        # A number as the id of a row is a text as that of a document.
        if name in row and str(row[name]) == known.get(name):
            del known[name]
    below = {name: row.pop(name) for name in known if name in row}
    if below:
        row["metadata"] = below | ({"metadata": row["metadata"]} if "metadata" in row else {})
    return row | known


class RollingWriter:
    """Files of about `shard_bytes` each: `part-00007-000.parquet`, `part-00007-001.parquet` …

    Parquet columns named as `repeating` are tried with a dictionary.
    """

    def __init__(
        self,
        folder: Path,
        stem: str,
        schema: pa.Schema,
        *,
        shard_bytes: int,
        jsonl: bool = False,
        layout: str | None = None,
        keep_empty: bool = False,
        repeating: Collection[str] = (),
    ) -> None:
        self.folder = folder
        self.stem = stem
        self.schema = schema
        self.shard_bytes = shard_bytes
        self.jsonl = jsonl
        self.layout = layout
        self.keep_empty = keep_empty
        self.repeating = repeating
        self.files: list[Path] = []
        self._open: ParquetWriter | JsonlWriter | None = None

    def __enter__(self) -> Self:
        for stale in self.folder.glob(f"*{self.stem}-*"):  # of an attempt that was killed
            stale.unlink()
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        writer = self._open or self._start()
        writer.write(batch)
        if writer.bytes_written() >= self.shard_bytes:
            self._roll()

    def _start(self) -> ParquetWriter | JsonlWriter:
        suffix = "jsonl.zst" if self.jsonl else "parquet"
        path = self.folder / f"{self.stem}-{len(self.files):03d}.{suffix}"
        writer = (
            JsonlWriter(path, self.schema, self.layout)
            if self.jsonl
            else ParquetWriter(path, self.schema, repeating=self.repeating)
        )
        self._open = writer
        return writer

    def _roll(self) -> None:
        if self._open is not None:
            self._open.close()
            self.files.append(self._open.path)
            self._open = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            if self._open is None and not self.files and self.keep_empty:
                self._start()
            self._roll()
        elif self._open is not None:
            self._open.abort()


def _dictionary(schema: pa.Schema, repeating: Collection[str]) -> list[str]:
    """Columns that repeat: the others are not worth a dictionary."""
    wanted = {"source", "path", "status", "step", "reason", "limit", *label_columns(), *repeating}
    return [
        f"{item.name}.list.element" if pa.types.is_large_list(item.type) else item.name
        for item in schema
        if item.name in wanted
    ]
