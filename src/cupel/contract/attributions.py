"""Attributions: training documents × queries → what a model learned from what."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from cupel.contract.finding import Argument, Bench, Finding, FindingMethod
from cupel.contract.subjects import trial_folders

__all__ = ["Attribution"]


class Attribution(FindingMethod):
    """A method that attributes what trained models learned to documents.

    Its table `documents` has one row per training document.
    """

    kind = "attribution"
    heading = "Attributions: what a model learned from what"
    room = "cupel.attribution"
    command = "attribute"
    argument = Argument(
        "TRIAL",
        "Folder of a trial, or of an assay: all of its trials, or those of one arm as FOLDER#ARM.",
        "trials",
    )

    @abstractmethod
    def attribute(self, trials: Sequence[Path], bench: Bench) -> Finding:
        """The finding about what these finished trials learned.

        Parameters
        ----------
        trials
            Folders of trials: a checkpoint, `trial.json`, `job.json` and the losses of every visit.
        """

    def examine(self, words: Sequence[str], bench: Bench) -> Finding:
        """The finding about the trials that the words name."""
        folders = dict.fromkeys(folder for word in words for folder in trial_folders(word, self.name))
        return self.attribute(tuple(folders), bench)
