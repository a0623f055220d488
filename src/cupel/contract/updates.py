"""Updates: models in, a model out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from cupel.contract.finding import Argument, Bench, Finding, FindingMethod
from cupel.contract.subjects import model_folder

__all__ = ["MODEL", "Update"]

MODEL = "model"
"""The artifact of an update: a folder that `hf`, `trial` and plain references load."""


class Update(FindingMethod):
    """A method that makes a model from models and reports what it changed."""

    kind = "update"
    heading = "Updates: models in, a model out"
    room = "cupel.surgery"
    command = "update"
    argument = Argument(
        "MODEL",
        "Reference of a model with weights: trial:FOLDER, a folder, hf:org/name.",
        "models",
    )

    @abstractmethod
    def update(self, models: Sequence[Path], output: Path, bench: Bench) -> Finding:
        """Write a model into `output`, which is not there yet; the finding about it.

        Parameters
        ----------
        models
            Folders with `config.json`, weights as safetensors and `tokenizer.json`.
        """

    def examine(self, words: Sequence[str], bench: Bench) -> Finding:
        """The finding about the model made of those that the words name."""
        folders = [model_folder(word, self.name) for word in words]
        return self.update(folders, bench.folder / MODEL, bench)
