"""Trials: trained once, kept by what decides them, several at a time on one machine or a cluster."""

from __future__ import annotations

import fcntl
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cupel.contract import TrialProgress
from cupel.engine import Engine
from cupel.errors import BadInput, BadOption, MissingExtra, OutputInUse, RunFailed
from cupel.lab.cluster import cluster_gpus, train_on_cluster
from cupel.lab.progress import Quiet
from cupel.lab.scale import Scale
from cupel.lab.trainers import TrainerProcess, give_back, take
from cupel.lab.training.job import TRAINER_VERSION, TrainJob, kept_checkpoint
from cupel.lab.training.tokens import TokenStore
from cupel.models.tokenizer import Tokenizer
from cupel.store import Key, Store, digest_all, digest_file

__all__ = ["Machine", "Trial", "by_arm", "is_trained", "machine", "make_job", "train", "train_aside"]

Report = Callable[[Mapping[str, Any]], None]

TRAINER = (sys.executable, "-m", "cupel.lab.training")
"""The command that trains; tests have it carried out without importing torch each time."""


@dataclass(frozen=True)
class Machine:
    """What trials are trained on.

    Attributes
    ----------
    device
        `cpu` or `cuda`.
    bfloat16
        Whether matrices of bfloat16 are faster than float32 there.
    compile
        Whether torch.compile works: on the CPU it needs a C++ compiler.
    workers
        Trials at a time.
    cluster
        Trials are tasks of the Ray cluster that this process joined.
    """

    device: str
    bfloat16: bool
    compile: bool
    workers: int
    cluster: bool = False


@dataclass(frozen=True)
class Trial:
    """One training run of an arm with one seed, finished.

    Attributes
    ----------
    arm, seed
        Which one.
    folder
        An ordinary Hugging Face checkpoint, with `curve.bin`, `visits.bin`, `visit_losses.bin`,
        `visit_likely.bin` and `trial.json` beside it.
    record
        What `trial.json` says: tokens, epochs, seconds, operations, versions.
    cached
        It was there already.
    """

    arm: str
    seed: int
    folder: Path
    record: Mapping[str, Any]
    cached: bool

    @property
    def steps(self) -> int:
        """How many steps it was trained for."""
        return int(self.record["job"]["steps"])

    def checkpoint(self, step: int | None = None) -> Path:
        """The checkpoint that was kept after `step` steps, by default after the last: an ordinary Hugging Face
        checkpoint, from which other trials can start with the optimizer's state.

        Raises
        ------
        BadInput
            It was not kept.
        """
        after = self.steps if step is None else step
        path = kept_checkpoint(self.folder, after)
        if not path.is_dir():
            kept = sorted(int(place.name) for place in (self.folder / "steps").glob("[0-9]*"))
            raise BadInput(
                f"{self.folder}: no checkpoint of step {after} was kept"
                f"{f', only of {kept}' if kept else ''}; plan the trial with checkpoints=({after},)"
            )
        return path


def by_arm(trials: Iterable[Trial]) -> dict[str, dict[int, Trial]]:
    """Trials by arm and seed, arms in the order in which they come."""
    trials_by_arm: dict[str, dict[int, Trial]] = {}
    for trial in trials:
        trials_by_arm.setdefault(trial.arm, {})[trial.seed] = trial
    return trials_by_arm


def machine(device: str = "auto", workers: int | None = None, engine: Engine | None = None) -> Machine:
    """What this machine offers, or the cluster of `engine`, whose nodes are taken to be alike.

    Raises
    ------
    MissingExtra
        torch or Ray is not installed.
    BadOption
        A device that is not there.
    RunFailed
        No cluster answers.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra("the lab", "lab") from None
    if device not in ("auto", "cpu", "cuda"):
        raise BadOption(f"device is '{device}': expected auto, cpu or cuda")
    cluster = engine is not None and engine.name == "ray"
    if engine is not None and cluster:
        engine.start()
    gpus = cluster_gpus() if cluster else int(torch.cuda.is_available())
    if device == "cuda" and not gpus:
        where = "the cluster has none" if cluster else f"torch {torch.__version__} finds no GPU"
        raise BadOption(f"device is 'cuda', and {where}")
    if device == "cuda" or (device == "auto" and gpus):
        return Machine("cuda", True, True, workers or gpus, cluster)
    # Without these instructions bfloat16 is emulated: one per cent of the speed of float32.
    fast = any(
        getattr(torch.cpu, name, lambda: False)()
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    compiler = shutil.which(os.environ.get("CXX", "g++")) is not None
    return Machine("cpu", fast, compiler, workers or (engine or Engine()).parallelism(), cluster)


def make_job(
    store: TokenStore,
    tokenizer: Tokenizer,
    scale: Scale,
    seed: int,
    cache: Store,
    on: Machine,
    *,
    name: str,
    initial: Path | None = None,
    checkpoints: Sequence[int] = (),
    start: Path | None = None,
) -> TrainJob:
    """The job of one trial; its folder is named by the hash of all that decides it.

    Raises
    ------
    BadInput
        The arm does not fill one batch, or there are no weights to start from.
    BadOption
        A checkpoint of a step that the trial does not have.
    """
    training = scale.training
    batch = training.sequences * scale.model.context
    if len(store.tokens) < batch + 1:
        raise BadInput(
            f"arm '{name}' has {len(store.tokens):,} tokens in {store.documents:,} documents, and one batch of "
            f"scale '{scale.name}' takes {batch + 1:,}; take a larger arm or a smaller scale"
        )
    precision = training.precision
    if precision == "auto":
        precision = "bfloat16" if on.bfloat16 else "float32"
    job = TrainJob(
        tokens=str(store.folder),
        tokenizer=str(tokenizer.path),
        output="",
        model=scale.shape,
        vocabulary=tokenizer.vocabulary,
        end_of_text=tokenizer.end_of_text,
        body=scale.chosen("body"),
        objective=scale.chosen("objective"),
        seed=seed,
        steps=scale.steps,
        sequences=training.sequences,
        micro_sequences=training.micro_sequences,
        learning_rate=training.learning_rate,
        embedding_learning_rate=training.embedding_learning_rate,
        head_learning_rate=training.head_learning_rate,
        warmup=training.warmup,
        decay=training.decay,
        floor=training.floor,
        schedule=training.schedule,
        betas=training.betas,
        epsilon=training.epsilon,
        weight_decay=training.weight_decay,
        clip=training.clip,
        precision=precision,
        device=on.device,  # type: ignore[arg-type]
        threads=training.threads,
        compile=on.compile,
        checkpoint_steps=training.checkpoint_steps,
        name=f"{name}, seed {seed}",
        initial=str(initial) if initial is not None else "",
        initial_digest=_digest(initial) if initial is not None else "",
        keep=tuple(checkpoints),
        start=str(start) if start is not None else "",
        start_digest=_start_digest(start) if start is not None else "",
    )
    key = Key("trials", scale.name, TRAINER_VERSION, job.decisive(), {"tokens": store.meta["digest"]})
    return replace(job, output=str(cache.place(key)))


def train(
    jobs: Sequence[TrainJob], on: Machine, progress: TrialProgress | None = None
) -> list[dict[str, Any]]:
    """Train what is not trained yet; gives what each trial's `trial.json` says, with `cached` added.

    Raises
    ------
    RunFailed
        A trial did not end well; the others did, or resume from their checkpoints next time.
    OutputInUse
        Another process trains one of them.
    """
    jobs = _together(jobs)
    cached = [_finished(Path(job.output)) if is_trained(job) else None for job in jobs]
    unique = {job.output: job for job, done in zip(jobs, cached, strict=True) if done is None}
    with ExitStack() as locks:
        for job in unique.values():
            locks.enter_context(_locked(Path(job.output)))
        tell = progress or Quiet()
        tell.training(len(unique))
        _train(list(unique.values()), on, tell.trained)
    return [
        {**(_finished(Path(job.output)) or {}), "cached": done is not None}
        for job, done in zip(jobs, cached, strict=True)
    ]


def is_trained(job: TrainJob) -> bool:
    """Whether the trial is there already, with all checkpoints that are to be kept.

    Raises
    ------
    BadInput
        A record of it that cannot be read.
    """
    return not job.missing and _finished(Path(job.output)) is not None


def train_aside(jobs: Sequence[TrainJob], on: Machine) -> None:
    """Train jobs whose folders are not in the cache, such as those that time a few steps.

    Raises
    ------
    RunFailed
        One of them failed.
    """
    for job in jobs:
        Path(job.output).mkdir(parents=True, exist_ok=True)
    _train(jobs, on, lambda event: None)


def _together(jobs: Sequence[TrainJob]) -> list[TrainJob]:
    """The jobs, those of one trial with the checkpoints that any of them wants."""
    keep: dict[str, set[int]] = {}
    for job in jobs:
        keep.setdefault(job.output, set()).update(job.keep)
    return [replace(job, keep=tuple(sorted(keep[job.output]))) for job in jobs]


def _start_digest(checkpoint: Path) -> str:
    return digest_all(
        [_digest(checkpoint / "model.safetensors"), _digest(checkpoint / "optimiser.safetensors")]
    )


def _digest(weights: Path) -> str:
    try:
        return digest_file(weights)
    except OSError as error:
        raise BadInput(
            f"{weights}: {error.strerror}; expected the model.safetensors of a finished trial, or to start with the "
            "optimizer's state a checkpoint that a trial kept (Trial.checkpoint)"
        ) from None


def _finished(folder: Path) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads((folder / "trial.json").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{folder}/trial.json cannot be read ({error}); delete the folder to train it again"
        ) from None
    if record.get("trainer") != TRAINER_VERSION:
        raise BadInput(
            f"{folder} was trained by another trainer ({record.get('trainer')}); delete it to train it again"
        )
    return record


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutputInUse(
                f"{folder}: another process trains this trial; wait for it, or stop it"
            ) from None
        yield


def _train(jobs: Sequence[TrainJob], on: Machine, report: Report) -> None:
    failures = (
        train_on_cluster(jobs, report, on.workers) if on.cluster else _train_here(jobs, report, on.workers)
    )
    if failures:
        more = f" (and {len(failures) - 1} more trials failed)" if len(failures) > 1 else ""
        raise RunFailed(f"{failures[0]['error']}{more}")


def _train_here(jobs: Sequence[TrainJob], report: Report, at_once: int) -> list[Mapping[str, Any]]:
    """Train jobs in processes of this machine, so many at once; gives what failed."""
    failures: list[Mapping[str, Any]] = []
    waiting: queue.SimpleQueue[TrainJob] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    workers = [_Worker(waiting, report, failures) for _ in range(min(at_once, len(jobs)))]
    broken: list[Exception] = []
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(0.2)
    finally:
        for worker in workers:
            worker.stop()
        broken += [worker.broken for worker in workers if worker.broken is not None]
    if broken:
        raise broken[0]
    return failures


class _Worker(threading.Thread):
    """Trains job after job in one process, which it gives back when there is no job left."""

    def __init__(
        self, waiting: queue.SimpleQueue[TrainJob], report: Report, failures: list[Mapping[str, Any]]
    ) -> None:
        super().__init__(daemon=True)
        self._waiting, self._report, self._failures = waiting, report, failures
        self._process: TrainerProcess | None = None
        self._beginning = threading.Lock()
        """Held while a trial begins, and to stop: after a stop none begins, and none that began is missed."""
        self._stopped = False
        self.broken: Exception | None = None
        """What went wrong in this thread, and not in the training: to be raised where it is waited for."""

    def run(self) -> None:
        try:
            while (begun := self._begin()) is not None:
                self._follow(*begun)
        except Exception as error:
            if not self._stopped:
                self.broken = error

    def stop(self) -> None:
        """End the process at once, and begin no other; its trial resumes from its checkpoint."""
        with self._beginning:
            self._stopped = True
        self._end()

    def _begin(self) -> tuple[TrainJob, Path, TrainerProcess] | None:
        """The next trial, the file that says what it is, and the process that trains it."""
        with self._beginning:
            if self._stopped:
                return None
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                if self._process is not None:
                    give_back(self._process)
                    self._process = None
                return None
            path = Path(job.output) / "job.json"
            job.write(path)
            return job, path, self._running(job)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _follow(self, job: TrainJob, path: Path, trainer: TrainerProcess) -> None:
        while not self._followed(path, trainer.process):
            code = trainer.process.wait()
            with self._beginning:
                was_warm, self._process = trainer.warm, None
                trainer.end()
                if was_warm and not self._stopped:
                    # It ended itself, having had nothing to do, just when it was given this job.
                    trainer = self._running(job)
                    continue
            self._failures.append({"error": _death(job, code)})
            return

    def _followed(self, path: Path, process: subprocess.Popen[str]) -> bool:
        """Whether the process has told how the trial of this file ended."""
        if process.stdin is None or process.stdout is None:
            raise RunFailed("the training process has no pipes")
        # The caller reports one that has died already, like one that dies on the way.
        with suppress(BrokenPipeError):
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
        for line in process.stdout:
            event = _parsed(line)
            if event is None:
                continue
            if "error" in event:
                self._failures.append(event)
            self._report(event)
            if "error" in event or "done" in event:
                return True
        return False

    def _running(self, job: TrainJob) -> TrainerProcess:
        if self._process is None:
            log = Path(job.output) / "trainer.log"
            self._process = take((*TRAINER, "-"), _environment(job), log)
        return self._process


def _death(job: TrainJob, code: int) -> str:
    log = Path(job.output) / "trainer.log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    last_line = f": {lines[-1]}" if lines else ""
    died = f"by signal {-code}" if code < 0 else f"with code {code}"
    return f"{job.name}: the training process ended {died}{last_line} ({log})"


def _environment(job: TrainJob) -> dict[str, str]:
    """One process a trial, each with its own threads: they must not take each other's cores."""
    threads = {name: str(job.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return {**os.environ, **threads, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
