"""Who is told how the lab goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["LabProgress", "Quiet"]


class LabProgress(Protocol):
    """Who wants to be told how an assay, a claim or a set of trials goes on."""

    def note(self, text: str) -> None:
        """One line about what begins."""

    def training(self, trials: int) -> None:
        """So many trials are not cached, and are trained now."""

    def trained(self, told: Mapping[str, Any]) -> None:
        """A trial went on (`trial`, `step`, `steps`, `loss`, `seconds`), is `done`, or met an `error`."""


class Quiet:
    """Tells nobody."""

    def note(self, text: str) -> None:
        pass

    def training(self, trials: int) -> None:
        pass

    def trained(self, told: Mapping[str, Any]) -> None:
        pass
