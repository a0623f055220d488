"""A supervised fastText model: the probability of each of its labels for a text."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from cupel.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

__all__ = ["FastText"]


class FastText:
    """A supervised fastText model, `.bin` or `.ftz`, dense or quantized, of any loss.

    Threads may share it. The whole input matrix is held dense, in float32: a quantized file takes as much
    memory as the file it was made from.

    Attributes
    ----------
    labels : list of str
        The labels without their prefix `__label__`, in the model's order.
    digest : str
        BLAKE2b-128 of the file's bytes, hexadecimal.

    References
    ----------
    Joulin, Grave, Bojanowski, Mikolov (2016), *Bag of Tricks for Efficient Text Classification*,
    https://arxiv.org/abs/1607.01759
    """

    def __init__(self, model: bytes) -> None:
        """Read a model from the bytes of its file.

        Raises
        ------
        BadInput
            The bytes are not a supervised fastText model, or are cut short.
        """
        from cupel import _kernels

        try:
            self._model = _kernels.FastTextModel(model)
        except ValueError as error:
            raise BadInput(str(error)) from None
        self.labels: list[str] = self._model.labels
        self.digest: str = hashlib.blake2b(model, digest_size=16).hexdigest()

    @classmethod
    def load(cls, path: str | PathLike[str]) -> FastText:
        """Read the model file at `path`.

        Raises
        ------
        BadInput
            There is no such file, or it is not a supervised fastText model.
        """
        try:
            return cls(Path(path).read_bytes())
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None

    def classify(self, texts: pa.Array, threads: int | None = None) -> npt.NDArray[np.float32]:
        """Compute the probability of every label for each text.

        Each text is read as one line, as DCLM reads documents: `" ".join(text.strip().splitlines())`. The
        probabilities are those of fastText's `predict(line, k=-1)`, to rounding, and never above 1. They
        hold 1e-5 that fastText adds to each. Labels of a hierarchical softmax with less than that are left
        out by fastText and are present here.

        Parameters
        ----------
        texts : pyarrow.Array
            Strings of any type.
        threads : int, optional
            All cores by default. The result does not depend on it.

        Returns
        -------
        numpy.ndarray
            float32, one row per text and one column per label. The row of a null is NaN, and so is that of
            a text in which the model has a vector for nothing (not even for the end of the line).

        Raises
        ------
        BadInput
            `texts` are not strings, or the result does not fit in memory.
        """
        import numpy as np

        try:
            probabilities = self._model.classify(texts, threads=threads)
        except (TypeError, ValueError) as error:
            raise BadInput(str(error)) from None
        return np.asarray(probabilities.values).reshape(len(texts), len(self.labels))
