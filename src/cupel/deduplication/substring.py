"""Removal of passages that occur more than once, in any documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from cupel import _kernels
from cupel.contract import Clusters, Dedup, Need, Paper, Resources, View
from cupel.deduplication.copies.spans import CopiedParts, SpanOptions, sizes_of, span_column
from cupel.deduplication.copies.units import OfBytes, OfTokens, OfWords, Units

__all__ = ["Substring"]

Integers = npt.NDArray[np.int64]

MIN_BYTES = 200
PARTITIONS = 64
STRETCH = np.dtype([("hash", "<u8"), ("start", "<u8"), ("windows", "<u4")])


class Substring(Dedup):
    """Exact substrings: every passage of at least `min_bytes`, or `min_tokens`, that occurred before.

    A window of `min_bytes` bytes is a *copy* when the first window equal to it, in the order of
    documents and of places in them, ends at or before it starts. The copied part of a document is
    the union of its copies. Windows never reach over the end of a
    document. This is the exact-substring deduplication of Lee et al. (2022), whose windows are 50
    tokens of GPT-2, about 200 bytes of English.

    **What goes.** By default the first occurrence of a passage stays and later ones are copies. Lee et al. strike
    every occurrence, the first too: that is `keep: none`. Passages of fewer than `min_occurrences` occurrences
    (overlapping ones count once) are left alone.

    **Where it is cut.** Spans are made smaller until they cut through no word (`whole: words`), and in any
    case through no grapheme cluster of UAX #29: letters with their marks, flags, emoji sequences, Hangul and
    Indic syllables, CRLF. A word is what stands between white space, or a word of UAX #29 where a script is
    written without spaces or there is none for 256 bytes; so Chinese is cut between any two
    characters. What remains on both sides of a cut is parted by the widest white space that was there,
    a space if there was none: no cut makes a new word.

    **How.** Lee et al. build a suffix array, eight bytes and more for each byte of text. Equal
    windows can be found with far less: each window is represented by its *minimizer*, the
    smallest hash of the short pieces in it (Schleimer et al. 2003). Equal windows have equal
    minimizers, and neighboring windows share theirs, so that one entry stands for about
    0.37 × `min_bytes` windows. Entries with the same hash are brought together on disk, in
    64 parts; inside such a group every window is compared with the first equal one, byte by
    byte. The result is that of comparing all windows with all, which a test does; hashes only
    propose. The one exception: two different windows of one group whose 64-bit hashes are equal
    (probability 2⁻⁶⁴ per pair) hide a copy of the second.

    The texts of the stage lie uncompressed in the scratch folder while this runs (as much disk as
    text); memory holds one part of the entries, and what the system caches of the file.

    **Tokens.** With `min_tokens` a window is that many tokens instead, by default words in lower case without
    accents and punctuation, as MinHash has them, symbols included: what differs in nothing else is a copy.
    With `tokenizer`, they are those of a tokenizer; Lee et al. take 50 of GPT-2's. Tokens are searched for
    as bytes are: a word is represented
    by a hash of 64 bits, a token by its number, and windows begin where a token does. What is cut
    reaches from the first token to the last, less characters of which a token at an edge is only a part.

    Examples
    --------
    >>> import pyarrow as pa
    >>> Substring().sketch(pa.array(["Nothing is needed of a single text."])).num_columns
    1
    """

    name = "substring"
    finds = "spans"
    papers = (
        Paper(
            title="Deduplicating Training Data Makes Language Models Better",
            authors="Lee, Ippolito, Nystrom, Zhang, Eck, Callison-Burch, Carlini",
            year=2022,
            url="https://arxiv.org/abs/2107.06499",
            section="4.1 ExactSubstr",
        ),
        Paper(
            title="Winnowing: Local Algorithms for Document Fingerprinting",
            authors="Schleimer, Wilkerson, Aiken",
            year=2003,
            url="https://doi.org/10.1145/872757.872770",
        ),
    )
    files = ("tokenizer",)
    cost = (
        "About 42 MB/s per core; disk for a second copy of the text (with words, 1.3 to 2.7 times its size), memory "
        "for one of 64 parts of the stretches. With a tokenizer, its speed is the limit."
    )
    limits = (
        "Cutting leaves holes: sentences that refer to what was cut, code that no longer runs. Quotations, "
        "licenses and legal formulas are copies too. Below about 100 bytes common phrases begin to count."
    )

    class Options(SpanOptions):
        """How long a passage must be."""

        min_bytes: int = Field(
            MIN_BYTES,
            ge=16,
            le=1 << 20,
            description="Bytes that a passage has at least. 200 are about 50 tokens.",
        )
        min_tokens: int | None = Field(
            None, ge=4, le=1 << 17, description="Tokens that a passage has at least, in place of `min_bytes`."
        )
        tokenizer: str = Field(
            "words",
            description="What tokens are: `words`, or the path of a tokenizer.json, or the name of a tokenizer on "
            "the Hugging Face hub (gpt2).",
        )

        keep: Literal["first", "none"] = Field(
            "first",
            description="Which occurrence of a passage stays: `first`, or `none` as in Lee et al.",
        )
        min_occurrences: int = Field(
            2, ge=2, le=1 << 31, description="Passages that occur less often are left alone."
        )
        whole: Literal["words", "graphemes"] = Field(
            "words",
            description="What is never cut through: `words`, or only `graphemes`, what people take for one "
            "character.",
        )

        @model_validator(mode="after")
        def _one_length(self) -> Self:
            # By value, not by what was set: all options are written out and read again.
            if self.min_tokens is not None and self.min_bytes != MIN_BYTES:
                raise ValueError("give min_bytes or min_tokens, not both")
            if self.min_tokens is None and self.tokenizer != "words":
                raise ValueError("tokenizer goes with min_tokens")
            return self

    options: Options

    def sketch(self, text: pa.Array) -> pa.RecordBatch:
        """Column `bytes` (int64): the size of a text; everything else is read from the texts themselves."""
        self._passages()  # fails early if the tokenizer cannot be loaded
        sizes = pc.fill_null(pc.cast(pc.binary_length(text), pa.int64()), 0)
        return pa.RecordBatch.from_arrays([sizes], names=["bytes"])

    def need(self, documents: int, text_bytes: int) -> Need:
        """One part of the stretches, sorted; on disk all of them, and the texts."""
        min_units, per_byte = self.options.min_bytes, 1.0
        if self.options.min_tokens is not None:
            # A word takes six bytes with its separator, three in Chinese; a token about four.
            width, text = (8, 3) if self.options.tokenizer == "words" else (4, 4)
            min_units, per_byte = width * self.options.min_tokens, width / text
        pool = int(per_byte * text_bytes)
        stretches = 24 * int(pool / (0.37 * min_units))
        return Need(4 * stretches // PARTITIONS + 24 * documents, pool + stretches)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Copied parts of all documents."""
        units, least = self._passages()
        pool = _Pool.write(view, Path(resources.scratch), units, least)
        copies = self._copies(pool, least, resources.threads)
        where = "occurs first in" if self.options.keep == "first" else "also occurs in"
        parts = CopiedParts(view, origin=f"the longest part {where} {{}}")
        row = 0
        for batch in view.texts(None):
            sizes = sizes_of(batch.column("text"))
            spans, firsts = pool.spans_of(row, batch.column("text"), copies)
            whole = _kernels.whole_spans(batch.column("text"), spans, self.options.whole)
            parts.add(batch.column("doc"), sizes, whole, firsts)
            row += batch.num_rows
        facts = (
            ("passages of at least", f"{least:,} {units.name}"),
            ("that occur at least", f"{self.options.min_occurrences:,} times"),
            ("occurrence that stays", self.options.keep),
        )
        return parts.clusters("Copied passages", "passages", facts)

    def _passages(self) -> tuple[Units, int]:
        """The units of passages, and their minimum number."""
        options = self.options
        if options.min_tokens is None:
            return OfBytes(), options.min_bytes
        words = options.tokenizer == "words"
        return OfWords() if words else OfTokens(options.tokenizer), options.min_tokens

    def _copies(self, pool: _Pool, least: int, threads: int) -> pa.Table:
        """`start`, `stop`, `first` (places in the pool; with `keep: none` of the other occurrence), by start."""

        def repeats(path: Path) -> pa.RecordBatch:
            rows = np.fromfile(path, dtype=STRETCH)
            path.unlink()
            columns = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
            stretches = pa.RecordBatch.from_pydict(columns)
            width = pool.units.width
            copies = _kernels.repeats(
                pool.data, stretches, least * width, width, min_occurrences=self.options.min_occurrences
            )
            return copies if self.options.keep == "first" else _with_firsts(copies)

        with ThreadPoolExecutor(threads) as workers:
            batches = [batch for batch in workers.map(repeats, pool.parts) if batch.num_rows]
        schema = pa.schema(
            [pa.field(name, pa.int64(), nullable=False) for name in ("start", "stop", "first")]
        )
        return pa.Table.from_batches(batches, schema).sort_by("start").combine_chunks()


@dataclass(frozen=True)
class _Pool:
    """All texts one after the other, mapped from a file, and where each document starts."""

    units: Units
    docs: Integers
    starts: Integers
    data: pa.LargeBinaryArray
    parts: list[Path]

    @classmethod
    def write(cls, view: View, scratch: Path, units: Units, least: int) -> _Pool:
        parts = [scratch / f"stretches-{number:02d}.bin" for number in range(PARTITIONS)]
        docs: list[Integers] = []
        sizes: list[Integers] = []
        base = 0
        files = [path.open("wb") for path in parts]
        try:
            with (scratch / "texts.bin").open("wb") as data:
                for batch in view.texts(None):
                    texts = pc.fill_null(batch.column("text").cast(pa.large_string()), "")
                    encoded = units.encode(texts)
                    offsets = np.frombuffer(encoded.buffers()[1], dtype=np.int64)[
                        encoded.offset : encoded.offset + len(encoded) + 1
                    ]
                    data.write(memoryview(encoded.buffers()[2] or b"")[offsets[0] : offsets[-1]])
                    docs.append(batch.column("doc").to_numpy())
                    sizes.append(np.diff(offsets))
                    for number, rows in _by_part(_kernels.minimizers(encoded, least * units.width, base)):
                        rows.tofile(files[number])
                    base += int(offsets[-1] - offsets[0])
        finally:
            for file in files:
                file.close()
        buffer = pa.memory_map(str(scratch / "texts.bin")).read_buffer() if base else pa.py_buffer(b"")
        offsets = pa.py_buffer(np.array([0, base], dtype=np.int64))
        data = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, buffer])
        starts = np.concatenate([[0], np.cumsum(np.concatenate(sizes or [np.zeros(0, np.int64)]))])
        return cls(
            units, np.concatenate(docs or [np.zeros(0, np.int64)]), starts.astype(np.int64), data, parts
        )

    def spans_of(self, row: int, texts: pa.Array, copies: pa.Table) -> tuple[pa.LargeListArray, Integers]:
        """Spans of the documents from `row` on, in bytes of their texts; where the longest of each stood first."""
        all_starts, all_stops = copies["start"].to_numpy(), copies["stop"].to_numpy()
        firsts = copies["first"].to_numpy()
        offsets, starts, stops = [0], [], []
        longest = np.zeros(len(texts), dtype=np.int64)
        for place in range(len(texts)):
            low, high = self.starts[row + place : row + place + 2]
            here = slice(*np.searchsorted(all_starts, [low, high]))
            merged = list(_merged(all_starts[here] - low, all_stops[here] - low))
            if merged:
                best = int(np.argmax(all_stops[here] - all_starts[here]))
                origin = int(np.searchsorted(self.starts, firsts[here][best], side="right")) - 1
                longest[place] = self.docs[origin]
                merged = self._in_text(merged, texts[place].as_py())
            starts += [start for start, _ in merged]
            stops += [stop for _, stop in merged]
            offsets.append(len(starts))
        as_array = [np.array(numbers, dtype=np.int64) for numbers in (offsets, starts, stops)]
        return span_column(*as_array), longest

    def _in_text(self, spans: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
        """Spans of a document's units as spans of its text, without characters that are copied in part."""
        begins, ends = self.units.places(text)
        data = text.encode()
        trimmed = []
        for low, high in spans:
            first, after = low // self.units.width, high // self.units.width
            start, stop = int(begins[first]), int(ends[after - 1])
            before = int(ends[first - 1]) if first > 0 else 0
            behind = int(begins[after]) if after < len(begins) else len(data)
            if not self.units.punctuation_counts:
                start -= len(_ATTACHED_BEFORE.search(data[before:start].decode())[0].encode())  # type: ignore[index]
                stop += len(_ATTACHED_BEHIND.match(data[stop:behind].decode())[0].encode())  # type: ignore[index]
            start, stop = max(start, before), min(stop, behind)
            if start < stop:
                trimmed.append((start, stop))
        return trimmed


_ATTACHED_BEFORE, _ATTACHED_BEHIND = re.compile(r"\S*\Z"), re.compile(r"\S*")


def _with_firsts(copies: pa.RecordBatch) -> pa.RecordBatch:
    """Copies and the first occurrences that they are copies of."""
    start, stop, first = (copies.column(name).to_numpy() for name in ("start", "stop", "first"))
    both = (
        np.concatenate([start, first]),
        np.concatenate([stop, first + stop - start]),
        np.concatenate([first, start]),
    )
    return pa.RecordBatch.from_arrays([pa.array(column) for column in both], schema=copies.schema)


def _by_part(stretches: pa.RecordBatch) -> Iterator[tuple[int, npt.NDArray[np.void]]]:
    """Stretches by the top bits of their hash."""
    rows = np.empty(stretches.num_rows, dtype=STRETCH)
    for name in STRETCH.names or ():
        rows[name] = stretches.column(name).to_numpy()
    number = (rows["hash"] >> np.uint64(58)).astype(np.int64)
    order = np.argsort(number, kind="stable")
    edges = np.searchsorted(number[order], np.arange(PARTITIONS + 1))
    for part in range(PARTITIONS):
        if edges[part] < edges[part + 1]:
            yield part, rows[order[edges[part] : edges[part + 1]]]


def _merged(starts: Integers, stops: Integers) -> Iterator[tuple[int, int]]:
    """The union of these ranges."""
    open_: tuple[int, int] | None = None
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if open_ is not None and start <= open_[1]:
            open_ = (open_[0], max(open_[1], stop))
            continue
        if open_ is not None:
            yield open_
        open_ = (start, stop)
    if open_ is not None:
        yield open_
