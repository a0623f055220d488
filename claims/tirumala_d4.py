"""D4: well chosen documents seen twice are worth more than fresh ones drawn at random."""

from __future__ import annotations

from cupel.contract import Paper
from cupel.lab.assay import scale_floors
from cupel.recipe.recipe import Recipe
from cupel.reproduction.arms import (
    arms_section,
    as_interval,
    held_out,
    score_arms,
    train_arms,
    verdict_section,
)
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import head, shuffled, split
from cupel.reproduction.refined import refined
from cupel.reproduction.semantic import reworded_pool, semantic_recipe
from cupel.verdict.verdict import compare

DATA = ("web_crawl", "web_boilerplate", "forum_qa", "wiki_simple")
HELD_OUT = ("wiki_en", "news", "general_balanced", "science_papers")
REWORDED, EVERY = 0.5, 8
DEDUP, PROTOTYPES = 0.5, 0.5
"""Shares that the two stages keep: a quarter of twice the budget is half of it."""

claim = Claim(
    title="Chosen documents twice beat fresh ones",
    paper=Paper(
        title="D4: Improving LLM Pretraining via Document De-Duplication and Diversification",
        authors="Tirumala et al.",
        year=2023,
        url="https://arxiv.org/abs/2308.12284",
        section="abstract and section 4.2",
    ),
    statement="Repeating data that D4 chose beats training on as much fresh data drawn at random.",
    arms={
        "fresh": "as many tokens as are trained on, drawn evenly of a pool of twice as many: web pages, menus, forum "
        "threads and articles, of every other one a second version with one word in eight replaced",
        "chosen twice": "half as many tokens of what D4 leaves of that pool (all-MiniLM-L6-v2), seen twice",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, news, Brown, science), lower is better",
    expected="chosen twice is better than fresh",
    rule="Holds if chosen twice is decided to be better than fresh, does not hold if it is decided to be worse. Undecided "
    "otherwise.",
    cost=ClaimCost(trials=6, trial_minutes=3),
    data=(*DATA, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    budget = context.scale.tokens
    unit = int(2 * 2.8 * budget / (1 + REWORDED) / len(DATA))
    pool = shuffled(reworded_pool(context.pool(DATA), DATA, unit, REWORDED, EVERY, seed=0), seed=0)
    recipe = Recipe.from_dict(semantic_recipe("claim-d4", DEDUP, PROTOTYPES))
    chosen = refined(context, pool, {"chosen twice": recipe})["chosen twice"]
    lab = context.lab(pool["text"].to_pylist())
    half = min(budget // 2, len(lab.tokens(chosen, "chosen").tokens))
    tables = {
        "fresh": head(pool, budget, lab.tokenizer),
        "chosen twice": head(shuffled(chosen, seed=1), half, lab.tokenizer),
    }
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    held, _ = split(context.pool(HELD_OUT), context.scale.evaluation.held_out_bytes // len(HELD_OUT), seed=1)
    evaluation = held_out(context, held, tables)
    measures = score_arms(context, lab, train_arms(context, lab, stores), [evaluation])
    verdict = compare(measures, "fresh", scale_floors(lab.scale, measures["fresh"]))
    comparison = verdict.headline("chosen twice")
    return ClaimOutcome(
        passed={"better": True, "worse": False}.get(comparison.verdict),
        verdict=f"{verdict.sentence('chosen twice')}.",
        effect=comparison.relative or 0.0,
        unit="of bits per byte, chosen twice against fresh",
        interval=as_interval(comparison),
        sections=(arms_section(tables, stores, budget), verdict_section(verdict, "Verdict")),
    )
