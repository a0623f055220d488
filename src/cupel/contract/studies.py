"""Studies: rounds of trials, and what follows from them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from cupel.contract.finding import Argument, Bench, Finding, FindingMethod
from cupel.contract.subjects import named_pools

__all__ = ["Study"]


class Study(FindingMethod):
    """A method that trains in rounds and draws conclusions.

    Trials are kept in the Store: an interrupted study resumes at the trial it had reached.
    """

    kind = "study"
    heading = "Studies: rounds of trials and what follows from them"
    room = "cupel.mix"
    command = "study"
    argument = Argument("POOL", "Documents to train on: PATH, or NAME=PATH.", "pools")

    @abstractmethod
    def study(self, pools: Mapping[str, str], bench: Bench) -> Finding:
        """The finding about what these pools are worth.

        Parameters
        ----------
        pools
            Paths by name, in the order given.
        """

    def examine(self, words: Sequence[str], bench: Bench) -> Finding:
        """The finding about the pools that the words name."""
        return self.study(named_pools(words, self.name), bench)
