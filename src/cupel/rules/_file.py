"""Reading a rule set from its YAML file."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from cupel.contract import Paper, Rule
from cupel.contract.rules import Test
from cupel.contract.taxonomy import check_taxonomy
from cupel.errors import BadOption, UnknownName
from cupel.rules._rule_set import PASSES, RuleSet, build_rule_set

# The safe loader, in C if available: every command reads all rule sets.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

__all__ = ["read_rule_set"]

Kind = Literal["bool", "int", "float", "str", "list"]


class _Paper(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    authors: str
    year: int
    url: str
    section: str = ""


class _Rule(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    signal: str
    type: Kind | None = None
    why: str
    source: str
    reference: str = ""
    missing: Literal["fails", "passes"] = "fails"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    title: str
    description: str
    papers: list[_Paper] = []
    utility: str | None = None
    mechanism: str | None = None
    stages: tuple[str, ...] = ()
    needs_edit: str | None = None
    cost: str = ""
    limits: str = ""
    include: list[str] = []
    rules: list[_Rule] = []


def read_rule_set(path: Path) -> type[RuleSet]:
    """The method that the YAML file at `path` describes.

    Raises
    ------
    BadOption
        A file that is not a rule set; the message names the file, the rule and the fault.
    """
    file = _parse(path)
    try:
        check_taxonomy(str(path), file.utility, file.mechanism, file.stages)
    except TypeError as error:
        raise BadOption(str(error)) from None
    rules, types = _rules(path, file)
    card: dict[str, Any] = {
        "name": file.name,
        "papers": tuple(Paper(**paper.model_dump()) for paper in file.papers),
        "needs_edit": file.needs_edit,
        "cost": file.cost or "under 1 % of a refining pass: the signals are measured already",
        "limits": file.limits,
        "__doc__": _page(file, rules),
        # What the file does not name stays as it is for all rules.
        **file.model_dump(include={"utility", "mechanism", "stages"}, exclude_defaults=True),
    }
    return build_rule_set(rules, types, card)


@cache
def _parse(path: Path) -> _File:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
        for key in content if isinstance(content, dict) else ():
            if key not in _File.model_fields:
                raise UnknownName("part of a rule set", str(key), _File.model_fields, where=str(path))
        file = _File.model_validate(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadOption(f"{path}: not readable as YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadOption(f"{path}: {place}: {first['msg'].lower()}") from None
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", file.name):
        raise BadOption(f"{path}: the name '{file.name}' is not in kebab-case")
    return file


def _rules(path: Path, file: _File) -> tuple[tuple[Rule, ...], dict[str, str]]:
    """The rules of the included files, then the file's own, and the type of each threshold."""
    rules: list[Rule] = []
    types: dict[str, str] = {}
    for name in file.include:
        other = path.with_name(f"{name}.yaml")
        if not other.exists():
            known = [p.stem for p in path.parent.glob("*.yaml")]
            raise UnknownName("rule set to include", name, known, where=str(path))
        included, included_types = _rules(other, _parse(other))
        rules += included
        types |= included_types
    for written in file.rules:
        test, threshold = _condition(path, written)
        if written.name in {rule.name for rule in rules}:
            raise BadOption(f"{path}: two rules are called '{written.name}'")
        if not written.name.isidentifier():
            raise BadOption(f"{path}: the rule name '{written.name}' is not in snake_case")
        types[written.name] = written.type or _type_of(path, written.name, threshold)
        rules.append(
            Rule(
                written.name,
                written.signal,
                test,
                tuple(threshold) if isinstance(threshold, list) else threshold,
                " ".join(written.why.split()),
                written.source,
                written.reference,
                written.missing,
            )
        )
    if not rules:
        raise BadOption(f"{path}: has no rules")
    return tuple(rules), types


def _condition(path: Path, written: _Rule) -> tuple[Test, Any]:
    conditions = written.model_extra or {}
    for key in conditions:
        if key not in PASSES:
            raise UnknownName("test", key, PASSES, where=f"{path}: rule '{written.name}'")
    tests = [test for test in PASSES if test in conditions]
    if len(tests) != 1:
        raise BadOption(
            f"{path}: rule '{written.name}' has {len(tests)} tests; one of {', '.join(PASSES)} is expected"
        )
    return tests[0], conditions[tests[0]]


def _type_of(path: Path, name: str, threshold: object) -> str:
    for kind in (bool, int, float, str, list):  # bool before int, which it is too
        if isinstance(threshold, kind):
            return kind.__name__
    raise BadOption(f"{path}: rule '{name}' is off by default and must say its type")


def _page(file: _File, rules: tuple[Rule, ...]) -> str:
    """The documentation page: title, description, one line per rule, limits."""
    lines = [
        f"{file.title}.",
        "",
        file.description.strip(),
        "",
        "| rule | keeps | why | source |",
    ]
    lines.append("| --- | --- | --- | --- |")
    for rule in rules:
        condition = str(rule) if rule.threshold is not None else f"{rule.signal}: off until given"
        why = rule.why.replace("|", "\\|")
        lines.append(f"| `{rule.name}` | {condition} | {why} | {rule.source} |")
    if file.needs_edit:
        lines += [
            "",
            f"Needs the edit `{file.needs_edit}` right before; it is put there when missing.",
        ]
    return "\n".join(lines)
