"""How much of a text a model gives back word for word: evaluations that audits and claims share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.lab.data.documents import HELD_OUT, documents_digest
from cupel.lab.evaluations.evaluation import EvaluationContext, measures_by_domain
from cupel.models.checkpoint import prefix_token, text_encoder
from cupel.models.likelihood import TokenRow, score_rows
from cupel.models.windows import context_length
from cupel.verdict.measures import Measure

__all__ = ["Predicted", "Emitted", "beyond_unseen"]


class Emitted:
    """The share of passages that a model continues verbatim from their first tokens.

    Greedy decoding gives a passage back exactly if every token of it is the likeliest one after those
    before: so one run over the passage tells, and nothing is generated (Carlini et al., "Quantifying
    Memorization Across Neural Language Models", 2023, section 3.1). The passage begins where its document
    does, after an end of text, as in training.

    Parameters
    ----------
    passages
        Columns `id`, `text`, `domain`. One that is shorter than prompt and continuation is refused.
    prompt, length
        Tokens given, and tokens that have to follow.
    """

    name = "verbatim"
    version = 1

    def __init__(self, passages: pa.Table, prompt: int = 32, length: int = 32) -> None:
        self.passages, self.prompt, self.length = passages, prompt, length

    @property
    def digest(self) -> str:
        """Changes with whatever changes a value."""
        return documents_digest(self.passages, HELD_OUT.names, f"{self.prompt} {self.length}")

    def measure(self, model: object, tokenizer: object, context: EvaluationContext) -> Sequence[Measure]:
        """`emitted_verbatim` by domain: `amount` is 1 where all `length` tokens are given back."""
        exact = np.asarray(self.exact(model, tokenizer, context).all(axis=1), np.float64)
        return measures_by_domain(
            "emitted_verbatim", "higher", self.passages, exact, np.ones_like(exact), self.version
        )

    def exact(self, model: object, tokenizer: object, context: EvaluationContext) -> NDArray[np.bool_]:
        """Passages × length: whether the token is the likeliest one.

        Raises
        ------
        BadInput
            A passage is too short, or does not fit the model's context.
        """
        wanted = self.prompt + self.length
        if wanted > context_length(model):
            raise BadInput(f"{wanted} tokens do not fit the model's context of {context_length(model)}")
        first = prefix_token(tokenizer)
        rows = []
        for id_, token_ids in zip(
            self.passages["id"].to_pylist(), _encode(tokenizer, self.passages), strict=True
        ):
            if len(token_ids) < wanted:
                raise BadInput(f"passage '{id_}' has {len(token_ids)} tokens; expected {wanted} or more")
            tokens = np.array([first, *token_ids[:wanted]], np.int64)
            at = np.arange(self.prompt, wanted)
            rows.append(TokenRow(tokens[:-1], at, tokens[at + 1], name=f"passage '{id_}'"))
        scored = score_rows(model, rows, batch_tokens=context.batch_tokens)
        return np.stack([likeliest for _, likeliest in scored])


class Predicted:
    """The share of a text's tokens that are the likeliest ones after those before (exact memorization).

    Tirumala et al., "Memorization Without Overfitting", 2022, section 3. A document is looked at as far as
    the model's context goes.

    Parameters
    ----------
    documents
        Columns `id`, `text`, `domain`.
    """

    name = "predicted"
    version = 1

    def __init__(self, documents: pa.Table) -> None:
        self.documents = documents

    @property
    def digest(self) -> str:
        """Changes with whatever changes a value."""
        return documents_digest(self.documents, HELD_OUT.names)

    def measure(self, model: object, tokenizer: object, context: EvaluationContext) -> Sequence[Measure]:
        """`predicted_exactly` by domain: `amount` is tokens predicted, `weight` all tokens."""
        first, longest = prefix_token(tokenizer), context_length(model)
        rows = []
        for id_, token_ids in zip(
            self.documents["id"].to_pylist(), _encode(tokenizer, self.documents), strict=True
        ):
            tokens = np.array([first, *token_ids[:longest]], np.int64)
            rows.append(
                TokenRow(tokens[:-1], np.arange(len(tokens) - 1), tokens[1:], name=f"document '{id_}'")
            )
        scored = score_rows(model, rows, batch_tokens=context.batch_tokens)
        amount = np.array([float(likeliest.sum()) for _, likeliest in scored])
        weight = np.array([float(len(likeliest)) for _, likeliest in scored])
        return measures_by_domain("predicted_exactly", "higher", self.documents, amount, weight, self.version)


def beyond_unseen(measures: Sequence[Measure], subset: str) -> Measure:
    """Of one subset the tokens predicted beyond the share that the same trial predicts of all others: what it
    remembers of these documents, and not what it knows of the language.

    Examples
    --------
    >>> def predicted(subset, tokens):
    ...     return Measure("predicted_exactly", subset, "higher", ("a",), np.array([tokens]), np.array([10.0]))
    >>> beyond_unseen([predicted("seen", 7.0), predicted("other", 4.0)], "seen").amount.tolist()
    [3.0]
    """
    (own,) = [measure for measure in measures if measure.subset == subset]
    others = [measure for measure in measures if measure.subset != subset and measure.metric == own.metric]
    base = sum(measure.amount.sum() for measure in others) / sum(measure.weight.sum() for measure in others)
    return Measure(
        "predicted_beyond_unseen", subset, "higher", own.items, own.amount - base * own.weight, own.weight
    )


def _encode(tokenizer: object, documents: pa.Table) -> list[list[int]]:
    encoded = text_encoder(tokenizer).encode_batch_fast(
        documents["text"].to_pylist(), add_special_tokens=False
    )
    return [encoding.ids for encoding in encoded]
