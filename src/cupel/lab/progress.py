"""Progress that is not reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Quiet"]


class Quiet:
    """Reports nothing."""

    def note(self, text: str) -> None:
        pass

    def training(self, trials: int) -> None:
        pass

    def trained(self, event: Mapping[str, Any]) -> None:
        pass
