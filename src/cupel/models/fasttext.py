"""Supervised fastText models: the probability of each label for a text, and training one."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from cupel.errors import BadInput, BadOption

_LONGEST_NGRAM = 32

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

__all__ = ["FastText", "FastTextTraining", "train"]


class FastText:
    """A supervised fastText model, `.bin` or `.ftz`, dense or quantized, of any loss.

    Threads may share it. Where there are at most a quarter as many labels as floats in a vector, each vector is
    multiplied by the output matrix once, at loading, and memory holds one float32 per word and label.
    Otherwise the vectors are held dense: a quantized model takes as much memory as it did before.

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


@dataclass(frozen=True)
class FastTextTraining:
    """How a classifier is trained. The defaults are those of DCLM's quality classifier, except for `buckets`.

    Attributes
    ----------
    dim : int
        Floats per vector.
    epochs : int
        Passes over the texts.
    learning_rate : float
        That of the first text; it falls linearly to 0 at the end of the last epoch.
    word_ngrams : int
        Longest word n-gram; 1 for words alone.
    min_count : int
        Words seen less often have no vector of their own.
    min_subword, max_subword : int
        Lengths of character n-grams, in code points; none with `max_subword=0`.
    buckets : int, optional
        Rows that n-grams share by their hash. By default one per 32 words of the texts, at least 4096 and at
        most fastText's 2,000,000, which alone take 800 MB. In `benchmarks/classifier.py` 2,000,000 instead of
        35,020 raise the AUROC by 0.001.
    seed : int
        Of the first weights and of the order of the texts.

    Raises
    ------
    BadOption
        A value is out of range.

    References
    ----------
    Li et al. (2024), *DataComp-LM: In search of the next generation of training sets for language models*,
    https://arxiv.org/abs/2406.11794, section 4.4
    """

    dim: int = 100
    epochs: int = 5
    learning_rate: float = 0.1
    word_ngrams: int = 2
    min_count: int = 1
    min_subword: int = 0
    max_subword: int = 0
    buckets: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        longest = _LONGEST_NGRAM
        bounds: dict[str, tuple[float, float]] = {
            "dim": (1, 2**16),
            "epochs": (1, 2**31 - 1),
            "word_ngrams": (1, longest),
            "min_count": (1, 2**31 - 1),
            "max_subword": (0, longest),
            "min_subword": (1, self.max_subword) if self.max_subword else (0, longest),
            "buckets": (1, 2**31 - 1),
            "seed": (0, 2**64 - 1),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise BadOption(f"{name} is {value}, expected {low} to {high}")
        if not 0 < self.learning_rate < float("inf"):
            raise BadOption(f"learning_rate is {self.learning_rate}, expected a number above 0")


def train(texts: pa.Array, labels: pa.Array, options: FastTextTraining | None = None) -> bytes:
    """Train a classifier with a softmax over its labels; the bytes of its `.bin` file, which fastText reads.

    Texts are read as `FastText.classify` reads them. The result depends on `texts`, `labels`, `options`, and
    on nothing else: one thread trains. The order of the texts is shuffled in each epoch, so they may come
    sorted by label (fastText takes them as they come).

    Parameters
    ----------
    texts : pyarrow.Array
        Strings of any type, without nulls.
    labels : pyarrow.Array
        As many strings: one word each, without the prefix `__label__`. At least two must differ.
    options : FastTextTraining, optional

    Returns
    -------
    bytes
        A fastText model file, version 12, not quantized: 4 · `dim` bytes for each word, n-gram bucket and label.

    Raises
    ------
    BadInput
        The columns differ in length, hold a null, a label that is no word, fewer than two labels or no words;
        the model does not fit in memory; or training diverges, which a smaller learning rate prevents.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts = pa.array(["a café by the sea", "buy now, click here", "the sea at night", "click to buy"] * 5)
    >>> labels = pa.array(["prose", "spam"] * 10)
    >>> model = FastText(train(texts, labels, FastTextTraining(dim=8, epochs=20)))
    >>> model.labels
    ['prose', 'spam']
    >>> (model.classify(pa.array(["at the café", "click now"])) > 0.5).tolist()
    [[True, False], [False, True]]
    """
    from cupel import _kernels

    try:
        return _kernels.train_fasttext(texts, labels, **asdict(options or FastTextTraining()))
    except (TypeError, ValueError) as error:
        raise BadInput(str(error)) from None
