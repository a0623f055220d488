"""What can be chosen of an assay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cupel.engine import Engine
from cupel.errors import BadOption
from cupel.lab.evaluations.evaluation import Evaluation

__all__ = ["AssayOptions"]


@dataclass(frozen=True)
class AssayOptions:
    """How an assay is made.

    Attributes
    ----------
    seeds
        Trials of each arm; or the seeds themselves.
    base
        At a scale that starts from a model: the folder of a finished trial, or an arm to train one on. By default it
        is trained on the text of all arms, in equal parts.
    baseline
        The arm that the others are compared with; the first by default.
    held_out
        Text that arms are scored on, by its field `domain`, else its source. By default as much is held
        out of each arm, and each arm is at home on its own.
    tasks
        Names of lm-evaluation-harness, its YAML files, or files of questions.
    run_task_functions
        Run the Python functions that YAML files of `tasks` name (`!function`); refused by default.
    evaluations
        Further ones.
    curve
        Score held-out text after each of this many equal parts of training, and not only at the end. Each part but the
        last costs a checkpoint and one more scoring per trial.
    tokenizer
        A `tokenizer.json`; by default one is trained on a sample of the baseline.
    device, workers
        `auto`, `cpu` or `cuda`; trials at a time.
    engine
        `Engine("ray")` trains on a cluster, whose nodes share the disk of the cache; by default on this machine.
    price, currency
        Of one hour of the machine.
    cache
        Where tokenizers, tokens and trials are kept.
    """

    seeds: int | Sequence[int] = 3
    base: str | None = None
    baseline: str | None = None
    held_out: Sequence[str] = ()
    tasks: Sequence[str] = ()
    run_task_functions: bool = False
    evaluations: Sequence[Evaluation] = ()
    curve: int = 1
    tokenizer: str | Path | None = None
    device: str = "auto"
    workers: int | None = None
    engine: Engine | None = None
    price: float | None = None
    currency: str = "USD"
    cache: str | Path | None = None

    def __post_init__(self) -> None:
        if self.curve < 1:
            raise BadOption(f"curve is {self.curve}: expected 1 part or more")

    def checkpoints(self, steps: int) -> tuple[int, ...]:
        """The steps of a trial of `steps` after which held-out text is scored, besides the last.

        >>> AssayOptions(curve=4).checkpoints(10), AssayOptions().checkpoints(10)
        ((2, 5, 7), ())
        """
        parts = {steps * part // self.curve for part in range(1, self.curve)}
        return tuple(sorted(parts - {0, steps}))

    @cached_property
    def each_seed(self) -> tuple[int, ...]:
        """The seeds.

        Raises
        ------
        BadOption
            None, or one twice.
        """
        seeds = tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)
        if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise BadOption(
                f"seeds is {self.seeds!r}: expected a number of 1 or more, or different seeds from 0"
            )
        return seeds
