"""A model: something that can be asked for log-probabilities, text, vectors or labels."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadOption
from cupel.models.reference import refusal

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Answer", "LogProbs", "Message", "Model", "Request"]

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class LogProbs:
    """What a model says of texts: arrays with one element per text.

    Attributes
    ----------
    nats
        float64. Sum of ln p over the tokens of the text: 0 for an empty one, NaN for null and for a text of which
        a part has no token.
    tokens
        int64. Tokens that were scored.
    bytes
        int64. UTF-8 bytes that the tokens stand for.
    """

    nats: NDArray[np.float64]
    tokens: NDArray[np.int64]
    bytes: NDArray[np.int64]

    def mean(self) -> NDArray[np.float64]:
        """ln p per token of each text, in nats; NaN for a text without tokens."""
        return self.nats / np.where(self.tokens > 0, self.tokens, np.nan)

    def perplexity(self) -> NDArray[np.float64]:
        """exp(−mean) of each text; NaN for a text without tokens.

        Examples
        --------
        >>> LogProbs(np.array([-8 * math.log(2), 0]), np.array([2, 0]), np.array([4, 0])).perplexity().round(9)
        array([16., nan])
        """
        return np.exp(-self.mean())

    def bits_per_byte(self) -> NDArray[np.float64]:
        """−log₂ p per byte of each text; NaN for a text without bytes.

        Examples
        --------
        >>> LogProbs(np.array([-8 * math.log(2), 0]), np.array([2, 0]), np.array([4, 0])).bits_per_byte()
        array([ 2., nan])
        """
        sizes = np.where(self.bytes > 0, self.bytes, np.nan)
        return -self.nats / math.log(2) / sizes


@dataclass(frozen=True)
class Message:
    """A turn of a chat; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise BadOption(f"role '{self.role}' of a message: expected one of {', '.join(ROLES)}")


@dataclass(frozen=True)
class Request:
    """A question to a model: a chat that it answers, or a text that it continues.

    Equal requests have equal answers in a cache: to draw several answers to one question, give each another seed.

    Attributes
    ----------
    messages
        The chat; put into the model's own form by its chat template.
    text
        What is continued as it stands, without a template. Either this or `messages` is given.
    max_tokens
        New tokens at most.
    temperature
        0 takes the likeliest token each time; others divide the logits.
    seed
        Of the random choices, where there are any.

    Raises
    ------
    BadOption
        Both or neither of `messages` and `text`, or a number out of range.

    Examples
    --------
    >>> Request.chat("What is the capital of Japan?").messages
    (Message(role='user', content='What is the capital of Japan?'),)
    """

    messages: tuple[Message, ...] = ()
    text: str = ""
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if bool(self.messages) == bool(self.text):
            raise BadOption("a request: expected either messages or a text")
        if self.max_tokens < 1:
            raise BadOption(f"max_tokens {self.max_tokens} of a request: expected 1 or more")
        if not 0 <= self.temperature < math.inf:
            raise BadOption(f"temperature {self.temperature} of a request: expected 0 or more")
        if not 0 <= self.seed < 1 << 63:
            raise BadOption(f"seed {self.seed} of a request: expected 0 to 2^63 - 1")

    @classmethod
    def chat(
        cls, prompt: str, system: str = "", *, max_tokens: int = 256, temperature: float = 0.0, seed: int = 0
    ) -> Request:
        """A chat of one turn, with a system prompt before it if one is given."""
        turns = (Message("system", system),) if system else ()
        return cls(
            (*turns, Message("user", prompt)), max_tokens=max_tokens, temperature=temperature, seed=seed
        )


@dataclass(frozen=True)
class Answer:
    """What came back for a request.

    Attributes
    ----------
    text
        None where the request was refused.
    refused
        Why; empty where it was answered.
    tokens_in, tokens_out
        Tokens of the request and of the answer.
    estimated
        The tokens were not counted by the model but estimated from bytes.
    cached
        The answer was there before and cost nothing.
    """

    text: str | None
    refused: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False
    cached: bool = False


class Model(ABC):
    """A model that is loaded. Threads may share it.

    Attributes
    ----------
    reference
        How it was named.
    digest
        Of everything that decides what it answers: the content of its files. Hexadecimal.
    abilities
        What it can be asked for, of `cupel.models.reference.ABILITIES`.
    remote
        It answers over a network: many requests may wait at once, and each may cost money.
    labels
        Of a model that classifies, in the order of its probabilities.
    """

    reference: str
    digest: str
    abilities: tuple[str, ...]
    remote: bool = False
    labels: tuple[str, ...] = ()

    def log_probs(self, texts: pa.Array) -> LogProbs:
        """The log-probability of each text.

        Raises
        ------
        BadOption
            The model has no log-probabilities.
        """
        raise refusal(self.reference, self.abilities, "log_probs")

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer to each request, in order. One that cannot be answered is refused, with the reason.

        Raises
        ------
        BadOption
            The model generates nothing.
        """
        raise refusal(self.reference, self.abilities, "generate")

    def embed(self, texts: Sequence[str], batch_size: int = 1) -> NDArray[np.float32]:
        """A vector per text, as a matrix of one row each.

        Raises
        ------
        BadOption
            The model has no vectors.
        """
        raise refusal(self.reference, self.abilities, "embed")

    def classify(self, texts: pa.Array) -> NDArray[np.float32]:
        """The probability of each of `labels` for each text, one row per text; NaN for null.

        A model with a single output, a regression, gives its value.

        Raises
        ------
        BadOption
            The model has no labels.
        """
        raise refusal(self.reference, self.abilities, "classify")
