"""Texts as lines: their bytes in one buffer, and sums over lines without a loop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["TextLines", "cut", "groups", "hashes"]

Ints = npt.NDArray[np.int64]
NEWLINE = 10
_SPACES = (9, 11, 12, 13, 32)
_MULTIPLIER = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2⁶⁴


@dataclass(frozen=True)
class TextLines:
    r"""The lines of a batch of texts that hold more than white space, in order.

    Attributes
    ----------
    data
        uint8: the bytes of all lines of all texts, blank ones included, without line breaks.
    starts, stops
        int64, one per line: where it lies in `data`.
    documents
        int64, one per text and one more: the lines of text *i* are `documents[i]:documents[i + 1]`.
    numbers
        int64, one per line: its number in its text from 0, blank lines counted, as `text.split("\n")` has it.
    """

    data: npt.NDArray[np.uint8]
    starts: Ints
    stops: Ints
    documents: Ints
    numbers: Ints

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def bytes(self) -> Ints:
        """UTF-8 bytes of each line."""
        return self.stops - self.starts

    @cached_property
    def owners(self) -> Ints:
        """The text of each line."""
        return np.repeat(np.arange(len(self.documents) - 1), np.diff(self.documents))

    def count(self, mask: npt.NDArray[np.bool_]) -> Ints:
        """How many bytes of each line the mask marks."""
        sums = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
        counts: Ints = sums[self.stops] - sums[self.starts]
        return counts

    @cached_property
    def prefix_sums(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Sums of bytes times powers of a base up to each place, modulo 2⁶⁴, and the inverses of these powers."""
        return _prefix_sums(self.data)

    @cached_property
    def folded_sums(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """The same of the bytes with capitals of ASCII as small letters."""
        capital = (self.data >= ord("A")) & (self.data <= ord("Z"))
        return _prefix_sums(np.where(capital, self.data + np.uint8(32), self.data).astype(np.uint8))

    @cached_property
    def filled(self) -> npt.NDArray[np.bool_]:
        """The bytes of `data` that are not white space of ASCII."""
        return ~np.isin(self.data, np.array(_SPACES, np.uint8))

    @cached_property
    def word_begins(self) -> npt.NDArray[np.bool_]:
        """The bytes of `data` where a word begins: what stands between white space."""
        begins = self.filled.copy()
        begins[1:] &= ~self.filled[:-1]
        begins[self.starts] = self.filled[self.starts]
        return begins

    def distinct_words(self) -> Ints:
        """How many different words each line has, by their hashes."""
        ends = self.filled.copy()
        ends[:-1] &= ~self.filled[1:]
        ends[self.stops - 1] = self.filled[self.stops - 1]
        # Blank lines hold white space alone, so every word is one of these lines.
        owners = np.repeat(np.arange(len(self)), self.count(self.word_begins))
        order, new = groups(owners, hashes(self, np.flatnonzero(self.word_begins), np.flatnonzero(ends) + 1))
        return np.bincount(owners[order][new], minlength=len(self))

    def repeats(self) -> Ints:
        """How many other lines of the same text are equal to each."""
        order, new = groups(self.owners, hashes(self, self.starts, self.stops))
        group = np.cumsum(new) - 1
        repeats = np.zeros(len(self), np.int64)
        repeats[order] = np.bincount(group)[group] - 1 if len(group) else 0
        return repeats

    def texts(self) -> pa.Array:
        """The lines as large strings."""
        sizes = self.bytes
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        places = np.arange(int(offsets[-1])) + np.repeat(self.starts - offsets[:-1], sizes)
        data = self.data[places]
        return pa.LargeStringArray.from_buffers(len(self), pa.py_buffer(offsets), pa.py_buffer(data))

    def before(
        self, values: npt.NDArray[np.float64], distance: int, outside: float
    ) -> npt.NDArray[np.float64]:
        """The value of the line `distance` places before each line of the same text (after it, if negative)."""
        places = np.arange(len(self)) - distance
        first, last = self.documents[self.owners], self.documents[self.owners + 1]
        inside = (places >= first) & (places < last)
        shifted = np.full(len(self), outside)
        shifted[inside] = values[places[inside]]
        return shifted

    def mean_around(
        self, values: npt.NDArray[np.float64], before: int | None, after: int | None
    ) -> npt.NDArray[np.float64]:
        """The mean over a line and its neighbors in the same text: at most `before` and `after` of them; None: all."""
        # Rounded, so that a sum does not depend on which texts stand before in the batch.
        whole = np.rint(values * (1 << 20)).astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(whole)])
        first, last = self.documents[self.owners], self.documents[self.owners + 1]
        here = np.arange(len(self))
        start = first if before is None else np.maximum(first, here - before)
        stop = last if after is None else np.minimum(last, here + after + 1)
        means: npt.NDArray[np.float64] = (sums[stop] - sums[start]) / ((stop - start) * float(1 << 20))
        return means


def cut(texts: pa.Array) -> TextLines:
    r"""The lines of texts; null is an empty text.

    >>> lines = cut(pa.array(["Café\n\n東京", None, "x"]))
    >>> lines.texts().to_pylist(), lines.numbers.tolist(), lines.documents.tolist()
    (['Café', '東京', 'x'], [0, 2, 0], [0, 2, 2, 3])
    """
    column = pa.concat_arrays([texts.cast(pa.large_string()).fill_null("")])
    _, offsets_buffer, data_buffer = column.buffers()
    offsets = (
        np.frombuffer(offsets_buffer, np.int64)[column.offset :][: len(column) + 1]
        if len(column)
        else np.zeros(1, np.int64)
    )
    data = (
        np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
        if data_buffer is not None
        else np.zeros(0, np.uint8)
    )
    borders = offsets - offsets[0]
    is_break = data == NEWLINE
    breaks = np.flatnonzero(is_break)
    removed = np.arange(len(breaks))
    # Without its line breaks, the byte after break number k lies k + 1 places earlier.
    borders_without = borders - np.searchsorted(breaks, borders)
    edges = breaks - removed
    starts = np.sort(np.concatenate([borders_without[:-1], edges]), kind="stable")
    stops = np.sort(np.concatenate([borders_without[1:], edges]), kind="stable")
    per_text = np.searchsorted(breaks, borders[1:]) - np.searchsorted(breaks, borders[:-1]) + 1
    first = np.concatenate([[0], np.cumsum(per_text)])
    numbers = np.arange(len(starts)) - np.repeat(first[:-1], per_text)
    every = TextLines(data[~is_break], starts, stops, first.astype(np.int64), numbers)
    filled = every.count(every.filled) > 0
    kept = np.concatenate([[0], np.cumsum(filled, dtype=np.int64)])[first]
    return TextLines(every.data, starts[filled], stops[filled], kept, numbers[filled])


def hashes(lines: TextLines, starts: Ints, stops: Ints, *, fold_case: bool = False) -> npt.NDArray[np.uint64]:
    """A hash of each stretch of the lines' bytes: a polynomial modulo 2⁶⁴, wherever the stretch lies.

    With `fold_case` capitals of ASCII count as small letters.
    """
    sums, inverses = lines.folded_sums if fold_case else lines.prefix_sums
    result: npt.NDArray[np.uint64] = (sums[stops] - sums[starts]) * inverses[starts]
    return result ^ (result >> np.uint64(29))


def groups(owners: Ints, keys: npt.NDArray[np.uint64]) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """An order in which equal pairs of owner and key stand together, and where in it each group begins."""
    order = np.lexsort((keys, owners))
    owners, keys = owners[order], keys[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = (owners[1:] != owners[:-1]) | (keys[1:] != keys[:-1])
    return order, new


def _prefix_sums(data: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    size = len(data) + 1
    sums = np.zeros(size, np.uint64)
    np.cumsum((data.astype(np.uint64) + np.uint64(1)) * _powers(_MULTIPLIER, size)[:-1], out=sums[1:])
    return sums, _powers(pow(_MULTIPLIER, -1, 1 << 64), size)


def _powers(base: int, size: int) -> npt.NDArray[np.uint64]:
    powers = np.full(size, np.uint64(base))
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64, out=powers)
