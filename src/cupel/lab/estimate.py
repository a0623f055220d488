"""What an assay will take: trials, tokens and passes, disk, memory, and minutes after a timed warm-up."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cupel.lab.evaluations.evaluation import Evaluation
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.trainers import idle_memory
from cupel.lab.training.job import TrainJob
from cupel.lab.training.order import VISIT, epochs
from cupel.lab.training.records import CURVE, VISIT_LIKELY, VISIT_LOSS
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import Trial, is_trained, train_aside
from cupel.units import write_bytes, write_count, write_seconds

__all__ = ["CostEstimate", "Workload", "estimate", "workload", "write_minutes"]

WARM_UP_SECONDS = 10.0
"""About as long as the timed steps take, on a machine of `NOMINAL_SPEED`."""
NOMINAL_SPEED = {"cpu": 2e10, "cuda": 5e13}
"""Operations a second that decide how many steps are timed, and nothing else."""
WARM_UP_STEPS = 20
FLOAT_BYTES = 4
OPTIMIZER_COPIES = 3
"""A checkpoint holds the weights and AdamW's two moments."""


@dataclass(frozen=True)
class Workload:
    """What there is to train and to score.

    Attributes
    ----------
    trials
        All of them, the base included.
    jobs
        Those that are not in the cache.
    steps
        Of the trials that are not in the cache.
    epochs
        How often a trial sees each arm.
    scored
        Models to be scored, at most: trials, and their checkpoints on the way.
    disk_bytes
        That finished trials and checkpoints on the way will take.
    """

    trials: int
    jobs: Sequence[TrainJob]
    steps: int
    epochs: Mapping[str, float]
    scored: int
    disk_bytes: int

    @property
    def cached(self) -> int:
        """Trials that are there already."""
        return self.trials - len(self.jobs)

    def line(self, workers: int) -> str:
        """One line for people: how much there is to do."""
        if not self.jobs:
            return f"nothing to train: all {self.trials} trials are in the cache"
        tokens = sum(job.steps * job.step_tokens for job in self.jobs)
        cached = f" ({self.cached} more in the cache)" if self.cached else ""
        return (
            f"{len(self.jobs)} trials to train{cached}: {self.steps:,} steps, {write_count(tokens)} tokens, "
            f"{min(workers, len(self.jobs))} at a time, {write_bytes(self.disk_bytes)} of disk"
        )


@dataclass(frozen=True)
class CostEstimate:
    """How long a workload takes on this machine, as its first steps say.

    Attributes
    ----------
    timed_steps
        How many were timed, in each of the processes that train side by side.
    start_seconds
        Until a process has loaded and compiled what it trains with; once for each.
    step_seconds
        One step, with as many trials at a time as the assay trains.
    score_seconds
        Held-out text, once per model; tasks are not part of it.
    memory_bytes
        At most held by all training processes together; None where the system does not say.
    seconds
        All of it.
    """

    timed_steps: int
    start_seconds: float
    step_seconds: float
    score_seconds: float
    memory_bytes: int | None
    seconds: float

    def facts(self) -> list[tuple[str, str]]:
        """As named values."""
        memory = (
            "unknown" if self.memory_bytes is None else f"{write_bytes(self.memory_bytes)} while training"
        )
        return [
            (
                "time",
                f"about {write_minutes(self.seconds)}, extrapolated from {self.timed_steps} steps timed on this machine "
                f"({write_seconds(self.step_seconds)} each)",
            ),
            ("memory", memory),
        ]


def workload(lab: Lab, plans: Sequence[TrialPlan], base: tuple[Lab, TrialPlan] | None) -> Workload:
    """What of these trials is not in the cache.

    Trials that start from a base that is not trained yet are not trained either.

    Raises
    ------
    BadInput
        An arm that does not fill one batch.
    """
    jobs: list[TrainJob] = []
    if base is not None:
        bench, plan = base
        (job,) = bench.jobs([plan])
        if not is_trained(job):
            jobs.append(job)
        else:
            plans = [replace(other, initial=Path(job.output) / "model.safetensors") for other in plans]
    planned = lab.jobs(plans)
    waiting = bool(jobs)
    jobs += [job for job in planned if waiting or not is_trained(job)]
    seen = {
        plan.name: epochs(plan.store, job.steps * job.step_tokens)
        for plan, job in zip(plans, planned, strict=True)
    }
    stores = {job.tokens: plan.store for plan, job in zip(plans, planned, strict=True)}
    if base is not None:
        stores[str(base[1].store.folder)] = base[1].store
    disk = sum(_finished_bytes(job, _mean_tokens(stores[job.tokens])) for job in jobs)
    disk += sum(OPTIMIZER_COPIES * _weights_bytes(job) * len(job.missing) for job in jobs)
    if jobs:
        disk += OPTIMIZER_COPIES * max(map(_weights_bytes, jobs)) * min(lab.on.workers, len(jobs))
    return Workload(
        trials=len(planned) + (base is not None),
        jobs=jobs,
        steps=sum(job.steps for job in jobs),
        epochs=seen,
        scored=sum(1 + len(plan.checkpoints) for plan in plans),
        disk_bytes=disk,
    )


def estimate(lab: Lab, work: Workload, evaluation: Evaluation) -> CostEstimate | None:
    """Time a few real steps, with as many processes as the assay trains with; nothing of them is kept.

    None where there is nothing to train, and on a cluster, whose nodes this machine cannot time.

    Raises
    ------
    RunFailed
        A trial that cannot even begin.
    """
    if not work.jobs or lab.on.cluster:
        return None
    # The last is one of the arms', not the base.
    job = work.jobs[-1]
    at_once = min(lab.on.workers, len(work.jobs))
    flops = job.step_tokens * job.model.flops_per_token(job.vocabulary)
    steps = int(WARM_UP_SECONDS * NOMINAL_SPEED[job.device] / flops)
    steps = max(1, min(WARM_UP_STEPS, steps, job.steps))
    with tempfile.TemporaryDirectory(prefix="cupel-warm-up-") as folder:

        def warm_up(name: str, count: int) -> list[Path]:
            outputs = [Path(folder) / f"{name}-{place}" for place in range(at_once)]
            # The base's weights need not be there: what a step takes does not depend on them.
            train_aside(
                [replace(job, output=str(o), steps=count, keep=(), initial="", start="") for o in outputs],
                lab.on,
            )
            return outputs

        began = time.monotonic()
        first = warm_up("first", 1)
        start = time.monotonic() - began
        began = time.monotonic()
        timed = warm_up("timed", steps)
        # Also what a trial takes besides its steps: an order of documents, a checkpoint at the end.
        whole = time.monotonic() - began
        trained = max(json.loads((output / "trial.json").read_text())["seconds"] for output in timed)
        step = trained / steps
        memory = idle_memory()
        began = time.monotonic()
        lab.score(Trial("warm-up", 0, first[0], {}, False), [evaluation])
        score = time.monotonic() - began
    beside = max(whole - trained, 0.0)
    rounds = math.ceil(len(work.jobs) / at_once) / len(work.jobs)
    seconds = start + rounds * (work.steps * step + len(work.jobs) * beside) + work.scored * score
    return CostEstimate(steps, start, step, score, memory, seconds)


def write_minutes(seconds: float) -> str:
    """A duration no more exact than an estimate is.

    >>> write_minutes(20), write_minutes(95), write_minutes(1234), write_minutes(9000)
    ('1 minute', '2 minutes', '21 minutes', '2.5 hours')
    """
    minutes = max(1, math.ceil(seconds / 60))
    if minutes < 90:
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{seconds / 3600:.1f} hours"


def _weights_bytes(job: TrainJob) -> int:
    return FLOAT_BYTES * job.model.parameters(job.vocabulary)[1]


def _finished_bytes(job: TrainJob, document_tokens: float) -> int:
    """Weights, and what a trial writes down of every step and every visit to a document."""
    tokens = job.steps * job.step_tokens
    visits = tokens / document_tokens
    # A visit is cut at the end of a sequence, so that its loss stands in two rows.
    rows = visits + job.steps * job.sequences
    record = visits * VISIT.itemsize + rows * (VISIT_LOSS.itemsize + VISIT_LIKELY.itemsize)
    return int(_weights_bytes(job) + record + job.steps * CURVE.itemsize)


def _mean_tokens(store: TokenStore) -> float:
    return max(1.0, len(store.tokens) / max(1, store.documents))
