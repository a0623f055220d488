"""What passages are made of: bytes, words, or the tokens of a tokenizer; as bytes of one width each."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel import _kernels
from cupel.models.tokenizer_file import find_tokenizer

__all__ = ["OfBytes", "OfTokens", "OfWords", "Units"]

Integers = npt.NDArray[np.int64]


class Units(Protocol):
    """A way to write texts as units of `width` bytes, and back.

    Attributes
    ----------
    width
        Bytes of one unit.
    name
        Of several, for people.
    punctuation_counts
        Whether what stands between units is compared; what is not goes with the units it is attached to.
    """

    width: int
    name: str
    punctuation_counts: bool

    def encode(self, texts: pa.Array) -> pa.Array:
        """Each text (large_string without nulls) as its units, one after the other."""

    def places(self, text: str) -> tuple[Integers, Integers]:
        """Where each unit of a text begins and ends, in bytes of the text: of a part of a character, where that
        does."""


class OfBytes:
    """Bytes as they are."""

    width, name, punctuation_counts = 1, "bytes", True

    def encode(self, texts: pa.Array) -> pa.Array:
        return texts

    def places(self, text: str) -> tuple[Integers, Integers]:
        first = np.frombuffer(text.encode(), dtype=np.uint8) & 0xC0 != 0x80
        character = np.cumsum(first) - 1
        edges = np.append(np.flatnonzero(first), len(first)).astype(np.int64)
        return edges[character], edges[character + 1]


class OfWords:
    """Words in lower case, without accents and punctuation, by hashes of 64 bits."""

    width, name, punctuation_counts = 8, "words", False

    def encode(self, texts: pa.Array) -> pa.Array:
        return _kernels.word_tokens(texts)

    def places(self, text: str) -> tuple[Integers, Integers]:
        places = _kernels.word_places(pa.array([text], pa.large_string())).flatten()
        starts, stops = (places.field(name).to_numpy().astype(np.int64) for name in ("start", "stop"))
        return starts, stops


class OfTokens:
    """Tokens of a tokenizer of the `tokenizers` library, special ones left out.

    Raises
    ------
    BadInput, BadOption
        It cannot be loaded; the library is not installed.
    """

    width, name, punctuation_counts = 4, "tokens", True

    def __init__(self, tokenizer: str) -> None:
        self._tokenizer = find_tokenizer(tokenizer)

    def encode(self, texts: pa.Array) -> pa.Array:
        encodings = self._tokenizer.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)
        return pa.array(
            [np.array(encoding.ids, "<u4").tobytes() for encoding in encodings], pa.large_binary()
        )

    def places(self, text: str) -> tuple[Integers, Integers]:
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        characters = np.array(offsets, dtype=np.int64).reshape(-1, 2)
        points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        sizes = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)
        ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        return ends[characters[:, 0]], ends[characters[:, 1]]
