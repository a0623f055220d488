"""Train and score the arms of a claim: the steps most claims share between data and rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from cupel.errors import BadInput
from cupel.findings import Section, Table
from cupel.lab.assay import evaluation_on
from cupel.lab.data.overlap import find_overlap
from cupel.lab.evaluations.evaluation import Evaluation
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import Trial, by_arm
from cupel.reproduction.claim import Context
from cupel.verdict.comparison import ArmComparison
from cupel.verdict.measures import Measure
from cupel.verdict.tables import verdict_table
from cupel.verdict.verdict import Verdict

__all__ = [
    "arms_section",
    "as_interval",
    "catch_section",
    "held_out",
    "score_arms",
    "train_arms",
    "train_plans",
    "verdict_section",
]


def train_arms(
    context: Context,
    lab: Lab,
    stores: Mapping[str, TokenStore],
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, dict[int, Trial]]:
    """Train every arm with every seed; trials by arm and seed. `changes` to the scale are by arm."""
    changes = changes or {}
    plans = [
        TrialPlan(name, store, seed, changes.get(name, {}))
        for seed in context.seeds
        for name, store in stores.items()
    ]
    return train_plans(context, lab, plans)


def train_plans(context: Context, lab: Lab, plans: Sequence[TrialPlan]) -> dict[str, dict[int, Trial]]:
    """The trials of these plans, by arm and seed."""
    return by_arm(lab.train(plans, context.progress))


def score_arms(
    context: Context, lab: Lab, trials: Mapping[str, Mapping[int, Trial]], evaluations: Sequence[Evaluation]
) -> dict[str, dict[int, tuple[Measure, ...]]]:
    """The measures of every trial, by arm and seed."""
    context.progress.note(f"score {sum(map(len, trials.values()))} trials")
    return {
        name: {seed: lab.score(trial, evaluations) for seed, trial in by_seed.items()}
        for name, by_seed in trials.items()
    }


def held_out(context: Context, documents: pa.Table, arms: Mapping[str, pa.Table]) -> Evaluation:
    """The scale's evaluation on held-out documents of which no arm contains a fifth or more, as many as the scale uses.

    Raises
    ------
    BadInput
        None are left.
    """
    kept = find_overlap(documents, {name: table.to_batches() for name, table in arms.items()}).kept
    if not kept.num_rows:
        raise BadInput("all held-out text stands in the training data of an arm: nothing is left to score")
    return evaluation_on(kept, context.scale)


def as_interval(comparison: ArmComparison) -> tuple[float, float] | None:
    """The 95 % interval of a comparison's difference, as a share of the baseline's value."""
    if comparison.low is None or comparison.high is None or not comparison.baseline_value:
        return None
    return comparison.low / abs(comparison.baseline_value), comparison.high / abs(comparison.baseline_value)


def arms_section(tables: Mapping[str, pa.Table], stores: Mapping[str, TokenStore], tokens: int) -> Section:
    """Size of each arm, and how many epochs a training budget of `tokens` makes of it."""
    rows = tuple(
        (name, table.num_rows, len(stores[name].tokens), tokens / len(stores[name].tokens))
        for name, table in tables.items()
    )
    table = Table(
        columns=("arm", "documents", "tokens", "epochs"),
        rows=rows,
        formats=("text", "count", "count", "number"),
    )
    return Section(title="Arms", blocks=(table,))


def verdict_section(verdict: Verdict, title: str) -> Section:
    """Every measure of every arm."""
    return Section(title=title, blocks=tuple(verdict_table(verdict, arm) for arm in verdict.arms))


def catch_section(tables: Mapping[str, pa.Table], filters: Sequence[str]) -> Section:
    """What the arm of each filter drops of the arm `raw`, and what no other of them drops."""
    kept = {name: set(table["id"].to_pylist()) for name, table in tables.items()}
    rows = []
    for name in filters:
        dropped = kept["raw"] - kept[name]
        others = set.intersection(*(kept[other] for other in filters if other != name))
        rows.append((name, len(dropped), len(dropped & others)))
    table = Table(
        columns=("filter", "documents dropped", "by no other filter"),
        rows=tuple(rows),
        formats=("text", "count", "count"),
    )
    return Section(title="What each filter catches", blocks=(table,))
