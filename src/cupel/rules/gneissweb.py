"""GneissWeb's ensemble: classifiers agree with readability or with tokenization, by bounds that depend on the category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from cupel.contract import Condition, Method, Paper, Rules
from cupel.contract.rules import Threshold, written

__all__ = ["GneissWeb"]

Bools = npt.NDArray[np.bool_]
_Bounds = Annotated[tuple[float, float], Field()]


@dataclass(frozen=True)
class AnyAbove(Condition):
    """One of several signals lies above its own bound."""

    name: str
    bounds: Mapping[str, float]
    why: str = ""
    source: str = ""

    def __str__(self) -> str:
        return " or ".join(f"{signal} > {written(bound)}" for signal, bound in self.bounds.items())

    @property
    def threshold(self) -> Threshold:  # type: ignore[override]
        return str(self)

    @property
    def signals(self) -> tuple[str, ...]:
        return tuple(self.bounds)

    def fails(self, documents: pa.RecordBatch) -> Bools:
        passed = np.zeros(documents.num_rows, np.bool_)
        for signal, bound in self.bounds.items():
            passed |= _numbers(documents, signal) > bound
        return ~passed

    def values(self, documents: pa.RecordBatch) -> list[Any]:
        return _written_rows(documents, self.signals)


@dataclass(frozen=True)
class ReadableOrEvenlyTokenized(Condition):
    """Readability or tokens per character lie within the bounds of the document's category."""

    name: str
    categories: tuple[str, ...]
    options: GneissWeb.Options
    why: str = ""
    source: str = ""

    def __str__(self) -> str:
        options = self.options
        parts = []
        for words, eflaw, (low, high) in (
            ("in a category", options.max_eflaw_in_category, options.tokens_per_character_in_category),
            ("in none", options.max_eflaw, options.tokens_per_character),
        ):
            parts.append(
                f"{words}: {options.readability} < {written(eflaw)} or {options.tokenization} between {written(low)} and "
                f"{written(high)}"
            )
        return "; ".join(parts)

    @property
    def threshold(self) -> Threshold:  # type: ignore[override]
        return str(self)

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.options.readability, self.options.tokenization, *self.categories)

    def fails(self, documents: pa.RecordBatch) -> Bools:
        options = self.options
        within = np.zeros(documents.num_rows, np.bool_)
        for category in self.categories:
            within |= _numbers(documents, category) > options.min_category
        eflaw, ratio = _numbers(documents, options.readability), _numbers(documents, options.tokenization)
        limit = np.where(within, options.max_eflaw_in_category, options.max_eflaw)
        low, high = (
            np.where(
                within, options.tokens_per_character_in_category[side], options.tokens_per_character[side]
            )
            for side in (0, 1)
        )
        passed: Bools = (eflaw < limit) | ((ratio >= low) & (ratio <= high))
        return ~passed

    def values(self, documents: pa.RecordBatch) -> list[Any]:
        return _written_rows(documents, self.signals)


class GneissWeb(Rules):
    """GneissWeb's ensemble of quality filters.

    A single strict filter removes much good text. GneissWeb (Emami Gohari et al. 2025) takes mild ones, and keeps a
    document if one of two classifiers of quality calls it good, and either its readability or its tokens per character
    are those of its category:

    | | outside of categories | science, education, technology, medicine |
    | --- | --- | --- |
    | McAlpine's EFLAW, below | 30 | 70 |
    | tokens per character | 0.22 to 0.28 | 0.1 to 0.5 |

    In the paper's experiments with 35 billion tokens FineWeb scores 51.9 on average, readability alone 53.2, tokens per
    character 52.9, the classifiers 52.9, and the ensemble 54.3.

    Classifiers are signals `classifier-score` under names of the recipe's own. Their bounds are those published for
    DCLM's classifier (0.002) and the authors' own (0.03); a category counts if its classifier gives it more than
    `min_category`. Tokens are those of StarCoder's tokenizer in the paper.

    ```yaml
    signals:
      tokens: {tokenizer: bigcode/starcoder}
      dclm: {classifier-score: {scorer: "fasttext:dclm.bin", label: hq}}
      science: {classifier-score: {scorer: "fasttext:science.bin", label: science}}
    steps:
      - gneissweb: {quality: {dclm: 0.002}, categories: [science]}
    ```

    Examples
    --------
    >>> rules = GneissWeb.from_options({"quality": {"good": 0.5}, "categories": ["science"]})
    >>> print(rules.rules[0])
    good > 0.5
    >>> columns = {"good": [0.9, 0.9, 0.1], "mcalpine_eflaw": [50.0, 50.0, 9.0], "science": [0.9, 0.1, 0.9]}
    >>> batch = pa.record_batch({**columns, "token_to_character_ratio": [0.6, 0.6, 0.25]})
    >>> rules.decide(batch).kept.tolist()
    [True, False, False]
    """

    name = "gneissweb"
    papers = (
        Paper(
            title="GneissWeb: Preparing High Quality Data for LLMs at Scale",
            authors="Emami Gohari et al.",
            year=2025,
            url="https://arxiv.org/abs/2502.14907",
            section="3, and the recipe published with it",
        ),
    )
    limits = (
        "The bounds are for English, for StarCoder's tokenizer and for the published classifiers: those of others are other "
        "ones. A document whose signals are all missing is dropped."
    )

    class Options(Method.Options):
        """Signals and bounds."""

        quality: dict[str, float] = Field(
            {},
            description="Columns of classifiers of quality, each with the score that a document must exceed in one.",
        )
        categories: tuple[str, ...] = Field(
            (),
            description="Columns of classifiers of categories with wider bounds; empty: no document is in one.",
        )
        min_category: float = Field(
            0.5, ge=0, le=1, description="The score above which a document is in a category."
        )
        readability: str = Field("mcalpine_eflaw", description="The column of readability.")
        tokenization: str = Field(
            "token_to_character_ratio", description="The column of tokens per character."
        )
        max_eflaw: float = Field(30.0, gt=0, description="Readability below which a document passes.")
        max_eflaw_in_category: float = Field(70.0, gt=0, description="The same for documents of a category.")
        tokens_per_character: _Bounds = Field(
            (0.22, 0.28), description="Lowest and highest value that passes."
        )
        tokens_per_character_in_category: _Bounds = Field(
            (0.1, 0.5), description="The same for documents of a category."
        )

        @model_validator(mode="after")
        def _has_order(self) -> Any:
            for name in ("tokens_per_character", "tokens_per_character_in_category"):
                low, high = getattr(self, name)
                if low > high:
                    raise ValueError(
                        f"{name} is {low:g} to {high:g}, which nothing is: the lower value comes first"
                    )
            return self

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        source = "Emami Gohari et al. 2025, published recipe"
        rules: list[Condition] = []
        if self.options.quality:
            rules.append(
                AnyAbove("quality", self.options.quality, "No classifier calls the document good.", source)
            )
        rules.append(
            ReadableOrEvenlyTokenized(
                "readable_or_evenly_tokenized",
                self.options.categories,
                self.options,
                "Texts that are hard to read and that a tokenizer cuts in an unusual way are seldom prose.",
                source,
            )
        )
        self.rules = tuple(rules)


def _numbers(documents: pa.RecordBatch, signal: str) -> npt.NDArray[np.float64]:
    """A column as numbers; missing ones are NaN, which passes no comparison."""
    values = documents.column(signal).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(values, np.float64)


def _written_rows(documents: pa.RecordBatch, signals: tuple[str, ...]) -> list[str]:
    columns = [documents.column(signal).to_pylist() for signal in signals]
    return [
        ", ".join(f"{name} {written(value)}" for name, value in zip(signals, row, strict=True))
        for row in zip(*columns, strict=True)
    ]
