"""Bits per byte of the answers in held-out chats, by domain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel.contract import EvaluationMethod, Paper
from cupel.errors import BadInput
from cupel.lab.data.chats import encode_chats
from cupel.lab.data.documents import HELD_OUT, documents_digest
from cupel.lab.evaluations.evaluation import EvaluationContext, measures_by_domain
from cupel.lab.evaluations.held_out import HeldOutOptions, cut_text, select_held_out
from cupel.models.checkpoint import as_read, prefix_token, text_encoder
from cupel.models.encoder import Encoder
from cupel.models.likelihood import TokenRow, score_rows
from cupel.models.windows import context_length, windows
from cupel.verdict.measures import Measure

__all__ = ["AnswerBits", "Answers"]


class AnswerBits(EvaluationMethod):
    """Bits per byte of answers: the bits that a model needs per byte of an answer, given the chat before it.

    The sum of −log₂ p over the tokens of what the assistant says, over its UTF-8 bytes. Chats are written by the lab's
    template, as in training: what users and the system say is context and is not scored, nor is the end of text
    that closes an answer. A chat longer than the model's context is scored in windows; each keeps `overlap` of the
    context from before.

    A plain text among the held-out documents counts as an answer to nothing.
    """

    name = "answers"
    papers: ClassVar = (
        Paper(
            "Training language models to follow instructions with human feedback",
            "Ouyang et al.",
            2022,
            "https://arxiv.org/abs/2203.02155",
            "Section 3.4",
        ),
    )
    limits = "The likelihood of given answers says little of how good a model's own answers are."
    Options = HeldOutOptions

    options: HeldOutOptions

    def on(self, documents: pa.Table) -> Answers:
        return Answers(documents, self.options)


class Answers:
    """Bits per byte of answers on held-out chats, as `AnswerBits` explains it.

    Parameters
    ----------
    documents
        Columns `id`, `text`, `domain`, `answers` (see `cupel.lab.data.chats`). Those without an answer in the bytes
        that are scored, and a text that its domain had before, are left out.
    options
        Caps and context.

    Raises
    ------
    BadInput
        A column is missing, or no document holds an answer.
    """

    name = AnswerBits.name
    version = AnswerBits.version

    def __init__(self, documents: pa.Table, options: HeldOutOptions = HeldOutOptions()) -> None:
        if "answers" not in documents.column_names:
            raise BadInput(
                "held-out documents: no column 'answers'; answers are scored at a scale that reads chats "
                "(chats: answers)"
            )
        self.options = options
        documents = _answered(documents, None)
        if not documents.num_rows:
            raise BadInput(
                "held-out documents: none holds an answer, a turn of the role 'assistant'; there is nothing to score"
            )
        # Before the choice, so that none takes the place of one that has an answer.
        documents = _answered(documents, options.max_document_bytes)
        if not documents.num_rows:
            raise BadInput(
                "held-out documents: none holds an answer, a turn of the role 'assistant', in its first "
                f"{options.max_document_bytes:,} bytes (max_document_bytes); there is nothing to score"
            )
        self.documents = select_held_out(documents, options)

    @property
    def digest(self) -> str:
        """Changes with the documents and with whatever else changes a value: what a cache keys on."""
        return documents_digest(
            self.documents, (*HELD_OUT.names, "answers"), f"{self.version} {self.options.overlap}"
        )

    def measure(self, model: object, tokenizer: Any, context: EvaluationContext) -> Sequence[Measure]:
        """`answer_bits_per_byte` of each domain; items are chats, `amount` is bits, `weight` is bytes of answers."""
        size, prefix = context_length(model), prefix_token(tokenizer)
        plain = text_encoder(tokenizer)
        encoder = Encoder(plain.to_str().encode(), prefix, len(tokenizer))
        texts = self.documents["text"].to_pylist()
        spans = [None if answers is None else answers for answers in self.documents["answers"].to_pylist()]
        encoded = encode_chats(encoder, texts, spans)
        rows: list[TokenRow] = []
        owners: list[int] = []
        for owner, id_ in enumerate(self.documents["id"].to_pylist()):
            part = slice(int(encoded.offsets[owner]), int(encoded.offsets[owner + 1]))
            tokens = np.array([prefix, *encoded.tokens[part]], np.int64)
            chat = _answer_rows(
                tokens, encoded.answers[part], size, int(self.options.overlap * size), str(id_)
            )
            rows += chat
            owners += [owner] * len(chat)
        bits = np.zeros(len(texts))
        scored = score_rows(model, rows, batch_tokens=context.batch_tokens)
        for owner, (log_probs, _) in zip(owners, scored, strict=True):
            bits[owner] -= log_probs.sum() / math.log(2)
        said = ["".join(_answers(row)) for row in self.documents.select(["text", "answers"]).to_pylist()]
        sizes = np.array([len(text.encode()) for text in as_read(plain, said)], np.float64)
        return measures_by_domain("answer_bits_per_byte", "lower", self.documents, bits, sizes, self.version)


def _answered(documents: pa.Table, max_bytes: int | None) -> pa.Table:
    """The documents that hold an answer, in their first `max_bytes` bytes where that is given."""
    rows = documents.select(["text", "answers"]).to_pylist()
    return documents.filter(pa.array([_answers(row, max_bytes) != [] for row in rows], pa.bool_()))


def _answers(row: dict[str, Any], max_bytes: int | None = None) -> list[str]:
    """What is said in the answers of a document, as far as its text goes; a plain text is one answer."""
    text, spans = row["text"] or "", row["answers"]
    if max_bytes is not None:
        text = cut_text(text, max_bytes)
    if spans is None:
        return [text] if text else []
    return [said for start, end in zip(spans[::2], spans[1::2], strict=True) if (said := text[start:end])]


def _answer_rows(
    tokens: NDArray[np.int64], counts: NDArray[np.bool_], context: int, overlap: int, id_: str
) -> list[TokenRow]:
    """Windows that score every token of an answer exactly once; `counts` are of all tokens but the first."""
    rows = []
    done = 0
    for window in windows(tokens, context, overlap, name=f"document '{id_}'"):
        wanted = counts[done : done + len(window.targets)]
        done += len(window.targets)
        if wanted.any():
            rows.append(TokenRow(window.tokens, window.at[wanted], window.targets[wanted], name=window.name))
    return rows
