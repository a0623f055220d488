"""Progress of the lab that nobody is told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Quiet"]


class Quiet:
    """Tells nobody."""

    def note(self, text: str) -> None:
        pass

    def training(self, trials: int) -> None:
        pass

    def trained(self, event: Mapping[str, Any]) -> None:
        pass
