"""The histograms of a run's report: each signal over documents kept and dropped, thresholds drawn in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel import charts
from cupel.contract import Rule
from cupel.findings import Figure
from cupel.recipe.folder import Folder
from cupel.recipe.outcome import shuffled
from cupel.recipe.pass_files import open_pass_file, row_count
from cupel.recipe.plan import Plan
from cupel.recipe.steps import StepGroup
from cupel.units import written

__all__ = ["ledger_sample", "signal_figures"]

MOST_ROWS = 100_000
"""Documents of the ledger that are read for histograms."""
BINS = 40
TAIL = 0.002
"""Share of documents on either side that the outermost bars collect."""

Values = npt.NDArray[np.float64]
Marks = list[tuple[float, str, str]]
"""(threshold, label, which test) of each threshold of a signal."""


def signal_figures(folder: Folder, plan: Plan) -> list[Figure]:
    """One histogram for each numeric signal that a rule compares or the recipe keeps as a column."""
    known = plan.columns
    marks = _thresholds(plan)
    for name in plan.kept_columns:
        if name in plan.measured and name in known and _is_number(known[name].type):
            marks.setdefault(name, [])
    table = ledger_sample(folder, list(marks))
    if table is None or not table.num_rows:
        return []
    kept = np.asarray(table.column("status").to_numpy(zero_copy_only=False) == "kept")
    figures = []
    for name, own in marks.items():
        values = table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
        measured = np.isfinite(values)
        if measured.any():
            unit = known[name].unit if name in known else ""
            figures.append(Figure(spec=_histogram(name, unit, values[measured], kept[measured], own)))
    return figures


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _thresholds(plan: Plan) -> dict[str, Marks]:
    """Numeric signals that rules compare, with their thresholds."""
    thresholds: dict[str, Marks] = {}
    for pass_ in plan.passes:
        for operation in pass_.operations:
            for step in operation.rules if isinstance(operation, StepGroup) else ():
                for rule in step.rules.rules:
                    if not isinstance(rule, Rule):
                        continue  # the ledger keeps signals, and no fields
                    if isinstance(rule.threshold, int | float) and not isinstance(rule.threshold, bool):
                        sign = str(rule).removeprefix(rule.signal).split()[0]
                        label = f"{sign} {written(rule.threshold)}"
                        mark = (float(rule.threshold), label, str(rule.test))
                        marks = thresholds.setdefault(rule.signal, [])
                        if mark not in marks:
                            marks.append(mark)
    return thresholds


def _histogram(
    name: str, unit: str, values: Values, kept: npt.NDArray[np.bool_], marks: Marks
) -> dict[str, Any]:
    edges, log = _edges(values, [value for value, _, _ in marks])
    clipped = np.clip(values, edges[0], edges[-1])
    stayed, _ = np.histogram(clipped[kept], edges)
    dropped, _ = np.histogram(clipped[~kept], edges)
    # Bars of whole numbers are centered on them, so a threshold lies between two bars.
    half = 0.5 if charts.is_whole(edges.tolist()) else 0.0
    aside = {"at_least": -half, "below": -half, "at_most": half, "above": half}
    return charts.histogram(
        edges.tolist(),
        stayed.tolist(),
        dropped.tolist(),
        title=name.replace("_", " "),
        unit=unit,
        thresholds=[(value + aside.get(test, 0.0), label) for value, label, test in marks],
        log=log,
    )


def _edges(values: Values, thresholds: list[float]) -> tuple[Values, bool]:
    """Bin edges, extended to include nearby thresholds; and whether the axis is logarithmic."""
    low, high = (float(edge) for edge in np.quantile(values, [TAIL, 1 - TAIL]))
    room = high - low
    inside = [value for value in thresholds if low - room <= value <= high + room]
    low, high = min([low, *inside]), max([high, *inside])
    if bool(np.all(values == np.round(values))) and high - low <= BINS:
        return np.arange(np.floor(low), np.ceil(max(high, low + 1)) + 2) - 0.5, False
    if high <= low:
        high = low + 1.0
    positive = values[values > 0]
    smallest = max(float(np.quantile(positive, 0.05)), 1e-9) if len(positive) else high
    if low >= 0 and high > 200 * smallest and high > 50:
        return np.geomspace(max(low, 1.0), high, BINS + 1), True
    return np.linspace(low, high, BINS + 1), False


def ledger_sample(folder: Folder, columns: list[str]) -> pa.Table | None:
    """Status and some signals of about `MOST_ROWS` documents, drawn by a hash of their place."""
    if not columns:
        return None
    paths = sorted((folder.root / "ledger").glob("*.parquet"))
    rows = sum(map(row_count, paths))
    names = ["doc", "status", *(f"signals.{column}" for column in columns)]
    drawn = []
    for path in paths:
        with open_pass_file(path) as file:
            for batch in file.iter_batches(batch_size=1 << 14, columns=names, use_threads=False):
                batch = batch.filter(pc.is_valid(batch.column("doc")))
                if rows > MOST_ROWS:
                    batch = batch.filter(
                        pa.array(shuffled(batch.column("doc").to_numpy()) < MOST_ROWS / rows)
                    )
                drawn.append(_flat(batch, columns))
    return pa.Table.from_batches(drawn) if drawn else None


def _flat(batch: pa.RecordBatch, columns: list[str]) -> pa.RecordBatch:
    struct = batch.column("signals")
    arrays = [batch.column("status"), *(struct.field(column) for column in columns)]
    return pa.RecordBatch.from_arrays(arrays, names=["status", *columns])
