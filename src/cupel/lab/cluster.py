"""Trials over a Ray cluster: each a task, which Ray gives to another node when one dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cupel.lab.training.job import TrainJob

__all__ = ["cluster_gpus", "train_on_cluster"]

RETRIES = 3
"""How often a trial may lose its node; it resumes from its checkpoint."""


def cluster_gpus() -> int:
    """How many GPUs the cluster that was joined has."""
    import ray

    return int(ray.cluster_resources().get("GPU", 0))


def train_on_cluster(
    jobs: Sequence[TrainJob], report: Callable[[Mapping[str, Any]], None], at_once: int
) -> list[Mapping[str, Any]]:
    """Train jobs on the cluster that was joined, so many at once; gives what failed.

    Tokens and trials lie on a disk that all nodes share. `report` is called when a trial ends.
    """
    import ray

    carry_out = ray.remote(_train_one)
    waiting = list(jobs)
    running: dict[Any, TrainJob] = {}
    failures: list[Mapping[str, Any]] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                path = Path(job.output) / "job.json"
                job.write(path)
                needs = {"num_cpus": job.threads, "num_gpus": int(job.device == "cuda")}
                running[carry_out.options(**needs, max_retries=RETRIES).remote(str(path))] = job
            (ended,), _ = ray.wait(list(running), num_returns=1)
            job = running.pop(ended)
            try:
                event = ray.get(ended)
            except ray.exceptions.RayError as error:
                first_line = str(error).strip().splitlines()[0]
                event = {"trial": job.name, "error": f"{job.name}: {first_line}"}
            if "error" in event:
                failures.append(event)
            report(event)
    finally:
        for task in running:
            ray.cancel(task, force=True)
    return failures


def _train_one(path: str) -> dict[str, Any]:
    """One trial on a node."""
    from cupel.lab.training.trainer import train_file

    return train_file(_trainer(), Path(path))


@cache
def _trainer() -> Any:
    """One for each process: models of one shape are compiled once."""
    from cupel.lab.training.trainer import Trainer

    return Trainer()
