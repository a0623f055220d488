"""How much likelier a text is to a tuned model than to its base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from cupel.contract import Asks, Column, Measure, NamesModel, Paper, Resources, Signal
from cupel.models.load import load_model
from cupel.signals._columns import real

__all__ = ["LikelihoodRatio"]


class LikelihoodRatio(Asks, Signal):
    """How much likelier a text is to a model tuned on a domain than to the base it was tuned from.

    The perplexity of a tuned model is low for texts of its domain, and for all that is easy anyway: short words,
    repetition, boilerplate. The base knows what is easy; what tuning has added is the domain. Zhang et al. (2024) find
    that the ratio of both alone tells texts of the domain from far and near ones, from spam, and answerable questions
    from others, better than the likelihood of either. For a text of N tokens and B bytes

        likelihood_ratio = ln p_tuned(text) − ln p_base(text)
        likelihood_ratio_per_token = likelihood_ratio / N
        likelihood_ratio_per_byte = likelihood_ratio / (B ln 2)

    High values are the domain of the tuned model; select by them to find more of it. The paper's score has the other
    sign: base less tuned, so that its high values are out of the domain. Its LR is the sum, and its NLR the mean per token.

    Sum and mean per token compare the same tokens, and are null where the two models have different tokenizers; bits per
    byte compare models of any tokenizers. An empty text has no ratio.

    Examples
    --------
    >>> LikelihoodRatio.from_options({"model": "trial:tuned", "base": "openai:http://127.0.0.1:9/v1#base"})
    Traceback (most recent call last):
    ...
    cupel.errors.BadOption: likelihood-ratio: model 'trial:tuned': no such folder
    """

    name = "likelihood-ratio"
    asks = "log_probs"
    papers = (
        Paper(
            title="Your Finetuned Large Language Model is Already a Powerful Out-of-distribution Detector",
            authors="Zhang, Xiao, Liu, Bamler, Wischik",
            year=2024,
            url="https://arxiv.org/abs/2404.08679",
            section="3 and 5.1 to 5.3",
        ),
    )
    cost = "Runs both models over every token: twice `perplexity`. Measured beside it, one of them is run once for both."
    limits = (
        "Needs both models; where the base is another one, its own strengths and gaps are measured as the domain. A model "
        "tuned for a few steps differs little from its base. Sums grow with length: compare documents per token or byte."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "likelihood_ratio": real("nats", "ln p of the text under the tuned model less that under its base"),
        "likelihood_ratio_per_token": real("nats per token", "the same by the text's tokens"),
        "likelihood_ratio_per_byte": real("bits per byte", "bits that tuning saves, by the text's bytes"),
    }

    class Options(NamesModel):
        """The tuned model, as `model`, and its base."""

        base: str = Field(description="The model that it was tuned from: a reference, as `model` is.")

    options: Options

    @property
    def models(self) -> tuple[str, ...]:
        return (self.options.model, self.options.base)

    def prepare(self, resources: Resources) -> Measure:
        """A function that measures with both models, which are loaded here."""
        tuned, base = (load_model(name, self.asks, device=self.options.device) for name in self.models)
        alike = tuned.segmentation == base.segmentation != ""

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            texts = documents.column("text")
            high, low = tuned.log_probs(texts), base.log_probs(texts)
            tokens = np.where((high.tokens > 0) & (low.tokens > 0), high.tokens, np.nan)
            ratio = np.where(alike & ~np.isnan(tokens), high.nats - low.nats, np.nan)
            columns = (ratio, ratio / tokens, low.bits_per_byte() - high.bits_per_byte())
            return pa.record_batch(
                [pa.array(values, from_pandas=True) for values in columns], names=list(self.columns)
            )

        return measure
