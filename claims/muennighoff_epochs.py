"""Muennighoff et al.: up to about four epochs are nearly as good as fresh data, and there is an end to it.

The paper's models are trained on about twenty tokens for each parameter. Nano's own width is trained on one for each
outside of the embeddings, and so wide a model learns repeated documents by heart: four epochs cost it 6.0 % (95 %
interval 5.0 to 7.1, three seeds). Here it is a fifth as wide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.assay import scale_floors
from cupel.lab.lab import Lab
from cupel.lab.scale import Scale
from cupel.lab.trials import Trial
from cupel.reproduction.arms import as_interval, held_out, score_arms, train_arms, verdict_section
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import head, shuffled, split
from cupel.verdict.comparison import ArmComparison
from cupel.verdict.measures import Measure
from cupel.verdict.verdict import compare

DATA = ("wiki_en", "news", "arxiv_abstracts", "reviews_imdb")
EPOCHS = (1, 2, 4, 8, 16, 40)
SMALLER = {2: (1, 4, 16), 4: (1, 4)}
"""Budgets so many times smaller, and their epochs: what fresh tokens are worth shows only beside them."""
NEARLY, CLEARLY = 0.01, 0.03

claim = Claim(
    title="Four epochs are nearly free, forty are not",
    paper=Paper(
        title="Scaling Data-Constrained Language Models",
        authors="Muennighoff et al.",
        year=2023,
        url="https://arxiv.org/abs/2305.16264",
        section="abstract, sections 5 and 6",
    ),
    statement="With a fixed budget, up to four epochs of repeated data change the loss hardly at all against fresh data "
    "(0.5 % in the paper), and with more repetition the worth of a repeated token decays to nothing.",
    arms={
        "1, 2, 4, 8, 16, 40 epochs": "the same budget of tokens on all, a half, a quarter … a fortieth of the documents",
        "half and quarter budgets": "1, 4 and 16, and 1 and 4 epochs, for the law alone",
        "all": "a fifth of the scale's width: at the whole budget 26 tokens for each parameter outside of the embeddings, "
        "6 for each of all (the paper: about 20)",
    },
    metric="bits per byte on held-out text, the mean over domains",
    expected="4 epochs within 1 % of one; 40 epochs worse by more than 3 %; R* finite",
    rule="Holds if the 95 % interval of the loss at 4 epochs lies below 1 % more than at one, 40 epochs are decided to be "
    "worse (Holm) with an interval above 3 %, and the 95 % interval of R* in the law fitted to all trials has an upper "
    "end. Does not hold if 4 epochs are worse with an interval above 1 %, or 40 with one below 3 %. Undecided otherwise.",
    cost=ClaimCost(trials=33, trial_minutes=1),
    data=DATA,
)


def run(context: Context) -> ClaimOutcome:
    documents = shuffled(context.pool(DATA), seed=0)
    held, rest = split(documents, context.scale.evaluation.held_out_bytes, seed=1)
    lab = context.lab(rest["text"].to_pylist(), narrow(context.scale))
    tables, changes = arms(rest, lab)
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    evaluation = held_out(context, held, {"largest": tables["1 epoch"]})
    trials = train_arms(context, lab, stores, changes)
    measures = score_arms(context, lab, trials, [evaluation])
    full = {name: by_seed for name, by_seed in measures.items() if name not in changes}
    verdict = compare(full, "1 epoch", scale_floors(lab.scale, full["1 epoch"]))
    four, forty = verdict.headline(named(4)), verdict.headline(named(EPOCHS[-1]))
    context.progress.note("fit the law of repeated data")
    flat = [(trials[name][seed], measures[name][seed]) for name in trials for seed in context.seeds]
    limit = half_life([trial for trial, _ in flat], [scored for _, scored in flat])
    return ClaimOutcome(
        passed=decide(four, forty, limit),
        verdict=f"{verdict.sentence(four.arm)}. {verdict.sentence(forty.arm)}. R* is {_told(limit)}.",
        effect=four.relative or 0.0,
        unit="of bits per byte, four epochs against one",
        interval=as_interval(four),
        sections=(verdict_section(verdict, "Verdict"), _grid(trials, measures)),
    )


def narrow(scale: Scale) -> dict[str, Any]:
    """Changes to the scale: a fifth of the heads and so of the width, the learning rate as its inverse."""
    heads, size = scale.model.heads, scale.model.hidden_size // scale.model.heads
    count = max(1, heads // 5)
    return {
        "model.heads": count,
        "model.hidden_size": count * size,
        "model.feed_forward_size": max(8, scale.model.feed_forward_size * count // heads // 8 * 8),
        "training.learning_rate": scale.training.learning_rate * heads / count,
    }


def decide(four: ArmComparison, forty: ArmComparison, limit: tuple[float, float, float]) -> bool | None:
    """The rule."""
    nearly, clearly = as_interval(four), as_interval(forty)
    if nearly is None or clearly is None:
        return None
    if (four.verdict == "worse" and nearly[0] > NEARLY) or clearly[1] < CLEARLY:
        return False
    if nearly[1] < NEARLY and forty.verdict == "worse" and clearly[0] > CLEARLY and math.isfinite(limit[2]):
        return True
    return None


def half_life(trials: Sequence[Trial], measures: Sequence[Sequence[Measure]]) -> tuple[float, float, float]:
    """R* of the law fitted to all trials, and its 95 % interval."""
    from cupel.scaling.cells import cells_of
    from cupel.scaling.repeats import fit_repeats

    estimate = fit_repeats(cells_of(trials, measures)).interval(lambda law: law.repeats)
    return estimate.value, estimate.low, estimate.high


def arms(documents: pa.Table, lab: Lab) -> tuple[dict[str, pa.Table], dict[str, dict[str, int]]]:
    """Documents of every arm, each the beginning of the same order; and the smaller budgets of some."""
    budget = lab.scale.tokens
    tables, changes = {}, {}
    for epochs in EPOCHS:
        tables[named(epochs)] = head(documents, math.ceil(budget / epochs), lab.tokenizer)
    for part, counts in SMALLER.items():
        for epochs in counts:
            name = f"{named(epochs)} of 1/{part}"
            tables[name] = head(documents, math.ceil(budget / part / epochs), lab.tokenizer)
            changes[name] = {"tokens": budget // part}
    return tables, changes


def named(epochs: int) -> str:
    """What an arm is called."""
    return f"{epochs} epoch{'s' if epochs > 1 else ''}"


def _told(limit: tuple[float, float, float]) -> str:
    value, low, high = (f"{bound:.3g}" if math.isfinite(bound) else "infinite" for bound in limit)
    return f"{value} (95 % interval {low} to {high})"


def _grid(
    trials: Mapping[str, Mapping[int, Trial]], measures: Mapping[str, Mapping[int, Sequence[Measure]]]
) -> Section:
    rows = []
    for name, by_seed in measures.items():
        records = [trials[name][seed].record for seed in by_seed]
        bits = [sum(measure.value for measure in scored) / len(scored) for scored in by_seed.values()]
        rows.append((name, records[0]["tokens"], records[0]["epochs"], sum(bits) / len(bits)))
    table = Table(
        columns=("arm", "tokens", "epochs", "bits per byte"),
        rows=tuple(rows),
        formats=("text", "count", "number", "number"),
    )
    return Section(title="All cells", blocks=(table,))
