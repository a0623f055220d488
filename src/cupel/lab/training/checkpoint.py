"""Checkpoints: all that a trial needs to go on as if nothing had happened, whole or not there at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from cupel.store import replace

__all__ = ["latest_checkpoint", "load_checkpoint", "save_checkpoint"]

_PREFIX = "checkpoint-"


def save_checkpoint(
    folder: Path,
    step: int,
    weights: Mapping[str, Tensor],
    moments: Mapping[str, Tensor],
    state: Mapping[str, Any],
) -> None:
    """Keep weights, the optimiser's moments and a few numbers after `step` steps; older ones go."""

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        save_file(dict(weights), unfinished / "model.safetensors")
        save_file({**moments, "random": torch.get_rng_state()}, unfinished / "optimiser.safetensors")
        (unfinished / "state.json").write_text(json.dumps({"step": step, **state}))

    target = replace(folder / f"{_PREFIX}{step:09}", build)
    for older in folder.glob(f"{_PREFIX}*"):
        if older != target:
            shutil.rmtree(older, ignore_errors=True)


def latest_checkpoint(folder: Path) -> Path | None:
    """The last whole checkpoint of a trial."""
    return max(folder.glob(f"{_PREFIX}*"), default=None)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """Weights, moments and numbers of a checkpoint; the generator of torch is set as it was."""
    moments = load_file(path / "optimiser.safetensors")
    torch.set_rng_state(moments.pop("random"))
    return load_file(path / "model.safetensors"), moments, json.loads((path / "state.json").read_text())
