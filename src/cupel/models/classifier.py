"""Classifiers of fastText as models that are asked for labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cupel.models.fasttext import FastText
from cupel.models.model import Model

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Classifier"]


class Classifier(Model):
    """A supervised fastText model. Each text is read as one line, as `FastText.classify` says."""

    abilities = ("classify",)

    def __init__(self, reference: str, model: FastText) -> None:
        self.reference = reference
        self.digest = model.digest
        self.labels = tuple(model.labels)
        self._model = model

    def classify(self, texts: pa.Array) -> NDArray[np.float32]:
        """The probability of each of `labels` for each text, one row per text; NaN for null.

        Raises
        ------
        BadInput
            `texts` are not strings.
        """
        return self._model.classify(texts)
