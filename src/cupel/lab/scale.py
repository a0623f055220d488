"""A scale: the fixed small recipe that every arm is trained with. Only the data varies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from cupel.contract import Body, EvaluationMethod, Method, Objective, find_method
from cupel.errors import BadOption, BadRecipe, UnknownName
from cupel.lab.hyperparameters import step_law
from cupel.lab.training.job import MethodChoice, ModelShape
from cupel.store import digest_json

__all__ = ["NoiseFloor", "Scale", "built_in_scales"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Kind = TypeVar("Kind", bound=Method)

PartChoice = str | dict[str, dict[str, Any]]
"""A method by name, or one with a mapping of its options, as in a recipe."""


def _is_one(choice: PartChoice) -> PartChoice:
    if isinstance(choice, dict) and len(choice) != 1:
        raise ValueError("expected a name, or one name with a mapping of its options")
    return choice


class Shape(_Part):
    """Sizes of the model, which mean the same in every body."""

    hidden_size: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    key_value_heads: int | None = Field(default=None, gt=0)
    feed_forward_size: int = Field(gt=0)
    context: int = Field(gt=1)
    tied: bool = True
    rope_base: float = Field(default=10_000.0, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Shape:
        if self.hidden_size % self.heads or (self.hidden_size // self.heads) % 2:
            raise ValueError(f"hidden_size {self.hidden_size} must be an even multiple of {self.heads} heads")
        if self.heads % (self.key_value_heads or self.heads):
            raise ValueError(f"{self.heads} heads cannot share {self.key_value_heads} key_value_heads evenly")
        return self


class Tokens(_Part):
    """The tokenizer: its vocabulary, and how many bytes of the first arm it is trained on."""

    vocabulary: int = Field(ge=257)
    sample_bytes: int = Field(default=10_000_000, gt=0)


class TrainingSettings(_Part):
    """AdamW and the course of its learning rate; shares are of all steps."""

    sequences: int = Field(gt=0)
    micro_sequences: int | None = Field(default=None, gt=0)
    learning_rate: float = Field(gt=0)
    embedding_learning_rate: float | None = Field(default=None, gt=0)
    head_learning_rate: float | None = Field(default=None, gt=0)
    schedule: Literal["wsd", "cosine", "constant"] = "wsd"
    warmup: float = Field(default=0.05, ge=0, lt=1)
    decay: float = Field(default=0.2, ge=0, le=1)
    floor: float = Field(default=0.0, ge=0, le=1)
    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    clip: float = Field(default=1.0, gt=0)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int = Field(default=1, gt=0)
    checkpoint_steps: int = Field(default=500, gt=0)


class EvaluationSettings(_Part):
    """What each trial is scored by besides tasks, and how much is looked at."""

    method: PartChoice = "held-out"

    _one_method = field_validator("method")(_is_one)

    held_out_bytes: int = Field(default=500_000, gt=0)
    task_items: int = Field(default=500, gt=0)


class Base(_Part):
    """The model that every trial starts from: a finished trial, or what `scale` makes of an arm with a seed.

    Where neither is named, the arm is the text of all arms of the assay, in equal parts. `scale` says how it is trained
    (on `tokens` of them, if given); the sizes of the model and the vocabulary are those of the scale that starts from it.
    """

    trial: str | None = None
    arm: str | None = None
    scale: str = "nano"
    tokens: int | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _names_one(self) -> Base:
        if self.trial is not None and self.arm is not None:
            raise ValueError(
                f"it names both a trial ({self.trial}) and an arm ({self.arm}); expected one of them"
            )
        return self


class NoiseFloor(_Part):
    """How much trials of one arm scatter over seeds: relative standard deviation of bits per byte, of the
    mean over domains and of a single domain, and over how many seeds it was measured."""

    mean: float = Field(gt=0)
    domain: float = Field(gt=0)
    seeds: int = Field(ge=2)
    measured: str = ""


class Scale(_Part):
    """One scale, as its YAML file holds it.

    Attributes
    ----------
    base
        The model to start from; by default weights are drawn by the seed.
    chats
        How chats are read: as plain `text` without roles; written by the lab's `template` with roles, all of
        it trained on; or so written and trained on `answers` only.
    body, objective
        The architecture, and what is minimized: methods, with options as in a recipe.
    evaluation
        What trials are scored by.
    noise_floor
        How much trials of one arm scatter, where it has been measured.

    Examples
    --------
    >>> scale = Scale.load("nano")
    >>> scale.name, scale.tokens > 0
    ('nano', True)
    """

    name: str
    title: str = ""
    paper: str = ""
    base: Base | None = None
    chats: Literal["text", "template", "answers"] = "text"
    body: PartChoice = "llama"
    objective: PartChoice = "next-token"
    model: Shape
    tokenizer: Tokens
    tokens: int = Field(gt=0)
    training: TrainingSettings
    evaluation: EvaluationSettings = EvaluationSettings()
    noise_floor: NoiseFloor | None = None
    notes: str = ""

    _one_method = field_validator("body", "objective")(_is_one)

    @classmethod
    def load(cls, name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Scale:
        """A built-in scale by name, or a YAML file.

        Parameters
        ----------
        overrides
            Values in place of the file's, by dotted name: `{"tokens": 1_000_000, "training.learning_rate": 1e-3}`.
            The noise floor then holds no longer, and is left out.

        Raises
        ------
        UnknownName
            No such scale or field.
        BadRecipe, BadOption
            No YAML; a value that does not fit.
        """
        built_in = built_in_scales()
        path = Path(name_or_path)
        if str(name_or_path) in built_in:
            text = built_in[str(name_or_path)]
        elif path.suffix in (".yaml", ".yml"):
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise BadRecipe(f"scale {path}: cannot be read: {error}") from None
        else:
            raise UnknownName("scale", str(name_or_path), built_in)
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise BadRecipe(f"scale {name_or_path}: not YAML: {error}") from None
        return cls.from_dict(content, overrides, where=f"scale {name_or_path}")

    @classmethod
    def from_dict(
        cls, mapping: Any, overrides: Mapping[str, Any] | None = None, where: str = "scale"
    ) -> Scale:
        """A scale from plain data."""
        if not isinstance(mapping, Mapping):
            raise BadRecipe(f"{where}: expected a mapping, found {type(mapping).__name__}")
        data = json.loads(json.dumps(mapping))
        for name, value in (overrides or {}).items():
            _override(data, name, value, where)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "scale"
            raise BadOption(f"{where}: {field} is {first['input']!r}: {first['msg'].lower()}") from None

    def changed(self, changes: Mapping[str, Any]) -> Scale:
        """The scale with other values, by dotted name, as `load` takes them."""
        return (
            Scale.from_dict(self.model_dump(mode="json"), changes, where=f"scale {self.name}")
            if changes
            else self
        )

    @property
    def shape(self) -> ModelShape:
        """The model's sizes, as the trainer takes them."""
        return ModelShape(**self.model.model_dump())

    @property
    def steps(self) -> int:
        """Optimizer steps that the token budget gives."""
        return max(1, round(self.tokens / (self.training.sequences * self.model.context)))

    @cached_property
    def digest(self) -> str:
        """Hash of all that decides a trial."""
        decisive = self.model_dump(include={"model", "tokenizer", "tokens", "training"})
        # Left out where it is what every scale had before there was a choice.
        decisive |= self.model_dump(include={"base", "chats", "body", "objective"}, exclude_defaults=True)
        return digest_json(decisive)

    def chosen(self, part: Literal["body", "objective"]) -> MethodChoice:
        """The body or the objective, as the trainer takes it.

        Raises
        ------
        UnknownName, BadOption
            No such method, or no such option of it.
        """
        method: Body | Objective
        if part == "body":
            method = self._method("body", self.body, Body)
        else:
            method = self._method("objective", self.objective, Objective)
        options = method.options.model_dump(mode="json", exclude_defaults=True)
        return MethodChoice(method.name, method.version, method.function, options)

    def evaluation_method(self, max_domain_bytes: int) -> EvaluationMethod:
        """What trials are scored by, on up to `max_domain_bytes` of each domain of held-out text.

        Raises
        ------
        UnknownName, BadOption
            No such method, or no such option of it.
        """
        return self._method(
            "evaluation.method",
            self.evaluation.method,
            EvaluationMethod,
            {"max_domain_bytes": max_domain_bytes},
        )

    def _method(
        self, field: str, choice: PartChoice, kind: type[Kind], defaults: Mapping[str, Any] | None = None
    ) -> Kind:
        name, options = (choice, {}) if isinstance(choice, str) else next(iter(choice.items()))
        where = f"scale {self.name}: {field}"
        method = find_method(name, kind, where=where)
        own = {key: value for key, value in (defaults or {}).items() if key in method.Options.model_fields}
        return method.from_options({**own, **options}, where=where)

    def describe(self) -> list[tuple[str, str]]:
        """Named values for people."""
        inner, whole = self.shape.parameters(self.tokenizer.vocabulary)
        law = step_law(inner, self.tokens)
        budget = self.steps * self.training.sequences * self.model.context
        return [
            ("parameters", f"{inner:,} without embeddings, {whole:,} in all"),
            (
                "tokens",
                f"{budget:,} in {self.steps:,} steps of {self.training.sequences * self.model.context:,}",
            ),
            ("context", f"{self.model.context:,} tokens"),
            ("vocabulary", f"{self.tokenizer.vocabulary:,}"),
            (
                "learning rate",
                f"{self.training.learning_rate:g}, {self.training.schedule} (step law: {law.learning_rate:.2g})",
            ),
            (
                "batch",
                f"{self.training.sequences * self.model.context:,} tokens (step law: {law.batch_tokens:,.0f})",
            ),
            ("operations", f"{budget * self.shape.flops_per_token(self.tokenizer.vocabulary):.3g} a trial"),
        ]


def built_in_scales() -> dict[str, str]:
    """The built-in scales: name → YAML text, the smallest first, those that start from a model last."""
    folder = resources.files("cupel.lab") / "scales"
    scales = {
        item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".yaml")
    }

    def place(item: tuple[str, str]) -> tuple[bool, int]:
        scale = yaml.safe_load(item[1])
        return "base" in scale, scale["tokens"]

    return dict(sorted(scales.items(), key=place))


def _override(data: dict[str, Any], name: str, value: Any, where: str) -> None:
    *path, last = name.split(".")
    place: Any = data
    fields: Mapping[str, FieldInfo] = Scale.model_fields
    for part in path:
        if part not in fields:
            raise UnknownName("field", name, _names(), where=where)
        fields = _inner(fields[part])
        if place.get(part) is None:
            place[part] = {}
        place = place[part]
    if last not in fields:
        raise UnknownName("field", name, _names(), where=where)
    place[last] = value
    if name.partition(".")[0] in (
        "base",
        "chats",
        "body",
        "objective",
        "model",
        "tokenizer",
        "tokens",
        "training",
    ):
        data.pop("noise_floor", None)


def _names() -> list[str]:
    return [
        f"{name}.{inner}" if inner else name
        for name, field in Scale.model_fields.items()
        for inner in (_inner(field) or [""])
    ]


def _inner(field: FieldInfo) -> Mapping[str, FieldInfo]:
    """The fields below a field, also of one that may be left out."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind.model_fields for kind in kinds if hasattr(kind, "model_fields")), {})
