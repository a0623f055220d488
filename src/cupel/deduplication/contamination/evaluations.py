"""Reads evaluation sets: the rows of their files, in any format."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import pyarrow as pa

from cupel.corpus.files import InputFile, find_files
from cupel.corpus.formats import extension, stem
from cupel.corpus.remote import as_arrow, open_raw
from cupel.corpus.streams import ByteStream, StreamFault
from cupel.deduplication.contamination.items import PARTS, Fields, Item, items_of_rows
from cupel.errors import BadInput

__all__ = ["EvaluationSets", "read_sets"]

MAX_BYTES = 1 << 30
"""Of one file, decompressed."""


@dataclass(frozen=True, eq=False)
class EvaluationSets:
    """All items of all sets, one after the other.

    Attributes
    ----------
    names, sizes
        The sets, and how many rows each has.
    items
        Text columns `question`, `answer`, `choices`, `passage`, and `row` (int64, over all sets): a row with
        several questions holds several items.
    unused
        The fields of each set that contribute to none of its items.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    items: pa.RecordBatch
    unused: tuple[tuple[str, ...], ...] = ()


def read_sets(against: Sequence[str], fields: Fields) -> EvaluationSets:
    """The evaluation sets that these paths, folders, globs or addresses name; one set per file.

    Raises
    ------
    BadInput
        A file is missing, cannot be read, holds no item, or has unknown fields.
    """
    files = tuple(find_files(against))
    return _read(tuple((file.digest, file) for file in files), fields)


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[str, InputFile], ...], fields: Fields) -> EvaluationSets:
    names = _names([file for _, file in files])
    items: list[Item] = []
    places: list[int] = []
    sizes: list[int] = []
    unused: list[tuple[str, ...]] = []
    for _, file in files:
        rows = list(_rows(file))
        if not rows:
            raise BadInput(f"{file.path}: an evaluation set without items protects nothing; leave it out")
        used: dict[str, bool] = {}
        for number, ((_, row), row_items) in enumerate(
            zip(rows, items_of_rows(rows, fields), strict=True), sum(sizes)
        ):
            items += row_items
            places += [number] * len(row_items)
            for name, value in row.items():
                used[str(name)] = used.get(str(name), False) or any(
                    _is_used(value, item) for item in row_items
                )
        sizes.append(len(rows))
        unused.append(tuple(name for name, is_used in used.items() if not is_used))
    columns = {part: pa.array([getattr(item, part) for item in items], pa.large_string()) for part in PARTS}
    table = pa.RecordBatch.from_pydict({**columns, "row": pa.array(places, pa.int64())})
    return EvaluationSets(names, tuple(sizes), table, tuple(unused))


def _is_used(value: Any, item: Item) -> bool:
    """Whether a field's text, or that of anything within it, stands in a part of the item."""
    if isinstance(value, Mapping):
        return any(_is_used(inner, item) for inner in value.values())
    if isinstance(value, list):
        return any(_is_used(inner, item) for inner in value)
    text = value.strip() if isinstance(value, str) else ""
    # A letter or a number stands in any text; what it points to is searched for instead.
    return len(text) > 2 and any(text in getattr(item, part) for part in PARTS)


def _names(files: Sequence[InputFile]) -> tuple[str, ...]:
    """The stem of each file's name, with the path below the folder named where two are alike."""
    stems = [stem(file.relative).removesuffix(".json") for file in files]
    names = [
        name if stems.count(name) == 1 else file.relative for name, file in zip(stems, files, strict=True)
    ]
    return tuple(
        name if names.count(name) == 1 else file.path for name, file in zip(names, files, strict=True)
    )


def _rows(file: InputFile) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where each row stands (for messages), and its fields."""
    if file.format not in ("jsonl", "json", "parquet", "csv", "tsv", "text"):
        raise BadInput(
            f"{file.path}: evaluation sets are read from JSON, CSV, Parquet or text, not {file.format}"
        )
    try:
        if file.format == "parquet":
            yield from _parquet_rows(file)
            return
        data = _content(file)
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{file.path}: cannot be read: {error}") from None
    if file.format in ("csv", "tsv"):
        yield from _csv_rows(file, data)
    elif file.format == "text" and extension(file.path) != "json":
        yield from ((file.path, {"text": data}) for _ in range(bool(data.strip())))
    else:
        yield from _json_rows(file, data)


def _content(file: InputFile) -> str:
    try:
        with ByteStream(open_raw(file.path), name=file.path) as stream:
            data = stream.read(MAX_BYTES + 1)
            stream.read(1)
    except StreamFault as fault:
        raise BadInput(f"{file.path}: {fault.reason}: {fault.detail}") from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"{file.path}: more than {MAX_BYTES} bytes are no evaluation set")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file.path}: not UTF-8 at byte {error.start}") from None


def _json_rows(file: InputFile, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """One object per line; or one array of objects, bare or as the only list of an object."""
    start = text.lstrip()
    whole: Any = None
    if start.startswith("[") or extension(file.path) == "json":
        try:
            whole = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if start.startswith("["):
                raise BadInput(f"{file.path}: not JSON: {error}") from None
    if isinstance(whole, Mapping):
        lists = [value for value in whole.values() if _is_rows(value)]
        whole = lists[0] if len(lists) == 1 else [whole]
    if whole is not None:
        for number, row in enumerate(whole, 1):
            yield _checked(row, f"{file.path}, row {number}")
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{file.path}, line {number}"
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise BadInput(f"{where}: not JSON: {error}") from None
            yield _checked(row, where)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _checked(row: Any, where: str) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(row, Mapping):
        raise BadInput(f"{where}: expected a JSON object, found {type(row).__name__}")
    return where, row


def _csv_rows(file: InputFile, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    tabs = file.format == "tsv"
    lines = (
        csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)  # TSV has no quoting
        if tabs
        else csv.reader(io.StringIO(text))
    )
    try:
        rows = [row for row in lines if row]
    except csv.Error as error:
        raise BadInput(f"{file.path}, line {lines.line_num}: not CSV: {error}") from None
    # MMLU as published has no header: question, four choices, the letter of the right one.
    bare = bool(rows) and all(len(row) == 6 and row[5].strip() in set("ABCD") for row in rows[:20])
    header = ["question", "a", "b", "c", "d", "answer"] if bare else (rows or [[]])[0]
    for number, row in enumerate(rows if bare else rows[1:], 1):
        yield f"{file.path}, row {number}", dict(zip(header, row, strict=False))


def _parquet_rows(file: InputFile) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow.parquet as pq

    number = 0
    with closing(open_raw(file.path)) as raw, pq.ParquetFile(as_arrow(raw)) as table:
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{file.path}, row {number}", row
