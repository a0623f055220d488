"""Ratings of texts: read from a file of judgments, or asked of a model."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract.view import Ask
from cupel.errors import BadInput, UnknownName
from cupel.models.model import Request
from cupel.signals._rubrics import Rubric

__all__ = ["Rated", "RatingScale", "ask_ratings", "criterion_name", "rated_by", "read_table", "scales_of"]

Floats = npt.NDArray[np.float64]

KEYS = ("id", "text", "judge", "source")
"""Columns of a file of ratings that are no criteria."""


@dataclass(frozen=True)
class RatingScale:
    """What a criterion's values are: numbers, or labels.

    Attributes
    ----------
    name
        Of the criterion.
    labels
        Its labels; empty: it is a number.
    column
        Of the file that it was read from.
    meaning
        For the card of what was learned.
    """

    name: str
    labels: tuple[str, ...] = ()
    column: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Rated:
    """Texts and what judges say of them.

    Attributes
    ----------
    documents
        `id`, `text`, one row each.
    scales
        The criteria.
    judges
        Names of the judges.
    values
        By criterion: float64, (judges, documents); NaN where a judge did not rate. Labels as their places in the scale.
    """

    documents: pa.Table
    scales: tuple[RatingScale, ...]
    judges: tuple[str, ...]
    values: Mapping[str, Floats] = field(default_factory=dict)

    def target(self, scale: RatingScale) -> Floats:
        """What is learned of each document: the mean of its ratings, or the label that most judges chose."""
        ratings = self.values[scale.name]
        rated = ~np.isnan(ratings)
        if not scale.labels:
            sums = np.where(rated, ratings, 0).sum(axis=0)
            return np.where(rated.any(axis=0), sums / np.maximum(rated.sum(axis=0), 1), math.nan)
        votes = np.stack([(ratings == code).sum(axis=0) for code in range(len(scale.labels))])
        return np.where(votes.any(axis=0), votes.argmax(axis=0), math.nan)


def criterion_name(column: str) -> str:
    """The name of a criterion from a column of a file.

    >>> criterion_name("Conc.M"), criterion_name("Writing Style"), criterion_name("東京")
    ('conc_m', 'writing_style', 'criterion')
    """
    name = re.sub(r"[^a-z0-9]+", "_", column.casefold()).strip("_") or "criterion"
    return name if name[0].isalpha() else f"criterion_{name}"


def read_table(path: str, where: str) -> pa.Table:
    """A file of judgments: CSV, TSV (also as .txt), JSON lines or Parquet, compressed or not.

    Raises
    ------
    BadInput
        It is not there, cannot be read, or is empty.
    """
    file = Path(path)
    kind = next((part for part in reversed(file.suffixes) if part not in (".gz", ".zst", ".bz2")), "")
    try:
        table = _read(file, kind)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise BadInput(f"{where}: {path} cannot be read: {error}") from None
    if table is None:
        raise BadInput(f"{where}: {path}: expected .csv, .tsv, .jsonl or .parquet")
    if not table.num_rows:
        raise BadInput(f"{where}: {path} has no rows")
    return table


def _read(file: Path, kind: str) -> pa.Table | None:
    import pyarrow.csv as csv
    import pyarrow.json as json
    import pyarrow.parquet as parquet

    if kind == ".parquet":
        return parquet.read_table(file)
    if kind not in (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json"):
        return None
    with pa.input_stream(str(file), compression="detect") as stream:
        if kind in (".csv", ".tsv", ".txt"):
            parsing = csv.ParseOptions(delimiter="," if kind == ".csv" else "\t", newlines_in_values=True)
            texts = csv.ConvertOptions(column_types={name: pa.string() for name in ("id", "text", "judge")})
            return csv.read_csv(stream, parse_options=parsing, convert_options=texts)
        return json.read_json(stream, json.ReadOptions(block_size=1 << 26))


def scales_of(table: pa.Table, criteria: Sequence[str], where: str) -> tuple[RatingScale, ...]:
    """The criteria in a file: those named, or all columns of numbers that are no keys.

    Raises
    ------
    UnknownName
        The file has no such column.
    BadInput
        No column holds ratings, or two come to one name.
    """
    for name in criteria:
        if name not in table.column_names:
            raise UnknownName("column", name, table.column_names, where=where)
    columns = list(criteria) or [
        name for name in table.column_names if name not in KEYS and _is_number(table.schema.field(name).type)
    ]
    if not columns:
        raise BadInput(
            f"{where}: no column holds numbers besides {', '.join(KEYS)}; name the columns with ratings as 'criteria'"
        )
    names = [criterion_name(column) for column in columns]
    for name, times in Counter(names).items():
        if times > 1:
            same = [column for column in columns if criterion_name(column) == name]
            raise BadInput(
                f"{where}: the columns {', '.join(same)} are all called '{name}' here; rename them"
            )
    return tuple(
        RatingScale(name, _labels(table[column], where, column), column)
        for name, column in zip(names, columns, strict=True)
    )


def rated_by(table: pa.Table, scales: tuple[RatingScale, ...], documents: pa.Table, where: str) -> Rated:
    """The ratings of a file, of documents in a table.

    Parameters
    ----------
    table
        With `text`, or with `id` to look a text up in `documents`.
    documents
        `id` and `text`; empty where the file has the texts.

    Raises
    ------
    BadInput
        None of the rated documents is there.
    """
    key = "text" if "text" in table.column_names else "id"
    keys = table[key].cast(pa.large_string()).to_pylist()
    if key == "id":
        texts = dict(zip(documents["id"].to_pylist(), documents["text"].to_pylist(), strict=True))
    else:
        texts = {text: text for text in keys}
    # The order of the rows must not matter.
    rated = sorted({name for name in keys if name and (texts.get(name) or "").strip()})
    if not rated:
        raise BadInput(
            f"{where}: none of its {len(set(keys)):,} rated documents is in the input, with a text"
        )
    places = {name: place for place, name in enumerate(rated)}
    judges, judge_of = _judges(table)
    values = {scale.name: np.full((len(judges), len(rated)), math.nan) for scale in scales}
    for scale in scales:
        column = _numbers(table[scale.column], scale)
        if any(map(math.isinf, column)):
            raise BadInput(f"{where}: column '{scale.column}' holds an infinite number; expected ratings")
        own = values[scale.name]
        for name, judge, value in zip(keys, judge_of, column, strict=True):
            place = places.get(name)
            if place is not None and not math.isnan(value):
                own[judge, place] = value
    own_documents = pa.table(
        {
            "id": pa.array(rated, pa.large_string()),
            "text": pa.array([texts[name] for name in rated], pa.large_string()),
        }
    )
    return Rated(own_documents, scales, judges, values)


def ask_ratings(
    documents: pa.Table, rubric: Rubric, ask: Ask, judge: str, max_characters: int, max_tokens: int
) -> Rated:
    """The ratings of a model, by a rubric. Answers that cannot be used leave a criterion without a rating.

    Raises
    ------
    BudgetSpent
        The budget of the run is spent; what was answered is kept.
    """
    requests = [
        Request.chat(rubric.question((text or "")[:max_characters]), max_tokens=max_tokens)
        for text in documents["text"].to_pylist()
    ]
    read = [rubric.read(answer.text or "") for answer in ask(requests)]
    scales = tuple(
        RatingScale(criterion.name, criterion.labels, meaning=criterion.question)
        for criterion in rubric.criteria
    )
    values = {
        scale.name: np.array([[_code(answers[scale.name], scale) for answers in read]], np.float64)
        for scale in scales
    }
    return Rated(documents.select(["id", "text"]), scales, (judge,), values)


def _judges(table: pa.Table) -> tuple[tuple[str, ...], list[int]]:
    if "judge" not in table.column_names:
        return ("",), [0] * table.num_rows
    names = [str(name) for name in table["judge"].to_pylist()]
    judges = tuple(sorted(set(names)))
    places = {name: place for place, name in enumerate(judges)}
    return judges, [places[name] for name in names]


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def _labels(column: pa.ChunkedArray, where: str, name: str) -> tuple[str, ...]:
    if _is_number(column.type):
        return ()
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise BadInput(f"{where}: column '{name}' holds {column.type}; expected numbers or labels")
    labels = tuple(sorted(label for label in pc.unique(column).to_pylist() if label))
    if not 2 <= len(labels) <= 200:
        raise BadInput(f"{where}: column '{name}' has {len(labels)} different labels; expected 2 to 200")
    return labels


def _numbers(column: pa.ChunkedArray, scale: RatingScale) -> list[float]:
    if scale.labels:
        return [_code(value, scale) for value in column.to_pylist()]
    numbers: list[float] = pc.fill_null(column.cast(pa.float64()), math.nan).to_pylist()
    return numbers


def _code(value: Any, scale: RatingScale) -> float:
    """A rating as a number: labels by their place."""
    if value is None or value == "":
        return math.nan
    return float(scale.labels.index(value)) if scale.labels else float(value)
