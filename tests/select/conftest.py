"""A corpus in memory, as for deduplications."""

from __future__ import annotations

from tests.dedup.conftest import resolve

__all__ = ["resolve"]
