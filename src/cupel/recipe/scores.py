"""Signals that a profile is asked for: how they are named, and how their values are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Fitted, Signal, find_method, methods_of, read_about
from cupel.errors import BadOption, UnknownName
from cupel.findings import Alarm, Block, Sample, Samples, Section, Table
from cupel.recipe.folder import Folder
from cupel.recipe.outcome import shuffled
from cupel.recipe.pass_files import open_pass_file, row_count
from cupel.recipe.plan import Plan
from cupel.units import write_count
from cupel.verdict.auroc import rank_correlation

__all__ = ["Asked", "read_asked", "score_sections"]

CLASSIFIER = "classifier-score"
MAX_ROWS = 100_000
"""Documents whose values are compared."""
SHOWN_DECILES = (0, 4, 9)
SHOWN_SAMPLES = 2
EXCERPT = 160
TOP_SHARE = 0.1

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """What `--signal` asks for, as parts of a recipe.

    Attributes
    ----------
    signals
        For the recipe's `signals`.
    steps
        Names of signals, each once, in order.
    columns
        Single columns that were named; of other signals all are shown.
    """

    signals: Mapping[str, Mapping[str, Any]]
    steps: tuple[str, ...]
    columns: tuple[str, ...]

    def shows(self, column: str, signal: str) -> bool:
        """Whether a column of a signal is to be shown."""
        whole = {name for name in self.steps if name not in {_family(column) for column in self.columns}}
        return column in self.columns or signal in whole or signal in self.signals


def read_asked(names: Iterable[str]) -> Asked:
    """Signals as a user names them.

    Each is a signal (`perplexity`), one of its columns (`word_count`), the folder of what `cupel fit` learned, or
    `NAME=CLASSIFIER` with a reference to a classifier, as `classifier-score` takes it.

    Raises
    ------
    UnknownName
        It is none of these.
    BadOption
        A folder holds what measures nothing, or has a name that cannot be one of a column.

    Examples
    --------
    >>> read_asked(["compression", "word_count", "edu=hf:org/edu"]).steps
    ('compression', 'counts', 'edu')
    """
    families = methods_of(Signal)
    signals: dict[str, dict[str, Any]] = {}
    steps: dict[str, None] = {}
    whole: set[str] = set()
    columns: list[str] = []
    for name in names:
        alias, equals, reference = name.partition("=")
        if equals:
            signals[alias] = {CLASSIFIER: {"scorer": reference}}
            steps[alias] = None
        elif name in families:
            steps[name] = None
            whole.add(name)
        elif (family := _family(name)) is not None:
            steps[family] = None
            columns.append(name)
        elif (Path(name) / "about.json").is_file():
            alias = Path(name).resolve().name.lower()
            signals[alias] = _learned(name)
            steps[alias] = None
        else:
            known = [*families, *(column for family in families.values() for column in family.columns)]
            raise UnknownName("signal", name, known, where="--signal")
    return Asked(signals, tuple(steps), tuple(column for column in columns if _family(column) not in whole))


def _family(column: str) -> str | None:
    """The signal that has a column."""
    return next((name for name, family in methods_of(Signal).items() if column in family.columns), None)


def score_sections(folder: Folder, plan: Plan, asked: Asked) -> list[Section]:
    """How the signals that a run kept are spread, what they score, and where they agree."""
    names = [
        name
        for name in plan.kept_columns
        if _is_number(plan.columns[name].type) and asked.shows(name, plan.measured[name])
    ]
    table = _read(folder, names)
    if table is None or not table.num_rows or not names:
        return []
    values = {
        name: table["signals"].combine_chunks().field(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
        for name in names
    }
    lengths = pc.binary_length(table["text"]).to_numpy().astype(np.float64)
    sections = [_spread(values)]
    if len(names) > 1:
        sections.append(_agreement(values, lengths))
    sections += [_examples(name, values[name], table) for name in names]
    return sections


def _learned(folder: str) -> dict[str, Any]:
    """A signal that uses what was learned, as an entry of a recipe's `signals`."""
    learner = str(read_about(Path(folder)).get("learner"))
    if learner == "quality-classifier":
        return {CLASSIFIER: {"scorer": folder}}
    for name, family in methods_of(Signal).items():
        if issubclass(family, Fitted) and (family.learner or name) == learner:
            return {name: {"artifact": folder}}
    kind = find_method(learner).kind if learner in methods_of(Fitted) else "method"
    raise BadOption(
        f"--signal {folder}: it holds what the {kind} '{learner}' learned, which measures nothing"
    )


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _read(folder: Folder, names: Sequence[str]) -> pa.Table | None:
    """Id, source, text and signals of about `MAX_ROWS` documents, drawn by a hash of their place."""
    paths = sorted(folder.data.glob("*.parquet"))
    rows = sum(map(row_count, paths))
    parts = []
    for path in paths:
        with open_pass_file(path) as file:
            for batch in file.iter_batches(
                batch_size=1 << 13, columns=["doc", "id", "source", "text", "signals"], use_threads=False
            ):
                if rows > MAX_ROWS:
                    drawn = shuffled(batch.column("doc").to_numpy()) < MAX_ROWS / rows
                    batch = batch.filter(pa.array(drawn))
                parts.append(batch)
    return pa.Table.from_batches(parts).combine_chunks() if parts else None


def _spread(values: Mapping[str, Floats]) -> Section:
    rows = []
    for name, column in values.items():
        present = column[np.isfinite(column)]
        deciles = np.quantile(present, [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]) if len(present) else [None] * 7
        rows.append((name, *(None if value is None else float(value) for value in deciles)))
    missing = {name: int((~np.isfinite(column)).sum()) for name, column in values.items()}
    alarms = [
        Alarm(text=f"{write_count(count)} documents have no {name}.")
        for name, count in missing.items()
        if count
    ]
    table = Table(
        columns=("signal", "lowest", "10 %", "25 %", "median", "75 %", "90 %", "highest"),
        rows=tuple(rows),
        formats=("text", *("number",) * 7),
    )
    return Section(title="Scores", key="scores", lead="Percentiles over documents.", blocks=(table, *alarms))


def _agreement(values: Mapping[str, Floats], lengths: Floats) -> Section:
    """Rank correlations of all pairs, and how much of their highest tenth pairs share."""
    names = list(values)
    rows = []
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            both = np.isfinite(values[first]) & np.isfinite(values[second])
            left, right = values[first][both], values[second][both]
            rows.append((first, second, rank_correlation(left, right), _overlap(left, right)))
    for name in names:
        present = np.isfinite(values[name])
        rows.append(
            (name, "length in bytes", rank_correlation(values[name][present], lengths[present]), None)
        )
    table = Table(
        columns=("signal", "beside", "rank correlation", "share of highest tenth"),
        rows=tuple(rows),
        formats=("text", "text", "number", "percent"),
    )
    lead = (
        "Spearman's rank correlation, and how much of the highest tenth of the one is in that of the other "
        "(chance: 10 %)."
    )
    return Section(title="Agreement", key="agreement", lead=lead, blocks=(table,))


def _overlap(first: Floats, second: Floats) -> float | None:
    kept = max(1, int(len(first) * TOP_SHARE))
    if not len(first):
        return None
    tops = [set(np.argsort(-column, kind="stable")[:kept].tolist()) for column in (first, second)]
    return len(tops[0] & tops[1]) / kept


def _examples(name: str, values: Floats, table: pa.Table) -> Section:
    """Documents of the lowest, the middle and the highest tenth."""
    present = np.flatnonzero(np.isfinite(values))
    order = present[np.argsort(values[present], kind="stable")]
    draws = shuffled(table["doc"].to_numpy())
    blocks: list[Block] = []
    for decile in SHOWN_DECILES:
        members = order[decile * len(order) // 10 : (decile + 1) * len(order) // 10]
        if not len(members):
            continue
        chosen = members[np.argsort(draws[members], kind="stable")[:SHOWN_SAMPLES]]
        samples = tuple(
            Sample(
                id=str(row["id"]),
                source=row["source"] or "",
                note=f"{name} {values[place]:.4g}",
                text=(row["text"] or "")[:EXCERPT],
            )
            for place in chosen
            for row in table.select(["id", "source", "text"]).slice(int(place), 1).to_pylist()
        )
        words = {0: "Lowest tenth", 4: "Fifth tenth", 9: "Highest tenth"}[decile]
        blocks.append(Samples(heading=f"{words} by {name}", samples=samples))
    return Section(title=f"Documents by {name}", key="examples", blocks=tuple(blocks))
