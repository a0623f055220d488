r"""Conversations as one text, whose turns begin with `\n\nHuman:` and `\n\nAssistant:`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cupel.corpus.layouts.turns import part
from cupel.corpus.parts import Part

__all__ = ["has_marker", "read_transcript", "starts_with_marker", "write_transcript"]

_MARKER = re.compile(r"\n\n(Human|Assistant): ?")
_ROLES = {"Human": "user", "Assistant": "assistant"}
_USUAL = {"user": "\n\nHuman: ", "assistant": "\n\nAssistant: "}


def starts_with_marker(text: str) -> bool:
    """Whether a text begins as a transcript does."""
    return _MARKER.match(text) is not None


def has_marker(text: str) -> bool:
    """Whether a text, written as a turn, would be read as several."""
    return _MARKER.search(text) is not None


def read_transcript(text: str) -> list[Part]:
    r"""The turns of a text that begins with a marker.

    Examples
    --------
    >>> [(turn.role, turn.text) for turn in read_transcript("\n\nHuman: 東京?\n\nAssistant: A city.")]
    [('user', '東京?'), ('assistant', 'A city.')]
    """
    parts = []
    markers = list(_MARKER.finditer(text))
    for marker, following in zip(markers, [*markers[1:], None], strict=True):
        role = _ROLES[marker[1]]
        said = text[marker.end() : following.start() if following else None]
        details = {} if marker[0] == _USUAL[role] else {"marker": marker[0]}
        parts.append(part("text", role, said, details))
    return parts


def write_transcript(parts: Iterable[Part]) -> str:
    """The text that parts came from, or one that says the same."""
    return "".join([part.details.get("marker", _USUAL[str(part.role)]) + (part.text or "") for part in parts])
