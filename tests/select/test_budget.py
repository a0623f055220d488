"""How much a selector keeps, as people write it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.errors import BadOption
from cupel.select._budget import SelectionBudget


@pytest.mark.parametrize(
    ("text", "amount", "unit", "share"),
    [
        ("20%", Fraction(1, 5), "documents", True),
        ("0.1%-tokens", Fraction(1, 1000), "tokens", True),
        ("33.3 % bytes", Fraction(333, 1000), "bytes", True),
        ("100%", Fraction(1), "documents", True),
        ("100000-documents", Fraction(100_000), "documents", False),
        ("1_000 documents", Fraction(1000), "documents", False),
        ("1.5G-tokens", Fraction(1_500_000_000), "tokens", False),
        ("2B-tokens", Fraction(2_000_000_000), "tokens", False),
        ("500MB", Fraction(500_000_000), "bytes", False),
        ("64MiB", Fraction(1 << 26), "bytes", False),
        ("5M-bytes", Fraction(5_000_000), "bytes", False),
    ],
)
def test_budgets(text: str, amount: Fraction, unit: str, share: bool) -> None:
    assert SelectionBudget.read(text) == SelectionBudget(amount, unit, share)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "0%", "101%", "5", "-3%", "0-tokens", "5 apples", "1e9-tokens", "%", "0.5-documents"]
)
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="budget is"):
        SelectionBudget.read(text)


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 400), st.randoms())
def test_a_budget_is_spent_to_the_document(costs: list[int], budget: int, random: object) -> None:
    order = list(range(len(costs)))
    random.shuffle(order)  # type: ignore[attr-defined]
    chosen = SelectionBudget.read(f"{budget}-tokens").spend(
        np.array(order, dtype=np.int64), np.array(costs, dtype=np.int64)
    )
    assert chosen.tolist() == order[: len(chosen)]
    spent = sum(costs[row] for row in chosen)
    assert spent <= budget
    if len(chosen) < len(order):
        assert spent + costs[order[len(chosen)]] > budget


def test_a_share_is_of_what_there_is() -> None:
    order = np.arange(10)
    assert len(SelectionBudget.read("35%").spend(order, np.ones(10, np.int64))) == 3
    assert len(SelectionBudget.read("30%").spend(order, np.ones(10, np.int64))) == 3
    assert SelectionBudget.read("50%-bytes").spend(order[:4], np.array([10, 30, 20, 40])).tolist() == [0, 1]
