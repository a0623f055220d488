"""Held-out documents that stand in the training data: found and left out, for all arms alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from cupel import _kernels
from cupel.contract import Options
from cupel.errors import BadInput
from cupel.findings import Block, Prose, Section, Table
from cupel.lab.data.documents import check_held_out

__all__ = ["Overlap", "OverlapOptions", "OverlapSearch", "find_overlap"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
LENGTHS = 8
"""A training text more than this many times as long as the longest short document is not compared with any as a whole."""


class OverlapOptions(Options):
    """When a held-out document counts as seen in training."""

    ngram: int = Field(
        default=13, ge=2, le=64, description="Words in an n-gram (13: Brown et al. 2020, appendix C)."
    )
    max_share: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="A document is left out from this share of its n-grams on (0.2: what Touvron et al. 2023, "
        "appendix A.6, still call clean).",
    )


@dataclass(frozen=True)
class Overlap:
    """How much of each held-out document stands in each arm.

    Attributes
    ----------
    documents
        The held-out documents, as they were given.
    arms
        Names.
    share
        float64, arms × documents: share of the document's different n-grams that stand in the arm, anywhere.
    max_share
        From which share on a document is left out.
    """

    documents: pa.Table
    arms: tuple[str, ...]
    share: Floats
    max_share: float

    @property
    def seen(self) -> Flags:
        """Arms × documents: whether the document counts as seen."""
        return self.share >= self.max_share

    @property
    def kept(self) -> pa.Table:
        """The documents that no arm has seen: all arms are scored on the same ones."""
        return self.documents.filter(pa.array(~self.seen.any(axis=0)))

    @property
    def counts(self) -> pa.Table:
        """`arm`, `domain`, `documents`, `bytes`, `seen_documents`, `seen_bytes`; arm '' is any arm."""
        sizes = pc.binary_length(self.documents["text"].cast(pa.large_binary())).to_numpy()
        domains = np.array(self.documents["domain"].to_pylist(), object)
        rows = []
        for arm, seen in zip((*self.arms, ""), (*self.seen, self.seen.any(axis=0)), strict=True):
            for domain in dict.fromkeys(domains):
                here = domains == domain
                rows.append(
                    {
                        "arm": arm,
                        "domain": domain,
                        "documents": int(here.sum()),
                        "bytes": int(sizes[here].sum()),
                        "seen_documents": int((here & seen).sum()),
                        "seen_bytes": int(sizes[here & seen].sum()),
                    }
                )
        return pa.Table.from_pylist(rows)

    @property
    def section(self) -> Section:
        """What to show of it."""
        removed = self.documents.num_rows - self.kept.num_rows
        lead = (
            f"{removed:,} of {self.documents.num_rows:,} held-out documents stand in the training data of an arm "
            f"({self.max_share:.0%} of their n-grams or more) and are left out for all arms."
        )
        if not removed:
            lead = "No held-out document stands in the training data of an arm; all are scored."
        rows = tuple(
            (
                row["arm"] or "any arm",
                row["domain"],
                row["documents"],
                row["seen_documents"],
                row["seen_bytes"],
            )
            for row in self.counts.to_pylist()
            if row["seen_documents"]
        )
        blocks: tuple[Block, ...] = (Prose(text=lead),)
        if rows:
            table = Table(
                columns=("arm", "domain", "held-out documents", "seen", "seen bytes"),
                rows=rows,
                formats=("text", "text", "count", "count", "bytes"),
            )
            blocks = (table,)
        return Section(title="Held-out text that was trained on", lead=lead, blocks=blocks)


class OverlapSearch:
    """Looks for held-out documents in training text that streams by, arm by arm.

    A document's share in an arm is that of its different n-grams of words (lower case, without accents and
    punctuation, numbers kept apart) that stand in any of the arm's documents. Verbatim copies, copies inside of
    longer documents and edited copies are found, also where several documents hold a part each; with one word
    in w changed, (1 − 1/w)ⁿ of the n-grams are left, so that the defaults find copies with up to about
    one word in nine changed. Paraphrases and translations are not. A document of fewer than n words has
    no n-gram: it is seen where an arm has a document of the same words that is at most `LENGTHS` times as long as the
    longest such document, spaces and punctuation included. A text without words is never seen.

    Held in memory: the held-out documents, their n-grams, and one bit per n-gram and arm.

    Parameters
    ----------
    documents
        Columns `id`, `text`, `domain`.

    Raises
    ------
    BadInput
        A column is missing.

    Examples
    --------
    >>> text = "How many legs have seven spiders and a beetle together on a summer evening?"
    >>> held_out = pa.table({"id": ["a"], "text": [text], "domain": ["riddles"]})
    >>> search = OverlapSearch(held_out)
    >>> search.add("raw", pa.array([f"I ask you: {text} Sixty-two."]))
    >>> search.result().share.tolist()
    [[1.0]]
    """

    def __init__(self, documents: pa.Table, options: OverlapOptions = OverlapOptions()) -> None:
        check_held_out(documents)
        self._documents, self._options = documents, options
        text = _one_array(documents["text"])
        nothing = pa.nulls(len(text), pa.large_string())
        # No n-gram counts as template: what is in many held-out documents is as much seen as any other.
        self._index = _kernels.Evaluation(
            text, nothing, nothing, nothing, ngram=options.ngram, max_items=len(text) + 1
        )
        own = self._index.hits(text)
        self._owner = np.repeat(np.arange(len(text)), pc.list_value_length(own).to_numpy())
        self._ngrams, self._place = np.unique(own.flatten().to_numpy(), return_inverse=True)
        # Only documents without an n-gram are looked for as a whole, and only among texts of about their length:
        # hashing all training text would take most of the time.
        # Texts without a word are all alike, and none of them says anything that could have been seen.
        self._short = np.setdiff1d(np.arange(len(text)), self._owner)
        hashes = _hashes(text.take(pa.array(self._short)))
        worded = hashes != _hashes(pa.array([""], pa.large_string()))[0]
        self._short = self._short[worded]
        self._whole, self._whole_place = np.unique(hashes[worded], return_inverse=True)
        lengths = pc.binary_length(text.take(pa.array(self._short)))
        self._whole_bytes = LENGTHS * (pc.max(lengths).as_py() or 0)
        self._found: dict[str, tuple[Flags, Flags]] = {}

    def add(self, arm: str, text: pa.Array) -> None:
        """Training documents of an arm: a batch of texts."""
        text = _one_array(text)
        ngrams, whole = self._found.setdefault(
            arm, (np.zeros(len(self._ngrams), bool), np.zeros(len(self._whole), bool))
        )
        hits = self._index.hits(text).flatten().to_numpy()
        ngrams[np.searchsorted(self._ngrams, hits)] = True
        if len(self._whole):
            whole |= np.isin(
                self._whole, _hashes(text.filter(pc.less_equal(pc.binary_length(text), self._whole_bytes)))
            )

    def result(self) -> Overlap:
        """The shares of all arms added so far."""
        count = self._documents.num_rows
        totals = np.bincount(self._owner, minlength=count)
        share = np.zeros((len(self._found), count))
        for line, (ngrams, whole) in enumerate(self._found.values()):
            seen = np.bincount(self._owner, weights=ngrams[self._place], minlength=count)
            share[line] = seen / np.maximum(totals, 1)
            share[line, self._short] = whole[self._whole_place]
        return Overlap(self._documents, tuple(self._found), share, self._options.max_share)


def find_overlap(
    documents: pa.Table,
    arms: Mapping[str, Iterable[pa.RecordBatch]],
    options: OverlapOptions = OverlapOptions(),
) -> Overlap:
    """How much of each held-out document stands in each arm, whose batches (`text`) stream once.

    Raises
    ------
    BadInput
        The held-out documents or a batch lack a column.
    """
    search = OverlapSearch(documents, options)
    for arm, batches in arms.items():
        search.add(arm, pa.array([], pa.large_string()))
        for batch in batches:
            if "text" not in batch.schema.names:
                raise BadInput(f"arm '{arm}': no column 'text'; there are: {', '.join(batch.schema.names)}")
            search.add(arm, batch.column("text"))
    return search.result()


def _hashes(text: pa.Array) -> NDArray[np.bytes_]:
    """16 bytes per text, of its words alone."""
    hashes = _kernels.normalized_hash(pc.fill_null(text, ""), lowercase=True, strip_punctuation=True)
    return np.frombuffer(hashes.buffers()[1], "S16", count=len(hashes), offset=16 * hashes.offset)


def _one_array(text: pa.Array | pa.ChunkedArray) -> pa.Array:
    whole = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    return whole.cast(pa.large_string())
