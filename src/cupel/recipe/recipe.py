"""What a recipe is: YAML in, checked steps out, content-addressed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from cupel.contract import (
    Column,
    Dedup,
    Edit,
    Extraction,
    Generator,
    Method,
    Options,
    Rules,
    Selector,
    Signal,
    all_methods,
    find_method,
    methods_of,
    own_digests,
)
from cupel.errors import BadOption, BadRecipe, UnknownName
from cupel.notebook import facts_html
from cupel.recipe.named_signals import columns_of, named_signals, signal_options
from cupel.store import digest_json

__all__ = ["Recipe", "Step", "built_in_recipes"]

KINDS: tuple[type[Method], ...] = (Extraction, Signal, Rules, Edit, Dedup, Selector, Generator)
"""The kinds whose methods can be steps."""

_NAMED_STEP = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9_-]*$",
    "description": "The name of a signal under `signals`: it is measured, and stays as a column.",
}
_FIELDS = ("name", "title", "description", "paper", "seed", "signals", "steps")


@dataclass(frozen=True)
class Step:
    """One step: a method with its options, under a name unique in the recipe."""

    label: str
    method: Method

    @property
    def options(self) -> dict[str, Any]:
        """All options, defaults included."""
        return self.method.options.model_dump(mode="json")


@dataclass(frozen=True)
class Recipe:
    """An ordered list of steps: one data decision.

    Attributes
    ----------
    name, title, description
        For people.
    paper
        Where the recipe comes from, if anywhere.
    seed
        The one source of randomness.
    signals
        Options of signal families, by family name; they hold wherever the family is measured. Under any other name:
        one family with its options, so that a recipe can hold several signals of a family.
    steps
        What is done to each document, in order.
    """

    name: str
    steps: tuple[Step, ...]
    title: str = ""
    description: str = ""
    paper: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    signals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, name_or_path: str | Path, overrides: Iterable[str] = ()) -> Recipe:
        """A built-in recipe by name, or a YAML file.

        Parameters
        ----------
        overrides
            `step.option=value` each, as `--set` takes them; values are read as YAML.

        Raises
        ------
        UnknownName
            No such recipe, step, method or option; the nearest one is named.
        BadRecipe, BadOption
            The file is not a recipe; a value does not fit.
        """
        text, where = _recipe_text(name_or_path)
        return cls.from_dict(_yaml(text, where), overrides, where=where)

    @classmethod
    def from_dict(cls, record: Any, overrides: Iterable[str] = (), where: str = "recipe") -> Recipe:
        """A recipe from plain data, as its YAML file holds it."""
        if not isinstance(record, Mapping):
            raise BadRecipe(
                f"{where}: expected a mapping with 'name' and 'steps', found {type(record).__name__}"
            )
        for key in record:
            if key not in _FIELDS:
                raise UnknownName("recipe field", str(key), _FIELDS, where=where)
        steps = record.get("steps")
        if not isinstance(steps, list) or not steps:
            raise BadRecipe(f"{where}: 'steps' is {steps!r}: expected a list of methods")
        seed = record.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise BadOption(f"{where}: 'seed' is {seed!r}: expected a whole number from 0")
        parsed = [_parse_step(step, f"{where}: step {number}") for number, step in enumerate(steps, 1)]
        labels = _labels(name for name, _ in parsed)
        options = {
            label: dict(given_options) for label, (_, given_options) in zip(labels, parsed, strict=True)
        }
        signals = _read_signals(record.get("signals"), f"{where}: signals")
        for override in overrides:
            _override(override, options, signals)
        named = named_signals(signals, f"{where}: signals")
        built = [
            Step(label, _build(name, options[label], named, f"{where}: step '{label}'"))
            for label, (name, _) in zip(labels, parsed, strict=True)
        ]
        columns = _own_columns(built, signals, named)
        return cls(
            name=str(record.get("name") or "unnamed"),
            title=str(record.get("title") or ""),
            description=str(record.get("description") or ""),
            paper=dict(record.get("paper") or {}),
            seed=seed,
            signals=signals,
            steps=tuple(
                replace(step, method=step.method.with_columns(columns))
                if isinstance(step.method, Rules)
                else step
                for step in built
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything that decides the result, defaults written out; loads back to an equal recipe."""
        return {
            "name": self.name,
            **({"title": self.title} if self.title else {}),
            "seed": self.seed,
            **({"signals": {k: dict(v) for k, v in self.signals.items()}} if self.signals else {}),
            "steps": [_written(step) for step in self.steps],
        }

    def to_yaml(self) -> str:
        """The recipe as a file that replays it."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    def __repr__(self) -> str:
        return f"Recipe({self.name!r}: {' → '.join(step.label for step in self.steps)})"

    def _repr_html_(self) -> str:
        rows = [(step.label, yaml.safe_dump(step.options, sort_keys=False) or "") for step in self.steps]
        shown = [(label, " ".join(options.strip("{}\n").split("\n"))) for label, options in rows]
        return facts_html(self.name, shown, subtitle=self.title)

    def check(self, documents: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]) -> Any:
        """What the recipe would do to one document, or to each of a list, without a run.

        Its rules and edits are applied by the same code as in a run. Steps that need the whole corpus, a model or
        something to learn from are left out, and named.

        Parameters
        ----------
        documents
            A text, a row (with a text column, or a conversation in a known layout), or a list of these.

        Returns
        -------
        A `cupel.Check`, or a list of them.

        Raises
        ------
        BadInput
            A document is neither a text nor a row.

        Examples
        --------
        >>> recipe = Recipe.from_dict({"name": "long", "steps": [{"length": {"min_words": 3}}, "exact"]})
        >>> print(recipe.check("Café"))
        dropped by length: min_words = 1; kept when word_count ≥ 3
          word_count  1
          not applied exact: compares all documents of a corpus
        """
        import cupel  # imported late: the code that runs a recipe depends on this module

        return cupel.check(self, documents)

    @cached_property
    def named_signals(self) -> dict[str, Signal]:
        """The signals that have a name of their own in this recipe."""
        return named_signals(self.signals)

    @cached_property
    def digest(self) -> str:
        """Hash of what decides the result: steps with all options, signal options, seed. 32 hex digits.

        Of files that options name (lists of words or domains, models) the content counts, not only the name, and so
        does that of every file of methods that was loaded.
        """
        decisive = {k: v for k, v in self.to_dict().items() if k not in ("name", "title")}
        methods = [step.method for step in self.steps]
        methods += [
            self.named_signals.get(name) or find_method(name, Signal).from_options(own)
            for name, own in self.signals.items()
        ]
        if files := {path: digest for method in methods for path, digest in method.file_digests.items()}:
            decisive["files"] = files
        if own := own_digests():
            decisive["methods"] = own
        return digest_json(decisive)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """A JSON schema of recipe files, made from the cards of all installed methods."""
        steps = [
            _step_schema(name, method)
            for name, method in methods_of(Method).items()
            if issubclass(method, KINDS)
        ]
        families = {name: signal.Options.model_json_schema() for name, signal in methods_of(Signal).items()}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Cupel recipe",
            "type": "object",
            "required": ["name", "steps"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "title": {"type": "string"},
                "description": {"type": "string"},
                "paper": {"type": "object"},
                "seed": {"type": "integer", "minimum": 0},
                "signals": {
                    "type": "object",
                    "properties": families,
                    "additionalProperties": {
                        "description": "A signal under a name of its own: one family with its options.",
                        "type": "object",
                        "properties": families,
                        "additionalProperties": False,
                        "minProperties": 1,
                        "maxProperties": 1,
                    },
                },
                "steps": {"type": "array", "minItems": 1},
            },
            # Only a recipe that gives signals names of their own has steps that are no methods.
            "if": {"properties": {"signals": {"propertyNames": {"enum": [*families]}}}},
            "then": {"properties": {"steps": {"items": {"oneOf": steps}}}},
            "else": {"properties": {"steps": {"items": {"anyOf": [*steps, _NAMED_STEP]}}}},
        }


def built_in_recipes() -> dict[str, str]:
    """The built-in recipes: name → YAML text."""
    folder = resources.files("cupel.recipe.built_in")
    files = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".yaml")), key=lambda item: item.name
    )
    return {item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8") for item in files}


def _recipe_text(name_or_path: str | Path) -> tuple[str, str]:
    built_in = built_in_recipes()
    if str(name_or_path) in built_in:
        return built_in[str(name_or_path)], f"recipe '{name_or_path}'"
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        raise UnknownName("recipe", str(name_or_path), built_in)
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadRecipe(f"{path}: cannot be read: {error}") from None


class _Loader(yaml.SafeLoader):
    """YAML without tags, anchors or repeated keys: plain data only."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadRecipe(f"line {event.start_mark.line + 1}: YAML anchors and aliases are not taken")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise BadRecipe(f"line {event.start_mark.line + 1}: YAML tags are not taken: {tag}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise BadRecipe(f"line {node.start_mark.line + 1}: '{key}' stands twice")
        return super().construct_mapping(node, deep)


def _yaml(text: str, where: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except BadRecipe as error:
        raise BadRecipe(f"{where}: {error}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadRecipe(f"{where}: not YAML: {error}") from None


def _parse_step(step: Any, where: str) -> tuple[str, Mapping[str, Any]]:
    if isinstance(step, str):
        return step, {}
    if isinstance(step, Mapping) and len(step) == 1:
        ((name, options),) = step.items()
        if isinstance(name, str) and (options is None or isinstance(options, Mapping)):
            return name, options or {}
        if isinstance(name, str) and isinstance(options, str) and (option := _shorthand(name)) is not None:
            return name, {option: options}
    raise BadRecipe(f"{where}: {step!r}: expected a method name, or one method with a mapping of its options")


def _shorthand(name: str) -> str | None:
    """The option that may be written in place of all options."""
    method = all_methods().get(name)
    return None if method is None else method.shorthand


def _labels(names: Iterable[str]) -> list[str]:
    seen: dict[str, int] = {}
    labels = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        labels.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return labels


def _read_signals(record: Any, where: str) -> dict[str, dict[str, Any]]:
    if not isinstance(record or {}, Mapping):
        raise BadRecipe(f"{where}: expected a mapping of signals to their options, found {record!r}")
    signals: dict[str, dict[str, Any]] = {}
    for name, value in (record or {}).items():
        if not isinstance(value or {}, Mapping):
            raise BadRecipe(f"{where}: {name}: expected a mapping of options, found {value!r}")
        signals[str(name)] = {
            key: dict(inner) if isinstance(inner, Mapping) else inner for key, inner in (value or {}).items()
        }
        if name not in methods_of(Signal):  # `edu: {classifier-score: }` means without options
            signals[str(name)] = {key: inner or {} for key, inner in signals[str(name)].items()}
    return signals


def _own_columns(
    steps: Iterable[Step], signals: Mapping[str, Mapping[str, Any]], named: Mapping[str, Signal]
) -> dict[str, Column]:
    """Columns as the recipe has them, where they depend on names or options that it gives."""
    families = methods_of(Signal)
    own = [step.method for step in steps if isinstance(step.method, Signal)]
    own += [families[name].from_options(options) for name, options in signals.items() if name in families]
    return {column: kind for signal in (*own, *named.values()) for column, kind in columns_of(signal).items()}


def _written(step: Step) -> Any:
    """A step as a recipe file has it."""
    if isinstance(step.method, Signal) and step.method.alias:
        return step.method.alias
    return {step.method.name: step.options} if step.options else step.method.name


def _build(name: str, options: Mapping[str, Any], named: Mapping[str, Signal], where: str) -> Method:
    if name in named:
        if options:
            raise BadRecipe(f"{where}: its options stand under 'signals', where it is defined")
        return named[name]
    method = find_method(name, where=where)
    if not issubclass(method, KINDS):
        able = ", ".join(kind.kind for kind in KINDS)
        raise BadRecipe(
            f"{where}: '{name}' is a method of kind '{method.kind}', and a recipe has no steps of that kind "
            f"(its steps are of the kinds {able}); `cupel methods {name}` says what it is for"
        )
    return method.from_options(options, where=where)


def _override(override: str, options: dict[str, dict[str, Any]], signals: dict[str, dict[str, Any]]) -> None:
    target, equals, value = override.partition("=")
    step, dot, option = target.strip().rpartition(".")
    if not (equals and dot and step and option):
        raise BadOption(f"--set {override}: expected STEP.OPTION=VALUE, such as gopher-quality.min_words=20")
    parsed = _yaml(value, f"--set {override}")
    own = signal_options(signals, step)
    if own is not None:
        own[option] = parsed
    elif step in options:
        options[step][option] = parsed
    elif step in methods_of(Signal):
        signals.setdefault(step, {})[option] = parsed
    else:
        raise UnknownName("step", step, [*options, *signals], where=f"--set {override}")


def _step_schema(name: str, method: type[Method]) -> dict[str, Any]:
    options: type[Options] = method.Options
    described = {"description": method.title()}
    written = [options.model_json_schema(), {"type": "null"}]
    if method.shorthand is not None:
        written.append({"type": "string", "description": f"The option `{method.shorthand}`."})
    with_options = {
        "type": "object",
        "required": [name],
        "additionalProperties": False,
        "properties": {name: {"oneOf": written}},
        **described,
    }
    return {"oneOf": [{"const": name, **described}, with_options]}
