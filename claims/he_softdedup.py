"""SoftDedup: weighing what is common down saves steps, and removes nothing."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.assay import scale_floors
from cupel.recipe.recipe import Recipe
from cupel.reproduction.arms import as_interval, held_out, score_arms, train_arms, verdict_section
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import draw, near_copy, split
from cupel.reproduction.refined import refined
from cupel.verdict.comparison import ArmComparison
from cupel.verdict.verdict import compare

DATA = ("wiki_simple", "web_crawl", "news")
HELD_OUT = ("wiki_en", "general_balanced", "science_papers")
COPIES = (4, 8, 16, 32)
PLANTED = 0.02
"""The share of all documents that is copied, for each number of copies."""
STEPS = 0.74
"""Of the whole budget: the paper saves 26 % of the steps at least."""
NEARLY = 0.01

claim = Claim(
    title="Weighing the common down saves steps",
    paper=Paper(
        title="SoftDedup: an Efficient Data Reweighting Method for Speeding Up Language Model Pre-training",
        authors="He et al.",
        year=2024,
        url="https://arxiv.org/abs/2407.06654",
        section="abstract and section 4",
    ),
    statement="Sampling documents less the more common they are, and removing none, reaches the perplexity of the plain "
    "data in at least 26 % fewer training steps.",
    arms={
        "plain": "articles, web pages and news; 2 % of the documents stand there 4 times more, 2 % 8, 2 % 16 and 2 % 32 "
        "times more, one word in a hundred changed",
        "soft": "the same documents with the weights of the step `softdedup`",
        "soft, 74 % of the steps": "the same, trained on 74 % of the tokens",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, Brown, science), lower is better",
    expected="soft is better than plain, and as good after 74 % of the steps",
    rule="Holds if soft is decided to be better than plain at all the steps, and the 95 % interval of soft at 74 % of them "
    "lies below 1 % more than plain. Does not hold if soft is decided to be worse, or at 74 % of the steps with an "
    "interval above 1 %. Undecided otherwise.",
    cost=ClaimCost(trials=9, trial_minutes=3),
    data=(*DATA, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    pool = raw_pool(context.pool(DATA), int(1.5 * context.scale.tokens), seed=0)
    tables = {"plain": pool, **refined(context, pool, {"soft": Recipe.from_dict(RECIPE)})}
    lab = context.lab(pool["text"].to_pylist())
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    stores["soft, 74 % of the steps"] = stores["soft"]
    changes = {"soft, 74 % of the steps": {"tokens": int(STEPS * context.scale.tokens)}}
    held, _ = split(context.pool(HELD_OUT), context.scale.evaluation.held_out_bytes // len(HELD_OUT), seed=1)
    evaluation = held_out(context, held, tables)
    measures = score_arms(context, lab, train_arms(context, lab, stores, changes), [evaluation])
    verdict = compare(measures, "plain", scale_floors(lab.scale, measures["plain"]))
    soft, sooner = verdict.headline("soft"), verdict.headline("soft, 74 % of the steps")
    return ClaimOutcome(
        passed=decide(soft, sooner),
        verdict=f"{verdict.sentence('soft')}. {verdict.sentence(sooner.arm)}.",
        effect=soft.relative or 0.0,
        unit="of bits per byte, soft against plain, the same number of steps",
        interval=as_interval(soft),
        sections=(_shares(tables["soft"]), verdict_section(verdict, "Verdict")),
    )


RECIPE = {"name": "claim-softdedup", "steps": ["softdedup"]}


def raw_pool(documents: pa.Table, unit: int, seed: int) -> pa.Table:
    """`unit` bytes of each domain, and near copies of `PLANTED` of the documents for each of `COPIES`."""
    rng = np.random.default_rng(seed)
    domains = np.array(documents["domain"].to_pylist(), object)
    own = pa.concat_tables([draw(documents.filter(pa.array(domains == name)), unit, seed) for name in DATA])
    chosen = rng.choice(own.num_rows, (len(COPIES), math.ceil(PLANTED * own.num_rows)), replace=False)
    rows = []
    for number, places in zip(COPIES, chosen, strict=True):
        for row in own.take(pa.array(places)).to_pylist():
            rows += [
                row | {"id": f"{row['id']}/near-{copy}", "text": near_copy(row["text"], 100, rng)}
                for copy in range(number)
            ]
    return pa.concat_tables([own, pa.Table.from_pylist(rows, own.schema)])


def decide(soft: ArmComparison, sooner: ArmComparison) -> bool | None:
    """The rule."""
    interval = as_interval(sooner)
    if soft.verdict == "worse" or (interval is not None and interval[0] > NEARLY):
        return False
    if soft.verdict == "better" and interval is not None and interval[1] < NEARLY:
        return True
    return None


def _shares(soft: pa.Table) -> Section:
    """What share of all documents copies are, and of all that is drawn."""
    weight = soft["weight"].to_numpy()
    copied = np.array(["/near-" in id_ for id_ in soft["id"].to_pylist()])
    table = Table(
        columns=("", "of the documents", "of what is drawn"),
        rows=(("near copies", float(copied.mean()), float(weight[copied].sum() / weight.sum())),),
        formats=("text", "percent", "percent"),
    )
    return Section(title="Weights", blocks=(table,))
