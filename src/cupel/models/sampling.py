"""Continuations: tokens drawn from a causal model one after another, from random numbers that the caller draws."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.models.likelihood import body_and_head

__all__ = ["continue_tokens", "pick"]


def continue_tokens(
    model: Any,
    prompts: Sequence[Sequence[int]],
    draws: NDArray[np.float64],
    temperature: float,
    ends: Collection[int] = (),
) -> list[list[int]]:
    """New tokens after each prompt, up to a token that ends the text, which is left out.

    Parameters
    ----------
    prompts
        Token ids; none is empty.
    draws
        Prompts × tokens: numbers in [0, 1) that decide each choice. A row is as long as the longest continuation.
    temperature
        0 takes the likeliest token; others divide the logits.
    ends
        Tokens that end a text.

    Raises
    ------
    BadInput
        The model gives logits that are no numbers.
    """
    import torch

    made: list[list[int]] = [[] for _ in prompts]
    unfinished = np.ones(len(prompts), bool)
    lengths = np.array([len(prompt) for prompt in prompts])
    longest = int(lengths.max(initial=0))
    tokens = np.zeros((len(prompts), longest), np.int64)
    visible = np.zeros((len(prompts), longest + draws.shape[1]), np.int64)
    for line, prompt in enumerate(prompts):  # padded on the left, so that all go on at the same place
        tokens[line, longest - len(prompt) :] = prompt
        visible[line, longest - len(prompt) :] = 1
    positions = np.maximum(visible.cumsum(axis=1) - 1, 0)
    cache = None
    with torch.inference_mode():
        body, head = body_and_head(model)
        # Renamed in transformers 5; the model itself makes one of the kind it needs.
        names = inspect.signature(model.forward).parameters
        cache_name = "cache" if "cache" in names else "past_key_values"
        for step in range(draws.shape[1]):
            seen = longest + step
            inputs = {
                "input_ids": tokens,
                "position_ids": positions[:, seen - tokens.shape[1] : seen],
                "attention_mask": visible[:, :seen],
            }
            moved: dict[str, Any] = {
                name: torch.from_numpy(array).to(model.device) for name, array in inputs.items()
            }
            moved[cache_name] = cache
            if body is not None:
                output = body(**moved, use_cache=True)
                last = head(output.last_hidden_state[:, -1])
            else:
                output = model(**moved, use_cache=True)
                last = output.logits[:, -1]
            cache = getattr(output, cache_name)
            logits = last.float().cpu().numpy().astype(np.float64)
            if not np.isfinite(logits).all():
                raise BadInput("the model gives no finite logits: the training run diverged")
            new = pick(logits, draws[:, step], temperature)
            unfinished &= ~np.isin(new, list(ends))
            if not unfinished.any():
                break
            for line in np.flatnonzero(unfinished).tolist():
                made[line].append(int(new[line]))
            tokens = new[:, None]
    return made


def pick(logits: NDArray[np.float64], draws: NDArray[np.float64], temperature: float) -> NDArray[np.int64]:
    """The likeliest token of each row, or the one whose share of the probability the draw falls into.

    Examples
    --------
    >>> pick(np.log([[0.1, 0.2, 0.7]] * 3), np.array([0.05, 0.25, 0.9]), temperature=1).tolist()
    [0, 1, 2]
    """
    if temperature <= 0:
        return logits.argmax(axis=1)
    scaled = (logits - logits.max(axis=1, keepdims=True)) / temperature
    shares = np.cumsum(np.exp(scaled), axis=1)
    return np.array(
        [
            min(int(np.searchsorted(share, draw * share[-1], side="right")), len(share) - 1)
            for share, draw in zip(shares, draws, strict=True)
        ],
        np.int64,
    )
