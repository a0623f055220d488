"""Queries on finished runs: the fate of a document, samples of a step, a comparison of two runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.corpus.files import InputFile
from cupel.corpus.fingerprint import digest_of_files, stamp_of
from cupel.corpus.read import ReadOptions, read_shard
from cupel.corpus.records import ORDINAL_BITS
from cupel.corpus.shards import FilePart, Shard
from cupel.engine import daft, read_tables
from cupel.errors import BadInput, InputChanged, RunFailed, UnknownName
from cupel.recipe.folder import Folder
from cupel.recipe.job import reading_options

__all__ = ["Comparison", "Story", "compare", "sample", "texts_of", "why"]


MAX_STORIES = 5
"""The maximum number of documents that a path may refer to."""


@dataclass(frozen=True)
class Story:
    """The fate of one document.

    Attributes
    ----------
    row
        Its ledger row.
    before
        The text as read (the HTML, where it was a page) or as a generator wrote it; None where the input is gone.
    after
        The text as kept; None where it was not kept.
    note
        Why `before` is missing, or that the input has changed since.
    parents
        Ledger rows of what it was written from, and before these of what they were written from: the nearest first.
    children
        Ledger rows of what was written from it.
    """

    row: Mapping[str, Any]
    before: str | None
    after: str | None
    note: str = ""
    parents: tuple[Mapping[str, Any], ...] = ()
    children: tuple[Mapping[str, Any], ...] = ()

    @property
    def signals(self) -> dict[str, Any]:
        """All signals measured on it."""
        return {name: value for name, value in (self.row.get("signals") or {}).items() if value is not None}


@dataclass(frozen=True)
class Comparison:
    """Two runs on one input, document by document.

    Attributes
    ----------
    counts
        Table `in_a`, `in_b`, `documents`: how many were kept or not in each.
    reasons
        Table `kept_by`, `step`, `reason`, `documents`: why the other one dropped what one kept.
    differing
        Daft DataFrame: every document kept by exactly one, with the other's step, reason, value, limit.
    """

    counts: pa.Table
    reasons: pa.Table
    differing: Any


def why(output: str | Path, id: str) -> list[Story]:
    """The full history of the documents whose id is `id`; more than one if the id repeats.

    Parameters
    ----------
    output
        Folder of a finished run.
    id
        Of a document that it read or generated. Where no document has it as its id, the path of the file that it was
        read from, or the end of it: `this.py`.

    Raises
    ------
    BadInput
        No finished run there, no such document, or a path of more than a few documents.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyarrow, cupel
    >>> out = pathlib.Path(tempfile.mkdtemp()) / "out"
    >>> pool = pyarrow.table({"id": ["a", "b", "c"], "text": ["Café", "東京", "Café"]})
    >>> _ = cupel.dedup(pool, output=out, by="exact", report=False)
    >>> (story,) = cupel.why(out, "c")
    >>> story.row["step"], story.row["survivor"], story.before
    ('exact', 'a', 'Café')
    """
    folder = Folder(Path(output))
    manifest = folder.read_manifest()
    rows = _named(_ledger(folder), id, str(output))
    before = texts_of(folder, rows)
    kept = [row["doc"] for row in rows if row["status"] == "kept"]
    after = _kept_texts(folder, kept)
    family = _Family(folder) if manifest.get("generated") else None
    return [
        Story(
            row,
            before[row["doc"]][0],
            after.get(row["doc"]),
            before[row["doc"]][1],
            family.parents_of(row["doc"]) if family else (),
            family.children_of(row["doc"]) if family else (),
        )
        for row in rows
    ]


def _named(ledger: Any, name: str, output: str) -> list[dict[str, Any]]:
    """The ledger rows of an id, else of a path or the end of one."""
    column = daft().col
    rows: list[dict[str, Any]] = ledger.where(column("id") == name).to_arrow().sort_by("doc").to_pylist()
    if rows:
        return rows
    by_path = (column("path") == name) | column("path").endswith(f"/{name.lstrip('/')}")
    rows = ledger.where(by_path).to_arrow().sort_by("doc").to_pylist()
    if not rows:
        raise BadInput(
            f"{output}: no document has the id '{name}', nor a path that ends in it; "
            "ids are in the ledger and the data files"
        )
    if len(rows) > MAX_STORIES:
        some = ", ".join(str(row["id"]) for row in rows[:3])
        raise BadInput(
            f"{output}: {len(rows):,} documents come from a path that ends in '{name}'; name one by its id, such as {some}"
        )
    return rows


class _Family:
    """Parents and children of documents, in a run with generators."""

    def __init__(self, folder: Folder) -> None:
        module = daft()
        self.ledger = _ledger(folder).where(module.col("doc").not_null())
        born = self.ledger.where(module.col("parents").not_null()).select("doc", "parents").to_pylist()
        self.parents = {row["doc"]: row["parents"] for row in born}

    def parents_of(self, doc: int) -> tuple[Mapping[str, Any], ...]:
        rows: dict[int, None] = {}
        generation = list(self.parents.get(doc, ()))
        while generation:
            rows |= dict.fromkeys(generation)
            generation = [parent for each in generation for parent in self.parents.get(each, ())]
        return self._rows(list(rows))

    def children_of(self, doc: int) -> tuple[Mapping[str, Any], ...]:
        return self._rows(sorted(child for child, parents in self.parents.items() if doc in parents))

    def _rows(self, docs: list[int]) -> tuple[Mapping[str, Any], ...]:
        if not docs:
            return ()
        place = {doc: number for number, doc in enumerate(docs)}
        rows = self.ledger.where(daft().col("doc").is_in(docs)).to_pylist()
        return tuple(sorted(rows, key=lambda row: place[row["doc"]]))


def sample(
    output: str | Path,
    *,
    dropped_by: str | None = None,
    reason: str | None = None,
    documents: int = 10,
    seed: int = 0,
) -> pa.Table:
    """Some documents that a step dropped, or some that were kept, with their text as read.

    Parameters
    ----------
    output
        Folder of a finished run.
    dropped_by
        A step of the recipe; None: documents that were kept.
    reason
        Only those dropped for this reason.
    documents
        The maximum number of documents.
    seed
        A different seed selects different documents.

    Returns
    -------
    Table `id`, `source`, `step`, `reason`, `value`, `limit`, `text`.

    Raises
    ------
    UnknownName
        No step or reason of that name dropped anything.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyarrow, cupel
    >>> out = pathlib.Path(tempfile.mkdtemp()) / "out"
    >>> pool = pyarrow.table({"id": ["a", "b", "c"], "text": ["Café", "東京", "Café"]})
    >>> _ = cupel.dedup(pool, output=out, by="exact", report=False)
    >>> cupel.sample(out, dropped_by="exact")["text"].to_pylist()
    ['Café']
    """
    folder = Folder(Path(output))
    folder.read_manifest()
    module = daft()
    ledger = _ledger(folder)
    if dropped_by is None:
        chosen = ledger.where(module.col("status") == "kept")
    else:
        chosen = ledger.where((module.col("status") != "kept") & (module.col("step") == dropped_by))
        if reason is not None:
            chosen = chosen.where(module.col("reason") == reason)
    columns = ["doc", "id", "source", "path", "position", "status", "step", "reason", "value", "limit"]
    shuffled = chosen.select(*columns).with_column("order", (module.col("doc") + seed).hash())
    rows = shuffled.sort(["order", "doc"]).limit(documents).to_arrow().to_pylist()
    if not rows and dropped_by is not None:
        _refuse_unknown(ledger, dropped_by, reason, str(output))
    texts = texts_of(folder, [row for row in rows if row["doc"] is not None])
    shown = ("id", "source", "step", "reason", "value", "limit")
    table = {name: pa.array([row[name] for row in rows], pa.large_string()) for name in shown}
    shown_texts = [texts[row["doc"]][0] if row["doc"] is not None else None for row in rows]
    return pa.table(table | {"text": pa.array(shown_texts, pa.large_string())})


def compare(run_a: str | Path, run_b: str | Path) -> Comparison:
    """Which documents one run kept and the other dropped, and why.

    Documents are matched by their place in the input when both runs read the same input,
    by id otherwise.

    Parameters
    ----------
    run_a, run_b
        Folders of finished runs.

    Raises
    ------
    BadInput
        One of them is not a finished run, or they have no document in common.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyarrow, cupel
    >>> out = pathlib.Path(tempfile.mkdtemp()) / "out"
    >>> pool = pyarrow.table({"id": ["a", "b", "c"], "text": ["Café", "東京", "Café"]})
    >>> _ = cupel.dedup(pool, output=out, by="exact", report=False)
    >>> _ = cupel.dedup(pool, output=out / "other", by="lines", report=False)
    >>> cupel.compare(out, out / "other").counts.to_pylist()
    [{'in_a': True, 'in_b': True, 'documents': 2}, {'in_a': False, 'in_b': True, 'documents': 1}]
    """
    module = daft()
    folders = Folder(Path(run_a)), Folder(Path(run_b))
    same = len({folder.read_manifest()["input_digest"] for folder in folders}) == 1
    key = "doc" if same else "id"
    columns = ("status", "step", "reason", "value", "limit")
    a, b = (
        _read_documents(folder).select(
            module.col(key),
            *([] if key == "id" else [module.col("id").alias(f"id_{side}")]),
            *(module.col(name).alias(f"{name}_{side}") for name in columns),
        )
        for side, folder in zip("ab", folders, strict=True)
    )
    joined = a.join(b, on=key, how="inner").collect()
    if not len(joined):
        raise BadInput(
            f"{run_a} and {run_b} have no document in common: neither their input nor any id is the same"
        )
    in_a, in_b = (module.col(f"status_{side}") == "kept" for side in "ab")
    counts = joined.select(in_a.alias("in_a"), in_b.alias("in_b"))
    counts = counts.groupby("in_a", "in_b").agg(module.col("in_a").count(mode="all").alias("documents"))
    differing = joined.where(in_a != in_b)
    reasons = []
    for kept_by, other in (("a", "b"), ("b", "a")):
        mine = differing.where(module.col(f"status_{kept_by}") == "kept")
        grouped = mine.groupby(f"step_{other}", f"reason_{other}").agg(
            module.col(key).count().alias("documents")
        )
        for row in grouped.to_pylist():
            reasons.append((kept_by, row[f"step_{other}"], row[f"reason_{other}"], row["documents"]))
    reasons.sort(key=lambda row: (row[0], -row[3]))
    table = pa.Table.from_pylist(
        [dict(zip(("kept_by", "step", "reason", "documents"), row, strict=True)) for row in reasons],
        schema=pa.schema(
            [
                ("kept_by", pa.string()),
                ("step", pa.string()),
                ("reason", pa.string()),
                ("documents", pa.int64()),
            ]
        ),
    )
    ordered = counts.to_arrow().sort_by([("in_a", "descending"), ("in_b", "descending")])
    return Comparison(ordered, table, differing)


def _read_documents(folder: Folder) -> Any:
    """The ledger without what generators wrote: two runs write different documents under one key."""
    module = daft()
    ledger = _ledger(folder).where(module.col("doc").not_null())
    return ledger.where(module.col("parents").is_null()) if "parents" in ledger.column_names else ledger


def _ledger(folder: Folder) -> Any:
    return read_tables(folder.root / "ledger")


def _refuse_unknown(ledger: Any, step: str, reason: str | None, where: str) -> None:
    module = daft()
    dropped = ledger.where(module.col("status") != "kept")
    reasons = dropped.select("step", "reason").distinct().to_pylist()
    steps = {row["step"] for row in reasons}
    if step not in steps:
        raise UnknownName("step that dropped documents", step, steps, where=where)
    if reason is not None:
        raise UnknownName(
            "reason", reason, {row["reason"] for row in reasons if row["step"] == step}, where=where
        )


def _kept_texts(folder: Folder, docs: list[int]) -> dict[int, str]:
    if not docs:
        return {}
    from cupel.corpus import Corpus

    texts: dict[int, str] = {}
    wanted = pa.array(docs, pa.int64())
    module = daft()
    if (folder.data / "").exists() and any(folder.data.glob("*.parquet")):
        table = read_tables(folder.data).where(module.col("doc").is_in(docs))
        return {row["doc"]: row["text"] for row in table.select("doc", "text").to_pylist()}
    for batch in Corpus.read([str(folder.data)]).batches():  # JSONL output: `doc` is among its fields
        metadata = [json.loads(text).get("doc") for text in batch.column("metadata").to_pylist()]
        at = pc.is_in(pa.array(metadata, pa.int64()), wanted).to_numpy(zero_copy_only=False)
        for row in at.nonzero()[0]:
            texts[metadata[row]] = batch.column("text")[int(row)].as_py()
    return texts


def texts_of(folder: Folder, rows: Iterable[Mapping[str, Any]]) -> dict[int, tuple[str | None, str]]:
    """Documents read from the input again: doc → (text, note)."""
    inputs = folder.read_inputs()
    options = reading_options(inputs["reading"])
    files = {file["index"]: InputFile(**file) for file in inputs["files"]}
    wanted: dict[int, set[int]] = {}
    for row in rows:
        wanted.setdefault(row["doc"] >> ORDINAL_BITS, set()).add(row["doc"])
    texts: dict[int, tuple[str | None, str]] = {}
    for index, docs in wanted.items():
        texts |= _read_again(files[index], docs, options) if index in files else _written(folder, index, docs)
    return texts


def _written(folder: Folder, index: int, docs: set[int]) -> dict[int, tuple[str | None, str]]:
    """Documents as a generator wrote them: those of the file with this number."""
    texts: dict[int, tuple[str | None, str]] = {}
    generated = folder.read_manifest().get("generated", {}).values()
    starts: dict[str, int] = next((file["starts"] for file in generated if file["file"] == index), {})
    ordered = sorted(docs)
    for name, start in starts.items():
        path = folder.generated / name
        first = (index << ORDINAL_BITS) + start
        try:
            count = pq.read_metadata(path).num_rows
            here = [doc for doc in ordered if first <= doc < first + count]
            if here:
                column = pq.read_table(path, columns=["text"]).column("text")
                texts |= {doc: (column[doc - first].as_py(), "") for doc in here}
        except (OSError, pa.ArrowException) as error:
            return dict.fromkeys(docs, (None, f"{path} cannot be read: {error}")) | texts
    for doc in docs:
        texts.setdefault(doc, (None, f"{folder.generated} does not hold it"))
    return texts


def _read_again(file: InputFile, docs: set[int], options: ReadOptions) -> dict[int, tuple[str | None, str]]:
    texts: dict[int, tuple[str | None, str]] = {}
    try:
        digest = digest_of_files(file.paths, io=options.io)
        note = "" if digest == file.digest else f"{file.path} has changed since the run"
        file = replace(file, digest=digest, stamp=stamp_of(*file.paths))
        for batch in read_shard(Shard(0, (FilePart(file, 0, None),), file.bytes), options):
            for row, doc in enumerate(batch.documents.column("doc").to_pylist()):
                if doc in docs:
                    text = batch.documents.column("text")[row].as_py()
                    html = batch.documents.column("html")[row].as_py()
                    shown = text if text is not None else (html or b"").decode("utf-8", "replace")
                    texts[doc] = (shown, note)
            if len(texts) == len(docs):
                break
    except (BadInput, InputChanged, RunFailed, OSError) as error:
        note = f"the input cannot be read again: {error}"
    for doc in docs:
        texts.setdefault(doc, (None, note or f"{file.path} no longer holds it"))
    return texts
