"""Parts of many documents at once: their texts one row each, changed and put back, without leaving Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cupel.corpus.parts import PARTS, SEPARATOR

__all__ = ["ANSWERS", "PartTexts", "Side", "has_role", "part_texts", "side_of", "spans_by_part", "with_texts"]

ANSWERS = "assistant"
"""The role of who answers; all other roles make up the prompt."""

Side = Literal["prompt", "answer"]
"""What of a conversation: the turns of everybody else, or those of the one who answers."""


@dataclass(frozen=True)
class PartTexts:
    """The text parts of a batch of documents, in their order; parts without text are left out.

    Attributes
    ----------
    rows
        int64. The document of each, as its row in the batch.
    at
        int64. Its place among all parts of the batch.
    texts
        large_string, with line feeds as the only line ends.
    roles
        large_string; null for text without a speaker.
    """

    rows: NDArray[np.int64]
    at: NDArray[np.int64]
    texts: pa.Array
    roles: pa.Array

    def joined(self, rows: int) -> pa.Array:
        """The texts of a batch of `rows` documents: parts joined by a blank line, as in `text_of`."""
        return _joined(self.texts, self.rows, rows)


def part_texts(parts: pa.Array) -> PartTexts:
    r"""The text parts of documents.

    Parameters
    ----------
    parts
        A column `parts`; null in plain text documents, which have none.

    Examples
    --------
    >>> from cupel.corpus.parts import Part
    >>> column = pa.array([None, [Part("text", "user", "東京?"), Part("image"), Part("text", None, "A\r\ncity")]], PARTS)
    >>> texts = part_texts(column)
    >>> texts.rows.tolist(), texts.at.tolist(), texts.joined(2).to_pylist()
    ([1, 1], [0, 2], ['', '東京?\n\nA\ncity'])
    """
    lengths = pc.fill_null(pc.list_value_length(parts), 0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(parts)), lengths)
    flat = parts.flatten()
    text = pc.struct_field(flat, "text")
    spoken = pc.and_(
        pc.equal(pc.struct_field(flat, "kind"), "text"),
        pc.greater(pc.fill_null(pc.binary_length(text), 0), 0),
    )
    at = np.flatnonzero(spoken.to_numpy(zero_copy_only=False))
    texts = text.take(pa.array(at))
    texts = pc.replace_substring(pc.replace_substring(texts, "\r\n", "\n"), "\r", "\n")
    return PartTexts(rows[at], at, texts, pc.struct_field(flat, "role").take(pa.array(at)))


def with_texts(parts: pa.Array, texts: PartTexts, new: pa.Array) -> pa.Array:
    """The column `parts` with other texts; a text that is what it was keeps its line ends.

    Parameters
    ----------
    texts
        What `part_texts` gives for the column.
    new
        large_string, one for each of them.
    """
    changed = pc.not_equal(texts.texts, new).to_numpy(zero_copy_only=False)
    if not changed.any():
        return parts
    flat = parts.flatten()
    mask = np.zeros(len(flat), dtype=bool)
    mask[texts.at[changed]] = True
    children = dict(zip([field.name for field in flat.type], flat.flatten(), strict=True))
    children["text"] = pc.replace_with_mask(children["text"], pa.array(mask), new.filter(pa.array(changed)))
    values = pa.StructArray.from_arrays(list(children.values()), fields=list(PARTS.value_type))
    lengths = pc.fill_null(pc.list_value_length(parts), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=PARTS, mask=parts.is_null())


def side_of(parts: pa.Array, text: pa.Array, side: Side) -> pa.Array:
    """The prompt of each conversation, or its answer; the whole text of a document that has no such turns.

    Parameters
    ----------
    parts, text
        Columns of the same documents.

    Examples
    --------
    >>> from cupel.corpus.parts import Part
    >>> column = pa.array([None, [Part("text", "user", "東京?"), Part("text", "assistant", "A city.")]], PARTS)
    >>> side_of(column, pa.array(["Café", "東京?\\n\\nA city."], pa.large_string()), "answer").to_pylist()
    ['Café', 'A city.']
    """
    if parts.null_count == len(parts):
        return text
    texts = part_texts(parts)
    answers = pc.equal(texts.roles, ANSWERS)  # null for text without a speaker
    wanted = pc.fill_null(answers if side == "answer" else pc.invert(answers), False)
    rows = texts.rows[wanted.to_numpy(zero_copy_only=False)]
    has = np.zeros(len(parts), dtype=bool)
    has[rows] = True
    return pc.if_else(pa.array(has), _joined(texts.texts.filter(wanted), rows, len(parts)), text)


def has_role(parts: pa.Array) -> NDArray[np.bool_]:
    """Which documents are conversations: somebody speaks in a text part."""
    speaks = np.zeros(len(parts), dtype=bool)
    if parts.null_count < len(parts):
        texts = part_texts(parts)
        speaks[texts.rows[texts.roles.is_valid().to_numpy(zero_copy_only=False)]] = True
    return speaks


def spans_by_part(
    texts: PartTexts, spans: Sequence[Sequence[dict[str, int]] | None]
) -> list[list[dict[str, int]]]:
    """Byte ranges of the texts of documents as byte ranges of their parts; what lies between two parts is left out.

    Parameters
    ----------
    spans
        For each document, `start` and `stop` in its text, ascending and apart; None for none.

    Examples
    --------
    >>> from cupel.corpus.parts import Part
    >>> texts = part_texts(pa.array([[Part("text", "user", "Café"), Part("text", "assistant", "yes")]], PARTS))
    >>> spans_by_part(texts, [[{"start": 3, "stop": 8}]])
    [[{'start': 3, 'stop': 5}], [{'start': 0, 'stop': 1}]]
    """
    sizes = pc.binary_length(texts.texts).to_numpy()
    by_part: list[list[dict[str, int]]] = []
    row, begin = -1, 0
    for part_row, size in zip(texts.rows.tolist(), sizes.tolist(), strict=True):
        begin = begin + len(SEPARATOR) if part_row == row else 0
        row = part_row
        end = begin + size
        inside = [(max(span["start"], begin), min(span["stop"], end)) for span in spans[row] or ()]
        by_part.append(
            [{"start": start - begin, "stop": stop - begin} for start, stop in inside if start < stop]
        )
        begin = end
    return by_part


def _joined(texts: pa.Array, of: NDArray[np.int64], rows: int) -> pa.Array:
    """Texts joined by document; `of` ascends."""
    full = pc.greater(pc.binary_length(texts), 0)
    of = of[full.to_numpy(zero_copy_only=False)]
    offsets = np.searchsorted(of, np.arange(rows + 1)).astype(np.int64)
    lists: Any = pa.LargeListArray.from_arrays(pa.array(offsets), texts.filter(full))
    return pc.binary_join(lists, pa.scalar(SEPARATOR, pa.large_string()))
