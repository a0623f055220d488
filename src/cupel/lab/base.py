"""The model that the trials of a scale start from: a finished trial, or one that is trained for the purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from cupel.errors import BadInput, BadOption
from cupel.lab.data.arms import Arm, ArmPart
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.scale import Base, Scale
from cupel.lab.training.job import LLAMA, ModelShape

__all__ = ["FinishedTrial", "base_arm", "base_plan", "finished_trial", "named_base"]

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class FinishedTrial:
    """A trial's folder, as far as another trial that starts from it must know it.

    Attributes
    ----------
    folder
        Holds weights and tokenizer.
    shape
        Sizes of the model.
    body
        The architecture, as a scale names it.
    """

    folder: Path
    shape: ModelShape
    body: str | dict[str, dict[str, object]]

    def scale(self, scale: Scale) -> Scale:
        """The scale with the sizes and the body of this trial."""
        model = {name: getattr(self.shape, name) for name in type(scale.model).model_fields}
        if model == scale.model.model_dump() and self.body == scale.body:
            return scale
        return scale.changed({f"model.{name}": value for name, value in model.items()} | {"body": self.body})


def finished_trial(folder: Path) -> FinishedTrial:
    """The trial of a folder.

    Raises
    ------
    BadInput
        It holds no finished trial.
    """
    try:
        job = json.loads((folder / "trial.json").read_text())["job"]
        body = job.get("body", LLAMA.decisive())
        shape = ModelShape(**job["model"])
        named = {body["name"]: body["options"]} if body["options"] else body["name"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"base {folder}: not a finished trial ({error}); expected a folder with trial.json, such as those that "
            "assay.json names, or an arm to train one on"
        ) from None
    if not (folder / WEIGHTS).is_file():
        raise BadInput(f"base {folder}: no {WEIGHTS}; the trial has not ended well")
    return FinishedTrial(folder, shape, named)


def named_base(scale: Scale, name: str | None) -> Scale:
    """The scale with the base that a user names: the folder of a trial, or an arm.

    Raises
    ------
    BadOption
        The scale draws its weights by the seed.
    """
    if name is None:
        return scale
    if scale.base is None:
        raise BadOption(
            f"base is '{name}', and scale '{scale.name}' starts from no model; take a scale that does, such as "
            "nano-sft, or add `base: {scale: nano}` to a copy of this one"
        )
    is_trial = (Path(name) / "trial.json").is_file()
    return scale.changed({"base.trial": name if is_trial else None, "base.arm": None if is_trial else name})


def base_arm(base: Base, arms: Sequence[Arm]) -> Arm:
    """The arm that the base is trained on: the one that is named, else the text of all arms in equal parts."""
    if base.arm is not None:
        return replace(Arm.parse(base.arm), name="base")
    parts = []
    for arm in arms:
        whole = sum(part.share or 1.0 for part in arm.parts)
        parts += [
            ArmPart(part.path, part.recipe, (part.share or 1.0) / whole / len(arms)) for part in arm.parts
        ]
    return Arm("base", tuple(parts))


def base_plan(
    lab: Lab,
    arm: Arm,
    held_out_ids: frozenset[str],
    read: Callable[[str], Iterator[pa.RecordBatch]],
) -> tuple[Lab, TrialPlan]:
    """The trial that the lab's scale starts from, with its tokens made, and the bench to train it on.

    Raises
    ------
    BadOption
        The scale of the base starts from a base itself.
    BadInput, RunFailed
        As for every trial.
    """
    base = lab.scale.base
    if base is None:
        raise BadOption(f"scale '{lab.scale.name}' starts from no model")
    scale = Scale.load(base.scale)
    if scale.base is not None:
        raise BadOption(
            f"scale '{lab.scale.name}': its base is of scale '{base.scale}', which starts from a model itself; "
            "expected one that does not, such as nano"
        )
    changes = {f"model.{name}": value for name, value in lab.scale.model.model_dump().items()} | {
        "tokenizer.vocabulary": lab.scale.tokenizer.vocabulary,
        "body": lab.scale.body,
    }
    if base.tokens is not None:
        changes["tokens"] = base.tokens
    if lab.scale.chats != "text":
        changes["chats"] = "template"
    bench = replace(lab, scale=scale.changed(changes))
    store = bench.tokens(arm, "base", without_ids=held_out_ids, read=read)
    return bench, TrialPlan("base", store, base.seed)
