"""What one trial is trained with, as plain JSON: everything that decides its weights, and where it goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from cupel.errors import BadInput, BadOption
from cupel.lab.training.schedule import Kind

__all__ = [
    "LLAMA",
    "NEXT_TOKEN",
    "TRAINER_VERSION",
    "MethodChoice",
    "ModelShape",
    "TrainJob",
    "kept_checkpoint",
]

TRAINER_VERSION = 1
"""Goes up whenever the same job would give other weights; cached trials of older ones are not used."""


@dataclass(frozen=True)
class ModelShape:
    """The sizes of a model, which mean the same in every body.

    Attributes
    ----------
    hidden_size, layers, heads, feed_forward_size
        Width, depth, attention heads, inner width of the gated feed-forward part.
    context
        Tokens a sequence.
    key_value_heads
        Fewer than `heads` for grouped queries; as many by default.
    tied
        Whether input and output embeddings are one matrix.
    rope_base
        Base of the rotary positions.
    """

    hidden_size: int
    layers: int
    heads: int
    feed_forward_size: int
    context: int
    key_value_heads: int | None = None
    tied: bool = True
    rope_base: float = 10_000.0

    def parameters(self, vocabulary: int) -> tuple[int, int]:
        """Parameters without embeddings, and all of them.

        >>> ModelShape(128, 5, 4, 352, 256).parameters(2048)
        (1004928, 1267072)
        """
        d, shared = self.hidden_size, self.key_value_heads or self.heads
        attention = 2 * d * d + 2 * d * (d // self.heads) * shared
        inner = self.layers * (attention + 3 * d * self.feed_forward_size + 2 * d) + d
        return inner, inner + vocabulary * d * (1 if self.tied else 2)

    def flops_per_token(self, vocabulary: int) -> float:
        """Operations of training on one token: 6 for each parameter of a matrix, and attention
        (12 × layers × width × context / 2 for a causal mask; Chowdhery et al., "PaLM", appendix B)."""
        inner, _ = self.parameters(vocabulary)
        return (
            6.0 * (inner + vocabulary * self.hidden_size)
            + 6.0 * self.layers * self.hidden_size * self.context
        )


@dataclass(frozen=True)
class MethodChoice:
    """A part of a trial that a scale chooses by name: an objective, a body.

    Attributes
    ----------
    name, version, options
        What the trial is known by; options that have their default values are left out.
    function
        `module:function` that the training process calls.
    """

    name: str
    version: int = 1
    function: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def decisive(self) -> dict[str, Any]:
        """What decides the weights: everything but where the function stands."""
        return {"name": self.name, "version": self.version, "options": dict(self.options)}


NEXT_TOKEN = MethodChoice("next-token", 1, "cupel.lab.training.objectives:next_token")
LLAMA = MethodChoice("llama", 1, "cupel.lab.training.bodies:llama")


@dataclass(frozen=True)
class TrainJob:
    """One trial.

    Attributes
    ----------
    tokens, tokenizer, output
        Folder of the tokens, file of the tokenizer, folder to write the trial to.
    model, vocabulary, end_of_text
        The shape, how many tokens there are, and the token that closes a document.
    body, objective
        The architecture, and what is minimized.
    seed
        Initialization and order of documents.
    steps, sequences
        Optimizer steps, and sequences of `model.context` tokens in each.
    micro_sequences
        How many of these go through the model at once in one process, their gradients added up, where memory
        does not hold them all; all by default. It changes nothing but rounding.
    learning_rate, warmup, decay, floor, schedule
        Peak, and its course (`learning_rate_factor`).
    embedding_learning_rate, head_learning_rate
        Peaks of their own for the embeddings and the output layer, which gain from larger ones; the same by
        default. Tied, both are the embeddings.
    betas, epsilon, weight_decay, clip
        AdamW (Loshchilov and Hutter 2019) and the bound of the gradient's norm. Only matrices decay.
    precision
        `float32` or `bfloat16` (autocast).
    device
        `cpu` or `cuda`.
    threads
        Threads of one process on the CPU; sums depend on it, so it is part of the trial.
    compile
        Whether torch.compile is used.
    checkpoint_steps
        A checkpoint every so many steps.
    keep
        Steps after which a checkpoint is kept for good: an ordinary Hugging Face checkpoint with the optimizer's
        state beside it. 0 is the model before its first step.
    name
        What it is called in messages.
    initial, initial_digest
        A `model.safetensors` whose weights the trial starts from, in place of those that the seed draws;
        and the hash of it that the trial is known by.
    start, start_digest
        A kept checkpoint whose weights and optimizer state the trial starts from; and the hash of both that the trial
        is known by. Steps, schedule and order of documents begin anew.
    """

    tokens: str
    tokenizer: str
    output: str
    model: ModelShape
    vocabulary: int
    end_of_text: int
    seed: int
    steps: int
    sequences: int
    learning_rate: float
    embedding_learning_rate: float | None = None
    head_learning_rate: float | None = None
    warmup: float = 0.05
    decay: float = 0.2
    floor: float = 0.0
    schedule: Kind = "wsd"
    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0
    body: MethodChoice = LLAMA
    objective: MethodChoice = NEXT_TOKEN
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 1
    micro_sequences: int | None = None
    compile: bool = True
    checkpoint_steps: int = 500
    keep: tuple[int, ...] = ()
    name: str = ""
    initial: str = ""
    initial_digest: str = ""
    start: str = ""
    start_digest: str = ""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.sequences < 1:
            raise BadOption(f"{self.steps} steps of {self.sequences} sequences: expected 1 or more of each")
        if self.micro_sequences is not None and self.micro_sequences < 1:
            raise BadOption(f"micro_sequences is {self.micro_sequences}: expected 1 or more")
        if any(not 0 <= step <= self.steps for step in self.keep):
            raise BadOption(
                f"{self.name}: checkpoints after steps {', '.join(map(str, self.keep))}: expected steps from 0 to "
                f"{self.steps}, the last of the trial"
            )
        if self.initial and self.start:
            raise BadOption(
                f"{self.name}: both initial and start say what it starts from; expected one of them"
            )
        if self.model.hidden_size % self.model.heads:
            raise BadOption(
                f"hidden_size {self.model.hidden_size} is no multiple of {self.model.heads} heads"
            )
        if self.precision not in ("float32", "bfloat16"):
            raise BadOption(f"precision is '{self.precision}': expected float32 or bfloat16")

    @property
    def step_tokens(self) -> int:
        """Tokens of one step."""
        return self.sequences * self.model.context

    @property
    def stream_tokens(self) -> int:
        """Tokens of the stream that the trial reads, one more than it trains on."""
        return self.steps * self.step_tokens + 1

    def decisive(self) -> dict[str, Any]:
        """All that decides the weights besides the tokens: what a cached trial is known by."""
        settings = asdict(self)
        # Before there was a choice, keys had "causal" for this objective and nothing for this body. Trials that were
        # trained then are the same, and stay valid.
        settings["objective"] = "causal" if self.objective == NEXT_TOKEN else self.objective.decisive()
        settings["body"] = self.body.decisive()
        if self.body == LLAMA:
            del settings["body"]
        for place in (
            "tokens",
            "tokenizer",
            "output",
            "checkpoint_steps",
            "keep",
            "name",
            "initial",
            "start",
        ):
            del settings[place]
        for digest in ("initial_digest", "start_digest"):
            if not settings[digest]:
                del settings[digest]
        if self.micro_sequences is None:
            del settings["micro_sequences"]
        return settings | {"trainer": TRAINER_VERSION}

    @property
    def missing(self) -> list[int]:
        """Steps whose checkpoints are to be kept and are not there yet, in order."""
        return [
            step for step in sorted(set(self.keep)) if not kept_checkpoint(Path(self.output), step).is_dir()
        ]

    def write(self, path: Path) -> None:
        """The job as a file that `python -m cupel.lab.training` takes."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The job that a file holds.

        Raises
        ------
        BadInput
            No file of a job, or fields that this version does not know.
        """
        try:
            values: Mapping[str, Any] = json.loads(path.read_text())
            known = {known_field.name for known_field in fields(cls)}
            strange = sorted(set(values) - known)
            if strange:
                raise BadInput(f"{path}: unknown fields: {', '.join(strange)}")
            shape, betas = ModelShape(**values["model"]), tuple(values["betas"])
            chosen = {part: MethodChoice(**values[part]) for part in ("body", "objective")}
            keep = tuple(values.get("keep", ()))
            return cls(**{**values, **chosen, "model": shape, "betas": betas, "keep": keep})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadInput(f"{path} is no training job: {error}") from None


def kept_checkpoint(trial: Path, step: int) -> Path:
    """Where a trial's folder holds the checkpoint kept after `step` steps."""
    return trial / "steps" / f"{step:09}"
