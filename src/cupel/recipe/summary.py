"""What a run found, as sections for its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa

from cupel import charts
from cupel.contract import Column
from cupel.findings import Alarm, Block, Code, Facts, Figure, Page, Prose, Sample, Samples, Section, Table
from cupel.recipe.decide import decision_seconds, decision_sections
from cupel.recipe.essentials import run_alarms
from cupel.recipe.fit import fitted_sections
from cupel.recipe.folder import Folder
from cupel.recipe.histograms import signal_figures
from cupel.recipe.plan import Plan
from cupel.recipe.steps import EditStep, RulesStep, StepGroup
from cupel.recipe.tally import Tally
from cupel.units import write_bytes, write_count, write_percent, write_seconds

__all__ = ["report_page"]

SHOWN_LABELS = 20
SHOWN_SOURCES = 40
SHOWN_QUARANTINED = 12


def report_page(
    folder: Folder, plan: Plan, tallies: Sequence[Tally], total: Tally, manifest: Mapping[str, Any]
) -> Page:
    """The report of a run: funnel, rules, signals, labels, duplicates, samples, cost, recipe.

    `tallies` are those of the passes, `total` is their sum.
    """
    steps = _steps(plan)
    decisions = [step for pass_ in plan.passes for step in pass_.decisions]
    keeping = {step.label for step in decisions if step.action in ("mark", "weigh")}
    keeping |= {step.label for step in plan.generators}
    sections = [
        _funnel(steps, keeping, _born(plan, tallies), tallies, total, manifest),
        _rules(plan, total),
        _signals(folder, plan),
        *_breakdowns(total, plan),
        *fitted_sections(folder, plan),
        *(section for pass_ in plan.passes for section in decision_sections(folder, pass_)),
        _edits(plan, total),
        _samples(steps, total, manifest["documents"]["kept"]),
        _sources(total, steps),
        _quarantine(folder, total),
        _left_out(manifest),
        _asked(total),
        _cost(folder, plan, total, manifest),
        Section(
            title="Recipe",
            key="recipe",
            lead="As it ran, defaults written out.",
            blocks=(Code(text=plan.recipe.to_yaml()),),
        ),
    ]
    documents = manifest["documents"]
    share = _share(documents["kept"], documents["in"] + documents["generated"])
    size = manifest["bytes"]
    facts = (
        ("documents in", write_count(documents["in"])),
        *([("generated", write_count(documents["generated"]))] if documents["generated"] else []),
        ("kept", f"{write_count(documents['kept'])} ({write_percent(share)})"),
        ("dropped", write_count(documents["dropped"])),
        ("quarantined", write_count(documents["quarantined"])),
        ("text in", write_bytes(size["text_in"])),
        (
            "text out",
            f"{write_bytes(size['text_out'])} ({write_percent(_share(size['text_out'], size['text_in']))})",
        ),
        ("time", write_seconds(manifest["seconds"])),
        ("content hash", manifest["content_hash"][:12]),
    )
    inputs = ", ".join(manifest["input"])
    return Page(
        title=f"Refined with {plan.recipe.name}",
        subtitle=f"{plan.recipe.title} · {inputs}" if plan.recipe.title else inputs,
        facts=facts,
        sections=tuple(section for section in sections if section.blocks),
        footer=f"cupel {manifest['cupel']} · {manifest['started']} · content hash {manifest['content_hash']}",
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _steps(plan: Plan) -> list[str]:
    """Labels of all steps that can drop, in order."""
    labels: list[str] = ["read", "extract"]
    for pass_ in plan.passes:
        for operation in pass_.operations:
            labels += (
                [operation.label] if isinstance(operation, EditStep) else [s.label for s in operation.rules]
            )
        labels += [step.label for step in pass_.decisions]
        labels += [pass_.generator.label] if pass_.generator else []
    return labels


def _born(plan: Plan, tallies: Sequence[Tally]) -> dict[str, tuple[int, int]]:
    """Documents that each generator wrote, and bytes of their text, by label."""
    return {
        pass_.generator.label: (tally.born, tally.bytes_born)
        for pass_, tally in zip(plan.passes, tallies, strict=True)
        if pass_.generator
    }


def _funnel(
    steps: list[str],
    keeping: set[str],
    born: Mapping[str, tuple[int, int]],
    tallies: Sequence[Tally],
    total: Tally,
    manifest: Mapping[str, Any],
) -> Section:
    """`keeping` are steps that are not expected to drop anything."""
    first = tallies[0]
    documents, size = first.documents_in - first.documents_unread, first.bytes_in
    drawn = [("input", documents, size)]
    rows: list[tuple[Any, ...]] = []
    idle: list[str] = []
    for label in steps[1:]:
        if label == "extract" and label not in total.dropped:
            continue
        reasons = total.dropped.get(label, {})
        dropped = sum(drop.documents for drop in reasons.values())
        dropped_bytes = sum(drop.bytes for drop in reasons.values())
        cut = total.edited_bytes.get(label, 0)
        edited = total.edited.get(label, 0)
        new, new_bytes = born.get(label, (0, 0))
        row = (label, documents, dropped, _share(dropped, documents), dropped_bytes + max(cut, 0), edited)
        rows.append((*row, new) if born else row)
        documents, size = documents - dropped + new, size - dropped_bytes - cut + new_bytes
        drawn.append((label, documents, max(size, 0)))
        if not dropped and not edited and label not in keeping:
            idle.append(label)
    if first.documents_unread:
        drawn[0] = ("input", first.documents_in, first.bytes_in)
        drawn.insert(1, ("read", first.documents_in - first.documents_unread, first.bytes_in))
    blocks: list[Block] = [Figure(spec=charts.funnel(drawn))]
    blocks.append(
        Table(
            columns=(
                *("step", "documents in", "dropped", "share dropped", "bytes removed", "documents edited"),
                *(("documents written",) if born else ()),
            ),
            rows=tuple(rows),
            formats=(
                *("text", "count", "count", "percent", "bytes", "count"),
                *(("count",) if born else ()),
            ),
        )
    )
    blocks += run_alarms(manifest["documents"], manifest["dropped_by"], manifest["quarantined_by"])
    if idle and manifest["documents"]["kept"]:
        blocks.append(Alarm(text=_idle(idle)))
    if manifest["clashing_ids"]:
        many = write_count(manifest["clashing_ids"])
        blocks.append(
            Alarm(
                text=f"{many} documents have the id of an earlier one with another text; "
                "`cupel why` shows all that share an id."
            )
        )
    return Section(title="Funnel", key="funnel", lead="What remains after each step.", blocks=tuple(blocks))


def _idle(steps: Sequence[str]) -> str:
    if len(steps) == 1:
        return f"The step '{steps[0]}' dropped and changed nothing. Is it what you meant?"
    return f"These steps dropped and changed nothing: {', '.join(steps)}. Are they what you meant?"


def _rules(plan: Plan, total: Tally) -> Section:
    explained = (
        "“Dropped” counts the documents for which a rule was the first to fail. “Alone” counts all that fail "
        "it, whatever the other rules say; its share is of all documents that reached the rule. “Only it” "
        "counts those that fail it and no other rule asked at the same point: without it they would have "
        "gone on."
    )
    tables: list[Block] = []
    for pass_ in plan.passes:
        for number, operation in enumerate(pass_.operations):
            if isinstance(operation, StepGroup):
                reached = total.entered.get(f"{pass_.index}.{number}", 0)
                tables += [_rule_table(step, total, reached) for step in operation.rules]
    lead = "What each rule dropped, what it alone would drop, and what only it would drop."
    return Section(
        title="Rules", key="rules", lead=lead, blocks=(Prose(text=explained), *tables) if tables else ()
    )


def _rule_table(step: RulesStep, total: Tally, reached: int) -> Table:
    alone, only = total.alone.get(step.label, {}), total.only.get(step.label, {})
    dropped = total.dropped.get(step.label, {})
    rows = []
    for rule in step.rules.rules:
        drop = dropped.get(rule.name)
        fails = alone.get(rule.name, 0)
        rows.append(
            (
                rule.name,
                str(rule),
                drop.documents if drop else 0,
                only.get(rule.name, 0),
                fails,
                _share(fails, reached),
            )
        )
    return Table(
        columns=("rule", "keeps when", "dropped", "only it", "alone", "share alone"),
        rows=tuple(rows),
        formats=("text", "text", "count", "count", "count", "bar"),
        caption=f"{step.label}: {write_count(sum(drop.documents for drop in dropped.values()))} documents dropped",
    )


def _signals(folder: Folder, plan: Plan) -> Section:
    figures = signal_figures(folder, plan)
    drawn_in = any(figure.spec["datasets"]["thresholds"] for figure in figures)
    lead = (
        f"How many documents have which value{', and the thresholds of the rules' if drawn_in else ''}. "
        "The first and last bar also hold what lies beyond them."
    )
    return Section(title="Signals", key="signals", lead=lead, blocks=tuple(figures))


def _plural(name: str, column: Column) -> str:
    return column.plural or f"{_words(name)} labels"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _breakdowns(total: Tally, plan: Plan) -> list[Section]:
    """One section for each label column that the run measured."""
    return [
        _breakdown(name, column, total.labels[name])
        for name, column in plan.labels.items()
        if name in total.labels
    ]


def _breakdown(name: str, column: Column, labels: Mapping[str, Sequence[int]]) -> Section:
    ordered = sorted(labels.items(), key=lambda item: -item[1][0])
    rows = [(label, measured, left, _share(left, measured)) for label, (measured, left) in ordered]
    shown = rows[:12]
    figure = Figure(
        spec=charts.bars(
            [row[0] for row in shown],
            [row[2] for row in shown],
            [row[1] - row[2] for row in shown],
            title=f"Documents by {_words(name)}",
        )
    )
    table = Table(
        columns=(_words(name), "documents", "kept", "share kept"),
        rows=tuple(rows[:SHOWN_LABELS]),
        formats=("text", "count", "count", "bar"),
        caption=f"The {SHOWN_LABELS} most frequent of {len(rows)} {_plural(name, column)}."
        if len(rows) > SHOWN_LABELS
        else "",
    )
    return Section(
        title=_plural(name, column).capitalize(),
        key="labels",
        lead="As identified before the rules.",
        blocks=(figure, table),
    )


def _edits(plan: Plan, total: Tally) -> Section:
    rows = []
    for pass_ in plan.passes:
        for operation in pass_.operations:
            if isinstance(operation, EditStep):
                for name, column in operation.edit.columns.items():
                    if pa.types.is_integer(column.type):
                        rows.append((operation.label, name, total.counts.get(name, 0), column.meaning))
    if not rows:
        return Section(title="Edits", key="edits")
    table = Table(
        columns=("edit", "counted", "total", "what it is"),
        rows=tuple(rows),
        formats=("text", "text", "count", "text"),
    )
    return Section(
        title="Edits",
        key="edits",
        lead="What the edits found and changed, over all documents.",
        blocks=(table,),
    )


def _samples(steps: list[str], total: Tally, kept: int) -> Section:
    """Kept documents first, then the steps in order, each with its most frequent reason first."""
    place = {label: number for number, label in enumerate(steps)}
    groups = []
    for heading, rows in total.samples.items():
        step, _, reason = heading.partition(": ")
        drop = total.dropped.get(step, {}).get(reason)
        heading_text = (
            f"Dropped by {step}: {reason} · {write_count(drop.documents)} documents" if drop else ""
        )
        shown = tuple(Sample(id=r.id, source=r.source, note=r.note, text=r.text) for r in rows)
        samples = Samples(heading=heading_text or f"Kept · {write_count(kept)} documents", samples=shown)
        groups.append((place.get(step, -1), -drop.documents if drop else 0, reason, samples))
    lead = "A few documents for each reason, chosen by a fixed hash, text as it was when it was dropped."
    ordered = sorted(groups, key=lambda group: group[:3])
    return Section(
        title="Samples", key="samples", lead=lead, blocks=tuple(samples for *_, samples in ordered)
    )


def _sources(total: Tally, steps: list[str]) -> Section:
    ordered = sorted(total.sources.items(), key=lambda item: -item[1].get("in", 0))
    used = [step for step in steps if any(step in counts for _, counts in ordered)]
    if len(ordered) < 2:
        return Section(title="Sources", key="sources")
    rows = tuple(
        (
            source,
            counts.get("in", 0),
            counts.get("out", 0),
            _share(counts.get("out", 0), counts.get("in", 0)),
            *tuple(counts.get(step, 0) for step in used),
        )
        for source, counts in ordered[:SHOWN_SOURCES]
    )
    table = Table(
        columns=("source", "in", "kept", "share kept", *used),
        rows=rows,
        formats=("text", "count", "count", "bar", *("count" for _ in used)),
        caption=f"The {SHOWN_SOURCES} largest of {len(ordered)} sources."
        if len(ordered) > SHOWN_SOURCES
        else "",
    )
    return Section(
        title="Sources", key="sources", lead="What each step dropped of each source.", blocks=(table,)
    )


def _quarantine(folder: Folder, total: Tally) -> Section:
    blocks: list[Block] = []
    put_aside = total.quarantined | total.refused
    if put_aside:
        rows = tuple(sorted(put_aside.items(), key=lambda item: -item[1]))
        blocks.append(Table(columns=("reason", "documents"), rows=rows, formats=("text", "count")))
        blocks.append(_first_quarantined(folder, sum(put_aside.values())))
    if total.skipped:
        rows = tuple(sorted(total.skipped.items(), key=lambda item: -item[1]))
        blocks.append(
            Table(
                columns=("not documents", "records"),
                rows=rows,
                formats=("text", "count"),
                caption="records that hold no document by their kind: requests, redirects, images",
            )
        )
    return Section(
        title="Quarantine",
        key="quarantine",
        lead="What could not be read as a document, and answers of models that are none."
        if total.refused
        else "What could not be read as a document.",
        blocks=tuple(blocks),
    )


def _first_quarantined(folder: Folder, count: int) -> Table:
    rows: list[tuple[str, str, str, str]] = []
    for path in sorted((folder.root / "quarantine").glob("*.jsonl")):
        with open(path, "rb") as lines:
            for line in islice(lines, SHOWN_QUARANTINED - len(rows)):
                entry = orjson.loads(line)
                known = ("path", "reason", "detail", "excerpt", "answer")
                unit = next(name for name in entry if name not in known)
                place = f"{unit} {entry[unit]}"
                rows.append((entry["path"], place, entry["reason"], entry["detail"]))
    return Table(
        columns=("file", "place", "reason", "what is wrong"),
        rows=tuple(rows),
        formats=("text", "text", "text", "text"),
        caption=f"The first {len(rows)} of {write_count(count)}; all of them are in quarantine/*.jsonl.",
    )


def _left_out(manifest: Mapping[str, Any]) -> Section:
    kinds = manifest["left_out"]
    table = Table(
        columns=("kind", "files", "bytes", "such as"),
        rows=tuple((kind["kind"], kind["files"], kind["bytes"], ", ".join(kind["names"])) for kind in kinds),
        formats=("text", "count", "bytes", "text"),
        caption="A file that is named itself, rather than found in a folder, is never left out.",
    )
    return Section(
        title="Left out",
        key="left-out",
        lead="Files in the input's folders that were not read.",
        blocks=(table,) if kinds else (),
    )


def _asked(total: Tally) -> Section:
    rows = tuple(
        (
            signal,
            usage.requests,
            usage.cached,
            usage.refused,
            usage.tokens_in,
            usage.tokens_out,
            f"{usage.money:.4g}" if usage.money else None,
        )
        for signal, usage in total.asked.items()
    )
    estimated = sum(usage.estimated for usage in total.asked.values())
    table = Table(
        columns=("asking", "requests", "answered before", "refused", "tokens in", "tokens out", "cost"),
        rows=rows,
        formats=("text", "count", "count", "count", "count", "count", "text"),
        caption=f"Tokens of {write_count(estimated)} answers are estimated, since the server did not count them."
        if estimated
        else "",
    )
    return Section(
        title="Models asked",
        key="asked",
        lead="Answers that were given before cost nothing.",
        blocks=(table,) if rows else (),
    )


def _cost(folder: Folder, plan: Plan, total: Tally, manifest: Mapping[str, Any]) -> Section:
    seconds = dict(total.seconds)
    for pass_ in plan.passes:
        for step in pass_.decisions:
            seconds[f"{step.label} (clusters)"] = decision_seconds(folder, pass_, step)
    whole = sum(seconds.values()) or 1.0
    size = manifest["bytes"]["text_in"]
    rows = tuple(
        (name, spent, spent / whole, size / spent / 1e6 if spent > 0.0005 else None)
        for name, spent in sorted(seconds.items(), key=lambda item: -item[1])
    )
    table = Table(
        columns=("step", "CPU time", "share of it", "MB/s per core"),
        rows=rows,
        formats=("text", "seconds", "bar", "number"),
        caption="MB/s per core: the input's text over the CPU seconds of the step. "
        "HTML extraction runs in processes of its own.",
    )
    wall = manifest["seconds"]
    facts = Facts(
        facts=(
            ("wall time", write_seconds(wall)),
            ("documents/s", write_count(manifest["documents"]["in"] / wall if wall else 0)),
            ("text", f"{write_bytes(size / wall if wall else 0)}/s"),
            ("engine", str(manifest["engine"])),
        )
    )
    return Section(
        title="Throughput and cost", key="cost", lead="Where the time went.", blocks=(facts, table)
    )
