"""How much a selector keeps: documents, bytes or tokens, as a number or a share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from cupel.contract import Method
from cupel.errors import BadOption
from cupel.units import read_bytes, write_bytes, write_count

__all__ = ["SelectionBudget", "BudgetOptions"]

Unit = Literal["documents", "bytes", "tokens"]
UNITS: tuple[Unit, ...] = get_args(Unit)

_FORM = re.compile(
    r"(?P<number>\d[\d_]*(?:\.\d+)?)\s*(?P<factor>[kKMGTB]?|%)(?:[ -]?(?P<unit>documents|bytes|tokens))?"
)
_FACTORS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}

TOKENS = "token_count"
"""The signal column that holds the number of tokens in each document."""


@dataclass(frozen=True)
class SelectionBudget:
    """How much is kept.

    Attributes
    ----------
    amount
        A number of `unit`, or, where `share` is set, a fraction of the total.
    unit
        What is counted.
    """

    amount: Fraction
    unit: Unit
    share: bool

    @classmethod
    def read(cls, text: str) -> SelectionBudget:
        """Parse a budget as people write it.

        Raises
        ------
        BadOption
            The text is not a budget.

        Examples
        --------
        >>> [str(SelectionBudget.read(text)) for text in ("20%", "100k-documents", "1.5G-tokens", "500MB", "20%-tokens")]
        ['20 % of the documents', '100,000 documents', '1,500,000,000 tokens', '500 MB', '20 % of the tokens']
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            return cls(Fraction(_bytes(text)), "bytes", share=False)
        amount, factor = Fraction(match["number"].replace("_", "")), match["factor"]
        unit = next((unit for unit in UNITS if unit == match["unit"]), None)
        if factor == "%":
            if not 0 < amount <= 100:
                raise BadOption(f"budget is '{text}': expected more than 0 % and at most 100 %")
            return cls(amount / 100, unit or "documents", share=True)
        if unit is None:
            raise BadOption(
                f"budget is '{text}': of what? Expected such as '100k-documents', '1G-tokens', '500MB' or '20%'"
            )
        amount *= _FACTORS[factor]
        if amount < 1:
            raise BadOption(f"budget is '{text}': expected 1 or more")
        return cls(amount, unit, share=False)

    def __str__(self) -> str:
        if self.share:
            return f"{float(100 * self.amount):g} % of the {self.unit}"
        if self.unit == "bytes":
            return write_bytes(int(self.amount))
        return f"{write_count(int(self.amount))} {self.unit}"

    @property
    def signals(self) -> tuple[str, ...]:
        """Signal columns needed to count."""
        return (TOKENS,) if self.unit == "tokens" else ()

    def costs(self, documents: pa.RecordBatch) -> pa.Array:
        """The cost of each document (int64)."""
        if self.unit == "documents":
            return pa.array(np.ones(documents.num_rows, np.int64))
        if self.unit == "bytes":
            return pc.fill_null(pc.cast(pc.binary_length(documents.column("text")), pa.int64()), 0)
        return pc.fill_null(pc.cast(documents.column(TOKENS), pa.int64()), 0)

    def limit(self, costs: npt.NDArray[np.int64]) -> int:
        """The budget as a number of its unit, given the costs of all documents."""
        total = int(costs.sum())
        return int(self.amount * total) if self.share else int(self.amount)

    def spend(self, order: npt.NDArray[np.int64], costs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The longest beginning of `order` (rows, the best first) that the budget pays for.

        It ends at the first document that does not fit: filling the remainder with shorter ones would favor short documents.

        Examples
        --------
        >>> costs = np.array([5, 1, 4, 2])
        >>> SelectionBudget.read("7-tokens").spend(np.array([2, 3, 0, 1]), costs).tolist()
        [2, 3]
        >>> SelectionBudget.read("50%-tokens").spend(np.array([2, 3, 0, 1]), costs).tolist()
        [2, 3]
        """
        spent = np.cumsum(costs[order])
        return order[: int(np.searchsorted(spent, self.limit(costs), side="right"))]


def _bytes(text: str) -> int:
    try:
        return read_bytes(text)
    except BadOption:
        raise BadOption(
            f"budget is '{text}': expected such as '100k-documents', '1G-tokens', '500MB' or '20%'"
        ) from None


class BudgetOptions(Method.Options):
    """How much is kept."""

    budget: str = Field(
        "10%",
        description="How much is kept: `20%` (of the documents), `100k-documents`, `500MB` of text, `1G-tokens` or "
        "`20%-tokens`, counted by the signal family `tokens`.",
    )

    @field_validator("budget")
    @classmethod
    def _is_budget(cls, value: str) -> str:
        try:
            SelectionBudget.read(value)
        except BadOption as error:
            raise ValueError(str(error)) from None
        return value
