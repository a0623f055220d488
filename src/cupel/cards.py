"""A method's card as Markdown: its documentation page, and what `cupel methods NAME` prints.

Made from the class alone: docstring, options, columns, rules, papers, place in the taxonomy, cost, limits.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from typing import Any

from cupel.contract import (
    MECHANISMS,
    UTILITIES,
    Annotates,
    EvaluationMethod,
    FindingMethod,
    Method,
    Options,
    Rules,
)

__all__ = ["card_markdown"]

_UNDERLINED = re.compile(r"^([^\n]+)\n-{3,}$", re.MULTILINE)
_DOCTEST = re.compile(r"^(>>> .*(?:\n(?!\n).+)*)", re.MULTILINE)


def card_markdown(method: type[Method]) -> str:
    """The card of a method.

    >>> from cupel.contract import find_method
    >>> card_markdown(find_method("exact")).splitlines()[0].startswith("# exact")
    True
    """
    title, _, body = (inspect.getdoc(method) or method.name).partition("\n")
    parts = [f"# {method.name}", f"*{method.kind}* — {title}"]
    if body.strip():
        parts.append(_DOCTEST.sub(r"```pycon\n\1\n```", _UNDERLINED.sub(r"## \1", body.strip())))
    # A rule set from a file brings the table of its rules along in its docstring.
    rules = "" if "| rule |" in body else _rules(method)
    parts += [rules, _columns(method), _options(method.Options), _use(method)]
    parts.append(_taxonomy(method))
    if method.cost:
        parts.append(f"## Cost\n\n{method.cost}")
    if method.limits:
        parts.append(f"## Limits\n\n{method.limits}")
    if method.papers:
        lines = [
            f"- {p.authors} ({p.year}). [{p.title}]({p.url}){'. ' + p.section if p.section else ''}"
            for p in method.papers
        ]
        parts.append("## Sources\n\n" + "\n".join(lines))
    return "\n\n".join(part for part in parts if part) + "\n"


def _rules(method: type[Method]) -> str:
    if not issubclass(method, Rules) or not method.rules:
        return ""
    rows = [("rule", "keeps documents when", "why", "source")]
    for rule in method.rules:
        off = rule.threshold is None
        when = f"`{', '.join(rule.signals)}` (off until a threshold is given)" if off else f"`{rule}`"
        rows.append((f"`{rule.name}`", when, rule.why, rule.source))
    return "## Rules\n\n" + _table(rows)


def _columns(method: type[Method]) -> str:
    if not method.columns:
        return ""
    rows = [("column", "type", "unit", "meaning")]
    rows += [(f"`{name}`", str(c.type), c.unit, c.meaning) for name, c in method.columns.items()]
    return "## Columns\n\n" + _table(rows)


def _options(options: type[Options]) -> str:
    if not options.model_fields:
        return ""
    properties: dict[str, Any] = options.model_json_schema().get("properties", {})
    rows = [("option", "default", "meaning")]
    for name, field in options.model_fields.items():
        default = (
            "required"
            if field.is_required()
            else f"`{json.dumps(field.get_default(call_default_factory=True), default=str)}`"
        )
        rows.append((f"`{name}`", default, properties.get(name, {}).get("description", "")))
    return "## Options\n\n" + _table(rows)


def _taxonomy(method: type[Method]) -> str:
    """What the method looks at, how it chooses, and for which stages of training; nothing if it chooses no data."""
    if method.utility is None or method.mechanism is None:
        return ""
    utility, mechanism = UTILITIES[method.utility], MECHANISMS[method.mechanism]
    return (
        "## Place in the taxonomy\n\n"
        f"- Utility: {method.utility} ({utility.meaning})\n"
        f"- Mechanism: {method.mechanism} ({mechanism.meaning})\n"
        f"- Stages: {', '.join(method.stages)}"
    )


def _use(method: type[Method]) -> str:
    """How the method is written in a recipe, and on the command line where it has a command."""
    if not issubclass(method, FindingMethod):
        return _recipe(method)
    several = "" if method.argument.at_most == 1 else "..."
    words = "" if method.argument.at_most == 0 else f" {method.argument.metavar}{several}"
    needed = [
        f" --{name.replace('_', '-')} …"
        for name, field in method.Options.model_fields.items()
        if field.is_required()
    ]
    command = f"```\ncupel {method.command} {method.name}{words}{''.join(needed)} -o FOLDER\n```"
    use = f"On the command line:\n\n{command}"
    if issubclass(method, Annotates):
        use += f"\n\nIn a recipe:\n\n```yaml\nsteps:\n  - {method.name}: {{finding: FOLDER}}\n```"
    return use


def _recipe(method: type[Method]) -> str:
    if method.written_in == "scale":
        is_evaluation = issubclass(method, EvaluationMethod)
        named = f"{{method: {method.name}}}" if is_evaluation else method.name
        return f"In a scale:\n\n```yaml\n{method.kind}: {named}\n```"
    if "steps:" in (inspect.getdoc(method) or ""):
        return ""  # its page shows it already
    fields = method.Options.model_fields
    if not fields:
        return f"In a recipe:\n\n```yaml\nsteps:\n  - {method.name}\n```"
    name, field = next(iter(fields.items()))
    value = (
        "..."
        if field.is_required()
        else json.dumps(field.get_default(call_default_factory=True), default=str)
    )
    return f"In a recipe:\n\n```yaml\nsteps:\n  - {method.name}: {{{name}: {value}}}\n```"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    head, *body = [tuple(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    return "\n".join(lines)
