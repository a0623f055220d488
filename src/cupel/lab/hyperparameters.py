"""Learning rate and batch that a published law gives for a model and a token budget."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Suggestion", "step_law"]


@dataclass(frozen=True)
class Suggestion:
    """Peak learning rate, and tokens of one step."""

    learning_rate: float
    batch_tokens: float


def step_law(parameters: float, tokens: float) -> Suggestion:
    """Learning rate 1.79 · N^−0.713 · D^0.307, batch 0.58 · D^0.571.

    Parameters
    ----------
    parameters
        Without embeddings (N).
    tokens
        Trained on (D).

    Notes
    -----
    Li et al., "Predictable Scale: Part I, Step Law" (2025), equation 1; fitted between 60 million and a
    billion parameters: our smallest scales extrapolate it downwards.

    Examples
    --------
    >>> suggestion = step_law(1e9, 20e9)
    >>> f"{suggestion.learning_rate:.2e}, {suggestion.batch_tokens:,.0f}"
    '9.96e-04, 441,892'
    """
    return Suggestion(1.79 * parameters**-0.713 * tokens**0.307, 0.58 * tokens**0.571)
