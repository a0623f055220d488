"""How much of a causal model's attention goes to distant tokens of a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator

from cupel.contract import Asks, Column, Measure, NamesModel, Paper, Resources, Signal
from cupel.models.load import load_model
from cupel.signals._columns import fraction, real

__all__ = ["LongRange"]


class LongRange(Asks, Signal):
    """How much of a causal model's attention goes to distant tokens of a text, and how evenly.

    A long document teaches long contexts only where its parts depend on each other; a catalog or a concatenation of pages
    does not. LongAttn (Wu et al. 2025) reads this off the attention of a model. In a window of L tokens with the attention
    weights aᵢⱼ of token i to token j, of which those to tokens at least D before count, D a quarter of L,

        long_range_strength = 1/L Σᵢ Σⱼ₌₁…ᵢ₋D aᵢⱼ                                (dependency strength, DS)
        long_range_variance = variance of aᵢⱼ over all L² pairs, 0 where j > i − D  (distribution uniformity, DU)

    as means over the heads of the first layer. High strength at low variance is dependence on many distant tokens, and not
    on a few that draw all attention. The paper ranks documents by LDS = DS − ½ DU, both scaled to 0 … 1 over the corpus,
    and keeps the upper half: the selector `long-dependence` does that on these columns. Models trained on what it keeps do
    better at retrieval from long contexts than on four times as much drawn at random.

    A text longer than `max_tokens` is the mean of windows side by side; the paper cuts its documents into windows
    first. Texts below `min_tokens` have no values: nothing in them is far away.

    Examples
    --------
    >>> LongRange.from_options({"model": "ngram:nowhere"})
    Traceback (most recent call last):
    ...
    cupel.errors.BadOption: long-range: model 'ngram:nowhere': it can be asked for log_probs, not for attention; models \
that can: a folder, hf:org/name@revision, gguf:file, trial:folder
    """

    name = "long-range"
    asks = "attention"
    papers = (
        Paper(
            title="LongAttn: Selecting Long-context Training Data via Token-level Attention",
            authors="Wu, Zhu, Zhao, Yu, Ran, Wong, Sun, Li",
            year=2025,
            url="https://arxiv.org/abs/2502.16860",
            section="3, and the code published with it",
        ),
    )
    cost = (
        "Runs the layers up to the last that is looked at, by default the first alone; attention takes time in the square "
        "of the window, and memory in its length."
    )
    limits = (
        "Compare texts of one window: both values depend on its length, and texts shorter than `max_tokens` are windows of "
        "their own. Attention to the first token, on which deep layers park what they do not need, counts as distant. "
        "Repeated passages attend to each other: deduplicate first. The paper reads the first layer of Llama 3.1 70B at "
        "32,768 tokens; small models see less far."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "long_range_strength": fraction("attention given to tokens at least the distance before"),
        "long_range_variance": real("squared weight", "how unevenly that attention is spread; low is even"),
    }

    class Options(NamesModel):
        """Which model and layers, and what is far."""

        layers: tuple[Annotated[int, Field(ge=0)], ...] = Field(
            (0,),
            min_length=1,
            description="Layers whose attention is read, from 0: the first, as in the paper.",
        )
        distance: int | None = Field(
            None,
            ge=1,
            description="Tokens from which on another one is distant; by default a quarter of the window.",
        )
        min_tokens: int = Field(256, ge=2, description="Shorter texts are not measured.")
        max_tokens: int = Field(
            4096, ge=4, description="Tokens of a window, at most the model's context; the paper takes 32768."
        )

        @model_validator(mode="after")
        def _fits(self) -> Self:
            if self.distance is not None and self.distance >= self.max_tokens:
                raise ValueError(
                    f"distance is {self.distance} and max_tokens {self.max_tokens}: expected a distance inside of the window"
                )
            return self

    options: Options

    def prepare(self, resources: Resources) -> Measure:
        """A function that measures with the model, which is loaded here."""
        options = self.options
        model = load_model(options.model, self.asks, device=options.device)

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            reach = model.attention(
                documents.column("text"),
                layers=options.layers,
                distance=options.distance,
                min_tokens=options.min_tokens,
                max_tokens=options.max_tokens,
            )
            return pa.record_batch(
                [pa.array(values, from_pandas=True) for values in (reach.strength, reach.variance)],
                names=list(self.columns),
            )

        return measure
