"""DCLM: heuristic rules make a raw pool better, and deduplication makes it better again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import yaml

from cupel.contract import Paper
from cupel.lab.assay import scale_floors
from cupel.recipe.recipe import Recipe, built_in_recipes
from cupel.reproduction.arms import (
    arms_section,
    as_interval,
    held_out,
    score_arms,
    train_arms,
    verdict_section,
)
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import copies, draw, near_copy, split
from cupel.reproduction.refined import refined
from cupel.verdict.verdict import compare

CLEAN = ("wiki_simple", "web_crawl")
DIRTY = ("web_boilerplate", "tweets", "chat_irc", "code")
HELD_OUT = ("wiki_en", "news", "general_balanced", "science_papers")

claim = Claim(
    title="Heuristics, then deduplication",
    paper=Paper(
        title="DataComp-LM: In search of the next generation of training sets for language models",
        authors="Li et al.",
        year=2024,
        url="https://arxiv.org/abs/2406.11794",
        section="section 4, where RefinedWeb's heuristics and deduplication are steps towards DCLM-Baseline "
        "(stage by stage: Penedo et al. 2023, RefinedWeb)",
    ),
    statement="At the same number of training tokens, a model learns more from a raw web pool once heuristic rules "
    "have gone over it, and more again once duplicates are gone too.",
    arms={
        "raw": "web pages, articles, menus, tweets, chat and code, with planted exact and near copies",
        "heuristics": "the recipe `dclm-heuristics` without its deduplication",
        "heuristics + dedup": "the same, then exact and MinHash deduplication",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, news, Brown, science), lower is better",
    expected="raw > heuristics > heuristics + dedup",
    rule="Holds if raw is worse and heuristics + dedup is better than heuristics, both decided on the mean over domains "
    "(Holm). Does not hold if one of them is decided the other way. Undecided otherwise.",
    cost=ClaimCost(trials=9, trial_minutes=4),
    data=(*CLEAN, *DIRTY, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    # About 2.7 bytes of text for each token that is trained on leave the budget's worth after both steps,
    # so that a copy is seen again and again, as it is in a crawl.
    unit = int(2.7 * context.scale.tokens)
    pool = raw_pool(context.pool((*CLEAN, *DIRTY)), unit, seed=0)
    tables = {"raw": pool, **refined(context, pool, recipes())}
    evaluation = held_out(context, split(context.pool(HELD_OUT), unit // 4, seed=1)[0], tables)
    lab = context.lab(pool["text"].to_pylist())
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    measures = score_arms(context, lab, train_arms(context, lab, stores), [evaluation])
    verdict = compare(measures, "heuristics", scale_floors(lab.scale, measures["heuristics"]))
    raw, dedup = verdict.headline("raw"), verdict.headline("heuristics + dedup")
    passed = None
    if (raw.verdict, dedup.verdict) == ("worse", "better"):
        passed = True
    elif raw.verdict == "better" or dedup.verdict == "worse":
        passed = False
    return ClaimOutcome(
        passed=passed,
        verdict=f"{verdict.sentence('raw')}. {verdict.sentence('heuristics + dedup')}.",
        effect=dedup.relative or 0.0,
        unit="of bits per byte, heuristics + dedup against heuristics",
        interval=as_interval(dedup),
        sections=(arms_section(tables, stores, context.scale.tokens), verdict_section(verdict, "Verdict")),
    )


def raw_pool(documents: pa.Table, unit: int, seed: int) -> pa.Table:
    """The raw pool: `unit` bytes of each clean domain, four tenths of each dirty one, and planted copies.

    Three in a hundred of the clean documents stand there forty-one times, half of the copies with one word in a
    hundred changed, so that copies are about half of what passes the heuristics, as they were of
    RefinedWeb (Penedo et al. 2023, figure 2).
    """
    rng = np.random.default_rng(seed)
    domains = np.array(documents["domain"].to_pylist(), object)
    parts = []
    for name in (*CLEAN, *DIRTY):
        own = documents.filter(pa.array(domains == name))
        parts.append(draw(own, unit if name in CLEAN else int(0.4 * unit), seed))
    clean = pa.concat_tables(parts[: len(CLEAN)])
    planted = clean.take(
        pa.array(np.sort(rng.choice(clean.num_rows, -(-clean.num_rows * 3 // 100), replace=False)))
    )
    near = copies(planted, 20, "near")
    texts = [near_copy(text, 100, rng) for text in near["text"].to_pylist()]
    near = near.set_column(near.schema.get_field_index("text"), "text", pa.array(texts, pa.large_string()))
    return pa.concat_tables([*parts, copies(planted, 20, "copy"), near])


FINEWEB_WORDS = {"fold_numbers": True, "ignore_symbols": True}
"""What counted as a word by default when the result was recorded."""


def recipes() -> dict[str, Recipe]:
    """The two recipes, from the built-in one."""
    built_in = yaml.safe_load(built_in_recipes()["dclm-heuristics"])
    steps = [step for step in built_in["steps"] if _name(step) != "minhash"]
    wanted = {"heuristics": steps, "heuristics + dedup": [*steps, "exact", {"minhash": FINEWEB_WORDS}]}
    return {
        name: Recipe.from_dict({**built_in, "name": f"claim-{number}", "steps": list(chosen)})
        for number, (name, chosen) in enumerate(wanted.items())
    }


def _name(step: str | dict[str, object] | Sequence[str]) -> str:
    return step if isinstance(step, str) else next(iter(step))
