"""Trials over a Ray cluster: each a task that another node takes over when one dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cupel.errors import CupelError
from cupel.lab.training.job import TrainJob

__all__ = ["cluster_gpus", "train_on_cluster"]

RETRIES = 3
"""How often a trial may lose its node; it goes on from its checkpoint."""


def cluster_gpus() -> int:
    """How many GPUs the cluster that was joined has."""
    import ray

    return int(ray.cluster_resources().get("GPU", 0))


def train_on_cluster(
    jobs: Sequence[TrainJob],
    told: Callable[[Mapping[str, Any]], None],
    failures: list[Mapping[str, Any]],
    at_once: int,
) -> None:
    """Train jobs on the cluster that was joined; tokens and trials lie on a disk that all nodes share.

    Parameters
    ----------
    told, failures
        Called with what ends; given what fails.
    at_once
        Trials at a time.
    """
    import ray

    carry_out = ray.remote(_train_one)
    waiting = list(jobs)
    running: dict[Any, TrainJob] = {}
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
                found = ray.get(ended)
            except ray.exceptions.RayError as error:
                found = {"trial": job.name, "error": f"{job.name}: {_first_line(error)}"}
            if "error" in found:
                failures.append(found)
            told(found)
    finally:
        for task in running:
            ray.cancel(task, force=True)


def _train_one(path: str) -> dict[str, Any]:
    """One trial on a node; models of one shape are compiled once in a process."""
    from cupel.lab.training.trainer import Trainer

    global _trainer
    _trainer = _trainer or Trainer()
    job = TrainJob.read(Path(path))
    try:
        _trainer.train(job)
    except CupelError as error:
        return {"trial": job.name, "error": str(error), "kind": type(error).__name__}
    return {"trial": job.name, "done": True}


_trainer: Any = None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
