"""Documents in: files, shards, readers of every format, quarantine, HTML extraction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cupel.corpus.corpus import Corpus

__all__ = ["Corpus"]


def __getattr__(name: str) -> Any:
    # Extraction processes import this package and need nothing of it.
    if name == "Corpus":
        from cupel.corpus.corpus import Corpus

        return Corpus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
