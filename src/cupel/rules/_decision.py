"""What rules say about a batch of documents: which are kept, which are dropped, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.errors import UnknownName
from cupel.rules._rule import Rule, written

__all__ = ["Decision", "Reason", "decide"]


class Reason(NamedTuple):
    """Why one document is dropped: the first rule it fails, its value, and the threshold."""

    rule: str
    value: Any
    threshold: Any


@dataclass(frozen=True)
class Decision:
    """The verdict of every rule on every document of a batch.

    Attributes
    ----------
    rules
        The rules that are on, in the order they are asked, with the thresholds in force.
    failed
        For each rule by name, which rows it alone would drop: bool, one per row. All rules
        are asked about all rows, so what a rule would drop without the others is known.
    first
        int8, one per row: the index in `rules` of the first rule that failed, or -1.
    signals
        The columns that were compared.
    """

    rules: tuple[Rule, ...]
    failed: Mapping[str, npt.NDArray[np.bool_]]
    first: npt.NDArray[np.int8]
    signals: pa.RecordBatch

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """The rows that pass every rule."""
        return self.first < 0

    @property
    def failures(self) -> npt.NDArray[np.int16]:
        """How many rules each row fails; 1 means that only its `first` rule drops it."""
        total = np.zeros(len(self.first), np.int16)
        for failed in self.failed.values():
            total += failed
        return total

    def reason(self, row: int) -> Reason | None:
        """Why `row` is dropped, or None when it is kept."""
        index = int(self.first[row])
        if index < 0:
            return None
        rule = self.rules[index]
        return Reason(rule.name, self.signals.column(rule.signal)[row].as_py(), rule.threshold)

    def reasons(self) -> pa.RecordBatch:
        """The reasons of all rows, for the ledger: null in every column where a row is kept.

        Columns: `rule` string; `signal` string; `value` string, the signal as measured;
        `condition` string, what would have passed (`word_count ≥ 50`); `number` float64,
        the value where it is a number.
        """
        rows = len(self.first)
        columns: dict[str, npt.NDArray[np.object_]] = {
            name: np.full(rows, None, object) for name in ("rule", "signal", "value", "condition")
        }
        number = np.full(rows, np.nan)
        for index, rule in enumerate(self.rules):
            at = np.flatnonzero(self.first == index)
            if not len(at):
                continue
            values = self.signals.column(rule.signal).take(pa.array(at, pa.int64())).to_pylist()
            columns["rule"][at] = rule.name
            columns["signal"][at] = rule.signal
            columns["condition"][at] = str(rule)
            columns["value"][at] = [written(value) for value in values]
            number[at] = [
                value if isinstance(value, int | float) and not isinstance(value, bool) else np.nan
                for value in values
            ]
        arrays: dict[str, pa.Array[Any]] = {
            name: pa.array(values, pa.string()) for name, values in columns.items()
        }
        arrays["number"] = pa.array(number, mask=np.isnan(number))
        return pa.RecordBatch.from_pydict(arrays)


def decide(rules: Sequence[Rule], signals: pa.RecordBatch, where: str) -> Decision:
    """Ask every rule about every row.

    Raises
    ------
    UnknownName
        A rule's signal is not among the columns.
    """
    known = signals.schema.names
    failed: dict[str, npt.NDArray[np.bool_]] = {}
    first = np.full(signals.num_rows, -1, np.int8)
    for index, rule in enumerate(rules):
        if rule.signal not in known:
            raise UnknownName(
                "signal column",
                rule.signal,
                known,
                where=f"{where}: rule '{rule.name}'",
            )
        failed[rule.name] = rule.failed(signals.column(rule.signal))
        first[failed[rule.name] & (first < 0)] = index
    return Decision(tuple(rules), failed, first, signals)
