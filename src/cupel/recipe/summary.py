"""What a run found, as sections for its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cupel import charts
from cupel.findings import Alarm, Block, Code, Facts, Figure, Page, Prose, Sample, Samples, Section, Table
from cupel.recipe.folder import Folder
from cupel.recipe.job import signal_types
from cupel.recipe.plan import EditStep, Group, Plan
from cupel.recipe.resolve import resolve_seconds, resolved_sections
from cupel.recipe.tally import Tally
from cupel.units import write_bytes, write_count, write_percent, write_seconds

__all__ = ["report_page"]

HISTOGRAM_ROWS = 300_000
HISTOGRAM_BINS = 40
SMALL_SHARE = 0.005


def report_page(folder: Folder, plan: Plan, tallies: Sequence[Tally], manifest: Mapping[str, Any]) -> Page:
    """The report of a run: funnel, rules, signals, languages, duplicates, samples, cost, recipe."""
    total = Tally()
    for tally in tallies:
        total.merge(tally)
    steps = _steps(plan)
    sections = [
        _funnel(steps, tallies, total, manifest),
        _rules(plan, total),
        _signals(folder, plan),
        _languages(total),
        *(section for stage in plan.stages for section in resolved_sections(folder, stage)),
        _edits(plan, total),
        _samples(steps, total),
        _sources(total, steps),
        _quarantine(tallies[0]),
        _cost(folder, plan, total, manifest),
        Section(
            title="Recipe",
            lead="As it ran, defaults written out.",
            blocks=(Code(text=plan.recipe.to_yaml()),),
        ),
    ]
    documents = manifest["documents"]
    share = documents["kept"] / documents["in"] if documents["in"] else 0.0
    facts = (
        ("documents in", write_count(documents["in"])),
        ("kept", f"{write_count(documents['kept'])} ({write_percent(share)})"),
        ("dropped", write_count(documents["dropped"])),
        ("quarantined", write_count(documents["quarantined"])),
        (
            "text in → out",
            f"{write_bytes(manifest['bytes']['text_in'])} → {write_bytes(manifest['bytes']['text_out'])}",
        ),
        ("time", write_seconds(manifest["seconds"])),
        ("content hash", manifest["content_hash"][:12]),
    )
    return Page(
        title=f"Refined with {plan.recipe.name}",
        subtitle=plan.recipe.title or ", ".join(manifest["input"]),
        facts=facts,
        sections=tuple(section for section in sections if section.blocks),
        footer=f"cupel {manifest['cupel']} · {manifest['started']} · content hash {manifest['content_hash']}",
    )


def _steps(plan: Plan) -> list[str]:
    """Labels of all steps that can drop, in order."""
    labels: list[str] = ["read", "extract"]
    for stage in plan.stages:
        for operation in stage.operations:
            labels += (
                [operation.label] if isinstance(operation, EditStep) else [s.label for s in operation.rules]
            )
        labels += [step.label for step in stage.dedups]
    return labels


def _funnel(steps: list[str], tallies: Sequence[Tally], total: Tally, manifest: Mapping[str, Any]) -> Section:
    first = tallies[0]
    documents, size = first.documents_in - first.documents_quarantined, first.bytes_in
    drawn = [("input", documents, size)]
    rows: list[tuple[Any, ...]] = []
    idle: list[str] = []
    for label in steps[1:]:
        if label == "extract" and label not in total.dropped:
            continue
        reasons = total.dropped.get(label, {})
        gone = sum(drop.documents for drop in reasons.values())
        bytes_gone = sum(drop.bytes for drop in reasons.values())
        cut = total.edited_bytes.get(label, 0)
        edited = total.edited.get(label, 0)
        rows.append(
            (label, documents, gone, gone / documents if documents else 0.0, bytes_gone + max(cut, 0), edited)
        )
        documents, size = documents - gone, size - bytes_gone - cut
        drawn.append((label, documents, max(size, 0)))
        if not gone and not edited:
            idle.append(label)
    if first.documents_quarantined:
        drawn[0] = ("input", first.documents_in, first.bytes_in)
        drawn.insert(1, ("read", first.documents_in - first.documents_quarantined, first.bytes_in))
    blocks: list[Block] = [Figure(spec=charts.funnel(drawn))]
    blocks.append(
        Table(
            columns=("step", "documents in", "dropped", "share", "bytes removed", "documents edited"),
            rows=tuple(rows),
            formats=("text", "count", "count", "percent", "bytes", "count"),
        )
    )
    if idle:
        blocks.append(
            Alarm(
                text=f"These steps dropped and changed nothing: {', '.join(idle)}. Are they what you meant?"
            )
        )
    if manifest["clashing_ids"]:
        many = write_count(manifest["clashing_ids"])
        blocks.append(
            Alarm(
                text=f"{many} documents have the id of an earlier one with another text; "
                "`cupel why` shows all that share an id."
            )
        )
    return Section(title="Funnel", lead="What remains after each step.", blocks=tuple(blocks))


def _rules(plan: Plan, total: Tally) -> Section:
    rows: list[tuple[Any, ...]] = []
    for stage in plan.stages:
        for number, operation in enumerate(stage.operations):
            if not isinstance(operation, Group):
                continue
            entered = total.entered.get(f"{stage.index}.{number}", 0)
            for step in operation.rules:
                for rule in step.method.rules:  # type: ignore[attr-defined]
                    alone = total.alone.get(step.label, {}).get(rule.name, 0)
                    only = total.only.get(step.label, {}).get(rule.name, 0)
                    drop = total.dropped.get(step.label, {}).get(rule.name)
                    share = alone / entered if entered else 0.0
                    rows.append(
                        (step.label, rule.name, str(rule), drop.documents if drop else 0, alone, only, share)
                    )
    if not rows:
        return Section(title="Rules")
    table = Table(
        columns=("rule set", "rule", "keeps when", "dropped", "alone", "only it", "share alone"),
        rows=tuple(rows),
        formats=("text", "text", "text", "count", "count", "count", "bar"),
        caption="dropped: this rule was the first to fail · alone: it fails, whatever the others say · "
        "only it: no other rule asked at the same point fails",
    )
    lead = "What each rule dropped, what it alone would drop, and what only it would drop."
    return Section(title="Rules", lead=lead, blocks=(table,))


def _signals(folder: Folder, plan: Plan) -> Section:
    limits = _thresholds(plan)
    for column in plan.kept_columns:
        if column in plan.measured and not _is_text(plan, column):
            limits.setdefault(column, [])
    table = _ledger_sample(folder, list(limits))
    if table is None or not table.num_rows:
        return Section(title="Signals")
    kept = np.asarray(table.column("status").to_numpy(zero_copy_only=False) == "kept")
    figures: list[Block] = []
    for column, thresholds in limits.items():
        values = table.column(column).cast(pa.float64()).to_numpy(zero_copy_only=False)
        measured = np.isfinite(values)
        if measured.any():
            figures.append(Figure(spec=_histogram(column, values[measured], kept[measured], thresholds)))
    lead = "Each signal that a rule asks for, over kept and dropped documents, with the thresholds drawn in."
    return Section(title="Signals", lead=lead, blocks=tuple(figures))


def _is_text(plan: Plan, column: str) -> bool:
    kind = signal_types(plan)[column]
    return not (pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _thresholds(plan: Plan) -> dict[str, list[tuple[float, str]]]:
    """Numeric signals that rules compare, with their thresholds."""
    found: dict[str, list[tuple[float, str]]] = {}
    for stage in plan.stages:
        for operation in stage.operations:
            for step in operation.rules if isinstance(operation, Group) else ():
                for rule in step.method.rules:  # type: ignore[attr-defined]
                    if isinstance(rule.threshold, int | float) and not isinstance(rule.threshold, bool):
                        mark = (float(rule.threshold), str(rule).removeprefix(rule.signal).strip())
                        marks = found.setdefault(rule.signal, [])
                        if mark not in marks:
                            marks.append(mark)
    return found


def _histogram(
    name: str, values: np.ndarray, kept: np.ndarray, thresholds: list[tuple[float, str]]
) -> dict[str, Any]:
    low, high = np.quantile(values, [0.002, 0.998])
    inside = [value for value, _ in thresholds if low - (high - low) <= value <= high + (high - low)]
    low, high = min([low, *inside]), max([high, *inside])
    positive = values[values > 0]
    log = bool(
        low >= 0 and len(positive) and high > 200 * max(np.quantile(positive, 0.05), 1e-9) and high > 50
    )
    if high <= low:
        high = low + 1.0
    whole = bool(np.all(values == np.round(values)))
    if log:
        edges = np.geomspace(max(low, 1.0), high, HISTOGRAM_BINS + 1)
    elif whole and high - low <= HISTOGRAM_BINS:
        edges = np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    else:
        edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    clipped = np.clip(values, edges[0], edges[-1])
    stay, _ = np.histogram(clipped[kept], edges)
    gone, _ = np.histogram(clipped[~kept], edges)
    return charts.histogram(
        [float(edge) for edge in edges],
        [int(n) for n in stay],
        [int(n) for n in gone],
        title=name.replace("_", " "),
        thresholds=thresholds,
        log=log,
    )


def _ledger_sample(folder: Folder, columns: list[str]) -> pa.Table | None:
    """Status and some signals of up to `HISTOGRAM_ROWS` documents, from files spread evenly over the ledger."""
    if not columns:
        return None
    paths = sorted((folder.root / "ledger").glob("*.parquet"))
    rows = [pq.read_metadata(path).num_rows for path in paths]
    step = max(1, round(sum(rows) / HISTOGRAM_ROWS))
    tables = []
    for path in paths[::step] if len(paths) >= 4 * step else paths:
        with pq.ParquetFile(path) as file:
            table = file.read(columns=["status", *(f"signals.{column}" for column in columns)])
        tables.append(_flat(table, columns).slice(0, HISTOGRAM_ROWS))
    return pa.concat_tables(tables) if tables else None


def _flat(table: pa.Table, columns: list[str]) -> pa.Table:
    struct = table.column("signals").combine_chunks()
    arrays = [table.column("status").combine_chunks()] + [struct.field(column) for column in columns]
    return pa.table(arrays, names=["status", *columns])


def _languages(total: Tally) -> Section:
    if not total.languages:
        return Section(title="Languages")
    ordered = sorted(total.languages.items(), key=lambda item: -item[1][0])
    rows = [
        (language, measured, left, left / measured if measured else 0.0)
        for language, (measured, left) in ordered
    ]
    shown = rows[:12]
    figure = Figure(
        spec=charts.bars(
            [row[0] for row in shown],
            [row[2] for row in shown],
            [row[1] - row[2] for row in shown],
            title="Documents by language",
        )
    )
    table = Table(
        columns=("language", "documents", "kept", "share kept"),
        rows=tuple(rows[:40]),
        formats=("text", "count", "count", "bar"),
        caption=f"{len(rows) - 40} more languages not shown" if len(rows) > 40 else "",
    )
    return Section(title="Languages", lead="As identified before the rules.", blocks=(figure, table))


def _edits(plan: Plan, total: Tally) -> Section:
    rows = []
    for stage in plan.stages:
        for operation in stage.operations:
            if isinstance(operation, EditStep):
                for name, column in operation.edit.columns.items():
                    if pa.types.is_integer(column.type):
                        rows.append((operation.label, name, total.counts.get(name, 0), column.meaning))
    if not rows:
        return Section(title="Edits")
    table = Table(
        columns=("edit", "counted", "total", "what it is"),
        rows=tuple(rows),
        formats=("text", "text", "count", "text"),
    )
    return Section(
        title="Edits", lead="What the edits found and changed, over all documents.", blocks=(table,)
    )


def _samples(steps: list[str], total: Tally) -> Section:
    blocks: list[Block] = []
    place = {label: number for number, label in enumerate(steps)}
    for heading in sorted(total.samples, key=lambda name: (place.get(name.partition(": ")[0], 999), name)):
        rows = total.samples[heading]
        step, _, reason = heading.partition(": ")
        drop = total.dropped.get(step, {}).get(reason)
        title = f"Dropped by {step}: {reason} · {write_count(drop.documents)} documents" if drop else "Kept"
        shown = tuple(Sample(id=r.id, source=r.source, note=r.note, text=r.text) for r in rows)
        blocks.append(Samples(heading=title, samples=shown))
    lead = "A few documents for each reason, chosen by a fixed hash, text as it was when it was dropped."
    return Section(title="Samples", lead=lead, blocks=tuple(blocks))


def _sources(total: Tally, steps: list[str]) -> Section:
    ordered = sorted(total.sources.items(), key=lambda item: -item[1].get("in", 0))
    used = [step for step in steps if any(step in counts for _, counts in ordered)]
    if len(ordered) < 2:
        return Section(title="Sources")
    rows = tuple(
        (
            source,
            counts.get("in", 0),
            counts.get("out", 0),
            counts.get("out", 0) / max(1, counts.get("in", 0)),
            *tuple(counts.get(step, 0) for step in used),
        )
        for source, counts in ordered[:40]
    )
    table = Table(
        columns=("source", "in", "kept", "share kept", *used),
        rows=rows,
        formats=("text", "count", "count", "bar", *("count" for _ in used)),
        caption=f"{len(ordered) - 40} more sources not shown" if len(ordered) > 40 else "",
    )
    return Section(title="Sources", lead="What each step dropped of each source.", blocks=(table,))


def _quarantine(first: Tally) -> Section:
    blocks: list[Block] = []
    if first.quarantined:
        rows = tuple(sorted(first.quarantined.items(), key=lambda item: -item[1]))
        blocks.append(Table(columns=("reason", "documents"), rows=rows, formats=("text", "count")))
        blocks.append(Prose(text="Each with its file, place and reason in quarantine/*.jsonl."))
    if first.skipped:
        rows = tuple(sorted(first.skipped.items(), key=lambda item: -item[1]))
        blocks.append(
            Table(
                columns=("not documents", "records"),
                rows=rows,
                formats=("text", "count"),
                caption="records that hold no document by their kind: requests, redirects, images",
            )
        )
    return Section(title="Quarantine", lead="What could not be read as a document.", blocks=tuple(blocks))


def _cost(folder: Folder, plan: Plan, total: Tally, manifest: Mapping[str, Any]) -> Section:
    seconds = dict(total.seconds)
    for stage in plan.stages:
        for step in stage.dedups:
            seconds[f"{step.label} (clusters)"] = resolve_seconds(folder, stage, step)
    whole = sum(seconds.values()) or 1.0
    size = manifest["bytes"]["text_in"]
    rows = tuple(
        (name, spent, spent / whole, size / spent / 1e6 if spent > 0.0005 else None)
        for name, spent in sorted(seconds.items(), key=lambda item: -item[1])
    )
    table = Table(
        columns=("step", "CPU time", "share", "MB/s per core"),
        rows=rows,
        formats=("text", "seconds", "bar", "number"),
        caption="megabytes of input text over CPU seconds of the step; HTML extraction runs in processes of its own",
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
    return Section(title="Throughput and cost", lead="Where the time went.", blocks=(facts, table))
