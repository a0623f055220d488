"""How a causal language model's losses are spread over the tokens of a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from cupel.contract import Asks, Column, Measure, NamesModel, Paper, Resources, Signal
from cupel.models.load import load_model
from cupel.models.token_stats import TextTokens
from cupel.signals._columns import fraction, real

__all__ = ["TokenStatistics"]

QUARTERS = 4


class TokenStatistics(Asks, Signal):
    """How a causal language model's losses are spread over the tokens of a text.

    Perplexity is a mean, and documents of one mean differ: a page half of which is boilerplate and half noise has the
    perplexity of plain prose. For the N tokens t of a text with losses ℓᵢ = −ln p(tᵢ | t₁ … tᵢ₋₁), whose mean is the
    logarithm of `perplexity`:

    - `token_loss_variance` = 1/N Σ (ℓᵢ − mean)², nats². People spread information evenly (Meister et al. 2021 relate the
      variance to acceptability and reading times); lists of names beside fixed phrases do not.
    - `top_token_fraction`: the share of tokens than which none was likelier. GLTR (Gehrmann et al. 2019) sees generated
      text by it: models write what they expect.
    - `token_entropy` = 1/N Σᵢ −Σᵥ p(v | …) ln p(v | …), nats: how unsure the model was, whatever came.
    - `worst_window_bits_per_byte`: the most bits per byte of any `window` tokens in a row. One broken passage of a long
      document, which its perplexity hides.
    - `context_gain`: mean loss of the first quarter of the tokens less that of the last, nats. What the beginning of a
      text teaches of its end: Olsson et al. (2022) call the difference between early and late tokens the in-context
      learning score. About 0 for shuffled or unrelated passages. Null below four tokens.

    Tokens and windows are those of `perplexity`; measured in one step with it under the same model, the model is run
    once for both. An empty text has no value.

    Examples
    --------
    >>> TokenStatistics.from_options({"model": "ngram:nowhere"})
    Traceback (most recent call last):
    ...
    cupel.errors.BadOption: token-statistics: model 'ngram:nowhere': it can be asked for log_probs, not for token_stats; \
models that can: a folder, hf:org/name@revision, gguf:file, trial:folder
    """

    name = "token-statistics"
    asks = "token_stats"
    papers = (
        Paper(
            title="GLTR: Statistical Detection and Visualization of Generated Text",
            authors="Gehrmann, Strobelt, Rush",
            year=2019,
            url="https://arxiv.org/abs/1906.04043",
            section="2",
        ),
        Paper(
            title="Revisiting the Uniform Information Density Hypothesis",
            authors="Meister, Pimentel, Haller, Jäger, Cotterell, Levy",
            year=2021,
            url="https://arxiv.org/abs/2109.11635",
            section="4",
        ),
        Paper(
            title="In-context Learning and Induction Heads",
            authors="Olsson et al.",
            year=2022,
            url="https://arxiv.org/abs/2209.11895",
            section="Argument 1",
        ),
    )
    cost = "As `perplexity`, and about a tenth more; that tenth alone where the two are measured together."
    limits = (
        "All values depend on the tokenizer: compare documents under one model only. In texts longer than the context, "
        "later tokens see no more than a window, so that `context_gain` says little of them. `context_gain` of short texts "
        "is noise."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "token_loss_variance": real("nats²", "how unevenly the loss is spread over the tokens"),
        "top_token_fraction": fraction("tokens than which the model held none likelier"),
        "token_entropy": real("nats per token", "how unsure the model was of the next token, on average"),
        "worst_window_bits_per_byte": real("bits per byte", "of the window that was least expected"),
        "context_gain": real("nats per token", "loss of the first quarter less that of the last"),
    }

    class Options(NamesModel):
        """Which model, and how long a window is."""

        window: int = Field(
            64, ge=1, description="Tokens of the window that `worst_window_bits_per_byte` looks for."
        )

    options: Options

    def prepare(self, resources: Resources) -> Measure:
        """A function that measures with the model, which is loaded here."""
        model = load_model(self.options.model, self.asks, device=self.options.device)

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            stats = model.token_stats(documents.column("text"))
            rows = [
                self._values(stats.of(text)) if stats.complete[text] else (np.nan,) * len(self.columns)
                for text in range(len(stats))
            ]
            columns = np.array(rows, np.float64).reshape(-1, len(self.columns)).T
            return pa.record_batch(
                [pa.array(values, from_pandas=True) for values in columns], names=list(self.columns)
            )

        return measure

    def _values(self, tokens: TextTokens) -> tuple[float, ...]:
        """The columns of one text."""
        if not len(tokens):
            return (np.nan,) * len(self.columns)
        losses = tokens.losses()
        quarter = len(losses) // QUARTERS
        gain = losses[:quarter].mean() - losses[-quarter:].mean() if quarter else np.nan
        return (
            float(losses.var()),
            float((tokens.ranks == 1).mean()),
            float(tokens.entropies.mean(dtype=np.float64)),
            float(tokens.worst_bits_per_byte(self.options.window)),
            float(gain),
        )
