"""Objectives as the trainer carries them out: from a model and a batch to the loss of each target.

An objective is a function `(model, batch, options) -> losses`. It is compiled together with the model, so it
does nothing but compute: no files, no random numbers but those made from `batch.seed` and `batch.step`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

__all__ = ["ObjectiveBatch", "ObjectiveFunction", "next_token"]


class ObjectiveBatch(NamedTuple):
    """What an objective sees of a step.

    Attributes
    ----------
    tokens
        int64, sequences × (context + 1): inputs are all but the last column, targets all but the first.
    mask
        bool, sequences × context: which targets count; None where all do. The trainer leaves out the losses of
        the others, and averages over those that count; an objective need not look at it.
    documents
        int64, sequences × context: the number in the token store of the document that each target is of.
    step
        int64, a scalar, from 0.
    seed
        Of the trial.
    """

    tokens: Tensor
    mask: Tensor | None
    documents: Tensor
    step: Tensor
    seed: int


ObjectiveFunction = Callable[[nn.Module, ObjectiveBatch, Mapping[str, Any]], Tensor]
"""Gives losses in nats: float32, sequences × context, one for each target."""


def next_token(model: nn.Module, batch: ObjectiveBatch, options: Mapping[str, Any]) -> Tensor:
    """The loss of each next token. With the option `z_loss`, z · ln² Z is added to each."""
    inputs, targets = batch.tokens[:, :-1], batch.tokens[:, 1:]
    logits: Tensor = model(input_ids=inputs, use_cache=False).logits.float()
    losses = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    losses = losses.view(targets.shape)
    z_loss = options.get("z_loss", 0.0)
    return losses + z_loss * logits.logsumexp(-1).square() if z_loss else losses
