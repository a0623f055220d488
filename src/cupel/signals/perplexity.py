"""Perplexity under a causal language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa

from cupel.contract import Asks, Column, Measure, NamesModel, Paper, Resources, Signal
from cupel.models.load import load_model
from cupel.signals._columns import real

__all__ = ["Perplexity"]


class Perplexity(Asks, Signal):
    """Perplexity under a causal language model of your choice: how unexpected a text is to it.

    For the N tokens t of a text of B bytes, in windows of the model's context length

        perplexity = exp(−1/N Σ ln p(tᵢ | t₁ … tᵢ₋₁))
        bits_per_byte = −1/(B ln 2) Σ ln p(tᵢ | …)

    The first token follows the model's token for the beginning of a text, or that for its end. Perplexities of models
    with different tokenizers cannot be compared; bits per byte can. Documents of middle perplexity under a small model
    make better training data than those of the lowest (Marion et al. 2023, Ankner et al. 2024): low values are
    boilerplate and repetition, high ones noise and other languages.

    An empty text has neither value.

    Examples
    --------
    >>> Perplexity.from_options({"model": "gguf:nowhere.gguf"})
    Traceback (most recent call last):
    ...
    cupel.errors.BadOption: perplexity: model 'gguf:nowhere.gguf': no such file
    """

    name = "perplexity"
    asks = "log_probs"
    papers = (
        Paper(
            title="When Less is More: Investigating Data Pruning for Pretraining LLMs at Scale",
            authors="Marion, Üstün, Pozzobon, Wang, Fadaee, Hooker",
            year=2023,
            url="https://arxiv.org/abs/2309.04564",
        ),
        Paper(
            title="Perplexed by Perplexity: Perplexity-Based Data Pruning With Small Reference Models",
            authors="Ankner, Blakeney, Sreenivasan, Marion, Leavitt, Paul",
            year=2024,
            url="https://arxiv.org/abs/2405.20541",
        ),
    )
    cost = "Runs the model over every token: about 150 tokens/s per core (AVX2) for 135M parameters, as 2 FLOP per weight."
    limits = (
        "What the model saw in training, or is written in another style than its data, is measured as that. In a text "
        "longer than the context, tokens at the beginning of a window see only a quarter of it before them, so that long "
        "texts come out a little higher."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "perplexity": real("perplexity per token", "how unexpected a token is on average"),
        "bits_per_byte": real("bits per byte", "bits that the tokens take, by the text's bytes"),
    }

    class Options(NamesModel):
        """Which model."""

    options: Options

    def prepare(self, resources: Resources) -> Measure:
        """A function that measures with the model, which is loaded here."""
        model = load_model(self.options.model, self.asks, device=self.options.device)

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            scored = model.log_probs(documents.column("text"))
            tokens = np.where(scored.tokens > 0, scored.tokens, np.nan)
            columns = (np.exp(-scored.nats / tokens), scored.bits_per_byte())
            return pa.record_batch(
                [pa.array(values, from_pandas=True) for values in columns], names=list(self.columns)
            )

        return measure
