"""A rule set as a method: its rules, the options that move its thresholds, its decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt, StrictStr, create_model

from cupel.contract import Method, Rule, Rules
from cupel.contract.rules import Test, written
from cupel.errors import BadOption

__all__ = ["PASSES", "RuleSet", "build_rule_set", "options_of"]

_TYPES: dict[str, Any] = {
    "bool": StrictBool,
    "int": StrictInt,
    "float": Annotated[float, Field(strict=True, allow_inf_nan=False)],
    "str": StrictStr,
    "list": Annotated[list[StrictStr], Field(min_length=1)],
}

PASSES: dict[Test, str] = {
    "at_least": "Keep documents whose `{signal}` is at least this.",
    "at_most": "Keep documents whose `{signal}` is at most this.",
    "above": "Keep documents whose `{signal}` is above this.",
    "below": "Keep documents whose `{signal}` is below this.",
    "is": "Keep documents whose `{signal}` is this.",
    "in": "Keep documents whose `{signal}` is one of these.",
}
"""The tests that the rules of a set may have, and what their options say."""


class RuleSet(Rules):
    """Rules on signals whose thresholds are options, each under its rule's name; null switches the rule off.

    The class lists all rules; an instance lists those that are on, with the thresholds in force,
    and needs only their signals.
    """

    rules: tuple[Rule, ...] = ()

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        self.rules = tuple(self._in_force(type(self).rules))
        if not self.rules:
            names = ", ".join(rule.name for rule in type(self).rules)
            raise BadOption(
                f"{self.name}: every rule is off, so this step would do nothing; "
                f"give a value for at least one of: {names}"
            )
        _check_some_document_can_pass(self.name, self.rules)

    def _in_force(self, rules: Iterable[Rule]) -> Iterable[Rule]:
        for rule in rules:
            threshold = getattr(self.options, rule.name)
            if threshold is not None:
                yield replace(
                    rule,
                    threshold=tuple(threshold) if isinstance(threshold, list) else threshold,
                )


def build_rule_set(rules: tuple[Rule, ...], types: dict[str, str], card: dict[str, Any]) -> type[RuleSet]:
    """The class of a rule set: `card` holds its class attributes (name, papers, docstring …).

    `types` says of each rule whether its threshold is a bool, int, float, str or list.
    """
    namespace = {
        **card,
        "__module__": "cupel.rules",
        "rules": rules,
        "Options": options_of(card["name"], rules, types),
    }
    class_name = "".join(part.capitalize() for part in card["name"].split("-"))
    return type(class_name, (RuleSet,), namespace)


def options_of(name: str, rules: tuple[Rule, ...], types: dict[str, str]) -> type[Method.Options]:
    """One option per threshold: typed, described, None to switch the rule off."""
    fields: dict[str, Any] = {}
    for rule in rules:
        default = list(rule.threshold) if isinstance(rule.threshold, tuple) else rule.threshold
        parts = (
            PASSES[rule.test].format(signal=rule.signal),
            rule.why,
            rule.source and f"({rule.source})",
        )
        description = " ".join(part for part in parts if part)
        fields[rule.name] = (
            _TYPES[types[rule.name]] | None,
            Field(default, description=description),
        )
    title = f"Options of {name}"
    return create_model(title, __base__=Method.Options, __doc__="Thresholds by rule; null: off.", **fields)


def _check_some_document_can_pass(name: str, rules: tuple[Rule, ...]) -> None:
    """Refuse two rules on one signal that no value meets."""
    for lower in rules:
        for upper in rules:
            if lower.signal != upper.signal or lower.test not in ("at_least", "above"):
                continue
            if not isinstance(lower.threshold, int | float) or not isinstance(upper.threshold, int | float):
                continue
            if upper.test not in ("at_most", "below"):
                continue
            strict = lower.test == "above" or upper.test == "below"
            if lower.threshold > upper.threshold or (strict and lower.threshold == upper.threshold):
                raise BadOption(
                    f"{name}: no document can pass both {lower.name} ({written(lower.threshold)}) "
                    f"and {upper.name} ({written(upper.threshold)})"
                )
