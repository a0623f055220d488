"""The quarantine, as JSON lines: unreadable input, and model answers that are not documents."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from cupel.corpus.records import Quarantined
from cupel.recipe.outcome import Refused

__all__ = ["quarantined_lines", "refused_lines"]


def quarantined_lines(entries: Sequence[Quarantined]) -> list[bytes]:
    """What could not be read: file, place, what is wrong, and the beginning of it."""
    return [
        orjson.dumps(
            {
                "path": entry.path,
                entry.unit: entry.position,
                "reason": entry.reason,
                "detail": entry.detail,
                "excerpt": entry.excerpt,
            }
        )
        for entry in entries
    ]


def refused_lines(entries: Sequence[Refused]) -> list[bytes]:
    """What a model said that is no document: whom it was to be written from, what is wrong, and the whole answer."""
    return [
        orjson.dumps(
            {
                "path": entry.path,
                "document": entry.id,
                "reason": entry.refusal.reason,
                "detail": entry.refusal.detail,
                "answer": entry.refusal.answer.encode("utf-8", "backslashreplace").decode(),
            }
        )
        for entry in entries
    ]
