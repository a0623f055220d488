"""Bits per byte on held-out text, by domain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from cupel.contract import EvaluationMethod, Method, Paper
from cupel.errors import BadInput
from cupel.lab.data.documents import HELD_OUT, check_held_out, documents_digest
from cupel.lab.evaluations.evaluation import EvaluationContext, measures_by_domain
from cupel.models.checkpoint import text_encoder
from cupel.models.likelihood import score_rows
from cupel.models.windows import OVERLAP, text_rows
from cupel.store import seeded_rank
from cupel.verdict.measures import Measure

__all__ = ["BitsPerByte", "HeldOut", "HeldOutOptions", "cut_text", "select_held_out"]


class HeldOutOptions(Method.Options):
    """How much held-out text is scored, and with how much context."""

    max_domain_bytes: int = Field(
        default=1 << 17, ge=1, description="Bytes of each domain at most, in whole documents, at least one."
    )
    max_document_bytes: int = Field(
        default=1 << 14,
        ge=4,
        description="Of a longer document only so many first bytes, to a whole character.",
    )
    overlap: float = Field(
        default=OVERLAP,
        ge=0,
        lt=1,
        description="Share of a window that is only context, in documents longer than the model's context.",
    )
    seed: int = Field(
        default=0, ge=0, lt=1 << 63, description="Which documents are taken of a domain that has more."
    )


class BitsPerByte(EvaluationMethod):
    """Bits per byte: the bits that a model needs per byte of text that it has not seen.

    The sum of −log₂ p over a document's tokens, over its UTF-8 bytes: unlike loss per token it compares
    models with different tokenizers. Where a tokenizer composes characters (Unicode NFC), the bytes are those of the
    composed text, which its tokens stand for. Every token of a document is scored once; the first is predicted
    from the BOS token (EOS where there is none), and no end is predicted. A document longer than the model's context
    is scored in windows; each keeps `overlap` of the context from before, so that no token is scored without any.
    """

    name = "held-out"
    version = 2
    papers: ClassVar = (
        Paper(
            "The Pile: An 800GB Dataset of Diverse Text for Language Modeling",
            "Gao et al.",
            2020,
            "https://arxiv.org/abs/2101.00027",
            "Section 3.1",
        ),
    )
    limits = (
        "It says nothing of what the text is for: held-out text has to stand for what is wanted of the model."
    )
    Options = HeldOutOptions

    options: HeldOutOptions

    def on(self, documents: pa.Table) -> HeldOut:
        return HeldOut(documents, self.options)


class HeldOut:
    """Bits per byte on held-out documents, as `BitsPerByte` explains it.

    Parameters
    ----------
    documents
        Columns `id`, `text`, `domain` (text). Empty documents, and a text that its domain had before, are left out.
    options
        Caps and context.

    Raises
    ------
    BadInput
        A column is missing, or no document holds text.

    Examples
    --------
    >>> documents = pa.table({"id": ["a", "b"], "text": ["Café", ""], "domain": ["wiki", "wiki"]})
    >>> HeldOut(documents).documents.to_pylist()
    [{'id': 'a', 'text': 'Café', 'domain': 'wiki'}]
    """

    name = BitsPerByte.name
    version = BitsPerByte.version

    def __init__(self, documents: pa.Table, options: HeldOutOptions = HeldOutOptions()) -> None:
        self.options = options
        self.documents = select_held_out(documents, options)

    @property
    def digest(self) -> str:
        """Changes with the documents and with whatever else changes a value: what a cache keys on."""
        return documents_digest(self.documents, HELD_OUT.names, f"{self.version} {self.options.overlap}")

    def measure(self, model: object, tokenizer: object, context: EvaluationContext) -> Sequence[Measure]:
        """`bits_per_byte` of each domain; items are documents, `amount` is bits, `weight` is bytes."""
        texts = self.documents["text"].to_pylist()
        names = [f"document '{id_}'" for id_ in self.documents["id"].to_pylist()]
        held = text_rows(model, tokenizer, text_encoder(tokenizer), texts, names, self.options.overlap)
        if held.unknown.any():
            raise BadInput(
                f"{names[int(held.unknown.argmax())]}: the tokenizer has no token for a part of it, so its bytes "
                "cannot all be scored; use a byte-level tokenizer"
            )
        bits = np.zeros(self.documents.num_rows)
        scored = score_rows(model, held.rows, batch_tokens=context.batch_tokens)
        for owner, (log_probs, _) in zip(held.owners, scored, strict=True):
            bits[owner] -= log_probs.sum() / math.log(2)
        sizes = held.bytes.astype(np.float64)
        return measures_by_domain("bits_per_byte", "lower", self.documents, bits, sizes, self.version)


def select_held_out(documents: pa.Table, options: HeldOutOptions = HeldOutOptions()) -> pa.Table:
    """The documents that are scored: cut to size, chosen by a seeded hash of the text, in input order.

    The choice depends on neither the order of documents nor on other domains.

    Raises
    ------
    BadInput
        A column is missing, or no document holds text.
    """
    check_held_out(documents)
    ranked: dict[str, dict[str, tuple[bytes, int]]] = {}
    texts = [cut_text(text or "", options.max_document_bytes) for text in documents["text"].to_pylist()]
    domains = [str(domain) for domain in documents["domain"].to_pylist()]
    for place, (text, domain) in enumerate(zip(texts, domains, strict=True)):
        if text:
            rank = seeded_rank(text, options.seed, size=16)
            ranked.setdefault(domain, {}).setdefault(text, (rank, place))
    if not ranked:
        raise BadInput("held-out documents: none holds text; there is nothing to score")
    taken = []
    for domain_texts in ranked.values():
        total = 0
        for text, (_, place) in sorted(domain_texts.items(), key=lambda item: item[1]):
            total += len(text.encode())
            if total > options.max_domain_bytes and total > len(text.encode()):
                break
            taken.append(place)
    taken.sort()
    ids = [str(documents["id"][place]) for place in taken]
    selected = pa.table(
        {
            "id": pa.array(ids, pa.large_string()),
            "text": pa.array([texts[place] for place in taken], pa.large_string()),
            "domain": pa.array([domains[place] for place in taken], pa.large_string()),
        }
    )
    if "answers" not in documents.column_names:
        return selected
    return selected.append_column("answers", documents["answers"].take(pa.array(taken, pa.int64())))


def cut_text(text: str, max_bytes: int) -> str:
    """The first `max_bytes` bytes, to a whole character."""
    data = text.encode()
    return text if len(data) <= max_bytes else data[:max_bytes].decode("utf-8", "ignore")
