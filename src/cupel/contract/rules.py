"""Rules: a signal, a test, a threshold, why; and what they say about documents."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract.method import Method
from cupel.errors import BadOption

__all__ = ["TESTS", "Decision", "Reason", "Rule", "Rules", "Test", "Threshold", "written"]

Test = Literal["at_least", "at_most", "above", "below", "is", "in"]
TESTS: tuple[Test, ...] = get_args(Test)
Threshold = float | int | bool | str | tuple[str, ...]

_SIGNS: dict[str, str] = {
    "at_least": "≥",
    "at_most": "≤",
    "above": ">",
    "below": "<",
    "is": "is",
    "in": "in",
}


@dataclass(frozen=True)
class Rule:
    """A condition that a document must meet to stay.

    A document whose signal is missing (null, or not a number) fails: what could not be
    measured has not been shown to be good. A rule that does not concern every document
    says `missing="passes"`.

    Attributes
    ----------
    name
        Named by what passes (`min_words`). Also the option that sets the threshold.
    signal
        The column compared.
    test
        A document passes when its signal is `at_least`, `at_most`, `above` or `below` the
        threshold, `is` the threshold, or is `in` the list.
    threshold
        None: the rule is off until a recipe gives a value.
    why, source
        What the rule is for, and the paper or code and place that its value comes from.
    reference
        The reason that the reference implementation gives for the same decision, if it has one.

    Examples
    --------
    >>> rule = Rule("min_words", "word_count", "at_least", 3)
    >>> rule.failed(pa.array([2, 3, None, 40])).tolist()
    [True, False, True, False]
    >>> print(rule)
    word_count ≥ 3
    """

    name: str
    signal: str
    test: Test
    threshold: Threshold | None
    why: str = ""
    source: str = ""
    reference: str = ""
    missing: Literal["fails", "passes"] = "fails"

    def __str__(self) -> str:
        return f"{self.signal} {_SIGNS[self.test]} {written(self.threshold)}"

    def failed(self, column: pa.Array[Any]) -> npt.NDArray[np.bool_]:
        """Which rows of `column` this rule alone would drop.

        Raises
        ------
        BadOption
            A threshold that cannot be compared with a column of this type.
        """
        missing = _to_bool(column.is_null(nan_is_null=True))
        try:
            passed = self._passed(column)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            raise BadOption(
                f"rule '{self.name}': signal '{self.signal}' is {column.type} and cannot be "
                f"tested for {_SIGNS[self.test]} {written(self.threshold)}"
            ) from None
        return np.where(missing, self.missing == "fails", ~passed)

    def _passed(self, column: pa.Array[Any]) -> npt.NDArray[np.bool_]:
        """Which rows meet the condition; rows that are missing may say anything."""
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if self.test == "in":
            options = self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)
            return _to_bool(pc.is_in(column, value_set=pa.array(options, column.type)))
        if self.test == "is":
            return _to_bool(pc.equal(column, pa.scalar(self.threshold, column.type)))
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise pa.ArrowTypeError(f"{column.type} has no order")
        values = column.to_numpy(zero_copy_only=False)
        if self.test == "at_least":
            return np.asarray(values >= self.threshold)
        if self.test == "at_most":
            return np.asarray(values <= self.threshold)
        if self.test == "above":
            return np.asarray(values > self.threshold)
        return np.asarray(values < self.threshold)


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


class Rules(Method):
    """Conditions over signals, each of which drops the documents that do not meet it.

    The class lists all its rules; a method lists those that are on.
    """

    kind = "rules"
    heading = "Rules: decide on signals"
    room = "cupel.rules"
    rules: tuple[Rule, ...] = ()
    signals: tuple[str, ...] = ()
    """The signal columns that the rules compare."""
    needs_edit: ClassVar[str | None] = None
    """The edit that must come right before, whose counts the rules use."""

    @abstractmethod
    def decide(self, signals: pa.RecordBatch) -> Decision:
        """What each rule says of each row of `signals`, which holds at least the columns needed."""


def written(value: object) -> str:
    """A signal's value or a threshold as a person writes it.

    >>> written(0.123456), written(100000), written(("de", "en")), written(True)
    ('0.1235', '100000', 'de, en', 'yes')
    """
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        return ", ".join(str(part) for part in value)
    return str(value)


def _to_bool(array: Any) -> npt.NDArray[np.bool_]:
    return np.asarray(array.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
