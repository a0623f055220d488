"""What a claim is, what it is carried out with, and what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from cupel.contract import Paper, TrialProgress
from cupel.errors import BadInput, BadOption
from cupel.findings import Section
from cupel.lab.lab import Lab
from cupel.lab.progress import Quiet
from cupel.lab.scale import Scale
from cupel.reproduction.pool import read_pool
from cupel.store import Store

__all__ = ["Claim", "Context", "Cost", "Outcome"]


@dataclass(frozen=True)
class Cost:
    """What a claim takes: trials, and minutes of each on one core of a laptop, two cores at work."""

    trials: int
    trial_minutes: float

    def __str__(self) -> str:
        return f"{self.trials} trials × {self.trial_minutes:g} minutes, two at a time"


@dataclass(frozen=True)
class Claim:
    """A statement that a paper makes, and how it is put to the test here.

    A claim is one Python file with `claim = Claim(…)` and a function `run(context: Context) -> Outcome`;
    the file's name is the claim's.

    Attributes
    ----------
    title
        A few words.
    paper
        With the section that the statement stands in.
    statement
        What the paper says, in one sentence.
    arms
        What is trained here: name → what it is.
    metric
        What is measured of each trial.
    expected
        Which way the difference goes if the claim holds.
    rule
        When it holds, when it does not, and that it is undecided otherwise. `run` checks it.
    scale
        The scale that it is meant for.
    seeds
        Trials of each arm.
    cost
        Of all of it.
    data
        Files of the pool that it reads, without `.jsonl.zst`.
    """

    title: str
    paper: Paper
    statement: str
    arms: Mapping[str, str]
    metric: str
    expected: str
    rule: str
    cost: Cost
    data: tuple[str, ...]
    scale: str = "nano"
    seeds: int = 3


@dataclass(frozen=True)
class Outcome:
    """What came out of a claim.

    Attributes
    ----------
    passed
        True: it holds here; False: it does not; None: undecided.
    verdict
        One sentence with the figures that decide.
    effect, unit
        The figure that the rule looks at, and what it is.
    interval
        Its 95 % interval; None where it cannot be told.
    reason
        Why it does not hold, if known.
    sections
        Tables and figures.
    """

    passed: bool | None
    verdict: str
    effect: float
    unit: str
    interval: tuple[float, float] | None = None
    reason: str = ""
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a claim is carried out with.

    Attributes
    ----------
    data
        Folder of the real data, with `pool/NAME.jsonl.zst`; None where there is none.
    cache
        Where refined pools, tokens and trials are kept.
    scale
        The scale of all trials.
    seeds
        Those of each arm.
    device, workers
        `auto`, `cpu` or `cuda`; trials at a time.
    progress
        Who is told.
    """

    cache: Store
    scale: Scale
    seeds: tuple[int, ...]
    data: Path | None = None
    device: str = "auto"
    workers: int | None = None
    progress: TrialProgress = field(default_factory=Quiet)

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise BadOption(f"seeds are {list(self.seeds)}: expected one or more, different, from 0")

    def pool(self, names: Sequence[str]) -> pa.Table:
        """The documents of these files of the pool: `id`, `text`, `domain` (the file's name), `weight`.

        Raises
        ------
        BadInput
            The data are not there.
        """
        if self.data is None:
            raise BadInput(
                f"this claim reads pool/{names[0]}.jsonl.zst of the real data, and there are no data; "
                "name their folder with --data, or put it beside the project as ../shared/data"
            )
        return read_pool(self.data, names)

    def lab(self, texts: Iterable[str], changes: Mapping[str, Any] | None = None) -> Lab:
        """A bench at the scale, with `changes` to it by dotted name, and a tokenizer trained on `texts`."""
        return Lab.make(
            texts,
            scale=self.scale.changed(changes or {}),
            cache=self.cache,
            device=self.device,
            workers=self.workers,
        )
