"""Parts that a scale selects by name: the objective that a trial minimizes, and the body of its model."""

from __future__ import annotations

from typing import ClassVar

from cupel.contract.method import Method

__all__ = ["Body", "Objective", "ScalePart"]


class ScalePart(Method):
    """A method that a scale names, and that is carried out where models are trained.

    The class is the card: it needs neither torch nor a GPU. What it does is a function of another module, which
    the training process imports by name. That module may import torch, and should import nothing of Cupel but
    `cupel.lab.training`, so that a bare node can train with it.
    """

    written_in = "scale"
    version: ClassVar[int] = 1
    """Increases whenever the same options would give other weights; part of the name of every trial."""
    function: ClassVar[str]
    """`module:function` that carries it out."""


class Objective(ScalePart):
    """What a trial minimizes. `function` is `(model, batch, options) -> losses`; see `cupel.lab.training.objectives`."""

    kind = "objective"
    heading = "Objectives: what a trial minimizes"
    room = "cupel.lab.objectives"


class Body(ScalePart):
    """The architecture of a model. `function` is `(job) -> model`; see `cupel.lab.training.bodies`."""

    kind = "body"
    heading = "Bodies: the architecture of the model that is trained"
    room = "cupel.lab.bodies"
