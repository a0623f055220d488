"""Train trials, one after the other; models of one shape are compiled once."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cupel.errors import BadOption, CupelError, RunFailed
from cupel.lab.training.checkpoint import (
    Moment,
    keep_checkpoint,
    latest_checkpoint,
    load_checkpoint,
    remove_checkpoints,
    save_checkpoint,
)
from cupel.lab.training.job import TRAINER_VERSION, TrainJob
from cupel.lab.training.model import (
    build_model,
    build_optimiser,
    code_digest,
    find_objective,
    initialise,
    load_weights,
)
from cupel.lab.training.objectives import ObjectiveBatch
from cupel.lab.training.order import Order, TrainingBatch, epochs
from cupel.lab.training.records import Records, recorded_rows
from cupel.lab.training.schedule import learning_rate_factor
from cupel.lab.training.sharded import ProcessGroup
from cupel.lab.training.tokens import TokenStore
from cupel.store import replace

__all__ = ["Diverged", "Trainer"]

Progress = Callable[[Mapping[str, Any]], None]
Losses = Callable[[ObjectiveBatch], Tensor]

_REPORT_SECONDS = 0.5
_LOOK_STEPS = 10
"""Losses are looked at every so many steps, so that an accelerator need not wait for each."""


class Diverged(RunFailed):
    """A loss that is no number: the trial stopped, its last good checkpoint stays."""


class Trainer:
    """Trains jobs in one process.

    Parameters
    ----------
    progress
        Called now and then with `trial`, `step`, `steps`, `loss`, `seconds`.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or (lambda record: None)
        self._built: tuple[Any, nn.Module, Losses] | None = None
        self._group = ProcessGroup()
        self.first = self._group.first
        """Whether this is the process that writes and tells, of those that train together."""

    def train(self, job: TrainJob) -> Path:
        """Train one trial, or the rest of it; gives its folder, an ordinary Hugging Face checkpoint.

        Of a finished trial that lacks a checkpoint that is to be kept, the steps up to it are trained again; nothing
        else of the trial changes.

        Raises
        ------
        Diverged
            A loss that is no number; the message names the documents of the batch.
        BadOption
            A device that is not there.
        RunFailed
            The disk is full.
        """
        output = Path(job.output)
        if (output / "trial.json").is_file() and not job.missing:
            return output
        if job.device == "cuda" and not torch.cuda.is_available():
            raise BadOption(f"{job.name}: a GPU was asked for, and torch {torch.__version__} finds none")
        output.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(job.threads)
        torch.manual_seed(job.seed)
        try:
            _Run(job, self._group, *self._step_of(job), self._progress).finish()
        except OSError as error:
            raise RunFailed(
                f"{job.name}: {output}: {error}; the same command resumes from the last checkpoint"
            ) from error
        return output

    def _step_of(self, job: TrainJob) -> tuple[nn.Module, Losses]:
        """The model, and the compiled function that gives its losses."""
        key = (
            job.model,
            job.body,
            job.vocabulary,
            job.end_of_text,
            job.objective,
            code_digest(job.body),
            code_digest(job.objective),
            job.precision,
            job.device,
            job.compile,
        )
        if self._built is None or self._built[0] != key:
            objective = find_objective(job)
            model = self._group.shard(build_model(job).to(self._group.device(job)))

            def losses(batch: ObjectiveBatch) -> Tensor:
                with torch.autocast(job.device, torch.bfloat16, enabled=job.precision == "bfloat16"):
                    return objective(model, batch, job.objective.options)

            self._built = (key, model, torch.compile(losses, dynamic=False) if job.compile else losses)
        return self._built[1], self._built[2]


class _Run:
    """One trial on its way."""

    def __init__(
        self,
        job: TrainJob,
        group: ProcessGroup,
        model: nn.Module,
        losses: Losses,
        progress: Progress,
    ) -> None:
        self.job, self.group, self.model, self.losses, self.progress = job, group, model, losses, progress
        self.output = Path(job.output)
        self.device = group.device(job)
        self.rows = group.rows(job.sequences)
        self.store = TokenStore(Path(job.tokens))
        # Processes that share a trial make its order once each, the same, and not at once in one file.
        visits = self.output / ("visits.bin" if group.first else f".visits-{group.rank}.bin")
        self.order = Order(self.store, visits, seed=job.seed, length=job.stream_tokens)
        group.initialise(model, job, self._initialise, build_model)
        self.optimiser = build_optimiser(model, job)
        self.missing = job.missing
        self.finished = (self.output / "trial.json").is_file()
        """Only checkpoints are missing; what the trial has written down stays as it is."""
        self.until = max(self.missing) if self.finished else job.steps
        self.step, self.seconds, rows = 0, 0.0, (0, 0)
        recorded = None if self.finished else recorded_rows(self.output)
        checkpoint = latest_checkpoint(self.output, min(self.missing, default=None), recorded)
        if checkpoint is not None:
            weights, moments, state = load_checkpoint(checkpoint)
            group.load(model, self.optimiser, weights, moments)
            self.step, self.seconds, rows = state["step"], state["seconds"], tuple(state["rows"])
        elif job.start:
            weights, moments, _ = load_checkpoint(Path(job.start))
            group.load(model, self.optimiser, weights, moments)
            torch.manual_seed(job.seed)
        self.records = Records(self.output, *rows) if group.first and not self.finished else None
        self.waiting: list[tuple[int, TrainingBatch, Tensor, float, Tensor]] = []

    def _initialise(self, model: nn.Module, seed: int) -> None:
        initial = self.job.initial or (self.job.start and f"{self.job.start}/model.safetensors")
        if initial:
            load_weights(model, Path(initial))
        else:
            initialise(model, seed)

    def finish(self) -> None:
        """All steps that are left, and the finished trial."""
        try:
            started = reported = time.monotonic()
            before = self.seconds
            if self.step in self.missing:
                self._keep()
            while self.step < self.until:
                self._one_step()
                last = self.step == self.until
                kept = self.step in self.missing
                at_checkpoint = self.step % self.job.checkpoint_steps == 0 and not last and not kept
                if self.step % _LOOK_STEPS == 0 or at_checkpoint or kept or last:
                    loss = self._look()
                    now = time.monotonic()
                    self.seconds = before + now - started
                    if now - reported >= _REPORT_SECONDS or last:
                        reported = now
                        self._tell(loss)
                if at_checkpoint:
                    self._checkpoint()
                if kept:
                    self._keep()
            if not self.finished:
                self._publish()
            if self.group.first:
                remove_checkpoints(self.output)
        finally:
            if self.records is not None:
                self.records.close()

    def _one_step(self) -> None:
        job = self.job
        batch = self.order.batch(self.step, job.sequences, job.model.context, self.rows)
        factor = learning_rate_factor(
            job.schedule, self.step, job.steps, warmup=job.warmup, decay=job.decay, floor=job.floor
        )
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        losses = self._backward(batch)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), job.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.waiting.append((self.step, batch, losses, job.learning_rate * factor, norm.detach()))
        self.step += 1

    def _backward(self, batch: TrainingBatch) -> Tensor:
        """Gradients of the mean loss of the targets that count, a few sequences at a time where so it is asked;
        the losses of all targets."""
        tokens, documents = self._on_device(batch.tokens), self._on_device(self.order.documents(batch))
        mask = None if batch.mask is None else self._on_device(batch.mask)
        step = torch.tensor(self.step, device=self.device)
        counted = self._counted(batch)
        few = self.job.micro_sequences or len(tokens)
        seen = []
        for first in range(0, len(tokens), few):
            part = slice(first, first + few)
            counts = None if mask is None else mask[part]
            losses = self.losses(ObjectiveBatch(tokens[part], counts, documents[part], step, self.job.seed))
            if counts is None:
                (losses.mean() * (len(losses) / len(tokens))).backward()
            else:
                (losses.masked_fill(~counts, 0.0).sum() / counted).backward()
            seen.append(losses.detach())
        return torch.cat(seen)

    def _counted(self, batch: TrainingBatch) -> float:
        """How many targets of the step count, shared among the processes, which average their gradients."""
        whole = batch if batch.mask is None or self.group.size == 1 else self._whole(self.step)
        if whole.mask is None:
            return float(batch.tokens[:, 1:].size)
        # A step without any target that counts has no gradient, and is a step all the same.
        return max(1.0, float(np.count_nonzero(whole.mask))) / self.group.size

    def _on_device(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(self.device, non_blocking=True)

    def _look(self) -> float:
        """Write the losses down that are waiting; the last step's mean."""
        loss = float("nan")
        for step, batch, losses, rate, norm in self.waiting:
            seen, batch = self.group.gather(losses, batch, lambda: self._whole(step))  # noqa: B023
            counted = seen if batch.mask is None else seen[torch.from_numpy(batch.mask)]
            loss = float(counted.double().mean()) if counted.numel() else 0.0
            if not bool(torch.isfinite(seen).all()):
                raise Diverged(self._diverged(step, batch))
            if self.records is not None:
                self.records.add(step, seen.numpy(), batch, rate, self.group.value(norm))
        self.waiting.clear()
        return loss

    def _whole(self, step: int) -> TrainingBatch:
        return self.order.batch(step, self.job.sequences, self.job.model.context)

    def _diverged(self, step: int, batch: TrainingBatch) -> str:
        documents = dict.fromkeys(int(d) for d in self.order.visits["document"][batch.visits])
        named = [self.store.id(document) for document in list(documents)[:20]]
        more = f" and {len(documents) - 20} more" if len(documents) > 20 else ""
        kept = latest_checkpoint(self.output)
        return (
            f"{self.job.name}: the loss of step {step} is no finite number (learning rate "
            f"{self.job.learning_rate:g}); documents of this step: {', '.join(named)}{more}; "
            f"{f'the last good checkpoint is {kept}' if kept else 'there was no checkpoint yet'}"
        )

    def _tell(self, loss: float) -> None:
        if self.group.first:
            self.progress(
                {
                    "trial": self.job.name,
                    "step": self.step,
                    "steps": self.job.steps,
                    "loss": loss,
                    "seconds": self.seconds,
                }
            )

    def _checkpoint(self) -> None:
        moment = self._moment()
        if self.group.first:
            save_checkpoint(self.output, moment)

    def _keep(self) -> None:
        moment = self._moment()
        if self.group.first:
            keep_checkpoint(self.output, moment, self._complete)

    def _moment(self) -> Moment:
        """The trial as it is; processes that train together gather it."""
        weights, moments = self.group.state(self.model, self.optimiser)
        rows = self.records.flush() if self.records is not None else (0, 0)
        return Moment(self.step, weights, moments, {"seconds": self.seconds, "rows": rows})

    def _complete(self, folder: Path) -> None:
        self.model.config.save_pretrained(folder)  # type: ignore[union-attr, operator]
        _save_tokenizer(Path(self.job.tokenizer), folder, self.job)

    def _publish(self) -> None:
        weights, _ = self.group.state(self.model, self.optimiser)
        if self.records is None:
            return
        self.records.flush()
        _save_pretrained(self.model, weights, self.output)
        _save_tokenizer(Path(self.job.tokenizer), self.output, self.job)
        seen = self.job.steps * self.job.step_tokens
        record = {
            "name": self.job.name,
            "job": self.job.decisive(),
            "trainer": TRAINER_VERSION,
            "tokens": seen,
            "epochs": epochs(self.store, seen),
            "seconds": self.seconds,
            "flops": seen * self.job.model.flops_per_token(self.job.vocabulary),
            "parameters": dict(
                zip(
                    ("without_embeddings", "all"), self.job.model.parameters(self.job.vocabulary), strict=True
                )
            ),
            "processes": self.group.size,
            "torch": torch.__version__,
            "machine": _machine(self.job),
        }
        replace(
            self.output / "trial.json", lambda unfinished: unfinished.write_text(json.dumps(record, indent=1))
        )


def _machine(job: TrainJob) -> str:
    if job.device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores"


def _save_pretrained(model: nn.Module, weights: Mapping[str, Tensor], output: Path) -> None:
    from safetensors.torch import save_file

    if model.config.tie_word_embeddings:  # type: ignore[union-attr]
        weights = {name: weight for name, weight in weights.items() if name != "lm_head.weight"}
    tensors = {name: weight.contiguous() for name, weight in weights.items()}
    replace(output / "model.safetensors", lambda unfinished: save_file(tensors, unfinished, {"format": "pt"}))
    model.config.save_pretrained(output)  # type: ignore[union-attr, operator]


def _save_tokenizer(tokenizer: Path, output: Path, job: TrainJob) -> None:
    """Copy the tokenizer, so that the trial loads like any model from the Hub."""
    shutil.copyfile(tokenizer, output / "tokenizer.json")
    held = json.loads(tokenizer.read_text())
    names = {token["id"]: token["content"] for token in held.get("added_tokens", ())}
    end = names.get(job.end_of_text) or {i: t for t, i in held["model"]["vocab"].items()}[job.end_of_text]
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": end,
        "eos_token": end,
        "model_max_length": job.model.context,
        "clean_up_tokenization_spaces": False,
    }
    (output / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def train_file(trainer: Trainer, path: Path) -> dict[str, Any]:
    """Train the job of a file. The final record holds `trial`, and `done` or `error` with its `kind`."""
    name = str(path)
    try:
        job = TrainJob.read(path)
        name = job.name
        trainer.train(job)
    except CupelError as error:
        return {"trial": name, "error": str(error), "kind": type(error).__name__}
    return {"trial": name, "done": True}


def exit_code(ended: Mapping[str, Any]) -> int:
    """What the process ends with: 0 for a trial that is done, 4 for one that diverged, 3 for all else."""
    return 0 if "done" in ended else 4 if ended["kind"] == Diverged.__name__ else 3
