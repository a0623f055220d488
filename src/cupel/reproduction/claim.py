"""A claim, its inputs, and its outcome."""

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
from cupel.reproduction.pool import read_pool, read_rows
from cupel.store import Store

__all__ = ["Claim", "Context", "ClaimCost", "ClaimOutcome"]


@dataclass(frozen=True)
class ClaimCost:
    """The cost of a claim: trials, and minutes per trial on one laptop core, with two cores in use."""

    trials: int
    trial_minutes: float

    def __str__(self) -> str:
        return f"{self.trials} trials × {self.trial_minutes:g} minutes, two at a time"


@dataclass(frozen=True)
class Claim:
    """A statement from a paper, and how it is tested here.

    A claim is one Python file with `claim = Claim(…)` and a function `run(context: Context) -> ClaimOutcome`;
    the file's name is the claim's.

    Attributes
    ----------
    title
        A few words.
    paper
        Including the section that contains the statement.
    statement
        What the paper says, in one sentence.
    arms
        What is trained here: name → description.
    metric
        What is measured of each trial.
    expected
        The direction of the difference if the claim holds.
    rule
        When it holds, when it does not, and that it is undecided otherwise. `run` checks it.
    scale
        The default scale.
    seeds
        Trials per arm.
    cost
        Total cost.
    data
        Files that it reads, without `.jsonl.zst`: of the pool, or with the name of their folder.
    """

    title: str
    paper: Paper
    statement: str
    arms: Mapping[str, str]
    metric: str
    expected: str
    rule: str
    cost: ClaimCost
    data: tuple[str, ...]
    scale: str = "nano"
    seeds: int = 3


@dataclass(frozen=True)
class ClaimOutcome:
    """The outcome of a claim.

    Attributes
    ----------
    passed
        True: it holds here; False: it does not; None: undecided.
    verdict
        One sentence with the deciding figures.
    effect, unit
        The figure that the rule tests, and its unit.
    interval
        Its 95 % interval; None if it cannot be computed.
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
    """The inputs of a claim.

    Attributes
    ----------
    data
        Folder of the real data, with `pool/NAME.jsonl.zst`; None if there is none.
    cache
        Where refined pools, tokens and trials are kept.
    scale
        The scale of all trials.
    seeds
        The seeds of each arm.
    device, workers
        `auto`, `cpu` or `cuda`; trials at a time.
    progress
        Receives progress.
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
        return read_pool(self._data(f"pool/{names[0]}"), names)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of another file of the data: `FOLDER/NAME`, without `.jsonl.zst`, or with its own ending.

        Raises
        ------
        BadInput
            The data are not there.
        """
        return read_rows(self._data(name), name)

    def _data(self, name: str) -> Path:
        if self.data is None:
            raise BadInput(
                f"this claim reads {name}.jsonl.zst of the real data, and there are no data; "
                "name their folder with --data, or put it beside the project as ../shared/data"
            )
        return self.data

    def lab(self, texts: Iterable[str], changes: Mapping[str, Any] | None = None) -> Lab:
        """A bench at the scale, with `changes` to it by dotted name, and a tokenizer trained on `texts`."""
        return Lab.make(
            texts,
            scale=self.scale.changed(changes or {}),
            cache=self.cache,
            device=self.device,
            workers=self.workers,
        )
