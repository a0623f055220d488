"""Evaluations: how trained models are scored."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import pyarrow as pa

from cupel.contract.method import Method

__all__ = ["EvaluationMethod"]


class EvaluationMethod(Method):
    """A way to score trained models. A scale names the one by which an assay compares its arms."""

    kind = "evaluation"
    heading = "Evaluations: score a trained model"
    room = "cupel.lab.evaluations"
    written_in = "scale"
    version: ClassVar[int] = 1
    """Increases whenever the same options and documents would give other values; part of the key of a score."""

    @abstractmethod
    def on(self, documents: pa.Table) -> Any:
        """The evaluation on these held-out documents, ready to score model after model.

        Parameters
        ----------
        documents
            Columns `id`, `text`, `domain`, and `answers` where the scale reads chats.

        Returns
        -------
        A `cupel.lab.evaluations.evaluation.Evaluation`.
        """
