"""A condition on a field of the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Condition
from cupel.contract.rules import Test, Threshold, condition
from cupel.corpus.field_values import FieldValues, field_values
from cupel.rules._signal_kinds import signal_kinds

__all__ = ["FieldRule"]

_ORDER = {
    "at_least": pc.greater_equal,
    "at_most": pc.less_equal,
    "above": pc.greater,
    "below": pc.less,
}
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class FieldRule(Condition):
    """A condition on a field of the input documents.

    Attributes
    ----------
    name
        The name in the ledger and the report.
    field
        The name of the field, with dots if it is nested.
    test, threshold
        The test and its bounds. Texts are compared by code points, so ISO dates sort as dates.
    missing
        What happens to a document without the field, or with a value that cannot be compared.

    Examples
    --------
    >>> rule = FieldRule("good", "meta.score", "at_least", 3)
    >>> documents = pa.record_batch({"metadata": ['{"meta":{"score":2}}', '{"meta":{"score":"3"}}', "{}"]})
    >>> rule.fails(documents).tolist(), rule.values(documents)
    ([True, False, True], ['2', '3', None])
    >>> print(rule)
    meta.score ≥ 3
    """

    name: str
    field: str
    test: Test
    threshold: Threshold | None
    missing: Literal["fails", "passes"] = "fails"
    why: str = ""
    source: str = ""

    def __str__(self) -> str:
        return condition(self.field, self.test, self.threshold)

    @property
    def fields(self) -> Mapping[str, str]:
        advice = f"it is a signal: write `signal: {self.field}`" if self.field in signal_kinds() else ""
        return {self.field: advice} if self.missing == "fails" else {}

    def fails(self, documents: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        passed = pc.fill_null(self._passed(field_values(documents, self.field)), self.missing == "passes")
        fails: npt.NDArray[np.bool_] = pc.invert(passed).to_numpy(zero_copy_only=False)
        return fails

    def values(self, documents: pa.RecordBatch) -> list[Any]:
        shown = field_values(documents, self.field).shown
        cut: list[Any] = pc.utf8_slice_codeunits(shown, 0, _SHOWN_CHARACTERS).to_pylist()
        return cut

    def _passed(self, values: FieldValues) -> pa.Array:
        """Whether each document passes; null where it has nothing to compare."""
        bounds: tuple[Any, ...] = self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)
        if self.test in ("is", "in"):
            return values.is_one_of(bounds)
        if self.test == "not_in":
            return pc.invert(values.is_one_of(bounds))
        comparable = values.scalars.column("text" if isinstance(bounds[0], str) else "number")
        tests = ("at_least", "at_most") if self.test == "between" else (self.test,)
        met = [
            _ORDER[test](comparable, pa.scalar(bound, comparable.type))
            for test, bound in zip(tests, bounds, strict=True)
        ]
        return values.any(met[0] if len(met) == 1 else pc.and_(met[0], met[1]))
