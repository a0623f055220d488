"""The law of data-constrained scaling: what repeated tokens and excess parameters are still worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cupel.errors import BadOption

__all__ = ["PUBLISHED", "Law"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """L = E + A / N'^alpha + B / D'^beta (Muennighoff et al. 2023, equations 5 to 7).

    Of D tokens, U are unique; R = D/U − 1 is how often they are repeated. They are worth
    D' = U + U R* (1 − exp(−R/R*)) fresh tokens. Parameters in excess of what U unique tokens can fill
    (U_N, the compute-optimal size for U) lose worth in the same way, with a constant of their own.
    With R* infinite this is Chinchilla's law (Hoffmann et al. 2022, equation 2), for which a token is a token.

    Attributes
    ----------
    E
        Loss that no data and no size take away. With one model size it holds the term of N as well.
    A, alpha
        The term of size; A is 0 where only one size was measured.
    B, beta
        The term of data.
    repeats
        R* of data: after so many repetitions one more is worth 1/e of fresh data. May be infinite.
    excess
        R* of parameters. May be infinite.

    Examples
    --------
    The authors' own example of their fit:

    >>> sizes = np.array([6.34e9, 8.67e9])
    >>> tuple(PUBLISHED.loss(sizes, 25e9, np.array([242e9, 178e9])).round(6).tolist())
    (2.225644, 2.226963)
    """

    E: float
    B: float
    beta: float
    A: float = 0.0
    alpha: float = 0.0
    repeats: float = math.inf
    excess: float = math.inf

    def __post_init__(self) -> None:
        bad = [name for name in ("B", "beta", "repeats", "excess") if not getattr(self, name) > 0]
        bad += [name for name in ("E", "A", "alpha") if not 0 <= getattr(self, name) < math.inf]
        if bad or (self.A > 0 and self.alpha == 0):
            name = bad[0] if bad else "alpha"
            raise BadOption(f"law: {name} is {getattr(self, name)!r}: expected a number above 0")

    def loss(self, parameters: ArrayLike, unique_tokens: ArrayLike, tokens: ArrayLike) -> Any:
        """The loss of a model of `parameters`, trained on `tokens`, `unique_tokens` of which differ."""
        size = np.asarray(parameters, np.float64)
        term = self.B / self.effective_tokens(unique_tokens, tokens) ** self.beta
        if self.A:
            term = term + self.A / self.effective_parameters(size, unique_tokens, tokens) ** self.alpha
        return self.E + term + np.zeros_like(size)

    def effective_tokens(self, unique_tokens: ArrayLike, tokens: ArrayLike) -> Values:
        """D': as many fresh tokens would do as much (equation 5)."""
        total = np.asarray(tokens, np.float64)
        unique = np.minimum(np.asarray(unique_tokens, np.float64), total)
        return unique * (1 + _worn(total / unique - 1, self.repeats))

    def effective_parameters(
        self, parameters: ArrayLike, unique_tokens: ArrayLike, tokens: ArrayLike
    ) -> Values:
        """N': as many parameters would do as much, had each of them data to fill it (equation 6)."""
        size = np.asarray(parameters, np.float64)
        unique = np.minimum(np.asarray(unique_tokens, np.float64), np.asarray(tokens, np.float64))
        filled = np.minimum(size, self.parameters_for(unique))
        return filled * (1 + _worn(size / filled - 1, self.excess))

    def parameters_for(self, unique_tokens: ArrayLike) -> Values:
        """The compute-optimal size for so many fresh tokens (Hoffmann et al. 2022, equation 4)."""
        unique = np.asarray(unique_tokens, np.float64)
        if not self.A:
            return np.full_like(unique, math.inf)
        ratio = (self.alpha * self.A / (self.beta * self.B)) ** (1 / (self.alpha + self.beta))
        return ratio * (ratio * unique) ** (self.beta / self.alpha)

    def worth(self, unique_tokens: float, epochs: float) -> tuple[float, float]:
        """Fresh tokens that would match `epochs` passes over `unique_tokens`, and their share of the tokens seen.

        >>> tokens, share = Law(E=1, B=10, beta=0.3, repeats=15.4).worth(1e9, 4)
        >>> f"{tokens:.3g}, {share:.0%}"
        '3.73e+09, 93%'
        """
        if not (unique_tokens > 0 and epochs > 0):
            raise BadOption(f"{unique_tokens} tokens, {epochs} epochs: expected numbers above 0")
        effective = float(self.effective_tokens(unique_tokens, unique_tokens * epochs))
        return effective, effective / (unique_tokens * epochs)

    def best_epochs(self, share: float = 0.5) -> float:
        """The epochs beyond which one more token adds less than `share` of what a fresh one would.

        The derivative of D' in D is exp(−R/R*): a fresh token counts 1, and after R repetitions one more
        counts exp(−R/R*). It falls to `share` at R = R* ln(1/share), whatever the number of unique tokens.

        >>> round(Law(E=1, B=10, beta=0.3, repeats=15.4).best_epochs(), 1)
        11.7
        """
        if not 0 < share < 1:
            raise BadOption(f"share is {share!r}: expected a number between 0 and 1")
        return 1 + self.repeats * math.log(1 / share)


PUBLISHED = Law(
    E=math.exp(0.6254804),
    A=math.exp(6.255414),
    alpha=0.3526596,
    B=math.exp(7.3049974),
    beta=0.3526596,
    repeats=15.387756,
    excess=5.309743,
)
"""The authors' fit: C4, up to 8.7 billion parameters and 900 billion tokens."""


def _worn(repetitions: Values, limit: float) -> Values:
    """R* (1 − exp(−R/R*)): what R repetitions are worth."""
    if math.isinf(limit):
        return repetitions
    return -limit * np.expm1(-repetitions / limit)
