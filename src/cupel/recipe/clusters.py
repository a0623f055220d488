"""The duplicate clusters of a finished run: their members, and how their texts differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cupel.contract import CorpusMethod
from cupel.engine import daft, read_tables
from cupel.errors import BadInput, UnknownName
from cupel.recipe.folder import Folder
from cupel.recipe.history import texts_of
from cupel.recipe.recipe import Recipe

__all__ = ["Cluster", "Difference", "Member", "clusters", "difference"]

MAX_WORDS = 4000
_WORDS = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True)
class Member:
    """One document of a cluster.

    Attributes
    ----------
    score
        Similarity to the survivor, or the share of the text that is copied; None where the
        method gives none.
    spans
        Copied byte ranges of its text, where parts are found.
    """

    id: str
    source: str
    kept: bool
    score: float | None
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Cluster:
    """Documents that one step considers duplicates of `survivor` (its id)."""

    step: str
    survivor: str
    size: int
    members: tuple[Member, ...]
    """The survivor first, then the others in input order, up to the requested number."""
    roles: tuple[str, str] = CorpusMethod.roles
    """The step's labels for the survivor and for the others."""


@dataclass(frozen=True)
class Difference:
    """Two texts, word by word: runs of what both have, what only the first has, and only the second."""

    runs: tuple[tuple[Literal["both", "first", "second"], str], ...]
    cut: bool
    """Only the first words of the texts were compared."""


def clusters(
    output: str | Path,
    *,
    step: str | None = None,
    source: str | None = None,
    by: Literal["size", "score"] = "size",
    limit: int = 20,
    members: int = 10,
) -> list[Cluster]:
    """The clusters that a run found, ordered by size or by lowest score.

    Parameters
    ----------
    output
        Folder of a finished run.
    step
        Only those of this deduplication.
    source
        Only those with a document of this source.
    by
        `size`: the largest first; `score`: the least alike first.
    limit, members
        How many clusters, and how many documents of each.

    Raises
    ------
    BadInput
        No finished run there, or it deduplicated nothing.
    UnknownName
        No deduplication of that name.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyarrow, cupel
    >>> out = pathlib.Path(tempfile.mkdtemp()) / "out"
    >>> pool = pyarrow.table({"id": ["a", "b", "c"], "text": ["Café", "東京", "Café"]})
    >>> _ = cupel.dedup(pool, output=out, by="exact", report=False)
    >>> (cluster,) = cupel.clusters(out)
    >>> cluster.survivor, [member.id for member in cluster.members]
    ('a', ['a', 'c'])
    """
    folder = Folder(Path(output))
    folder.read_manifest()
    tables = {path.name.removesuffix(".parquet"): path for path in sorted(folder.clusters.glob("*.parquet"))}
    if not tables:
        raise BadInput(f"{output}: the recipe of this run has no deduplication")
    if step is not None and step not in tables:
        raise UnknownName("deduplication", step, tables, where=str(output))
    listed: list[Cluster] = []
    for label, path in tables.items():
        if step in (None, label):
            listed += _clusters_of(folder, label, path, source, by, limit, members)
    lowest = [
        min((m.score for m in cluster.members if m.score is not None), default=1.0) for cluster in listed
    ]
    order = sorted(range(len(listed)), key=lambda at: (-listed[at].size if by == "size" else lowest[at], at))
    return [listed[at] for at in order[:limit]]


def _clusters_of(
    folder: Folder, label: str, path: Path, source: str | None, by: str, limit: int, members: int
) -> list[Cluster]:
    module = daft()
    col = module.col
    rows = read_tables(path).where(col("cluster").not_null())
    ledger = read_tables(folder.root / "ledger")
    named = rows.join(ledger.select("doc", "id", "source"), on="doc")
    if source is not None:
        wanted = named.where(col("source") == source).select("cluster").distinct()
        named = named.join(wanted, on="cluster")
    groups = named.groupby("cluster").agg(
        col("doc").count().alias("documents"), col("score").min().alias("lowest")
    )
    # For whole documents the size counts all members; copied parts have one row per document.
    order = ["documents", "cluster"] if by == "size" else ["lowest", "cluster"]
    chosen = groups.sort(order, desc=[by == "size", False]).limit(limit).to_pylist()
    docs = [row["cluster"] for row in chosen]
    table = named.where(col("cluster").is_in(docs)).sort("doc").to_arrow().to_pylist() if docs else []
    built = []
    roles = _roles(folder, label)
    for row in chosen:
        inside = [member for member in table if member["cluster"] == row["cluster"]]
        inside.sort(key=lambda member: (member["doc"] != row["cluster"], member["doc"]))
        shown = tuple(_member(member) for member in inside[:members])
        built.append(Cluster(label, inside[0]["survivor"], row["documents"], shown, roles))
    return built


def _roles(folder: Folder, label: str) -> tuple[str, str]:
    for step in Recipe.load(folder.root / "recipe.yaml").steps:
        if step.label == label and isinstance(step.method, CorpusMethod):
            return step.method.roles
    return CorpusMethod.roles


def _member(row: dict[str, Any]) -> Member:
    spans = tuple((span["start"], span["stop"]) for span in row["spans"] or ())
    return Member(row["id"], row["source"], row["kept"], row["score"], spans)


def difference(output: str | Path, first: str, second: str) -> Difference:
    """What differs between the texts, as read, of two documents of a run.

    Parameters
    ----------
    output
        Folder of a finished run.
    first, second
        Ids of the documents.

    Raises
    ------
    BadInput
        No such document, or the input is gone.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyarrow, cupel
    >>> out = pathlib.Path(tempfile.mkdtemp()) / "out"
    >>> pool = pyarrow.table({"id": ["a", "b", "c"], "text": ["Café", "東京", "Café"]})
    >>> _ = cupel.dedup(pool, output=out, by="exact", report=False)
    >>> cupel.difference(out, "a", "b").runs
    (('first', 'Café'), ('second', '東京'))
    """
    folder = Folder(Path(output))
    folder.read_manifest()
    first_text, second_text = (_text(folder, id) for id in (first, second))
    left, right = (_WORDS.findall(text) for text in (first_text, second_text))
    cut = max(len(left), len(right)) > MAX_WORDS
    left, right = left[:MAX_WORDS], right[:MAX_WORDS]
    matcher = difflib.SequenceMatcher(None, [w.strip() for w in left], [w.strip() for w in right], False)
    runs: list[tuple[Literal["both", "first", "second"], str]] = []
    for kind, low, high, from_, to in matcher.get_opcodes():
        if kind == "equal":
            runs.append(("both", "".join(left[low:high])))
            continue
        if low < high:
            runs.append(("first", "".join(left[low:high])))
        if from_ < to:
            runs.append(("second", "".join(right[from_:to])))
    return Difference(tuple(runs), cut)


def _text(folder: Folder, id: str) -> str:
    module = daft()
    ledger = read_tables(folder.root / "ledger")
    rows = ledger.where(module.col("id") == id).sort("doc").limit(1).to_pylist()
    if not rows:
        raise BadInput(f"{folder.root}: no document has the id '{id}'")
    text, note = _first(texts_of(folder, rows).values())
    if text is None:
        raise BadInput(f"{folder.root}: the text of '{id}' cannot be read again: {note}")
    return text


def _first(texts: Iterable[tuple[str | None, str]]) -> tuple[str | None, str]:
    return next(iter(texts), (None, "it is not where it was"))
