"""Checkpoints: all that a trial needs to go on as if nothing had happened, whole or not there at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from cupel.lab.training.job import kept_checkpoint
from cupel.store import replace

__all__ = [
    "Moment",
    "keep_checkpoint",
    "latest_checkpoint",
    "load_checkpoint",
    "remove_checkpoints",
    "save_checkpoint",
]

_PREFIX = "checkpoint-"


class Moment(NamedTuple):
    """The whole state of a trial after `step` steps.

    Attributes
    ----------
    moments
        The optimizer's.
    numbers
        What else is to be known: JSON values.
    """

    step: int
    weights: Mapping[str, Tensor]
    moments: Mapping[str, Tensor]
    numbers: Mapping[str, Any]


def save_checkpoint(folder: Path, moment: Moment) -> None:
    """Save a trial, to resume from; what was saved before goes."""
    target = replace(folder / f"{_PREFIX}{moment.step:09}", lambda unfinished: _write(unfinished, moment))
    remove_checkpoints(folder, target)


def keep_checkpoint(folder: Path, moment: Moment, complete: Callable[[Path], None]) -> None:
    """Save the same for good; `complete` adds what makes an ordinary Hugging Face checkpoint of the folder."""

    def build(unfinished: Path) -> None:
        _write(unfinished, moment)
        complete(unfinished)

    replace(kept_checkpoint(folder, moment.step), build)


def latest_checkpoint(
    folder: Path, before: int | None = None, recorded: tuple[int, int] | None = None
) -> Path | None:
    """The last whole checkpoint of a trial, of fewer than `before` steps.

    Where it is given what is `recorded`, rows of the curve and of visits, only one that finds there all that it
    follows: a trial that went back to an earlier step has cut its records, and later checkpoints lie there still.
    """
    saved = [(int(path.name.removeprefix(_PREFIX)), path) for path in folder.glob(f"{_PREFIX}*")]
    saved += [(int(path.name), path) for path in (folder / "steps").glob("[0-9]*")]
    for step, path in sorted(saved, reverse=True):
        if (before is None or step < before) and (recorded is None or _follows(path, step, recorded)):
            return path
    return None


def _follows(checkpoint: Path, step: int, recorded: tuple[int, int]) -> bool:
    curve, visits = json.loads((checkpoint / "state.json").read_text())["rows"]
    return bool(curve == step and curve <= recorded[0] and visits <= recorded[1])


def remove_checkpoints(folder: Path, but: Path | None = None) -> None:
    """Remove what is there to resume from; what is kept for good stays."""
    for path in folder.glob(f"{_PREFIX}*"):
        if path != but:
            shutil.rmtree(path, ignore_errors=True)


def _write(folder: Path, moment: Moment) -> None:
    folder.mkdir()
    save_file(dict(moment.weights), folder / "model.safetensors", {"format": "pt"})
    save_file({**moment.moments, "random": torch.get_rng_state()}, folder / "optimiser.safetensors")
    (folder / "state.json").write_text(json.dumps({"step": moment.step, **moment.numbers}))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    """Weights, moments and numbers of a checkpoint; the generator of torch is set as it was."""
    moments = load_file(path / "optimiser.safetensors")
    torch.set_rng_state(moments.pop("random"))
    return load_file(path / "model.safetensors"), moments, json.loads((path / "state.json").read_text())
