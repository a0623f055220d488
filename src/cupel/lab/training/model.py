"""The model of a trial, what it is trained for, and its optimiser."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cupel.errors import BadInput, BadOption
from cupel.lab.training.job import TrainJob

__all__ = ["Objective", "build_model", "build_optimiser", "find_objective", "initialise", "load_weights"]

Objective = Callable[[nn.Module, Tensor], Tensor]
"""`(model, tokens)` → losses in nats: tokens int64 (sequences, context + 1), losses float32
(sequences, context), one for each target."""


def build_model(job: TrainJob) -> nn.Module:
    """A plain `LlamaForCausalLM` in float32, its weights yet to be set."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = job.model
    config = LlamaConfig(
        vocab_size=job.vocabulary,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.feed_forward_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads or shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=shape.tied,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_base},
        bos_token_id=job.end_of_text,
        eos_token_id=job.end_of_text,
        pad_token_id=None,
        use_cache=False,
        attn_implementation="sdpa",  # type: ignore[call-arg]
    )
    model: nn.Module = LlamaForCausalLM(config)
    return model.float()


@torch.no_grad()
def initialise(model: nn.Module, seed: int) -> None:
    """Set all weights from the seed, in an order of names, whatever the model held before.

    Normal with deviation 0.02, the matrices that write into the residual stream smaller by
    √(2 × layers) (Radford et al., "GPT-2", 2019, section 2.3); norms are one.
    """
    generator = torch.Generator(device="cpu").manual_seed(seed)
    layers: int = model.config.num_hidden_layers  # type: ignore[union-attr, assignment]
    done: set[int] = set()
    for name, weight in sorted(model.named_parameters()):
        if weight.data_ptr() in done and weight.numel():
            continue
        done.add(weight.data_ptr())
        if weight.ndim < 2:
            weight.fill_(1.0)
            continue
        deviation = (
            0.02 / (2 * layers) ** 0.5 if name.endswith(("o_proj.weight", "down_proj.weight")) else 0.02
        )
        drawn = torch.empty(weight.shape, dtype=torch.float32).normal_(0.0, deviation, generator=generator)
        weight.copy_(drawn.to(weight.device, weight.dtype))


@torch.no_grad()
def load_weights(model: nn.Module, path: Path) -> None:
    """Set all weights from a `model.safetensors` of the same shape; a tied output layer is not in it.

    Raises
    ------
    BadInput
        No such file, or weights of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{path}: no weights to start from: {error}") from None
    own = dict(model.named_parameters())
    unlike = [name for name in own if name not in found or found[name].shape != own[name].shape]
    if unlike or set(found) - set(own):
        names = sorted({*unlike, *(set(found) - set(own))})
        raise BadInput(
            f"{path}: weights of another model ({names[0]}); expected the shape of the trial's own"
        )
    for name, weight in own.items():
        weight.copy_(found[name])


def build_optimiser(model: nn.Module, job: TrainJob) -> torch.optim.AdamW:
    """AdamW, fused; matrices decay, vectors do not."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": job.weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=job.learning_rate, betas=job.betas, eps=job.epsilon, fused=True)


def causal(model: nn.Module, tokens: Tensor) -> Tensor:
    """The loss of each next token."""
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state  # type: ignore[operator, union-attr]
    logits: Tensor = model.lm_head(hidden).float()  # type: ignore[operator]
    losses = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view(targets.shape)


def find_objective(name: str) -> Objective:
    """The objective called `causal`, or `module:function`.

    Raises
    ------
    BadOption
        No such thing.
    """
    if name == "causal":
        return causal
    module, colon, function = name.partition(":")
    if not colon:
        raise BadOption(f"objective is '{name}': expected causal or module:function")
    try:
        found: Any = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise BadOption(f"objective '{name}': {error}") from None
    if not callable(found):
        raise BadOption(f"objective '{name}' is no function")
    return found  # type: ignore[no-any-return]
