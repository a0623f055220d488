"""Instructions with their answers, as Stanford Alpaca has them."""

from __future__ import annotations

from cupel.corpus.layouts.instruction import Instruction

__all__ = ["Alpaca"]


class Alpaca(Instruction):
    """`instruction`, `input` and `output` of Stanford Alpaca (and a text `system`, where there is one).

    Instruction and input are two texts of one turn. An input that is null or missing stays so.
    """

    name = "alpaca"
    required = ("instruction", "output")
    optional = ("input", "system")
    about = "input"
    answer = "output"
