"""Rules: a signal, a test, a threshold, why; and what they say about documents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract.method import Column, Method
from cupel.errors import BadOption, UnknownName

__all__ = [
    "TESTS",
    "Condition",
    "Decision",
    "Reason",
    "Rule",
    "Rules",
    "Test",
    "Threshold",
    "condition",
    "written",
]

Test = Literal["at_least", "at_most", "above", "below", "between", "is", "in", "not_in"]
TESTS: tuple[Test, ...] = get_args(Test)
Threshold = float | int | bool | str | tuple[float | int | bool | str, ...]

_SIGNS: dict[str, str] = {
    "at_least": "≥",
    "at_most": "≤",
    "above": ">",
    "below": "<",
    "is": "is",
    "in": "in",
    "not_in": "not in",
}


class Condition(ABC):
    """A condition that a document must meet to stay, and its record in the ledger.

    Its text (`str`) is the condition as people read it, such as `word_count ≥ 50`.
    """

    name: str
    """Name in ledger and report."""
    threshold: Threshold | None
    why: str = ""
    source: str = ""

    @property
    def signals(self) -> tuple[str, ...]:
        """Signal columns that it compares."""
        return ()

    @property
    def fields(self) -> Mapping[str, str]:
        """Fields of documents without which no document meets it, and advice, as `Method.fields` says."""
        return {}

    @abstractmethod
    def fails(self, documents: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """The documents that this condition alone would drop."""

    @abstractmethod
    def values(self, documents: pa.RecordBatch) -> list[Any]:
        """The compared value of each document."""


@dataclass(frozen=True)
class Rule(Condition):
    """A condition on one signal.

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
        threshold, `between` two (both included), `is` the threshold, is `in` the list or `not_in` it.
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
        return condition(self.signal, self.test, self.threshold)

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,)

    def fails(self, documents: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        return self.failed(documents.column(self.signal))

    def values(self, documents: pa.RecordBatch) -> list[Any]:
        values: list[Any] = documents.column(self.signal).to_pylist()
        return values

    def failed(self, column: pa.Array[Any]) -> npt.NDArray[np.bool_]:
        """The rows of `column` that this rule alone would drop.

        Raises
        ------
        BadOption
            A threshold that cannot be compared with a column of this type.
        """
        missing = _to_bool(column.is_null(nan_is_null=True))
        try:
            passed = self._passed(column)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            tested = condition("", self.test, self.threshold).strip()
            raise BadOption(
                f"rule '{self.name}': signal '{self.signal}' is {column.type} and cannot be tested for {tested}"
            ) from None
        return np.where(missing, self.missing == "fails", ~passed)

    def _passed(self, column: pa.Array[Any]) -> npt.NDArray[np.bool_]:
        """The rows that meet the condition; the result for missing rows is arbitrary."""
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        bounds = self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)
        if self.test in ("in", "not_in"):
            options = pa.array(bounds, column.type)
            if pa.types.is_floating(column.type):
                # Arrow looks values up by their bits: -0.0 becomes 0.0.
                column, options = pc.add(column, 0.0), pc.add(options, 0.0)
            present = _to_bool(pc.is_in(column, value_set=options))
            return ~present if self.test == "not_in" else present
        if self.test == "is":
            return _to_bool(pc.equal(column, pa.scalar(self.threshold, column.type)))
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise pa.ArrowTypeError(f"{column.type} has no order")
        values = column.to_numpy(zero_copy_only=False)
        if self.test == "between":
            return np.asarray((values >= bounds[0]) & (values <= bounds[-1]))
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
    documents
        What was decided on, with the signal columns that were compared.
    """

    rules: tuple[Condition, ...]
    failed: Mapping[str, npt.NDArray[np.bool_]]
    first: npt.NDArray[np.int8]
    documents: pa.RecordBatch

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
        return Reason(rule.name, rule.values(self.documents.slice(row, 1))[0], rule.threshold)


class Rules(Method):
    """Conditions on documents, each of which drops the documents that do not meet it.

    The class lists all its rules; a method lists those that are on.
    """

    kind = "rules"
    heading = "Rules: decide on signals and fields"
    room = "cupel.rules"
    utility = "heuristics"
    mechanism = "threshold"
    stages: ClassVar[tuple[str, ...]] = ("pretraining",)
    rules: tuple[Condition, ...] = ()
    needs_edit: ClassVar[str | None] = None
    """The edit that must come right before, whose counts the rules use."""

    @property
    def signals(self) -> tuple[str, ...]:
        """The signal columns that the rules compare, each once, in order."""
        return tuple(dict.fromkeys(signal for rule in self.rules for signal in rule.signals))

    @property
    def fields(self) -> Mapping[str, str]:
        return {name: advice for rule in self.rules for name, advice in rule.fields.items()}

    def with_columns(self, columns: Mapping[str, Column]) -> Self:
        """These rules in a recipe that gives these signal columns names of its own."""
        return self

    def decide(self, documents: pa.RecordBatch) -> Decision:
        """Apply every rule to every row of `documents`, which must hold the signal columns needed.

        Raises
        ------
        UnknownName
            A column is missing.
        BadOption
            A threshold does not fit the type of its column.
        """
        known = documents.schema.names
        failed: dict[str, npt.NDArray[np.bool_]] = {}
        first = np.full(documents.num_rows, -1, np.int8)
        for index, rule in enumerate(self.rules):
            for signal in rule.signals:
                if signal not in known:
                    where = f"{self.name}: rule '{rule.name}'"
                    raise UnknownName("signal column", signal, known, where=where)
            failed[rule.name] = rule.fails(documents)
            first[failed[rule.name] & (first < 0)] = index
        return Decision(self.rules, failed, first, documents)


def condition(name: str, test: Test, threshold: Threshold | None) -> str:
    """A condition as a person reads it.

    >>> condition("word_count", "at_least", 50), condition("score", "between", (1, 2.5))
    ('word_count ≥ 50', 'score between 1 and 2.5')
    """
    if test == "between" and isinstance(threshold, tuple):
        return f"{name} between {' and '.join(map(written, threshold))}"
    return f"{name} {_SIGNS[test]} {written(threshold)}"


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
