r"""Chats as the lab trains on them: one text, and where its answers stand.

The template is plain text, so that it works with every tokenizer and every model to start from: a turn is
`<|role|>`, a line feed, what is said, and a line feed before the next turn.

    <|user|>
    What is the capital of Japan?
    <|assistant|>
    東京

What is said in answers (turns of the role `assistant`) is what a trial is trained on and scored by. Tokens of the
answers are encoded by themselves, so that no token stands on both sides of a border, and each answer is closed by the
tokenizer's end of text, which is trained on too: it is how a model ends its turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel.corpus.layouts.turns import turns_of
from cupel.corpus.parts import LAYOUT, SEPARATOR, Part, parts_of
from cupel.models.encoder import Encoder

__all__ = ["ANSWERS", "CHAT_VERSION", "Encoded", "encode_chats", "render", "render_column"]

CHAT_VERSION = 1
"""Goes up whenever the same chat would give another text or other answers."""

ANSWERS = pa.list_(pa.int64())
"""Where the answers of a chat stand in its text, in characters: start, end, start, end … Null for a plain text, of
which everything counts."""


def render(parts: Iterable[Part]) -> tuple[str, list[int] | None]:
    r"""A chat as one text, and the characters where each answer starts and ends; None for text without a speaker.

    Of a preference pair the chosen answer is taken. Turns without text, such as calls of tools, and media are left out.

    Examples
    --------
    >>> text, answers = render([Part("text", "user", "Café?"), Part("text", "assistant", "Oui.")])
    >>> text
    '<|user|>\nCafé?\n<|assistant|>\nOui.'
    >>> text[answers[0] : answers[1]]
    'Oui.'
    """
    spoken = [
        (turn.role, text)
        for turn in turns_of(part for part in parts if part.kind != LAYOUT)
        if turn.branch != "rejected"
        and (text := SEPARATOR.join(part.text for part in turn.parts if part.kind == "text" and part.text))
    ]
    if not any(role for role, _ in spoken):
        return _lines(SEPARATOR.join(text for _, text in spoken)), None
    pieces: list[str] = []
    answers: list[int] = []
    length = 0
    # Texts of one role that follow each other are one turn: two answers in a row are no exchange.
    for role, group in groupby(spoken, key=lambda turn: turn[0] or "text"):
        said = _lines(SEPARATOR.join(text for _, text in group))
        header = f"{'' if not pieces else chr(10)}<|{role}|>\n"
        pieces += [header, said]
        if role == "assistant":
            answers += [length + len(header), length + len(header) + len(said)]
        length += len(header) + len(said)
    return "".join(pieces), answers


def render_column(texts: pa.Array, parts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Texts and answers (`ANSWERS`) of documents with the columns `text` and `parts`."""
    rendered: list[str | None] = []
    answers: list[list[int] | None] = []
    for text, value in zip(texts.to_pylist(), parts.to_pylist(), strict=True):
        chat = parts_of(value)
        if chat is None:
            rendered.append(text)
            answers.append(None)
            continue
        whole, spans = render(chat)
        rendered.append(whole)
        answers.append(spans)
    return pa.array(rendered, pa.large_string()), pa.array(answers, ANSWERS)


class Encoded(NamedTuple):
    """Tokens of several documents, end to end.

    Attributes
    ----------
    tokens
        In the encoder's type.
    offsets
        int64, one more than documents: where each begins.
    counts
        bool, as many as tokens: whether the loss of a token counts.
    answers
        bool, as many as tokens: whether it is part of what is said in an answer, or of a plain text; the end of text
        is not.
    """

    tokens: NDArray[np.unsignedinteger]
    offsets: NDArray[np.int64]
    counts: NDArray[np.bool_]
    answers: NDArray[np.bool_]


def encode_chats(encoder: Encoder, texts: Sequence[str], answers: Sequence[Sequence[int] | None]) -> Encoded:
    """The tokens of chats and plain texts; each answer, and each document, is closed by the end of text."""
    segments: list[str] = []
    counted: list[bool] = []
    closed: list[bool] = []
    ends: list[int] = []
    for text, spans in zip(texts, answers, strict=True):
        place = 0
        for start, end in _pairs([0, len(text)] if spans is None else spans):
            if start > place:
                segments.append(text[place:start])
                counted.append(False)
                closed.append(False)
            segments.append(text[start:end])
            counted.append(True)
            closed.append(True)
            place = end
        if spans is not None and (place < len(text) or not spans):
            segments.append(text[place:])
            counted.append(False)
            closed.append(True)
        ends.append(len(segments))
    tokens, offsets = encoder.encode(pa.array(segments, pa.large_string()))
    lengths = np.diff(offsets)
    last = offsets[1:] - 1
    kept = np.ones(len(tokens), bool)
    kept[last[~np.array(closed, bool)]] = False
    counts = np.repeat(np.array(counted, bool), lengths)
    said = counts.copy()
    said[last] = False
    places = np.concatenate([[0], np.cumsum(kept)])
    document_ends = offsets[np.array(ends, np.int64)]
    return Encoded(
        tokens[kept],
        np.concatenate([[0], places[document_ends]]).astype(np.int64),
        counts[kept],
        said[kept],
    )


def _pairs(spans: Sequence[int]) -> Iterable[tuple[int, int]]:
    return zip(spans[::2], spans[1::2], strict=True)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
