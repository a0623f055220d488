"""Audits: findings about a model or a corpus."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from cupel.contract.finding import Argument, Bench, Finding, FindingMethod

__all__ = ["Audit"]


class Audit(FindingMethod):
    """A method that finds something about models or corpora: memorized, leaked, contaminated, copied, derived."""

    kind = "audit"
    heading = "Audits: what a model or a corpus gives away"
    room = "cupel.auditing"
    command = "audit"
    argument = Argument(
        "MODEL",
        "Reference of a model: trial:FOLDER, a folder, hf:org/name, …",
        "models",
    )

    @abstractmethod
    def audit(self, models: Sequence[str], bench: Bench) -> Finding:
        """The finding about these models.

        Parameters
        ----------
        models
            References, as `cupel.models.reference` reads them.
        """

    def examine(self, words: Sequence[str], bench: Bench) -> Finding:
        """The finding about the models that the words name."""
        return self.audit(tuple(words), bench)
