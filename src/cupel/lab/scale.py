"""A scale: the fixed small recipe that every arm is trained with. Only the data varies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cupel.errors import BadOption, BadRecipe, UnknownName
from cupel.lab.hyperparameters import step_law
from cupel.lab.training.job import ModelShape
from cupel.store import digest_json

__all__ = ["NoiseFloor", "Scale", "built_in_scales"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shape(_Part):
    """Sizes of the plain Llama architecture."""

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


class Training(_Part):
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


class Evaluation(_Part):
    """How much is looked at of each trial."""

    held_out_bytes: int = Field(default=500_000, gt=0)
    task_items: int = Field(default=500, gt=0)


class NoiseFloor(_Part):
    """How much trials of one arm scatter over seeds: relative standard deviation of bits per byte, of the
    mean over domains and of a single domain, and over how many seeds it was measured."""

    mean: float = Field(gt=0)
    domain: float = Field(gt=0)
    seeds: int = Field(ge=2)
    measured: str = ""


class Scale(_Part):
    """One scale, as its YAML file holds it.

    Examples
    --------
    >>> scale = Scale.load("nano")
    >>> scale.name, scale.tokens > 0
    ('nano', True)
    """

    name: str
    title: str = ""
    paper: str = ""
    model: Shape
    tokenizer: Tokens
    tokens: int = Field(gt=0)
    training: Training
    evaluation: Evaluation = Evaluation()
    noise_floor: NoiseFloor | None = None
    notes: str = ""

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
            given = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise BadRecipe(f"scale {name_or_path}: not YAML: {error}") from None
        return cls.from_dict(given, overrides, where=f"scale {name_or_path}")

    @classmethod
    def from_dict(cls, given: Any, overrides: Mapping[str, Any] | None = None, where: str = "scale") -> Scale:
        """A scale from plain data."""
        if not isinstance(given, Mapping):
            raise BadRecipe(f"{where}: expected a mapping, found {type(given).__name__}")
        data = json.loads(json.dumps(given))
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
        """Optimiser steps that the token budget gives."""
        return max(1, round(self.tokens / (self.training.sequences * self.model.context)))

    @cached_property
    def digest(self) -> str:
        """Hash of all that decides a trial."""
        decisive = self.model_dump(include={"model", "tokenizer", "tokens", "training"})
        return digest_json(decisive)

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
    """The built-in scales: name → YAML text, the smallest first."""
    folder = resources.files("cupel.lab") / "scales"
    scales = {
        item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".yaml")
    }
    return dict(sorted(scales.items(), key=lambda item: yaml.safe_load(item[1])["tokens"]))


def _override(data: dict[str, Any], name: str, value: Any, where: str) -> None:
    *path, last = name.split(".")
    place: Any = data
    fields: Mapping[str, Any] = Scale.model_fields
    for part in path:
        if part not in fields:
            raise UnknownName("field", name, _names(), where=where)
        fields = getattr(fields[part].annotation, "model_fields", {})
        place = place.setdefault(part, {})
    if last not in fields:
        raise UnknownName("field", name, _names(), where=where)
    place[last] = value
    if name.partition(".")[0] in ("model", "tokenizer", "tokens", "training"):
        data.pop("noise_floor", None)


def _names() -> list[str]:
    return [
        f"{name}.{inner}" if inner else name
        for name, field in Scale.model_fields.items()
        for inner in (getattr(field.annotation, "model_fields", None) or [""])
    ]
