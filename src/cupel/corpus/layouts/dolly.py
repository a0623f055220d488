"""Instructions with their answers, as Databricks' Dolly has them."""

from __future__ import annotations

from cupel.corpus.layouts.instruction import Instruction

__all__ = ["Dolly"]


class Dolly(Instruction):
    """`instruction`, `context` and `response` of Databricks' Dolly, like Alpaca's fields."""

    name = "dolly"
    required = ("instruction", "response")
    optional = ("context", "system")
    about = "context"
    answer = "response"
