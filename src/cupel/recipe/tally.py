"""Counts of a run: kept per shard as JSON, added up over shards, read by the report."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cupel.corpus.fields import FieldCounts
from cupel.models.budget import Usage

__all__ = ["Drop", "SampleRow", "Tally"]

SAMPLES_PER_REASON = 3
MAX_SOURCES = 1000
MAX_LABELS = 1000


@dataclass
class Drop:
    """What one step, for one reason, dropped."""

    documents: int = 0
    bytes: int = 0


@dataclass(frozen=True, order=True)
class SampleRow:
    """One document shown in the report; `order` is a hash, so the choice is random yet repeatable."""

    order: int
    doc: int
    id: str
    source: str
    note: str
    text: str


@dataclass
class Tally:
    """What happened to the documents of one shard in one pass, or of all shards."""

    documents_in: int = 0
    bytes_in: int = 0
    documents_out: int = 0
    bytes_out: int = 0
    text_bytes_out: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, dict[str, Drop]] = field(default_factory=dict)
    """step → reason → documents and bytes."""
    seconds: dict[str, float] = field(default_factory=dict)
    """CPU seconds by step; also `read`, `extract`, `measure`, `write`."""
    edited: dict[str, int] = field(default_factory=dict)
    edited_bytes: dict[str, int] = field(default_factory=dict)
    """Bytes that each edit took away (negative: added)."""
    counts: dict[str, int] = field(default_factory=dict)
    """Sums of the integer columns that edits count: masked addresses, removed lines."""
    entered: dict[str, int] = field(default_factory=dict)
    """group → documents for which its rules were decided."""
    alone: dict[str, dict[str, int]] = field(default_factory=dict)
    """step → rule → documents that the rule, asked alone, would drop."""
    only: dict[str, dict[str, int]] = field(default_factory=dict)
    """step → rule → documents that no other rule of the group would drop."""
    labels: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """label column → label → [documents measured, documents still there at the end of the pass]."""
    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    """source → {in, out, and documents dropped by step}."""
    samples: dict[str, list[SampleRow]] = field(default_factory=dict)
    """`step: reason` or `kept` → a few documents."""
    asked: dict[str, Usage] = field(default_factory=dict)
    """signal → what it asked a model."""
    born: int = 0
    """Documents that a generator wrote."""
    bytes_born: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """reason → documents that it was supposed to write but did not."""
    with_parts: int = 0
    """Documents of several parts that the first pass kept, and new ones."""
    content_hash: str = "0" * 32
    fields: FieldCounts = field(default_factory=FieldCounts)
    """What the fields of the documents that the first pass kept hold."""

    def drop(self, step: str, reason: str, documents: int, size: int) -> None:
        entry = self.dropped.setdefault(step, {}).setdefault(reason, Drop())
        entry.documents += documents
        entry.bytes += size

    def spend(self, step: str, seconds: float) -> None:
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds

    def count_usage(self, signal: str, usage: Usage) -> None:
        self.asked[signal] = self.asked.get(signal, Usage()) + usage

    def count_source(self, source: str, what: str, documents: int) -> None:
        if source not in self.sources and len(self.sources) >= MAX_SOURCES:
            source = "(other sources)"
        entry = self.sources.setdefault(source, {})
        entry[what] = entry.get(what, 0) + documents

    def count_label(self, column: str, label: str, measured: int, left: int) -> None:
        labels = self.labels.setdefault(column, {})
        if label not in labels and len(labels) >= MAX_LABELS:
            label = "(others)"
        counts = labels.setdefault(label, [0, 0])
        counts[0] += measured
        counts[1] += left

    def sample(self, heading: str, rows: Iterable[SampleRow]) -> None:
        """Keep the rows of lowest `order` under this heading."""
        kept = self.samples.get(heading, []) + list(rows)
        self.samples[heading] = heapq.nsmallest(SAMPLES_PER_REASON, kept)

    @property
    def documents_dropped(self) -> int:
        return sum(drop.documents for reasons in self.dropped.values() for drop in reasons.values())

    @property
    def documents_generated(self) -> int:
        return self.born + sum(self.refused.values())

    @property
    def documents_unread(self) -> int:
        return sum(self.quarantined.values())

    @property
    def documents_quarantined(self) -> int:
        """Unreadable input, and model answers that are not documents."""
        return self.documents_unread + sum(self.refused.values())

    def merge(self, other: Tally) -> None:
        """Add `other` to this. `documents_out`, `bytes_out` and hashes belong to a pass: they add too."""
        from cupel import _kernels

        for name in (
            *("documents_in", "bytes_in", "documents_out", "bytes_out", "text_bytes_out"),
            *("born", "bytes_born", "with_parts"),
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in (
            "quarantined",
            "refused",
            "skipped",
            "seconds",
            "edited",
            "edited_bytes",
            "counts",
            "entered",
        ):
            _add(getattr(self, name), getattr(other, name))
        for name in ("alone", "only"):
            for step, rules in getattr(other, name).items():
                _add(getattr(self, name).setdefault(step, {}), rules)
        for step, reasons in other.dropped.items():
            for reason, drop in reasons.items():
                self.drop(step, reason, drop.documents, drop.bytes)
        for column, labels in other.labels.items():
            for label, (measured, left) in labels.items():
                self.count_label(column, label, measured, left)
        for source, counts in other.sources.items():
            for what, documents in counts.items():
                self.count_source(source, what, documents)
        for heading, rows in other.samples.items():
            self.sample(heading, rows)
        for signal, usage in other.asked.items():
            self.count_usage(signal, usage)
        self.fields.merge(other.fields)
        added = _kernels.add_hashes(bytes.fromhex(self.content_hash), bytes.fromhex(other.content_hash))
        self.content_hash = added.hex()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Tally:
        dropped = {s: {r: Drop(**d) for r, d in reasons.items()} for s, reasons in record["dropped"].items()}
        samples = {h: [SampleRow(**row) for row in rows] for h, rows in record["samples"].items()}
        fields = FieldCounts.from_json(record["fields"])
        asked = {signal: Usage(**usage) for signal, usage in record["asked"].items()}
        return cls(**{**record, "dropped": dropped, "samples": samples, "asked": asked, "fields": fields})


def _add(mine: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        mine[key] = mine.get(key, 0) + value
