"""One trial over several processes: PyTorch's own fully sharded data parallelism, or one process alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from cupel.errors import BadOption
from cupel.lab.training.job import TrainJob
from cupel.lab.training.order import TrainingBatch

__all__ = ["ProcessGroup"]


class ProcessGroup:
    """The processes that train one trial together, as `torchrun` starts them; one without it.

    Attributes
    ----------
    rank, size, first
        This process, how many there are, and whether it is the one that writes.
    """

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.first = self.rank == 0
        if self.size > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    def device(self, job: TrainJob) -> torch.device:
        """Where this process computes."""
        if job.device == "cpu":
            return torch.device("cpu")
        # Else sums on a GPU come in any order, and the same seed gives another curve. It costs no speed.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
        return device

    def rows(self, sequences: int) -> slice:
        """Which sequences of a batch are this process's.

        Raises
        ------
        BadOption
            They cannot be shared out evenly.
        """
        if sequences % self.size:
            raise BadOption(f"{sequences} sequences a step cannot be shared by {self.size} processes evenly")
        each = sequences // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def shard(self, model: nn.Module) -> nn.Module:
        """The model, its weights spread over the processes."""
        if self.size > 1:
            from torch.distributed.fsdp import fully_shard

            for layer in model.model.layers:  # type: ignore[union-attr]
                fully_shard(layer)
            fully_shard(model)
        return model

    def initialise(
        self,
        model: nn.Module,
        job: TrainJob,
        how: Callable[[nn.Module, int], None],
        build: Callable[[TrainJob], nn.Module],
    ) -> None:
        """Set the weights, to the same values however many processes there are; `build` gives a whole model."""
        if self.size == 1:
            how(model, job.seed)
            return
        from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

        whole = build(job)
        how(whole, job.seed)
        set_model_state_dict(model, whole.state_dict(), options=StateDictOptions(full_state_dict=True))

    def state(
        self, model: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Whole weights and the optimiser's moments, by name, on the CPU."""
        if self.size == 1:
            weights = {name: w.detach().cpu().clone() for name, w in model.named_parameters()}
            names = {id(w): name for name, w in model.named_parameters()}
            moments = {
                f"{names[id(weight)]}|{key}": value.detach().cpu().clone()
                for weight, held in optimiser.state.items()
                for key, value in held.items()
            }
            return weights, moments
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict

        whole = StateDictOptions(full_state_dict=True, cpu_offload=True)
        model_state, held = get_state_dict(model, optimiser, options=whole)
        known = {name for name, _ in model.named_parameters()}
        weights = {name: w for name, w in model_state.items() if name in known and isinstance(w, Tensor)}
        state: Mapping[str, Mapping[str, Any]] = held.get("state", {})  # type: ignore[assignment]
        moments = {f"{name}|{key}": value for name, kept in state.items() for key, value in kept.items()}
        return weights, moments

    def load(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        weights: Mapping[str, Tensor],
        moments: Mapping[str, Tensor],
    ) -> None:
        """Put back what `state` gave."""
        if self.size == 1:
            with torch.no_grad():
                for name, weight in model.named_parameters():
                    weight.copy_(weights[name])
                    for key, value in moments.items():
                        owner, part = key.split("|")
                        if owner == name:
                            optimiser.state[weight][part] = value.to(weight.device)
            return
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

        whole = StateDictOptions(full_state_dict=True, cpu_offload=True)
        model_state, held = get_state_dict(model, optimiser, options=whole)
        model_state = {name: weights.get(name, value) for name, value in model_state.items()}
        state: dict[str, dict[str, Tensor]] = {}
        for key, value in moments.items():
            name, part = key.split("|")
            state.setdefault(name, {})[part] = value
        held["state"] = state  # type: ignore[assignment]
        set_state_dict(model, optimiser, model_state_dict=model_state, optim_state_dict=held, options=whole)

    def gather(
        self, losses: Tensor, batch: TrainingBatch, whole: Callable[[], TrainingBatch]
    ) -> tuple[Tensor, TrainingBatch]:
        """The losses of all processes, on the CPU, and the batch they are of."""
        seen = losses.float().cpu()
        if self.size == 1:
            return seen, batch
        parts = [torch.empty_like(losses) for _ in range(self.size)]
        dist.all_gather(parts, losses.contiguous())
        return torch.cat(parts).float().cpu(), whole()

    def value(self, norm: Tensor) -> float:
        """The norm of all gradients, as a number."""
        return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
