"""Tirumala et al.: larger models memorize faster, before they overfit, and forget less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cupel.auditing.recitation import Predicted, beyond_unseen
from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.scale import Scale
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import Trial
from cupel.reproduction.arms import held_out, score_arms, train_plans, verdict_section
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import head, in_domain, shuffled, split
from cupel.verdict.measures import Measure
from cupel.verdict.verdict import Verdict, compare

DATA = ("wiki_en", "news")
WIDTHS = ("narrow", "middle", "wide")
VISITS = (1, 2, 4, 8, 16)
AGAIN = 8
"""How often the special batch is shown, one time after the other."""
Scores = Mapping[str, Mapping[int, Sequence[Measure]]]
claim = Claim(
    title="Larger models memorize faster and forget less",
    paper=Paper(
        title="Memorization Without Overfitting: Analyzing the Training Dynamics of Large Language Models",
        authors="Tirumala et al.",
        year=2022,
        url="https://arxiv.org/abs/2205.10770",
        section="sections 4 and 5",
    ),
    statement="Larger language models memorize training data faster, memorize more of it before they overfit, and forget "
    "less of it as training goes on.",
    arms={
        "narrow, middle, wide": "two fifths, one and two times the scale's width and heads, the learning rate as the "
        "inverse of the width",
        "visits": "a sixteenth of the budget as documents, seen 1, 2, 4, 8 and 16 times at a constant rate",
        "special batch": "documents shown eight times in a row after a quarter of the budget, then half a budget of others",
    },
    metric="share of training tokens that are the likeliest ones after those before (exact memorization); of the special "
    "batch the same, less the share of unseen text",
    expected="wide > middle > narrow, at the same number of visits, and of the special batch at the end",
    rule="At the most visits before the wide proxy's held-out loss rises: holds if narrow memorizes less and wide more than "
    "middle, and at the end narrow keeps less and wide more of the special batch than middle, all four decided (Holm). "
    "Does not hold if one is decided the other way. Undecided otherwise.",
    cost=ClaimCost(trials=42, trial_minutes=3),
    data=DATA,
    seeds=2,
)


def run(context: Context) -> ClaimOutcome:
    documents = shuffled(context.pool(DATA), seed=0)
    held, rest = split(documents, 2 * context.scale.evaluation.held_out_bytes, seed=1)
    lab = context.lab(rest["text"].to_pylist())
    tables = arms(rest, lab)
    bits = held_out(context, held, tables)
    memorized_of = [bits, Predicted(in_domain(tables["visits"], "seen")), Predicted(bits.documents)]
    scored = score_arms(context, lab, _visits(context, lab, tables["visits"]), memorized_of)
    kept_of = [bits, Predicted(in_domain(tables["special"], "special")), Predicted(bits.documents)]
    kept = score_arms(context, lab, _batch(context, lab, tables), kept_of)
    visits = before_overfitting(scored)
    after = {width: scored[f"{width}, {visits} visits"].items() for width in WIDTHS}
    own = {width: {s: [m for m in ms if m.subset == "seen"] for s, ms in after[width]} for width in WIDTHS}
    memorized = compare(own, "middle")
    left = {
        width: {seed: [beyond_unseen(ms, "special")] for seed, ms in kept[f"{width}, end"].items()}
        for width in WIDTHS
    }
    at_end = compare(left, "middle")
    verdicts = [v.headline(width).verdict for v in (memorized, at_end) for width in ("narrow", "wide")]
    passed = None
    if verdicts == ["worse", "better"] * 2:
        passed = True
    elif "better" in verdicts[::2] or "worse" in verdicts[1::2]:
        passed = False
    wide = memorized.headline("wide")
    return ClaimOutcome(
        passed=passed,
        verdict=f"After {visits} visits: {_told(memorized)}. Of the special batch at the end, beyond unseen text: "
        f"{_told(at_end)}.",
        effect=wide.difference,
        unit=f"of the tokens, predicted exactly by wide more than by middle after {visits} visits",
        interval=None if wide.low is None or wide.high is None else (wide.low, wide.high),
        sections=(
            _table(scored, "seen", "By visits"),
            verdict_section(memorized, f"Memorized after {visits} visits"),
            _table(kept, "special", "The special batch, right after it was shown and at the end"),
            verdict_section(at_end, "Special batch at the end, beyond unseen text"),
        ),
    )


def shapes(scale: Scale) -> dict[str, dict[str, Any]]:
    """Changes to the scale for each width; a head keeps its size."""
    heads, size = scale.model.heads, scale.model.hidden_size // scale.model.heads
    return {
        name: {
            "model.heads": count,
            "model.hidden_size": count * size,
            "model.feed_forward_size": max(8, scale.model.feed_forward_size * count // heads // 8 * 8),
            "training.learning_rate": scale.training.learning_rate * heads / count,
            "training.schedule": "constant",
        }
        for name, count in zip(WIDTHS, (max(1, 2 * heads // 5), heads, 2 * heads), strict=True)
    }


def arms(documents: pa.Table, lab: Lab) -> dict[str, pa.Table]:
    """Documents seen again and again, of the special batch, and those before and after it; none stands twice."""
    tables, place = {}, 0
    budget = lab.scale.tokens
    for name, tokens in (
        ("visits", budget // 16),
        ("special", budget // 128),
        ("before", budget // 4),
        ("after", budget // 2),
    ):
        tables[name] = head(documents.slice(place), tokens, lab.tokenizer)
        place += tables[name].num_rows
    return tables


def before_overfitting(scored: Scores) -> int:
    """The most visits up to which the wide proxy's held-out loss has not risen."""
    best, lowest = VISITS[0], float("inf")
    for visits in VISITS:
        trials = scored[f"wide, {visits} visits"].values()
        loss = np.mean([m.value for measures in trials for m in measures if m.metric == "bits_per_byte"])
        if loss > lowest:
            break
        best, lowest = visits, float(loss)
    return best


def _visits(context: Context, lab: Lab, seen: pa.Table) -> dict[str, dict[int, Trial]]:
    store = lab.tokens(seen, "visits")
    plans = [
        (f"{width}, {visits} visits", store, {**changes, "tokens": visits * len(store.tokens)})
        for width, changes in shapes(lab.scale).items()
        for visits in VISITS
    ]
    return _train(context, lab, plans)


def _batch(context: Context, lab: Lab, tables: Mapping[str, pa.Table]) -> dict[str, dict[int, Trial]]:
    """Trials that end right after the special batch, and half a budget later; both begin alike."""
    stream = pa.concat_tables([tables["before"], *[tables["special"]] * AGAIN, tables["after"]])
    store = lab.tokens(stream, "special batch", ordered=True)
    shown = tables["before"].num_rows + AGAIN * tables["special"].num_rows
    ends = {"shown": store.beginning(shown, lab.tokenizer.end_of_text), "end": len(store.tokens) - 1}
    plans = [
        (f"{width}, {end}", store, {**changes, "tokens": tokens})
        for width, changes in shapes(lab.scale).items()
        for end, tokens in ends.items()
    ]
    return _train(context, lab, plans)


def _train(
    context: Context, lab: Lab, variants: Sequence[tuple[str, TokenStore, Mapping[str, Any]]]
) -> dict[str, dict[int, Trial]]:
    # Warm-up is as long for all, half of the shortest, so that a trial begins as the longer ones do.
    rise = lab.scale.tokens // 32
    plans = [
        TrialPlan(name, store, seed, {**changes, "training.warmup": rise / changes["tokens"]})
        for seed in context.seeds
        for name, store, changes in variants
    ]
    return train_plans(context, lab, plans)


def _told(verdict: Verdict) -> str:
    """The three values, narrow to wide, and what was decided."""
    low, high = verdict.headline("narrow"), verdict.headline("wide")
    ends = [f"{comparison.value:.1%} {comparison.arm} ({comparison.verdict})" for comparison in (low, high)]
    return f"{ends[0]}, {high.baseline_value:.1%} middle, {ends[1]}"


def _table(scored: Scores, subset: str, title: str) -> Section:
    """Means over the seeds."""
    rows = []
    for name, by_seed in scored.items():
        chosen = [measure for measures in by_seed.values() for measure in measures]
        exact = [measure.value for measure in chosen if measure.subset == subset]
        bits = [measure.value for measure in chosen if measure.metric == "bits_per_byte"]
        rows.append((name, float(np.mean(exact)), float(np.mean(bits))))
    table = Table(
        columns=("proxy", "tokens predicted exactly", "held-out bits per byte"),
        rows=tuple(rows),
        formats=("text", "percent", "number"),
    )
    return Section(title=title, blocks=(table,))
