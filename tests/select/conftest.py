"""A corpus in memory, as for deduplications."""

from __future__ import annotations

from tests.deduplication.conftest import resolve

__all__ = ["resolve"]
