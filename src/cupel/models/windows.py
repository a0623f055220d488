"""Texts as rows to score: windows of a model's context that score every token exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput
from cupel.models.checkpoint import as_read, prefix_token
from cupel.models.likelihood import TokenRow

__all__ = ["OVERLAP", "TextRows", "context_length", "text_rows", "windows"]

OVERLAP = 0.25
"""Share of a window that is only context, in texts longer than the model's context."""


@dataclass(frozen=True)
class TextRows:
    """The rows of several texts.

    Attributes
    ----------
    rows
        Windows of all texts.
    owners
        Which text each row belongs to.
    tokens, bytes
        Of each text: int64. Bytes are those of the text as the tokenizer reads it.
    unknown
        Whether the tokenizer has no token for a part of the text. Such a text has rows all the same.
    ends
        Where each token ends, of all texts in turn: int64 bytes from the beginning of its text. Empty unless they
        were wanted. Tokens that share a character all end where it does.
    """

    rows: list[TokenRow]
    owners: list[int]
    tokens: NDArray[np.int64]
    bytes: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def text_rows(
    model: object,
    tokenizer: object,
    encoder: Any,
    texts: Sequence[str],
    names: Sequence[str],
    overlap: float = OVERLAP,
    ends: bool = False,
) -> TextRows:
    """Rows that score every token of every text once; the first follows the BOS token (EOS where there is none).

    Parameters
    ----------
    encoder
        The tokenizer's, as `text_encoder` gives it.
    names
        Of the texts, for messages.
    overlap
        Share of a window that is only context.
    ends
        Whether the place of every token in its text is wanted.

    Raises
    ------
    BadInput
        The model does not say its context, or the tokenizer has neither BOS nor EOS.
    """
    size = context_length(model)
    prefix = prefix_token(tokenizer)
    unknown = getattr(tokenizer, "unk_token_id", None)
    rows: list[TokenRow] = []
    owners: list[int] = []
    counts, incomplete = np.zeros(len(texts), np.int64), np.zeros(len(texts), bool)
    # Without the places of tokens it takes half as long.
    encode = encoder.encode_batch if ends else encoder.encode_batch_fast
    encoded = encode(list(texts), add_special_tokens=False)
    places = [_ends(text, encoding) for text, encoding in zip(texts, encoded, strict=True)] if ends else []
    for owner, (name, encoding) in enumerate(zip(names, encoded, strict=True)):
        counts[owner] = len(encoding.ids)
        incomplete[owner] = unknown is not None and unknown in encoding.ids
        tokens = np.array([prefix, *encoding.ids], np.int64)
        text_windows = windows(tokens, size, int(overlap * size), name=name)
        rows += text_windows
        owners += [owner] * len(text_windows)
    sizes = np.array([len(text.encode()) for text in as_read(encoder, texts)], np.int64)
    token_ends = np.concatenate(places) if places else np.zeros(0, np.int64)
    return TextRows(rows, owners, counts, sizes, incomplete, token_ends)


def _ends(text: str, encoding: Any) -> NDArray[np.int64]:
    """Where each token ends, in bytes of the text."""
    characters = np.fromiter((stop for _, stop in encoding.offsets), np.int64, len(encoding.ids))
    if text.isascii():
        return characters
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    widths = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)
    ends: NDArray[np.int64] = np.concatenate([[0], np.cumsum(widths)])[characters]
    return ends


def windows(tokens: NDArray[np.int64], context: int, overlap: int, name: str = "") -> list[TokenRow]:
    """Windows of at most `context` tokens that score every token but the first exactly once.

    Every window but the first keeps at least `overlap` tokens that the one before has scored; the last one is
    as long as the others.

    Examples
    --------
    >>> for row in windows(np.arange(8), context=4, overlap=2):
    ...     print(row.tokens.tolist(), "->", row.targets.tolist())
    [0, 1, 2, 3] -> [1, 2, 3, 4]
    [2, 3, 4, 5] -> [5, 6]
    [3, 4, 5, 6] -> [7]
    """
    rows = []
    done, last = 0, len(tokens) - 1
    while done < last:
        stop = min(last, context if done == 0 else done + context - overlap)
        start = max(0, stop - context)
        at = np.arange(done - start, stop - start)
        rows.append(TokenRow(tokens[start:stop], at, tokens[done + 1 : stop + 1], name=name))
        done = stop
    return rows


def context_length(model: object) -> int:
    """Tokens that the model sees at once."""
    length = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if not isinstance(length, int) or length < 2:
        raise BadInput("the model's configuration does not say its context (max_position_embeddings)")
    return length
