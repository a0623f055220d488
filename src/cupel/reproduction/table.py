"""All claims and their results: as a table for the terminal, and as a page of the docs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from cupel.findings import Alarm, Block, Facts, Prose, Section, Table
from cupel.reproduction.folder import ClaimFile
from cupel.reproduction.result import ClaimResult
from cupel.units import write_number, write_seconds, written

__all__ = ["claims_markdown", "claims_table", "holds", "result_section"]

_INTRODUCTION = """\
# Claims

A claim is a statement that a paper makes, and the small experiment here that backs it or does not: one file in
the folder `claims/` with the paper's statement, our arms, the metric, the rule that decides, and the cost. What came out
is recorded beside it, whatever it was. Scales are small: a claim that does not hold here may hold at the paper's size,
and the other way round.

<!-- not run: trains for minutes -->
```shell
cupel claims list
cupel claims run ID
```

This page is made by `cupel claims table --write docs/claims.md`.
"""


def holds(result: ClaimResult | None) -> str:
    """Whether a claim holds here, in a word or two."""
    if result is None:
        return "not run yet"
    return {True: "holds", False: "does not hold", None: "undecided"}[result.passed]


def claims_table(claims: Mapping[str, ClaimFile], results: Mapping[str, ClaimResult]) -> Table:
    """One row per claim."""
    rows = []
    for id, claim_file in claims.items():
        result = results.get(id)
        paper = f"{claim_file.claim.paper.authors} {claim_file.claim.paper.year}"
        effect = " ".join(_effect_and_interval(result)).strip() if result else ""
        if result and not _is_share(result):
            effect = f"{effect} {result.unit}"
        rows.append((id, claim_file.claim.title, paper, holds(result), effect))
    return Table(
        columns=("claim", "", "paper", "here", "effect (95 %)"), rows=tuple(rows), formats=("text",) * 5
    )


def result_section(claim_file: ClaimFile, result: ClaimResult) -> Section:
    """One result, for the terminal."""
    blocks: list[Block] = [Facts(facts=tuple(_facts(result)))]
    if result.passed is not True:
        blocks.insert(0, Alarm(text=f"{holds(result).capitalize()}. {result.reason}".strip()))
    return Section(
        title=f"{claim_file.claim.title}: {holds(result)}", lead=result.verdict, blocks=tuple(blocks)
    )


def claims_markdown(claims: Mapping[str, ClaimFile], results: Mapping[str, ClaimResult]) -> str:
    """The page of the docs: the table, then each claim with its result."""
    parts = [_INTRODUCTION, _markdown_table(_linked(claims_table(claims, results)))]
    for id, claim_file in claims.items():
        parts.append(_claim_markdown(claim_file, results.get(id)))
    return "\n".join(parts)


def _claim_markdown(claim_file: ClaimFile, result: ClaimResult | None) -> str:
    claim, paper = claim_file.claim, claim_file.claim.paper
    where = f", {paper.section}" if paper.section else ""
    lines = [
        f"## {claim_file.id}",
        "",
        f"**{claim.title}.** {claim.statement}",
        "",
        f"{paper.authors}, [{paper.title}]({paper.url}), {paper.year}{where}.",
        "",
        *(f"- *{name}*: {arm}" for name, arm in claim.arms.items()),
        "",
        f"Measured: {claim.metric}. Expected: {claim.expected}.",
        "",
        f"Rule: {claim.rule}",
        "",
        f"Scale {claim.scale}, {claim.seeds} seeds, {claim.cost}.",
        "",
    ]
    if result is None:
        return "\n".join([*lines, "Not run yet.", ""])
    lines += [f"**{holds(result).capitalize()}.** {result.verdict}", ""]
    if result.reason:
        lines += [f"Why: {result.reason}", ""]
    lines += ["; ".join(f"{name}: {value}" for name, value in _facts(result)) + ".", ""]
    for section in result.sections:
        lines += [f"### {section.title}", ""] if section.title else []
        lines += [section.lead, ""] if section.lead else []
        for block in section.blocks:
            if isinstance(block, Table):
                lines += [*([block.caption, ""] if block.caption else []), _markdown_table(block)]
            elif isinstance(block, Prose | Alarm):
                lines += [block.text, ""]
    return "\n".join(lines)


def _facts(result: ClaimResult) -> Iterable[tuple[str, str]]:
    yield "effect", _effect(result)
    yield "seeds", ", ".join(map(str, result.seeds))
    yield "scale", result.scale
    yield "took", write_seconds(result.seconds)
    yield "on", result.hardware
    yield "commit", result.commit
    yield "date", result.date


def _effect(result: ClaimResult) -> str:
    effect, interval = _effect_and_interval(result)
    interval = f" (95 % interval {interval[1:-1]})" if interval else ""
    return f"{effect}{interval} {result.unit}".rstrip()


def _effect_and_interval(result: ClaimResult) -> tuple[str, str]:
    """Both as text. A unit that begins with "of" makes the effect a percentage."""

    def written(value: float) -> str:
        if not math.isfinite(value):
            return "∞" if value > 0 else "−∞"
        text = f"{value:+.1%}".replace("%", " %") if _is_share(result) else write_number(value)
        return text.replace("-", "−")

    interval = "" if result.interval is None else "({} to {})".format(*map(written, result.interval))
    return written(result.effect), interval


def _is_share(result: ClaimResult) -> bool:
    """Whether the effect is a difference as a share of something."""
    return result.unit.startswith("of ")


def _linked(table: Table) -> Table:
    rows = tuple((f"[{row[0]}](#{row[0]})", *row[1:]) for row in table.rows)
    return table.model_copy(update={"rows": rows})


def _markdown_table(table: Table) -> str:
    formats = table.formats or ("text",) * len(table.columns)
    numeric = [form not in ("text", "") for form in formats]

    def line(cells: Iterable[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rows = [
        line(written(value, form) for value, form in zip(row, formats, strict=True)) for row in table.rows
    ]
    ends = line("---:" if number else "---" for number in numeric)
    return "\n".join([line(table.columns), ends, *rows, ""])
