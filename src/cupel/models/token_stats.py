"""What a causal model says of every token of texts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TokenStats"]


@dataclass(frozen=True)
class TokenStats:
    """The tokens of several texts, one after the other, and what a model expected in the place of each.

    The arrays of tokens are as long as there are tokens in all texts; those of text `i` are
    `offsets[i]` to `offsets[i + 1]`. Every token is scored once, in the windows of `log_probs`.

    Attributes
    ----------
    offsets
        int64, one more than texts.
    log_probs
        float32. ln p of each token after those before it.
    entropies
        float32. Nats of the distribution that the model expected in its place: high where many tokens would do.
    ranks
        int32. 1 for the likeliest token, 2 for one that a single token beats.
    ends
        int64. Bytes from the beginning of the text to the end of the token. Tokens that share a character all end
        where it does.
    complete
        bool, one per text: false for null, and for a text of which a part has no token.

    Examples
    --------
    >>> stats = TokenStats(
    ...     offsets=np.array([0, 2, 2]),
    ...     log_probs=np.log(np.array([0.5, 0.25], np.float32)),
    ...     entropies=np.zeros(2, np.float32),
    ...     ranks=np.array([1, 3], np.int32),
    ...     ends=np.array([5, 8]),
    ...     complete=np.array([True, True]),
    ... )
    >>> [stats.of(text).losses().round(3).tolist() for text in range(2)]
    [[0.693, 1.386], []]
    >>> stats.of(0).worst_bits_per_byte(window=1).round(3)
    np.float64(0.667)
    """

    offsets: NDArray[np.int64]
    log_probs: NDArray[np.float32]
    entropies: NDArray[np.float32]
    ranks: NDArray[np.int32]
    ends: NDArray[np.int64]
    complete: NDArray[np.bool_]

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self.complete)

    def of(self, text: int) -> TextTokens:
        """The tokens of one text."""
        own = slice(self.offsets[text], self.offsets[text + 1])
        return TextTokens(self.log_probs[own], self.entropies[own], self.ranks[own], self.ends[own])


@dataclass(frozen=True)
class TextTokens:
    """The tokens of one text; the arrays are those of `TokenStats`."""

    log_probs: NDArray[np.float32]
    entropies: NDArray[np.float32]
    ranks: NDArray[np.int32]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        """How many tokens there are."""
        return len(self.log_probs)

    def losses(self) -> NDArray[np.float64]:
        """−ln p of each token, in nats."""
        return -self.log_probs.astype(np.float64)

    def worst_bits_per_byte(self, window: int) -> np.float64:
        """The most bits per byte of any `window` tokens in a row; of all where there are fewer; NaN without tokens."""
        if not len(self):
            return np.float64(np.nan)
        width = min(window, len(self))
        nats = np.concatenate([[0.0], np.cumsum(self.losses())])
        bytes_before = np.concatenate([[0], self.ends])
        bits = (nats[width:] - nats[:-width]) / math.log(2)
        # A window may lie inside of a character: it is counted as the byte that it takes at least.
        return np.float64((bits / np.maximum(bytes_before[width:] - bytes_before[:-width], 1)).max())
