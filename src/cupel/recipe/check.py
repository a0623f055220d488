"""What a recipe would do to a few documents: the rules and edits of a run, without one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Asks, Edit, Fitted, KernelSignal, Method, Resources, Signal
from cupel.corpus.records import DOCUMENT_SCHEMA, BadRow, Collector, ReadOptions
from cupel.corpus.rows import row_to_record
from cupel.corpus.sink import Sink
from cupel.errors import BadInput
from cupel.notebook import facts_html
from cupel.recipe import batches, ledger
from cupel.recipe.job import DOCUMENT, WEIGHT, ledger_schema
from cupel.recipe.outcome import Prepared, with_columns
from cupel.recipe.output import with_weight
from cupel.recipe.plan import Pass, Plan
from cupel.recipe.planner import make_plan
from cupel.recipe.recipe import Recipe
from cupel.recipe.steps import EditStep, StepGroup

__all__ = ["Check", "check"]

PLACE = "document"
"""The path shown for a document that is in no file."""


@dataclass(frozen=True)
class Check:
    """What a recipe would do to one document.

    Attributes
    ----------
    status
        `kept`, `dropped`, or `quarantined` where it could not be read.
    step, reason
        The step that drops it, and its rule; or why it could not be read. None where it is kept.
    value, limit
        What was measured, and the condition that it does not meet, as text.
    failed
        All rules of the same group that it fails, as `step.rule`.
    edits
        Edits that changed its text, in order.
    text
        The text after the edits that were carried out; None where it could not be read.
    signals
        All signals that were measured on the way.
    not_applied
        Steps that were left out, with why: they need the whole corpus, a model, or something to learn from.
    """

    status: str
    step: str | None = None
    reason: str | None = None
    value: str | None = None
    limit: str | None = None
    failed: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    text: str | None = None
    signals: Mapping[str, Any] = field(default_factory=dict)
    not_applied: Mapping[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether no step that was applied drops it."""
        return self.status == "kept"

    @property
    def verdict(self) -> str:
        """What would happen, in one line."""
        if self.status == "dropped":
            measured = f" = {self.value}; kept when {self.limit}" if self.value else f" ({self.limit})"
            return f"dropped by {self.step}: {self.reason}{measured}"
        return self.status if self.reason is None else f"{self.status}: {self.reason} ({self.value})"

    def __repr__(self) -> str:
        lines = [self.verdict]
        if len(self.failed) > 1:
            lines.append(f"  fails       {', '.join(self.failed)}")
        if self.edits:
            lines.append(f"  edited by   {', '.join(self.edits)}")
        width = max(map(len, self.signals), default=0)
        lines += [f"  {name:<{width}}  {_written(value)}" for name, value in self.signals.items()]
        lines += [f"  not applied {label}: {why}" for label, why in self.not_applied.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        facts = [
            *([("fails", ", ".join(self.failed))] if self.failed else []),
            *([("edited by", ", ".join(self.edits))] if self.edits else []),
            *((name, _written(value)) for name, value in self.signals.items()),
            *((f"{label}: not applied", why) for label, why in self.not_applied.items()),
        ]
        return facts_html(self.verdict, facts)


def check(recipe: Recipe, documents: Sequence[str | Mapping[str, Any]]) -> list[Check]:
    """What `recipe` would do to each of `documents`, by the same code as in a run.

    Parameters
    ----------
    documents
        Texts, or rows as a JSON file holds them: with a text column, or a conversation in a known layout.

    Returns
    -------
    One `Check` per document, in order.

    Raises
    ------
    BadRecipe, BadInput
        The recipe does not hold; a document is neither a text nor a row.
    """
    plan = make_plan(recipe)
    batch, checks = _read(documents)
    if not batch.num_rows:
        return [checks[place] for place in range(len(documents))]
    batch = _prepared(batch, plan)
    texts: dict[int, str] = {}
    rows: list[pa.RecordBatch] = []
    skipped: dict[str, str] = {}
    for pass_ in plan.passes:
        applied, reasons = _applicable(pass_, set(batch.schema.names))
        skipped |= reasons
        before = dict(_texts(batch))
        outcome = batches.process(batch, applied, _measures(applied), "extract" if not pass_.index else None)
        batch = outcome.survivors
        texts |= before | dict(_texts(batch))
        rows += outcome.dropped
    schema = ledger_schema(plan)
    rows += [ledger.kept(batch)] if batch.num_rows else []
    for row in pa.Table.from_batches([ledger.fit(part, schema) for part in rows]).to_pylist():
        checks[row["doc"]] = _check(row, texts[row["doc"]], skipped)
    return [checks[place] for place in range(len(documents))]


def _read(documents: Sequence[str | Mapping[str, Any]]) -> tuple[pa.RecordBatch, dict[int, Check]]:
    """The documents as reading returns them, and a message for each item that is not a document."""
    collector = Collector(ReadOptions(batch_rows=1 << 30, batch_bytes=1 << 50))
    sink = Sink(collector, 0, PLACE, PLACE)
    refused: dict[int, Check] = {}
    for place, document in enumerate(documents):
        if isinstance(document, str):
            row: dict[str, Any] = {"text": document}
        elif isinstance(document, Mapping):
            row = dict(document)
        else:
            raise BadInput(f"document {place + 1} is a {type(document).__name__}: expected a text or a row")
        try:
            sink.add(row_to_record(row, collector.options, place, place + 1))
        except BadRow as bad:
            refused[place] = Check("quarantined", reason=bad.reason, value=bad.detail)
    taken = collector.take()
    empty = pa.RecordBatch.from_pylist([], schema=DOCUMENT_SCHEMA)
    return (taken.documents if taken else empty), refused


def _prepared(batch: pa.RecordBatch, plan: Plan) -> pa.RecordBatch:
    """The columns that the first pass of a run begins with."""
    size = pc.cast(pc.binary_length(batch.column("text")), pa.int64())
    edits = pa.array([[]] * batch.num_rows, DOCUMENT["edits"])
    batch = with_columns(batch, {"bytes_in": size, "edits": edits})
    weight = [WEIGHT] if plan.weighs else []
    if plan.weighs:
        batch = with_columns(batch, with_weight(batch))
    return batch.select([*DOCUMENT, *weight])


def _applicable(pass_: Pass, known: set[str]) -> tuple[Pass, dict[str, str]]:
    """The pass without the steps that cannot run on single documents, and why each was left out."""
    skipped: dict[str, str] = {}
    operations: list[StepGroup | EditStep] = []
    for operation in pass_.operations:
        if isinstance(operation, EditStep):
            why = _obstacle(operation.edit)
            if why is None:
                operations.append(operation)
                known |= set(operation.edit.columns)
            else:
                skipped[operation.label] = why
            continue
        obstacles = {signal.label: _obstacle(signal) for signal in operation.signals}
        signals = tuple(signal for signal in operation.signals if obstacles[signal.label] is None)
        skipped |= {name: why for name, why in obstacles.items() if why is not None}
        columns = tuple(c for c in operation.columns if any(c in signal.recipe_columns for signal in signals))
        known |= set(columns)
        rules = tuple(step for step in operation.rules if set(step.rules.signals) <= known)
        for step in operation.rules:
            if step not in rules:
                missing = ", ".join(sorted(set(step.rules.signals) - known))
                skipped[step.label] = f"needs {missing}, which was not measured"
        operations.append(replace(operation, signals=signals, columns=columns, rules=rules))
    for decision in pass_.decisions:
        skipped[decision.label] = "compares all documents of a corpus"
    if pass_.generator is not None:
        skipped[pass_.generator.label] = "writes new documents"
    return replace(pass_, operations=tuple(operations), decisions=(), generator=None, fits=()), skipped


def _obstacle(method: Method) -> str | None:
    """Why a method cannot be applied here; None if it can."""
    if isinstance(method, Asks):
        return "asks a model"
    if isinstance(method, Fitted) and method.is_fitted and method.given is None:
        return "learns from the corpus first"
    return None


def _measures(pass_: Pass) -> dict[str, Prepared]:
    """The functions that measure and edit in the pass, by name."""
    methods: dict[str, Signal | Edit] = {}
    for operation in pass_.operations:
        if isinstance(operation, EditStep):
            methods[operation.label] = operation.edit
        else:
            methods |= {s.label: s for s in operation.signals if not isinstance(s, KernelSignal)}
    return {
        label: method.prepare(Resources(artifact=method.given if isinstance(method, Fitted) else None))
        for label, method in methods.items()
    }


def _texts(batch: pa.RecordBatch) -> Iterable[tuple[int, str]]:
    return zip(batch.column("doc").to_pylist(), batch.column("text").to_pylist(), strict=True)


def _check(row: Mapping[str, Any], text: str, skipped: Mapping[str, str]) -> Check:
    signals = {name: value for name, value in (row.get("signals") or {}).items() if value is not None}
    dropped = row["status"] == "dropped"
    return Check(
        row["status"],
        step=row["step"] if dropped else None,
        reason=row["reason"] if dropped else None,
        value=(row["value"] or None) if dropped else None,
        limit=(row["limit"] or None) if dropped else None,
        failed=tuple(row["failed"] or ()),
        edits=tuple(row["edits"] or ()),
        text=text,
        signals=signals,
        not_applied=dict(skipped),
    )


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
