"""How much of a causal model's attention goes to distant tokens, without ever holding a whole attention matrix.

The attention of a twin of the model (which shares its weights) is computed here, a block of queries at a time: what a
layer passes on, and sums of its weights beyond a distance. After the last layer that is looked at, the pass ends.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput, BadOption

__all__ = [
    "DistantAttention",
    "attention_twin",
    "check_layers",
    "distant_attention",
    "quarter",
    "side_by_side",
]

BLOCK_WEIGHTS = 1 << 22
"""Attention weights held at once: float32, of all heads together."""

NAME = "cupel_distant"


@dataclass(frozen=True)
class DistantAttention:
    """Attention to distant tokens in several texts: float64 arrays with one element per text, NaN where it is not measured.

    Attributes
    ----------
    strength
        The attention weight beyond the distance, 0 to 1: the mean over tokens and heads.
    variance
        The variance of these weights over all pairs of tokens, nearer ones and later ones counted as 0: the mean over heads.
    """

    strength: NDArray[np.float64]
    variance: NDArray[np.float64]


@dataclass
class _Sums:
    """What one pass collects: sums of weights and of their squares beyond `distance`, by layer and head."""

    layers: frozenset[int]
    distance: int
    weights: dict[int, Any] = field(default_factory=dict)
    squares: dict[int, Any] = field(default_factory=dict)


class _Enough(Exception):
    """The last layer that is looked at has been seen."""


_pass = threading.local()


def quarter(length: int) -> int:
    """The distance that LongAttn looks beyond: a quarter of the window, rounded up.

    >>> [quarter(length) for length in (4, 7, 32768)]
    [1, 4, 8192]
    """
    return length - 3 * (length // 4)


def side_by_side(tokens: NDArray[np.int64], prefix: int, length: int) -> list[NDArray[np.int64]]:
    """Windows of `length` tokens, `prefix` first in each, the last one up to the end of the text.

    >>> [window.tolist() for window in side_by_side(np.arange(1, 8), prefix=0, length=4)]
    [[0, 1, 2, 3], [0, 4, 5, 6], [0, 5, 6, 7]]
    >>> [window.tolist() for window in side_by_side(np.arange(1, 3), prefix=0, length=4)]
    [[0, 1, 2]]
    """
    width = min(length - 1, len(tokens))
    starts = [*range(0, len(tokens) - width, width), len(tokens) - width]
    return [np.concatenate([[prefix], tokens[start : start + width]]) for start in starts]


def check_layers(model: Any, layers: Sequence[int]) -> None:
    """Refuse layers that a model does not have.

    Raises
    ------
    BadOption
        There are none, or one is not among the model's.
    """
    count = int(getattr(model.config, "num_hidden_layers", 0))
    if not layers or min(layers) < 0 or max(layers) >= count:
        raise BadOption(
            f"layers are {list(layers)}: expected numbers from 0 to {count - 1}, the layers of the model"
        )


def attention_twin(model: Any) -> Any:
    """A model with the weights of another, not copied, whose attention can be read.

    Raises
    ------
    BadInput
        Its architecture keeps its attention to itself.
    """
    _register()
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, shared)
    twin.set_attn_implementation(NAME)
    if twin.config._attn_implementation != NAME:
        raise BadInput(
            f"attention of {type(model).__name__} cannot be read; take a model of another architecture"
        )
    return twin.eval()


def distant_attention(
    twin: Any, tokens: NDArray[np.int64], layers: Sequence[int], distance: int
) -> tuple[float, float]:
    """Strength and variance of the attention of some layers to tokens at least `distance` before, in one window.

    Parameters
    ----------
    twin
        As `attention_twin` gives it.
    tokens
        The window, its first token included.
    layers
        The mean over these is given.

    Raises
    ------
    BadInput
        The model gives no finite weights, or none at all.
    """
    import torch

    sums = _Sums(frozenset(layers), distance)
    _pass.sums = sums
    body = getattr(twin, twin.base_model_prefix, twin)
    try:
        with torch.inference_mode():
            body(input_ids=torch.from_numpy(tokens)[None].to(twin.device), use_cache=False)
    except _Enough:
        pass
    finally:
        _pass.sums = None
    if set(sums.weights) != sums.layers:
        raise BadInput(
            f"attention of {type(twin).__name__} cannot be read; take a model of another architecture"
        )
    length = len(tokens)
    pairs = length * length
    strengths, variances = [], []
    for layer in layers:
        weights, squares = (held[layer].cpu().numpy() for held in (sums.weights, sums.squares))
        strengths.append(weights.mean() / length)
        variances.append(((squares - weights**2 / pairs) / max(pairs - 1, 1)).mean())
    strength, variance = float(np.mean(strengths)), float(np.mean(variances))
    if not np.isfinite(strength):
        raise BadInput("the model gives no finite attention: its weights are NaN or infinite")
    return strength, variance


@cache
def _register() -> None:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, _no_mask)


def _no_mask(*args: object, **kwargs: object) -> None:
    """`_attend` knows what a token sees; a mask of all pairs is never made."""


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Any, None]:
    """Causal attention as transformers asks for it, a block of queries at a time.

    `query` is of batch, heads, tokens and size; what is given back of batch, tokens, heads and size.
    """
    import torch

    if kwargs.get("s_aux") is not None:
        raise BadInput(
            f"attention of {type(module).__name__} has sinks and cannot be read; take another model"
        )
    sums: _Sums = _pass.sums
    layer = int(module.layer_idx)
    _, heads, length, size = query.shape
    computes_in = query.dtype
    groups = heads // key.shape[1]
    key, value = (held.repeat_interleave(groups, dim=1)[0].float() for held in (key, value))
    query = query[0].float() * (size**-0.5 if scaling is None else scaling)
    wanted = layer in sums.layers
    last = layer == max(sums.layers)
    collected = torch.zeros((2, heads), dtype=torch.float64, device=query.device)
    outputs = []
    rows = max(1, BLOCK_WEIGHTS // (heads * length))
    for start in range(0, length, rows):
        stop = min(start + rows, length)
        apart = torch.arange(start, stop, device=query.device)[:, None] - torch.arange(
            stop, device=query.device
        )
        scores = query[:, start:stop] @ key[:, :stop].transpose(1, 2)
        if kwargs.get("softcap"):
            scores = torch.tanh(scores / kwargs["softcap"]) * kwargs["softcap"]
        hidden = apart < 0
        if kwargs.get("sliding_window"):
            hidden |= apart >= kwargs["sliding_window"]
        weights = torch.softmax(scores.masked_fill_(hidden, float("-inf")), -1)
        if not last:
            outputs.append((weights @ value[:, :stop]).transpose(0, 1))
        if wanted and stop > sums.distance:
            far = stop - sums.distance  # later keys are near to every query of the block
            distant = weights[:, :, :far].masked_fill_(apart[:, :far] < sums.distance, 0)
            collected[0] += distant.sum((1, 2), dtype=torch.float64)
            collected[1] += distant.square_().sum((1, 2), dtype=torch.float64)
    if wanted:
        sums.weights[layer], sums.squares[layer] = collected
    if last:
        raise _Enough
    return torch.cat(outputs)[None].to(computes_in), None
