"""The taxonomy of methods: what they look at, how they choose, and for which stage of training.

"A Survey on Data Selection for Language Models" (Albalak et al. 2024, section 2) describes every method of data
selection as a utility function, which gives each data point a value, and a selection mechanism, which turns values into
a training set. Its section 2.3 adds what a method aims at (to match a distribution, or to diversify), what it alters (the
dataset, or single data points), what it gives out (in or out, or how often), and the stage of training.

A method names the first two and its stages. The other dimensions follow from these three, by the tables here, which are
the only vocabulary: a class that names anything else is refused when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cupel.contract.paper import Paper
from cupel.errors import UnknownName

__all__ = [
    "MECHANISMS",
    "STAGES",
    "TAXONOMY",
    "TRAINING",
    "UTILITIES",
    "Mechanism",
    "Stage",
    "Utility",
    "check_taxonomy",
]

TAXONOMY = Paper(
    title="A Survey on Data Selection for Language Models",
    authors="Albalak et al.",
    year=2024,
    url="https://arxiv.org/abs/2402.16827",
    section="2 to 7",
)
"""The survey."""


class Utility(NamedTuple):
    """What a method looks at.

    Attributes
    ----------
    meaning
        In a few words.
    section
        Section of the survey.
    aim
        `match` a distribution, `diversify`, or `either` (2.3).
    """

    meaning: str
    section: str
    aim: str


class Mechanism(NamedTuple):
    """How a method uses the utility.

    Attributes
    ----------
    meaning
        In a few words.
    alters
        The `dataset`, single `documents`, or `nothing` (2.3).
    output
        What is decided for each document: `in or out`, `how often`, its `text`, or `a value` for others to decide on.
    """

    meaning: str
    alters: str
    output: str


class Stage(NamedTuple):
    """A stage of training: what it is, and the section of the survey."""

    meaning: str
    section: str


UTILITIES: Mapping[str, Utility] = {
    "language": Utility("the language of a document", "3.1", "match"),
    "heuristics": Utility(
        "marks of bad text that can be counted: length, symbols, repetition", "3.2", "match"
    ),
    "quality": Utility("likeness to good text, by a classifier or a model", "3.3", "match"),
    "domain": Utility("likeness to a target domain or task", "3.4", "match"),
    "deduplication": Utility("whether the same text is there already", "3.5", "diversify"),
    "toxicity": Utility("toxic, explicit or personal content", "3.6", "match"),
    "multilinguality": Utility("the balance of languages", "3.7", "either"),
    "mixing": Utility("the shares of sources", "3.8", "either"),
    "diversity": Utility("what a document adds to those that were chosen", "4, 6 and 7", "diversify"),
    "influence": Utility("what training on a document does to a model", "4 and 7", "match"),
    "any": Utility("whatever signal or field the recipe names", "2", "either"),
}
"""Utility functions, in the survey's order. The last is ours: it leaves the choice to the recipe."""

MECHANISMS: Mapping[str, Mechanism] = {
    "measure": Mechanism(
        "gives each document a value, for a rule or a selector to decide on", "nothing", "a value"
    ),
    "threshold": Mechanism("keeps the documents whose value meets a condition", "dataset", "in or out"),
    "rank": Mechanism("keeps the documents that come first", "dataset", "in or out"),
    "sample": Mechanism("draws documents, the likelier the higher their value", "dataset", "in or out"),
    "cover": Mechanism("keeps documents that together cover the corpus", "dataset", "in or out"),
    "cluster": Mechanism("keeps one document of each cluster", "dataset", "in or out"),
    "weigh": Mechanism("sets how much a document counts", "dataset", "how often"),
    "mix": Mechanism("sets the share of each source", "dataset", "how often"),
    "edit": Mechanism("changes the text of a document, or cuts parts out of it", "documents", "its text"),
    "write": Mechanism("writes new documents from old ones", "documents", "its text"),
}
"""Selection mechanisms."""

STAGES: Mapping[str, Stage] = {
    "pretraining": Stage("from random weights, and continued pretraining", "3"),
    "instruction tuning": Stage("on instructions and their answers, and on many tasks at once", "4"),
    "alignment": Stage("on preferences", "5"),
    "in-context learning": Stage("examples in the prompt", "6"),
    "task-specific fine-tuning": Stage("on the examples of a single task", "7"),
}
"""Stages of training, in the survey's order."""

TRAINING = tuple(name for name in STAGES if name != "in-context learning")
"""The stages that train on documents: for a method to which it is all the same which."""


def check_taxonomy(
    owner: str, utility: str | None, mechanism: str | None, stages: tuple[str, ...], *, whole: bool = False
) -> None:
    """Check that a class names only what the taxonomy has.

    Parameters
    ----------
    owner
        The class, for messages.
    whole
        Also that it names all three, or none.

    Raises
    ------
    TypeError
        It does not; the message suggests the nearest name.

    Examples
    --------
    >>> check_taxonomy("Café", "qualty", "measure", ("pretraining",))
    Traceback (most recent call last):
      ...
    TypeError: Café: no utility is called 'qualty'; did you mean 'quality'?
    """
    if not isinstance(stages, tuple):
        raise TypeError(f"{owner}: stages is {stages!r}; expected a tuple, such as ('pretraining',)")
    named = [("utility", utility, UTILITIES), ("mechanism", mechanism, MECHANISMS)]
    for kind, name, known in [*named, *(("stage", stage, STAGES) for stage in stages)]:
        if name is not None and name not in known:
            raise TypeError(str(UnknownName(kind, str(name), known, where=owner)))
    if whole and len({utility is None, mechanism is None, not stages}) > 1:
        raise TypeError(
            f"{owner}: utility is {utility!r}, mechanism {mechanism!r}, stages {stages!r}; expected all three, or none of "
            "them for a method that chooses no data"
        )
