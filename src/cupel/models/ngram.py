"""N-gram language models of words: trained on texts, saved, loaded, asked for log-probabilities."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from cupel.errors import BadInput, BadOption
from cupel.models.model import LogProbs, Model
from cupel.store import digest_file, make_folder, replace

if TYPE_CHECKING:
    import pyarrow as pa

    from cupel import _kernels

__all__ = ["Ngram"]

FILE = "model.ngram"


class Ngram(Model):
    """An n-gram language model of words with interpolated Kneser-Ney smoothing.

    One discount per order, n₁ / (n₁ + 2 n₂), kept within 0.1 and 0.9. A word is a run of letters and digits, in
    lower case and without accents; a character of a script written without spaces is a word of its own.
    Punctuation is not modeled, nor is the end of a text. An unknown word has the probability that is left over for
    one more word.

    N-grams are known by hashes of 64 bits: a model takes 20 bytes per n-gram (12 of the highest order) and
    never gives its words away.

    Attributes
    ----------
    order : int
        Words in the longest n-gram.
    entries : int
        Different n-grams of all orders.
    memory_bytes : int
        Memory that the model takes.

    References
    ----------
    Kneser, Ney (1995), *Improved backing-off for M-gram language modeling*,
    https://doi.org/10.1109/ICASSP.1995.479394

    Chen, Goodman (1999), *An empirical study of smoothing techniques for language modeling*, section 3.2,
    https://doi.org/10.1006/csla.1999.0128

    Examples
    --------
    >>> import pyarrow as pa
    >>> model = Ngram.fit([pa.array(["the cat sat", "the cat ran", "Café in 東京"])], order=3)
    >>> common, rare, empty = model.log_probs(pa.array(["The cat sat.", "cat the ran", "…"])).perplexity()
    >>> bool(common < rare), float(empty)
    (True, nan)
    """

    abilities = ("log_probs",)
    reference = ""
    segmentation = "words"

    def __init__(self, model: _kernels.NgramModel, digest: str | None = None) -> None:
        self._model = model
        self._saved_digest = digest

    @classmethod
    def fit(cls, texts: Iterable[pa.Array], order: int = 5, threads: int = 1) -> Ngram:
        """Train a model.

        Parameters
        ----------
        texts : iterable of pyarrow.Array
            Batches of strings. Nulls count as empty texts. Neither the order of texts nor how they are
            divided into batches changes the model.
        order : int
            Words in the longest n-gram, 2 to 8.
        threads : int
            Threads that cut texts into words. The model does not depend on it.

        Raises
        ------
        BadOption
            `order` is out of range.
        BadInput
            A batch is not strings.
        """
        from cupel import _kernels

        try:
            model = _kernels.NgramModel(order)
        except (ValueError, OverflowError) as error:
            raise BadOption(f"n-gram model: {error}") from None
        for batch in texts:
            try:
                model.add(batch, threads=threads)
            except (TypeError, ValueError) as error:
                raise BadInput(f"n-gram model: {error}") from None
        return cls(model)

    @classmethod
    def load(cls, folder: str | PathLike[str], threads: int = 1) -> Ngram:
        """Read the model that `save` wrote into `folder`.

        Parameters
        ----------
        threads : int
            Threads that build the tables, of an order each.

        Raises
        ------
        BadInput
            There is no model, or its file is damaged.
        """
        import pyarrow as pa

        from cupel import _kernels

        path = Path(folder) / FILE
        try:
            digest = digest_file(path)
            file = pa.memory_map(str(path)).read_buffer()
            numbers = pa.Array.from_buffers(pa.uint8(), file.size, [None, file])
            model = cls(_kernels.NgramModel.load(numbers, threads=threads), digest)
        except OSError as error:
            raise BadInput(
                f"{path}: {error.strerror or error}; expected the file of an n-gram model"
            ) from None
        except ValueError as error:
            raise BadInput(f"{path}: {error}; save the model again") from None
        model.reference = f"ngram:{folder}"
        return model

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the model into `folder`, which is made where it is missing; the file appears whole or not at all.

        The same texts give the same bytes. Next to the model, saving takes memory for the n-grams of one order.

        Raises
        ------
        OSError
            No permission, or a full disk.
        """
        make_folder(Path(folder))
        replace(Path(folder) / FILE, self._write)

    def log_probs(self, texts: pa.Array, threads: int = 1) -> LogProbs:
        """The log-probability of each text: its words are the tokens; NaN where there is none.

        Parameters
        ----------
        texts : pyarrow.Array
            Strings.
        threads : int
            The result does not depend on it.

        Raises
        ------
        BadInput
            `texts` are not strings.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            scored = self._model.log_probs(texts, threads=threads)
        except (TypeError, ValueError) as error:
            raise BadInput(f"n-gram model: {error}") from None
        sizes = pc.fill_null(pc.cast(pc.binary_length(texts), pa.int64()), 0)
        nats = scored.column("log_prob").to_numpy(zero_copy_only=False).astype(np.float64)
        return LogProbs(nats, scored.column("words").to_numpy(), sizes.to_numpy())

    @property
    def order(self) -> int:
        return self._model.order

    @property
    def entries(self) -> int:
        return self._model.entries

    @property
    def memory_bytes(self) -> int:
        return self._model.bytes

    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        """BLAKE2b-128 of the file that `save` writes, hexadecimal."""
        if self._saved_digest is not None:
            return self._saved_digest
        digest = hashlib.blake2b(digest_size=16)
        for part in self._parts():
            digest.update(part)
        return digest.hexdigest()

    def _write(self, path: Path) -> None:
        with path.open("wb") as file:
            for part in self._parts():
                file.write(part)

    def _parts(self) -> Iterable[memoryview]:
        return (memoryview(self._model.part(number).buffers()[1]) for number in range(self.order + 1))
