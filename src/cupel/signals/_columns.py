"""Shorthand for the kernel's families of signals: columns, papers, and the option they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, KernelSignal, Method, Paper

__all__ = [
    "C4",
    "ColumnsByOptions",
    "DCLM",
    "FINEWEB",
    "GOPHER",
    "REDPAJAMA",
    "REFINEDWEB",
    "STARCODER",
    "STARCODER_2",
    "Segmentation",
    "WordSignal",
    "count",
    "fraction",
    "mark",
    "real",
]

Segmentation = Literal["unicode", "prose", "whitespace"]

GOPHER = Paper(
    "Scaling Language Models: Methods, Analysis & Insights from Training Gopher",
    "Rae et al.",
    2021,
    "https://arxiv.org/abs/2112.11446",
    "A.1.1",
)
C4 = Paper(
    "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
    "Raffel et al.",
    2020,
    "https://jmlr.org/papers/v21/20-074.html",
    "2.2",
)
REFINEDWEB = Paper(
    "The RefinedWeb Dataset for Falcon LLM", "Penedo et al.", 2023, "https://arxiv.org/abs/2306.01116", "G.2"
)
FINEWEB = Paper(
    "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale",
    "Penedo et al.",
    2024,
    "https://arxiv.org/abs/2406.17557",
    "3.5",
)
REDPAJAMA = Paper(
    "RedPajama: an Open Dataset for Training Large Language Models",
    "Weber et al.",
    2024,
    "https://arxiv.org/abs/2411.12372",
    "quality signals",
)
DCLM = Paper(
    "DataComp-LM: In search of the next generation of training sets for language models",
    "Li et al.",
    2024,
    "https://arxiv.org/abs/2406.11794",
    "4.1, and the code published with it",
)
STARCODER = Paper(
    "StarCoder: may the source be with you!", "Li et al.", 2023, "https://arxiv.org/abs/2305.06161", "3"
)
STARCODER_2 = Paper(
    "StarCoder 2 and The Stack v2: The Next Generation",
    "Lozhkov et al.",
    2024,
    "https://arxiv.org/abs/2402.19173",
    "2",
)


def count(unit: str, meaning: str) -> Column:
    """A column of whole numbers."""
    return Column(pa.int64(), unit, meaning)


def fraction(meaning: str) -> Column:
    """A column of shares, 0 to 1."""
    return Column(pa.float64(), "fraction", meaning)


def real(unit: str, meaning: str) -> Column:
    """A column of ratios and means."""
    return Column(pa.float64(), unit, meaning)


def mark(meaning: str) -> Column:
    """A column of yes or no."""
    return Column(pa.bool_(), "yes or no", meaning)


class ColumnsByOptions:
    """Columns that depend on a signal's options: on the class those of its defaults, on a signal its own.

    Parameters
    ----------
    defaults
        Columns of the signal as its card shows them.
    own
        From a signal to its columns.
    """

    def __init__(self, defaults: Mapping[str, Column], own: Callable[[Any], Mapping[str, Column]]) -> None:
        self.defaults = defaults
        self.own = own

    def __get__(self, signal: Any, family: type) -> Mapping[str, Column]:
        return self.defaults if signal is None else self.own(signal)


class WordSignal(KernelSignal):
    """A family that looks at words, with the choice of how text is cut into them."""

    class Options(Method.Options):
        """How text is cut into words."""

        segmentation: Segmentation = Field(
            "prose",
            description="'unicode' cuts at the word boundaries of UAX #29 and takes punctuation marks as "
            "words; 'prose' keeps symbols inside a run of characters (addresses, tags, formulas) with it, as "
            "tokenizers of prose do; 'whitespace' cuts at white space",
        )

    options: WordSignal.Options

    def kernel_options(self) -> dict[str, Any]:
        return {"segmentation": self.options.segmentation}
