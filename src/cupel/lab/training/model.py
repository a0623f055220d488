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

    Matrices are normal with deviation 1/√(inputs), so that they keep the size of what passes through; those that
    write into the residual stream begin at zero, so that every block begins as the identity (Zhang et al.,
    "Fixup", 2019), and so does an output layer of its own; embeddings have deviation 1, or 1/√width where they are
    the output layer too. Norms are one.
    """
    generator = torch.Generator(device="cpu").manual_seed(seed)
    tied: bool = model.config.tie_word_embeddings  # type: ignore[union-attr, assignment]
    for name, weight in sorted(model.named_parameters()):
        if weight.ndim < 2:
            weight.fill_(1.0)
            continue
        # Drawn for each, so that no matrix depends on how another is begun.
        drawn = torch.empty(weight.shape, dtype=torch.float32).normal_(generator=generator)
        if name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
            drawn.zero_()
        elif "embed_tokens" not in name or tied:
            drawn /= weight.shape[1] ** 0.5
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
    """AdamW, fused; each group knows its peak learning rate as `peak`. Only matrices decay."""
    groups: dict[str, list[nn.Parameter]] = {"matrices": [], "vectors": [], "embeddings": [], "head": []}
    for name, weight in model.named_parameters():
        kind = "embeddings" if "embed_tokens" in name else "head" if "lm_head" in name else "matrices"
        groups["vectors" if weight.ndim < 2 else kind].append(weight)
    peaks = {"embeddings": job.embedding_learning_rate, "head": job.head_learning_rate}
    return torch.optim.AdamW(
        [
            {
                "params": weights,
                "peak": peaks.get(kind) or job.learning_rate,
                "weight_decay": job.weight_decay if kind == "matrices" else 0.0,
            }
            for kind, weights in groups.items()
            if weights
        ],
        lr=job.learning_rate,
        betas=job.betas,
        eps=job.epsilon,
        fused=True,
    )


def causal(model: nn.Module, tokens: Tensor) -> Tensor:
    """The loss of each next token."""
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    logits: Tensor = model(input_ids=inputs, use_cache=False).logits.float()
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
