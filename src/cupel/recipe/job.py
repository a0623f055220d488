"""The description of a run that every task reads: one JSON file in the output folder.

Workers on any node read it; it holds no code, and nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from cupel.corpus.files import InputFile
from cupel.corpus.layouts import find_layout
from cupel.corpus.layouts.image_text import ImageText
from cupel.corpus.parts import PARTS
from cupel.corpus.read import ReadOptions
from cupel.corpus.remote import IOOptions
from cupel.corpus.shards import FilePart, Shard
from cupel.errors import BadOption
from cupel.recipe import ledger
from cupel.recipe.folder import Folder, disk_errors, read_sealed
from cupel.recipe.plan import Plan
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe

__all__ = ["DOCUMENT", "WEIGHT", "Job", "OutputOptions"]

DOCUMENT = {
    "doc": pa.int64(),
    "id": pa.large_string(),
    "text": pa.large_string(),
    "source": pa.large_string(),
    "url": pa.large_string(),
    "path": pa.large_string(),
    "position": pa.int64(),
    "metadata": pa.large_string(),
    "parts": PARTS,
    "bytes_in": pa.int64(),
    "edits": pa.large_list(pa.large_string()),
}
"""Columns of a document between passes; signal columns follow."""

WEIGHT = "weight"
"""How often a document is to be drawn; 1 means once. The column exists if a step weighs."""


@dataclass(frozen=True)
class OutputOptions:
    """How the corpus is written.

    Attributes
    ----------
    format
        `parquet` (other fields as columns) or `jsonl` (JSONL.zst, other fields at the top level).
    layout
        The layout of conversations in JSON lines (see `cupel.corpus.layouts`); by default each is written in the one
        that it came in. A plain text stays one. In Parquet they are a column `parts`, whatever layout they came in.
    shard_bytes
        Approximate size of one data file.
    strict
        Stop at the first document that cannot be read, and would go to quarantine.
    """

    format: str = "parquet"
    shard_bytes: int = 256_000_000
    strict: bool = False
    layout: str | None = None

    def __post_init__(self) -> None:
        if self.format not in ("parquet", "jsonl"):
            raise BadOption(f"format is '{self.format}': expected 'parquet' or 'jsonl'")
        if self.layout is not None:
            find_layout(self.layout)
            if self.layout == ImageText.name:
                raise BadOption(f"layout '{self.layout}' holds bytes of media, which JSON lines cannot")
            if self.format != "jsonl":
                raise BadOption(f"layout '{self.layout}' is of JSON lines; choose the format 'jsonl'")
        if self.shard_bytes < 1:
            raise BadOption(f"shard_bytes is {self.shard_bytes}: expected 1 or more")


@dataclass(frozen=True)
class Job:
    """One run as its workers see it."""

    recipe: Recipe
    files: tuple[InputFile, ...]
    shards: tuple[Shard, ...]
    reading: ReadOptions
    output: OutputOptions
    annotated: Mapping[str, str]
    """Signal columns in the input that may be reused, with the method that measured each."""

    def to_json(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_dict(),
            "files": [asdict(file) for file in self.files],
            "shards": [
                {
                    "index": s.index,
                    "bytes": s.bytes,
                    "parts": [[p.file.index, p.start, p.stop] for p in s.parts],
                }
                for s in self.shards
            ],
            "reading": asdict(self.reading),
            "output": asdict(self.output),
            "annotated": dict(self.annotated),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        files = tuple(InputFile(**file) for file in record["files"])
        shards = tuple(
            Shard(
                index=shard["index"],
                parts=tuple(FilePart(files[file], start, stop) for file, start, stop in shard["parts"]),
                bytes=shard["bytes"],
            )
            for shard in record["shards"]
        )
        return cls(
            recipe=Recipe.from_dict(record["recipe"]),
            files=files,
            shards=shards,
            reading=reading_options(record["reading"]),
            output=OutputOptions(**record["output"]),
            annotated=record["annotated"],
        )

    @staticmethod
    @lru_cache(maxsize=4)
    def _loaded(path: str, stamp: int) -> tuple[Job, Plan, str]:
        begun = read_sealed(Path(path))
        job = Job.from_json(begun["job"])
        return job, make_plan(job.recipe, job.annotated), begun["seal"]

    @classmethod
    def load(cls, folder: Folder) -> tuple[Job, Plan, str]:
        """The job of `folder`, its plan, and the seal of `plan.json`; read once per process."""
        with disk_errors(folder.plan):
            stamp = folder.plan.stat().st_mtime_ns
        return cls._loaded(str(folder.plan), stamp)


def signal_types(plan: Plan) -> dict[str, pa.DataType]:
    """Arrow types of all signal columns that a run carries."""
    columns = plan.columns
    return {name: columns[name].type for name in (*plan.measured, *plan.reused)}


def ledger_schema(plan: Plan) -> pa.Schema:
    """The ledger's schema in a run of `plan`."""
    return ledger.schema(signal_types(plan))


def reading_options(record: Mapping[str, Any]) -> ReadOptions:
    """Reading options as JSON holds them."""
    io = record.get("io")
    return ReadOptions(**{**record, "io": IOOptions(**io) if io else None})
