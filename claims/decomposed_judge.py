"""A judge that is asked about parts of quality, against one that is asked for all of it at once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cupel.contract import Paper, find_method
from cupel.findings import Section, Table
from cupel.recipe.fitting import fit
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context

OVERALL = "claude_ge_4_5"
PARTS = (OVERALL, "helpfulness_t45", "cherry_ifd_top5pct")
LABELS = 6000
REPLICATES = 10_000

claim = Claim(
    title="Parts of quality against the whole",
    paper=Paper(
        title="Automatic Evaluation for Text-to-image Generation: Task-decomposed Framework, Distilled Training, and "
        "Meta-evaluation Benchmark",
        authors="Tu et al.",
        year=2024,
        url="https://arxiv.org/abs/2411.15488",
        section="abstract and section 3",
    ),
    statement="A judge that learns answers to several parts of a question agrees better with people than one that "
    "learns a single overall score. The paper judges images; here it is text.",
    arms={
        "overall": "a rater of 6,000 Alpaca answers by one label: rated 4.5 or more by a model for accuracy",
        "parts": "a rater of 2,000 of them by three labels: that one, the same for helpfulness, and whether the "
        "answer depends on its instruction; their standardized ratings are averaged",
    },
    metric="Kendall's τ of the difference in rating with people's choice between two answers to one conversation "
    "(hh-rlhf)",
    expected="parts above overall",
    rule="Holds if the 95 % bootstrap interval of the difference is above 0, does not hold if it is below. "
    "Undecided otherwise. Nothing is trained in the lab.",
    cost=ClaimCost(trials=0, trial_minutes=0),
    data=("instruct/alpaca_quality_labels", "instruct/hh_rlhf/harmless-base__test.jsonl.gz"),
)


def run(context: Context) -> ClaimOutcome:
    rows = [row for row in context.rows("instruct/alpaca_quality_labels") if row["in_random_sample"]]
    rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    pairs = context.rows("instruct/hh_rlhf/harmless-base__test.jsonl.gz")
    answers = [_last(pair[side]) for side in ("chosen", "rejected") for pair in pairs]
    signs = {}
    for name, labels, count in (("overall", (OVERALL,), LABELS), ("parts", PARTS, LABELS // len(PARTS))):
        ratings = rate(context, rows[:count], labels, answers)
        chosen, rejected = np.split(ratings, 2)
        signs[name] = np.sign(chosen - rejected)
    usable = ~(np.isnan(signs["overall"]) | np.isnan(signs["parts"]))
    overall, parts = signs["overall"][usable], signs["parts"][usable]
    low, high = _interval(parts - overall)
    difference = float((parts - overall).mean())
    table = Table(
        columns=("rater", "labels", "pairs", "τ with people", "low", "high"),
        rows=tuple(
            (name, LABELS, len(values), float(values.mean()), *_interval(values))
            for name, values in (("overall", overall), ("parts", parts))
        ),
        formats=("text", "count", "count", "number", "number", "number"),
    )
    return ClaimOutcome(
        passed=True if low > 0 else False if high < 0 else None,
        verdict=f"Parts have a τ of {parts.mean():.3f} with people's choices, overall of {overall.mean():.3f}: a "
        f"difference of "
        f"{difference:+.3f} (95 % interval {low:+.3f} to {high:+.3f}) over {len(parts):,} pairs.",
        effect=difference,
        unit="τ, parts against overall",
        interval=(low, high),
        sections=(Section(title="Agreement with people", blocks=(table,)),),
    )


def rate(
    context: Context, rows: Sequence[dict[str, Any]], labels: Sequence[str], texts: list[str]
) -> np.ndarray[Any, Any]:
    """The mean of the standardized ratings of texts by each label."""
    with tempfile.TemporaryDirectory(prefix="cupel-claim-") as folder:
        path = Path(folder) / "ratings.jsonl"
        lines = [
            json.dumps({"text": _shown(row), **{label: int(row[label]) for label in labels}}) for row in rows
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        options = {"ratings": str(path)}
        fitted = fit("rater", output=Path(folder) / "rater", options=options, cache=context.cache)
        rater = find_method("rater").from_options({"artifact": str(fitted.folder)})
        measured = rater.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))  # type: ignore[attr-defined]
    columns = [column.to_numpy(zero_copy_only=False) for column in measured.columns]
    scaled = [(column - np.nanmean(column)) / (np.nanstd(column) or 1.0) for column in columns]
    mean: np.ndarray[Any, Any] = np.mean(scaled, axis=0)
    return mean


def _shown(row: dict[str, Any]) -> str:
    """The request and its answer, as the conversations of hh-rlhf have them."""
    asked = "\n".join(part for part in (row["instruction"], row["input"]) if part)
    return f"Human: {asked}\n\nAssistant: {row['output']}"


def _last(conversation: str) -> str:
    """The last request of a conversation, and its answer."""
    return f"Human: {conversation.rsplit('Human:', 1)[-1].strip()}"


def _interval(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Of the mean, by a bootstrap over pairs."""
    rng = np.random.default_rng(1)
    means = [float(values[rng.integers(0, len(values), len(values))].mean()) for _ in range(REPLICATES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
