"""The model of a trial, its objective and its optimizer."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from cupel.errors import BadInput, BadOption
from cupel.lab.training.bodies import BodyFunction
from cupel.lab.training.job import MethodChoice, TrainJob
from cupel.lab.training.objectives import ObjectiveFunction
from cupel.store import digest_file

__all__ = [
    "build_model",
    "build_optimiser",
    "code_digest",
    "find_objective",
    "initialise",
    "load_weights",
]


def build_model(job: TrainJob) -> nn.Module:
    """The job's body in float32, its weights yet to be set.

    Raises
    ------
    BadOption
        There is no such body.
    """
    build: BodyFunction = _find(job.body, "body")
    model = build(job).float()
    # As save_pretrained of transformers would: by it a folder is known as a causal model. Sharding renames the class.
    model.config.architectures = [type(model).__name__]  # type: ignore[union-attr]
    return model


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
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{path}: no weights to start from: {error}") from None
    own = dict(model.named_parameters())
    unlike = [name for name in own if name not in stored or stored[name].shape != own[name].shape]
    if unlike or set(stored) - set(own):
        names = sorted({*unlike, *(set(stored) - set(own))})
        raise BadInput(
            f"{path}: weights of another model ({names[0]}); expected the shape of the trial's own"
        )
    for name, weight in own.items():
        weight.copy_(stored[name])


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


def find_objective(job: TrainJob) -> ObjectiveFunction:
    """The function of the job's objective.

    Raises
    ------
    BadOption
        There is no such function.
    """
    return _find(job.objective, "objective")  # type: ignore[no-any-return]


def code_digest(choice: MethodChoice) -> str:
    """Changes with the file of a body or an objective; empty where there is no such file."""
    try:
        spec = importlib.util.find_spec(choice.function.partition(":")[0])
    except (ImportError, ValueError):  # loading it says what is wrong
        return ""
    path = spec.origin if spec is not None else None
    return digest_file(Path(path)) if path is not None and Path(path).is_file() else ""


_loaded: dict[str, str] = {}
"""Modules of bodies and objectives → digests of their files when they were loaded."""


def _module(choice: MethodChoice) -> ModuleType:
    """The module of a body or an objective, as its file is now: this process may have trained with an older one."""
    name = choice.function.partition(":")[0]
    digest = code_digest(choice)
    module = importlib.import_module(name)
    if _loaded.setdefault(name, digest) != digest:
        _loaded[name] = digest
        # Bytecode is told from its source by time and size alone.
        importlib.invalidate_caches()
        module = importlib.reload(module)
    return module


def _find(choice: MethodChoice, kind: str) -> Any:
    _, colon, function = choice.function.partition(":")
    if not colon:
        raise BadOption(f"{kind} '{choice.name}' is '{choice.function}': expected module:function")
    try:
        chosen: Any = getattr(_module(choice), function)
    except (ImportError, AttributeError) as error:
        raise BadOption(f"{kind} '{choice.name}': {choice.function}: {error}") from None
    if not callable(chosen):
        raise BadOption(f"{kind} '{choice.name}': {choice.function} is not a function")
    return chosen
