"""One rule: a signal, a test, a threshold, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.errors import BadOption

__all__ = ["TESTS", "Rule", "Test", "Threshold", "written"]

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
