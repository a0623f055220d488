"""The essentials of a run: the summary shown in a terminal at its end, and its alarms."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from cupel.contract import Rule
from cupel.findings import Alarm, Block, Code, Page, Prose, Section, Table
from cupel.recipe.plan import Plan
from cupel.recipe.steps import StepGroup
from cupel.recipe.tally import Tally
from cupel.units import estimate_tokens, write_bytes, write_count, write_percent, write_scaled, write_seconds

__all__ = ["alarms", "counts_of_drops", "kept_sentence", "run_alarms", "summary"]

REASONS = 5
"""Reasons that a terminal shows; the page shows them all."""
MAX_ID = 80
"""Characters of an id that a command to type may hold."""
MAX_QUARANTINED_SHARE = 0.1


def counts_of_drops(plan: Plan, total: Tally) -> list[dict[str, Any]]:
    """Every reason for which documents were dropped, the most frequent first, as the manifest lists them.

    Each has `step`, `reason`, `signal` and `keeps_when` (what a rule measured, and its threshold; null and empty where
    the reason has none), `documents`, `bytes` and `example`, the id of a document.
    """
    limits, signals = _limits(plan)
    records = []
    for step, reasons in total.dropped.items():
        for reason, drop in reasons.items():
            samples = total.samples.get(f"{step}: {reason}")
            records.append(
                {
                    "step": step,
                    "reason": reason,
                    "signal": signals.get((step, reason)),
                    "keeps_when": limits.get((step, reason)) or limits.get((step, ""), ""),
                    "documents": drop.documents,
                    "bytes": drop.bytes,
                    "example": samples[0].id if samples else None,
                }
            )
    return sorted(records, key=lambda record: -record["documents"])


def _limits(plan: Plan) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """The condition of each rule by step and name, and of each decision by step; and the signals of the rules."""
    limits: dict[tuple[str, str], str] = {}
    signals: dict[tuple[str, str], str] = {}
    for pass_ in plan.passes:
        for operation in pass_.operations:
            for step in operation.rules if isinstance(operation, StepGroup) else ():
                limits |= {(step.label, rule.name): str(rule) for rule in step.rules.rules}
                signals |= {
                    (step.label, rule.name): rule.signal
                    for rule in step.rules.rules
                    if isinstance(rule, Rule)
                }
        limits |= {(step.label, ""): step.method.limit for step in pass_.decisions}
    return limits, signals


def run_alarms(
    documents: Mapping[str, int], drops: Iterable[Mapping[str, Any]], quarantined: Mapping[str, int]
) -> list[Alarm]:
    """Counts of a run that need attention before training on its output.

    Parameters
    ----------
    documents, drops, quarantined
        As the manifest has them: fates with their counts, reasons of drops, reasons of quarantine.
    """
    raised = []
    everything = documents["in"] + documents["generated"]
    by_step: dict[str, int] = {}
    for drop in drops:
        by_step[drop["step"]] = by_step.get(drop["step"], 0) + drop["documents"]
    if not everything:
        raised.append(Alarm(text="The input holds no documents."))
    elif not documents["kept"]:
        raised.append(Alarm(text=f"Nothing was kept of {_documents(everything)}. {_advice(by_step)}"))
    if documents["quarantined"] > MAX_QUARANTINED_SHARE * everything:
        share = write_percent(documents["quarantined"] / everything)
        reason = max(quarantined, key=lambda name: quarantined[name])
        raised.append(
            Alarm(
                text=f"{_documents(documents['quarantined'])} ({share}) went to quarantine, mostly for "
                f"'{reason}'. Is the input what you meant, and read as it should be?"
            )
        )
    return raised


def _documents(count: int) -> str:
    return f"{write_count(count)} {'document' if count == 1 else 'documents'}"


def _advice(by_step: Mapping[str, int]) -> str:
    if not by_step:
        return "All went to quarantine."
    step = max(by_step, key=lambda label: by_step[label])
    return (
        f"The step '{step}' dropped the most, {write_count(by_step[step])}: loosen it in the recipe or with "
        f"--set {step}.OPTION=VALUE, or choose another recipe."
    )


def alarms(page: Page) -> list[str]:
    """The text of every alarm on a page."""
    return [block.text for section in page.sections for block in section.blocks if isinstance(block, Alarm)]


def kept_sentence(manifest: Mapping[str, Any]) -> str:
    """The kept data: documents, bytes of text, and the estimated number of tokens.

    Examples
    --------
    >>> documents = {"in": 4, "generated": 0, "kept": 1, "dropped": 3, "quarantined": 0}
    >>> kept_sentence({"documents": documents, "bytes": {"text_out": 10_000}, "seconds": 2.0})
    'Kept 1 of 4 documents (25.0 %): 10.0 kB of text, about 2.5k tokens. It took 2.0 s.'
    """
    documents, text = manifest["documents"], manifest["bytes"]["text_out"]
    everything = documents["in"] + documents["generated"]
    share = f" ({write_percent(documents['kept'] / everything)})" if everything else ""
    generated = f", {write_count(documents['generated'])} of them generated" if documents["generated"] else ""
    return (
        f"Kept {write_count(documents['kept'])} of {_documents(everything)}{generated}{share}: "
        f"{write_bytes(text)} of text, about {write_scaled(estimate_tokens(text))} tokens. "
        f"It took {write_seconds(manifest['seconds'])}."
    )


def summary(manifest: Mapping[str, Any], output: str, *, report: bool) -> tuple[Section, ...]:
    """The essentials of a finished run: what was kept, why the rest was dropped, and which commands come next.

    Parameters
    ----------
    output
        The folder as the user calls it; commands and paths begin with it.
    report
        Whether `report.html` is there.
    """
    drops = manifest.get("dropped_by", [])
    quarantined = manifest.get("quarantined_by", {})
    sections = [
        Section(title="", key="kept", blocks=(Prose(text=kept_sentence(manifest)),)),
        _reasons(drops, manifest["documents"]),
        _quarantine(quarantined, output),
        _left_out(manifest["left_out"]),
        Section(title="Next", key="next", blocks=_next(drops, output, report=report)),
    ]
    return tuple(section for section in sections if section.blocks)


def _reasons(drops: list[Mapping[str, Any]], documents: Mapping[str, int]) -> Section:
    everything = documents["in"] + documents["generated"]
    rows = tuple(
        (
            f"{drop['step']}: {drop['reason']}",
            drop["keeps_when"].removeprefix(drop["signal"] or "").strip() or None,
            drop["documents"],
            drop["documents"] / everything,
        )
        for drop in drops[:REASONS]
    )
    rest = drops[REASONS:]
    table = Table(
        columns=("step: rule", "kept if", "documents", "share"),
        rows=rows,
        formats=("text", "text", "count", "percent"),
    )
    blocks: tuple[Block, ...] = (table,) if rows else ()
    if rest:
        documents_of_rest = sum(drop["documents"] for drop in rest)
        blocks += (
            Prose(
                text=f"{len(rest)} more {'reasons' if len(rest) > 1 else 'reason'} dropped "
                f"{write_count(documents_of_rest)}; --full shows all that the page does."
            ),
        )
    title = f"Dropped {write_count(documents['dropped'])}"
    return Section(title=title, key="dropped", blocks=blocks)


def _quarantine(quarantined: Mapping[str, int], output: str) -> Section:
    rows = tuple(sorted(quarantined.items(), key=lambda item: -item[1]))
    table = Table(
        columns=("reason", "documents"),
        rows=rows[:REASONS],
        formats=("text", "count"),
    )
    more = f"{len(rows) - REASONS} more reasons; all" if len(rows) > REASONS else "All"
    place = Prose(text=f"{more} with file, position and reason: {output}/quarantine/*.jsonl")
    return Section(
        title=f"Quarantined {write_count(sum(quarantined.values()))}",
        key="quarantine",
        blocks=(table, place) if rows else (),
    )


def _left_out(kinds: list[Mapping[str, Any]]) -> Section:
    """Files that were not read, in a sentence."""
    listed = [
        f"{write_count(kind['files'])} {kind['kind']} ({write_bytes(kind['bytes'])}, such as {kind['names'][0]})"
        for kind in kinds
    ]
    more = f", and {len(kinds) - REASONS} more kinds" if len(kinds) > REASONS else ""
    return Section(
        title="Files not read",
        key="left-out",
        blocks=(Prose(text="; ".join(listed[:REASONS]) + more),) if listed else (),
    )


def _next(drops: list[Mapping[str, Any]], output: str, *, report: bool) -> tuple[Block, ...]:
    folder = shlex.quote(output)
    by_step: dict[str, int] = {}
    for drop in drops:
        by_step[drop["step"]] = by_step.get(drop["step"], 0) + drop["documents"]
    lines = []
    if by_step:
        lines.append(f"cupel sample {folder} --dropped-by {max(by_step, key=lambda step: by_step[step])}")
    else:
        lines.append(f"cupel sample {folder}")
    examples = (drop["example"] for drop in drops)
    if example := next((id for id in examples if id and id.isprintable() and len(id) <= MAX_ID), None):
        lines.append(f"cupel why {folder} {shlex.quote(example)}")
    if report:
        lines.append(f"{output}/report.html")
    return (Code(text="\n".join(lines)),)
