"""Texts to tokens: our own encoder where it follows the tokenizer to the letter, else `tokenizers`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from cupel import _kernels
from cupel.errors import BadInput, BadOption
from cupel.models.tokenizer_file import read_tokenizer

__all__ = ["Encoder"]

_BATCH = 1024


class Encoder:
    """The tokens of many texts at once, packed end to end, each text closed by the end of text.

    Byte-level BPE (Sennrich et al. 2016; bytes as in Radford et al. 2019) on GPT-2's or cl100k's
    pattern is done by a kernel of our own; whatever else a file asks for is done by `tokenizers`. Both
    give the same tokens. Special tokens in a text are plain letters, and every text is encoded whole,
    whatever the file says of truncation and padding.

    Parameters
    ----------
    tokenizer_json
        The bytes of a `tokenizer.json` of the tokenizers library.
    end_of_text
        The token that closes a document.
    vocabulary
        How many tokens there are: ids are below it.

    Attributes
    ----------
    native
        Whether the kernel does the work.
    reason
        Why it does not; empty where it does.
    dtype
        Of the tokens: uint16 where the vocabulary has at most 65,536, else uint32.

    Raises
    ------
    BadOption
        An end of text outside of the vocabulary.
    BadInput
        Bytes that `tokenizers` cannot read, or an id outside of the vocabulary.
    MissingExtra
        The kernel does not do this tokenizer and `tokenizers` is not installed.

    Examples
    --------
    >>> import json
    >>> import pyarrow as pa
    >>> from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    >>> bpe = Tokenizer(models.BPE())
    >>> bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    >>> alphabet = pre_tokenizers.ByteLevel.alphabet()
    >>> trainer = trainers.BpeTrainer(vocab_size=258, initial_alphabet=alphabet, show_progress=False)
    >>> bpe.train_from_iterator(["Café 東京"] * 9, trainer)
    >>> encoder = Encoder(bpe.to_str().encode(), end_of_text=258, vocabulary=259)
    >>> tokens, offsets = encoder.encode(pa.array(["Café", ""], pa.large_string()))
    >>> int(tokens[-1]), offsets.tolist(), encoder.native
    (258, [0, 4, 5], True)
    """

    def __init__(self, tokenizer_json: bytes, end_of_text: int, vocabulary: int) -> None:
        if not 0 <= end_of_text < vocabulary:
            raise BadOption(f"end_of_text {end_of_text}: expected an id below the vocabulary, {vocabulary}")
        if vocabulary > 2**32:
            raise BadOption(f"a vocabulary of {vocabulary}: expected at most 2^32 tokens")
        self.end_of_text = end_of_text
        self.vocabulary = vocabulary
        self.dtype: np.dtype[Any] = np.dtype(np.uint16 if vocabulary <= 1 << 16 else np.uint32)
        self.reason = ""
        self._kernel: _kernels.ByteLevelBpe | None = None
        self._tokenizers: Any = None
        try:
            self._kernel = _kernels.ByteLevelBpe(tokenizer_json)
            largest = self._kernel.largest_id
        except ValueError as refusal:
            self.reason = str(refusal)
            self._tokenizers = read_tokenizer(tokenizer_json)
            self._tokenizers.encode_special_tokens = True
            largest = max(self._tokenizers.get_vocab(with_added_tokens=True).values(), default=0)
        if largest >= vocabulary:
            raise BadInput(
                f"the tokenizer has a token {largest}; expected ids below the vocabulary, {vocabulary}"
            )

    @property
    def native(self) -> bool:
        return self._kernel is not None

    def encode(self, texts: pa.Array, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of all texts and where those of each begin.

        Parameters
        ----------
        texts
            An array of large_string or string without nulls.
        threads
            For the kernel; all cores if none is given. The outcome does not depend on it.

        Returns
        -------
        tokens
            `dtype`, of all texts together, `end_of_text` after each.
        offsets
            int64, one more than texts: text i is `tokens[offsets[i]:offsets[i + 1]]`.

        Raises
        ------
        BadInput
            A null among the texts.
        """
        if texts.null_count:
            raise BadInput(f"{texts.null_count} texts are null; expected a string in every row")
        if self._kernel is None:
            return self._encode_by_tokenizers(texts)
        tokens, offsets = self._kernel.encode(texts, self.end_of_text, threads=threads)
        ids = tokens.to_numpy(zero_copy_only=True)
        return ids.astype(self.dtype, copy=False), offsets.to_numpy(zero_copy_only=True)

    def _encode_by_tokenizers(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        parts: list[np.ndarray] = []
        lengths = [0]
        for start in range(0, len(texts), _BATCH):
            batch = texts.slice(start, _BATCH).to_pylist()
            for encoding in self._tokenizers.encode_batch_fast(batch, add_special_tokens=False):
                parts.append(np.array([*encoding.ids, self.end_of_text], self.dtype))
                lengths.append(len(parts[-1]))
        tokens = np.concatenate(parts) if parts else np.empty(0, self.dtype)
        return tokens, np.cumsum(lengths, dtype=np.int64)
