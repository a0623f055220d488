"""Acting on a decision over the whole corpus: the method decides, the recipe acts.

- `drop` keeps one document of each cluster, or drops documents that are mostly copied or hold what
  no document may;
- `cut` takes copied parts out of the text;
- `weigh` keeps everything and changes how much a document counts: its column `weight`;
- `mark` keeps everything and says what was found in columns of its own.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import BoundsCopies
from cupel.recipe import batches, ledger
from cupel.recipe.job import WEIGHT
from cupel.recipe.outcome import Outcome, pick, sample_row, with_columns
from cupel.recipe.steps import CorpusStep
from cupel.recipe.turns import cut_by_part

__all__ = ["act", "dropped"]

MOSTLY_COPIED = "mostly-copied"
_MEMBER = {"cluster_size": "size", "selected": "kept"}
"""What the members call a column that `mark` adds."""


def act(outcome: Outcome, step: CorpusStep, members: pa.Table) -> None:
    """Carry out the step's action on a batch; `members` are the clusters of these documents."""
    if not members.num_rows and step.action != "mark":
        return
    at = pc.index_in(outcome.survivors.column("doc"), members.column("doc").combine_chunks())
    rows = members.take(at).combine_chunks()
    if step.action == "mark":
        _mark(outcome, step, rows)
    elif step.action == "weigh":
        _weigh(outcome, rows)
    elif step.method.finds == "selection":
        _keep_selected(outcome, step, rows)
    elif step.method.finds == "documents":
        _keep_one(outcome, step, rows)
    else:
        _act_on_parts(outcome, step, rows)


def dropped(step: CorpusStep, members: pa.Table) -> pa.ChunkedArray:
    """The members that the step drops entirely."""
    if step.action in ("mark", "weigh"):
        return pa.chunked_array([pa.repeat(False, members.num_rows)])
    not_kept = pc.invert(members.column("kept"))
    if step.method.finds in ("documents", "selection"):
        return not_kept
    return pc.or_(not_kept, pc.greater(members.column("score"), _max_copied_fraction(step)))


def _max_copied_fraction(step: CorpusStep) -> float:
    options = step.method.options
    return options.max_copied_fraction if isinstance(options, BoundsCopies) else 1.0


def _mark(outcome: Outcome, step: CorpusStep, rows: pa.Table) -> None:
    members = _MEMBER | ({step.method.group: "reason"} if step.method.group else {})
    columns = {f"{step.label}_{name}": _column(rows, members.get(name, name)) for name in step.marked}
    if step.method.finds == "documents":
        name = f"{step.label}_cluster_size"
        columns[name] = pc.fill_null(columns[name], 1)
    outcome.survivors = with_columns(outcome.survivors, columns)


def _weigh(outcome: Outcome, rows: pa.Table) -> None:
    """Multiply each document's weight by its new one: what the method says, or one share of a cluster."""
    share = pc.divide(1.0, pc.cast(_column(rows, "size"), pa.float64()))
    factor = pc.fill_null(pc.coalesce(_column(rows, "weight"), share), 1.0)
    weight = pc.multiply(outcome.survivors.column(WEIGHT), factor)
    outcome.survivors = with_columns(outcome.survivors, {WEIGHT: weight})


def _keep_one(outcome: Outcome, step: CorpusStep, rows: pa.Table) -> None:
    """Drop all but one of each cluster, those of one reason after those of another."""
    why = pc.if_else(
        pc.fill_null(_column(rows, "kept"), True),
        None,
        pc.fill_null(_column(rows, "reason"), step.method.reason),
    )
    for reason in pc.unique(why.drop_null()).sort().to_pylist():
        leaving = pc.fill_null(pc.equal(why, reason), False)
        copies = rows.filter(leaving).combine_chunks()
        survivors = _column(copies, "survivor").to_pylist()
        size = [f"{n} documents" for n in copies.column("size").to_pylist()]
        notes = [f"{id} stays, of {n}" for id, n in zip(survivors, size, strict=True)]
        scores = copies.column("score").to_pylist()
        values = [f"{score:.6g}" for score in scores] if step.method.scores else size
        _drop(outcome, step, leaving, copies, reason, values, step.method.limit, notes)
        rows, why = rows.filter(pc.invert(leaving)).combine_chunks(), why.filter(pc.invert(leaving))


def _keep_selected(outcome: Outcome, step: CorpusStep, rows: pa.Table) -> None:
    """Drop the documents that were not selected."""
    leaving = pc.invert(pc.fill_null(_column(rows, "kept"), True))
    if not pc.any(leaving).as_py():
        return
    others = rows.filter(leaving).combine_chunks()
    scores = ["" if score is None else f"{score:.6g}" for score in others.column("score").to_pylist()]
    notes = [f"score {score}; {step.method.limit}" if score else step.method.limit for score in scores]
    _drop(outcome, step, leaving, others, step.method.reason, scores, step.method.limit, notes)


def _act_on_parts(outcome: Outcome, step: CorpusStep, rows: pa.Table) -> None:
    rows = _drop_holders(outcome, step, rows)
    rows = _drop_mostly_copied(outcome, step, rows)
    if step.action == "cut" and outcome.survivors.num_rows:
        _cut(outcome, step, rows)


def _drop_holders(outcome: Outcome, step: CorpusStep, rows: pa.Table) -> pa.Table:
    """Drop documents that must not stay, given the parts found in them; returns the rows of the others."""
    leaving = pc.invert(pc.fill_null(_column(rows, "kept"), True))
    if not pc.any(leaving).as_py():
        return rows
    contaminated = rows.filter(leaving).combine_chunks()
    scores, origins = contaminated.column("score").to_pylist(), _column(contaminated, "survivor").to_pylist()
    held = [f"{score:.1%} of {origin}" for score, origin in zip(scores, origins, strict=True)]
    _drop(outcome, step, leaving, contaminated, step.method.reason, held, step.method.limit, held)
    return rows.filter(pc.invert(leaving)).combine_chunks()


def _drop_mostly_copied(outcome: Outcome, step: CorpusStep, rows: pa.Table) -> pa.Table:
    max_copied = _max_copied_fraction(step)
    leaving = pc.fill_null(pc.greater(_column(rows, "score"), max_copied), False)
    if not pc.any(leaving).as_py():
        return rows
    copied_rows = rows.filter(leaving).combine_chunks()
    copied = [f"{score:.1%} copied" for score in copied_rows.column("score").to_pylist()]
    _drop(
        outcome,
        step,
        leaving,
        copied_rows,
        MOSTLY_COPIED,
        copied,
        f"at most {max_copied:.1%} copied",
        copied,
    )
    return rows.filter(pc.invert(leaving)).combine_chunks()


def _cut(outcome: Outcome, step: CorpusStep, rows: pa.Table) -> None:
    with outcome.spending(f"{step.label} (cut)"):
        revised = cut_by_part(outcome.survivors, _column(rows, "spans"))
    batches.replace_text(outcome, step.label, revised)


def _drop(
    outcome: Outcome,
    step: CorpusStep,
    leaving: pa.Array,
    members: pa.Table,
    reason: str,
    values: list[str],
    limit: str,
    notes: list[str],
) -> None:
    part = outcome.survivors.filter(leaving)
    dropped = ledger.dropped(
        part,
        step=step.label,
        reason=reason,
        values=values,
        limits=[limit] * part.num_rows,
        failed=[[]] * part.num_rows,
        cluster=_column(members, "cluster"),
        survivor=_column(members, "survivor"),
    )
    outcome.dropped.append(dropped)
    for row in pick(part):
        outcome.samples.append((f"{step.label}: {reason}", sample_row(part, row, notes[row])))
    outcome.survivors = outcome.survivors.filter(pc.invert(leaving))


def _column(table: pa.Table, name: str) -> pa.Array:
    """A column as one array."""
    column = table.column(name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
