"""Who is told of the progress of the lab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["LabProgress", "Quiet"]


class LabProgress(Protocol):
    """Who wants to be told of the progress of an assay, a claim or a set of trials."""

    def note(self, text: str) -> None:
        """One line about what begins."""

    def training(self, trials: int) -> None:
        """So many trials are not cached, and are trained now."""

    def trained(self, event: Mapping[str, Any]) -> None:
        """A trial made a step (`trial`, `step`, `steps`, `loss`, `seconds`), is `done`, or met an `error`."""


class Quiet:
    """Tells nobody."""

    def note(self, text: str) -> None:
        pass

    def training(self, trials: int) -> None:
        pass

    def trained(self, event: Mapping[str, Any]) -> None:
        pass
