"""What requests to a model may cost, and what they did."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from cupel.errors import BadOption, BudgetSpent
from cupel.models.model import Answer, Request

__all__ = ["Budget", "Meter", "Usage", "max_tokens_in"]

_PER = 1_000_000
_TEMPLATE = 64
"""Tokens that a chat template puts around a message, at most as templates go."""


@dataclass(frozen=True)
class Budget:
    """What the requests of one process may cost at most; cached answers cost nothing.

    Attributes
    ----------
    max_tokens
        Tokens of requests and answers together; None: any number.
    max_money
        In the currency of the prices; None: any sum.
    price_in, price_out
        Per million tokens of requests and of answers.

    Raises
    ------
    BadOption
        A negative number, or money without a price.

    Examples
    --------
    >>> Budget(max_money=5, price_in=0.1, price_out=0.4).money(2_000_000, 500_000)
    0.4
    """

    max_tokens: int | None = None
    max_money: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_tokens", "max_money", "price_in", "price_out"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise BadOption(f"budget: {name} is {value}; expected 0 or more")
        if self.max_money is not None and not (self.price_in or self.price_out):
            raise BadOption("budget: max_money needs price_in and price_out, per million tokens")

    def money(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / _PER


@dataclass(frozen=True)
class Usage:
    """What requests took; usages add up.

    Attributes
    ----------
    requests
        All of them.
    cached, refused
        How many were answered from the cache, and how many not at all.
    estimated
        How many whose tokens were estimated, since the model did not count them.
    tokens_in, tokens_out
        Tokens that the model read and wrote; none for cached answers.
    money
        By the budget's prices.

    Examples
    --------
    >>> Usage(requests=2, tokens_in=10) + Usage(requests=1, cached=1)
    Usage(requests=3, cached=1, refused=0, estimated=0, tokens_in=10, tokens_out=0, money=0.0)
    """

    requests: int = 0
    cached: int = 0
    refused: int = 0
    estimated: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @classmethod
    def of(cls, answers: Iterable[Answer], budget: Budget = Budget()) -> Usage:
        """The usage of answers, at the prices of a budget."""
        total = cls()
        for answer in answers:
            paid_in, paid_out = (0, 0) if answer.cached else (answer.tokens_in, answer.tokens_out)
            total += cls(
                requests=1,
                cached=int(answer.cached),
                refused=int(answer.text is None),
                estimated=int(answer.estimated and not answer.cached),
                tokens_in=paid_in,
                tokens_out=paid_out,
                money=budget.money(paid_in, paid_out),
            )
        return total


class Meter:
    """What is spent of a budget. Threads may share it.

    Each request reserves the most that it can cost before it is sent, and settles for what it did cost. Where
    the reservations of others stand in the way, it waits for them to settle.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._changed = threading.Condition()
        self._spent = (0, 0)
        self._reserved: list[tuple[int, int]] = []

    def reserve(self, request: Request) -> tuple[int, int]:
        """Set aside what a request costs at most: tokens in and out.

        Raises
        ------
        BudgetSpent
            The budget does not have so much left.
        """
        wanted = (max_tokens_in(request), request.max_tokens)
        with self._changed:
            while not self._fits([*self._reserved, wanted]):
                if not self._fits([wanted]):
                    raise BudgetSpent(self._message(wanted))
                self._changed.wait()
            self._reserved.append(wanted)
        return wanted

    def settle(self, reserved: tuple[int, int], tokens_in: int, tokens_out: int) -> None:
        """Give a reservation back for what the request did cost."""
        with self._changed:
            self._reserved.remove(reserved)
            self._spent = (self._spent[0] + tokens_in, self._spent[1] + tokens_out)
            self._changed.notify_all()

    def _fits(self, claims: list[tuple[int, int]]) -> bool:
        into = self._spent[0] + sum(claim[0] for claim in claims)
        out = self._spent[1] + sum(claim[1] for claim in claims)
        budget = self.budget
        return (budget.max_tokens is None or into + out <= budget.max_tokens) and (
            budget.max_money is None or budget.money(into, out) <= budget.max_money
        )

    def _message(self, wanted: tuple[int, int]) -> str:
        budget, spent = self.budget, self._spent
        parts = []
        if budget.max_tokens is not None:
            parts.append(
                f"{sum(spent):,} of {budget.max_tokens:,} tokens are spent and the next request can take {sum(wanted):,}"
            )
        if budget.max_money is not None:
            parts.append(
                f"{budget.money(*spent):.4g} of {budget.max_money:.4g} is spent and the next request can cost "
                f"{budget.money(*wanted):.4g}"
            )
        return (
            f"the budget of requests to the model: {'; '.join(parts)}; what was answered is kept, so the same command "
            "resumes and may spend as much again"
        )


def max_tokens_in(request: Request) -> int:
    """The most tokens that a request can have for a tokenizer of bytes: its bytes, and room for a template.

    Examples
    --------
    >>> max_tokens_in(Request(text="Café"))
    69
    """
    contents = [message.content for message in request.messages] or [request.text]
    return sum(len(content.encode("utf-8", "surrogatepass")) + _TEMPLATE for content in contents)
