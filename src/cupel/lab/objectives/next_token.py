"""The loss of each next token."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from cupel.contract import Objective, Paper
from cupel.lab.training.job import NEXT_TOKEN

__all__ = ["NextToken"]


class NextToken(Objective):
    """Predict the next token: cross-entropy, where the loss mask counts it.

    The loss of a step is the mean over its targets of −ln p(next token | tokens before it), in nats. Documents are
    laid end to end, each closed by the end-of-text token, and attention is not cut where one ends. Tokens without a
    loss mask all count; in chats, only those of answers do, each with the end of text that closes it.

    With `z_loss`, z · ln² Z is added to each loss, where Z is the sum over the vocabulary of exp(logit): it
    keeps logits from drifting where learning rates are high.
    """

    name = NEXT_TOKEN.name
    version = NEXT_TOKEN.version
    function = NEXT_TOKEN.function
    papers: ClassVar = (
        Paper(
            "Language Models are Unsupervised Multitask Learners",
            "Radford, Wu, Child, Luan, Amodei and Sutskever",
            2019,
            "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf",
        ),
        Paper(
            "PaLM: Scaling Language Modeling with Pathways",
            "Chowdhery et al.",
            2022,
            "https://arxiv.org/abs/2204.02311",
            "z-loss: section 5",
        ),
    )
    limits = "Losses of different tokenizers do not compare; evaluations count bits per byte instead."

    class Options(Objective.Options):
        """What is added to the loss."""

        z_loss: float = Field(
            0.0, ge=0, description="Weight of the squared logarithm of the normalizer (PaLM: 1e-4)."
        )
