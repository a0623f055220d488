"""One batch of documents through one pass: measured, decided, edited.

Rows are never lost on the way: a batch comes out as survivors and ledger rows, together
exactly the documents that went in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Condition, KernelSignal
from cupel.contract.rules import written
from cupel.recipe import ledger
from cupel.recipe.asking import used
from cupel.recipe.outcome import GroupDecision, Outcome, Prepared, drop, drop_these, with_columns
from cupel.recipe.plan import Pass
from cupel.recipe.steps import EditStep, StepGroup
from cupel.recipe.tally import Tally
from cupel.recipe.turns import Revised, edit_by_part

__all__ = ["best_of", "count", "count_survivors", "process", "replace_text"]

EMPTY = "empty-text"
EMPTY_TURN = "empty-turn"


def process(
    batch: pa.RecordBatch, pass_: Pass, measures: Mapping[str, Prepared], first: str | None = None
) -> Outcome:
    """Carry `batch` through the operations of a pass.

    Parameters
    ----------
    batch
        Document columns, `bytes_in`, `edits` and the signal columns known so far.
    measures
        Functions that measure each signal family, by name, and that edit, by label.
    first
        First drop documents without text, recording this step.
    """
    outcome = Outcome(batch)
    if first is not None:
        _drop_blank(outcome, first)
    for number, operation in enumerate(pass_.operations):
        if outcome.survivors.num_rows == 0:
            break
        if isinstance(operation, EditStep):
            _edit(outcome, operation, measures[operation.label])
        else:
            _measure(outcome, operation, measures)
            if operation.rules:
                _decide(outcome, operation, f"{pass_.index}.{number}")
    return outcome


def best_of(outcomes: Sequence[Outcome]) -> Outcome:
    """The union of extractors: each document's best candidate.

    Among surviving candidates the longest text wins, and on a tie the earlier extractor; a
    document without a surviving candidate keeps the verdict on its first extractor.
    """
    choice: dict[int, tuple[int, int]] = {}  # doc → (bytes of the best survivor, extractor)
    for index, outcome in enumerate(outcomes):
        sizes = pc.binary_length(outcome.survivors.column("text")).to_pylist()
        for doc, size in zip(outcome.survivors.column("doc").to_pylist(), sizes, strict=True):
            if doc not in choice or size > choice[doc][0]:
                choice[doc] = (size, index)
    for outcome in outcomes[:1]:
        for rows in outcome.dropped:
            for doc in rows.column("doc").to_pylist():
                choice.setdefault(doc, (0, 0))
    merged: list[Outcome] = []
    for index, outcome in enumerate(outcomes):
        chosen = np.array([doc for doc, (_, k) in choice.items() if k == index], dtype=np.int64)
        merged.append(_only(outcome, chosen))
    batches = [outcome.survivors for outcome in merged if outcome.survivors.num_rows]
    first = merged[0]
    if batches:
        table = pa.Table.from_batches(batches).combine_chunks().sort_by("doc")
        first.survivors = _one_batch(table)
    for outcome in merged[1:]:
        first.dropped += outcome.dropped
        first.groups += outcome.groups
        first.edited += outcome.edited
        first.samples += outcome.samples
        for step, seconds in outcome.seconds.items():
            first.seconds[step] = first.seconds.get(step, 0.0) + seconds
    return first


def count(outcome: Outcome, pass_: Pass, tally: Tally, labels: Iterable[str] = ()) -> None:
    """Add what happened to a batch to `tally`; dropped documents are counted by their `labels`."""
    for decision in outcome.groups:
        tally.entered[decision.key] = tally.entered.get(decision.key, 0) + len(decision.docs)
        how_many = decision.failed.sum(axis=1)
        for column, (step, rule) in enumerate(decision.rules):
            failed = decision.failed[:, column]
            alone, only = tally.alone.setdefault(step, {}), tally.only.setdefault(step, {})
            alone[rule] = alone.get(rule, 0) + int(failed.sum())
            only[rule] = only.get(rule, 0) + int((failed & (how_many == 1)).sum())
    for rows in outcome.dropped:
        ledger.count_dropped(rows, tally)
        _count_labels(rows, tally, labels, survived=False)
    for edit, docs, taken in outcome.edited:
        tally.edited[edit] = tally.edited.get(edit, 0) + len(docs)
        tally.edited_bytes[edit] = tally.edited_bytes.get(edit, 0) + int(taken.sum())
    for operation in pass_.operations:
        if isinstance(operation, EditStep):
            _count_edit_columns(outcome, operation, tally)
    for heading, row in outcome.samples:
        tally.sample(heading, [row])
    for step, seconds in outcome.seconds.items():
        tally.spend(step, seconds)
    for signal, usage in outcome.asked.items():
        tally.count_usage(signal, usage)


def _count_edit_columns(outcome: Outcome, operation: EditStep, tally: Tally) -> None:
    for name, column in operation.edit.columns.items():
        if pa.types.is_integer(column.type):
            for rows in (outcome.survivors, *outcome.dropped):
                if name in rows.schema.names and (total := pc.sum(rows.column(name)).as_py()):
                    tally.counts[name] = tally.counts.get(name, 0) + total


def _count_labels(rows: pa.RecordBatch, tally: Tally, labels: Iterable[str], *, survived: bool) -> None:
    for column in labels:
        if column in rows.schema.names:
            for entry in pc.value_counts(rows.column(column)).to_pylist():
                count = entry["counts"]
                tally.count_label(column, entry["values"] or "unknown", count, count if survived else 0)


def count_survivors(rows: pa.RecordBatch, tally: Tally, labels: Iterable[str]) -> None:
    """Count the labels of the documents that the last pass keeps."""
    _count_labels(rows, tally, labels, survived=True)


def _measure(outcome: Outcome, group: StepGroup, measures: Mapping[str, Prepared]) -> None:
    from cupel import _kernels

    batch = outcome.survivors
    # Trailing blanks and invisible characters stay in the document but do not affect decisions.
    seen = with_columns(batch, {"text": _kernels.measured_text(batch.column("text"))})
    kernel: list[tuple[dict[str, Any], dict[str, str]]] = []
    measured: dict[str, pa.Array] = {}
    for signal in group.signals:
        names = signal.recipe_columns
        wanted = {column: names[column] for column in group.columns if column in names}
        if isinstance(signal, KernelSignal):
            _share_pass(kernel, signal.kernel_options(), wanted)
            continue
        with outcome.spending(f"measure {signal.label}"), used() as usages:
            values = measures[signal.label](seen)
            measured |= {column: values.column(own) for column, own in wanted.items()}
        # An empty answer counts as refused, whether the model or the method refused it.
        outcome.count_usage(signal.label, usages, refused=values.column(0).null_count)
    if kernel:
        with outcome.spending("measure text signals"):
            for options, columns in kernel:
                values = pa.record_batch(
                    _kernels.measure(seen.column("text"), sorted(set(columns.values())), **options)
                )
                measured |= {column: values.column(own) for column, own in columns.items()}
    outcome.survivors = with_columns(batch, measured)


def _share_pass(
    passes: list[tuple[dict[str, Any], dict[str, str]]], options: dict[str, Any], columns: dict[str, str]
) -> None:
    """Families share one pass over the text unless they disagree on an option."""
    for known, wanted in passes:
        if all(known.get(key, value) == value for key, value in options.items()):
            known.update(options)
            wanted |= columns
            return
    passes.append((dict(options), dict(columns)))


def _decide(outcome: Outcome, group: StepGroup, key: str) -> None:
    batch = outcome.survivors
    rows = batch.num_rows
    dropped_at = np.full(rows, -1, dtype=np.int64)
    rules: list[tuple[str, Condition]] = []
    columns: list[np.ndarray] = []
    for step in group.rules:
        with outcome.spending(step.label):
            decision = step.rules.decide(batch)
        for rule in decision.rules:
            failed = decision.failed[rule.name]
            dropped_at[(dropped_at < 0) & failed] = len(rules)
            rules.append((step.label, rule))
            columns.append(failed)
    matrix = np.stack(columns, axis=1) if columns else np.zeros((rows, 0), dtype=bool)
    labels = tuple((step, rule.name) for step, rule in rules)
    outcome.groups.append(GroupDecision(key, labels, batch.column("doc").to_numpy(), matrix))
    if (dropped_at < 0).all():
        return
    names = np.array([f"{step}.{rule}" for step, rule in labels], dtype=object)
    for at in np.unique(dropped_at[dropped_at >= 0]):
        chosen = np.flatnonzero(dropped_at == at)
        label, rule = rules[at]
        part = batch.take(pa.array(chosen))
        values = [written(value) for value in rule.values(part)]
        drop(outcome, part, label, rule.name, values, str(rule), [list(names[matrix[row]]) for row in chosen])
    outcome.survivors = batch.take(pa.array(np.flatnonzero(dropped_at < 0)))


def _edit(outcome: Outcome, operation: EditStep, edit: Prepared) -> None:
    batch = outcome.survivors
    with outcome.spending(operation.label), used() as usages:
        revised = edit_by_part(edit, batch)
    outcome.count_usage(operation.label, usages)
    outcome.survivors = with_columns(batch, dict(revised.columns))
    replace_text(outcome, operation.label, revised)


def replace_text(outcome: Outcome, label: str, revised: Revised) -> None:
    """Give the survivors another text, note who changed it, and drop those with none, or a turn with none, left."""
    batch = outcome.survivors
    before, text = batch.column("text"), revised.text
    changed = pc.not_equal(before, text).to_numpy(zero_copy_only=False)
    taken = pc.subtract(pc.binary_length(before), pc.binary_length(text)).to_numpy()
    docs = batch.column("doc").to_numpy()
    outcome.edited.append((label, docs[changed], taken[changed]))
    marks = ledger.add_edit(batch.column("edits"), label, changed)
    columns = {"text": text, "edits": marks}
    if revised.parts is not None:
        columns["parts"] = revised.parts
    outcome.survivors = with_columns(batch, columns)
    blank = _blank(text)
    if revised.silenced is not None:
        drop_these(outcome, label, EMPTY_TURN, revised.silenced & ~blank, "some text is left of every turn")
    _drop_blank(outcome, label)


def _drop_blank(outcome: Outcome, label: str) -> None:
    drop_these(outcome, label, EMPTY, _blank(outcome.survivors.column("text")), "some text is left")


def _blank(text: pa.Array) -> np.ndarray:
    blank: np.ndarray = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(text)), 0).to_numpy(
        zero_copy_only=False
    )
    return blank


def _only(outcome: Outcome, docs: np.ndarray) -> Outcome:
    """The part of an outcome that concerns `docs`."""
    wanted = pa.array(docs, pa.int64())

    def keep(rows: pa.RecordBatch) -> pa.RecordBatch:
        return rows.filter(pc.is_in(rows.column("doc"), wanted))

    kept = Outcome(keep(outcome.survivors), seconds=outcome.seconds)
    kept.dropped = [rows for rows in map(keep, outcome.dropped) if rows.num_rows]
    for group in outcome.groups:
        rows = np.isin(group.docs, docs)
        kept.groups.append(GroupDecision(group.key, group.rules, group.docs[rows], group.failed[rows]))
    for edit, changed, taken in outcome.edited:
        rows = np.isin(changed, docs)
        kept.edited.append((edit, changed[rows], taken[rows]))
    chosen = set(docs.tolist())
    kept.samples = [(heading, row) for heading, row in outcome.samples if row.doc in chosen]
    return kept


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]
