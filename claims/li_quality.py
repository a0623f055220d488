"""DCLM: of a cleaned pool, the tenth that a quality classifier prefers makes a better model than any tenth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

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
from cupel.reproduction.pool import draw, split
from cupel.reproduction.refined import refined
from cupel.verdict.verdict import compare

CLEAN = ("wiki_simple", "web_crawl")
DIRTY = ("web_boilerplate", "tweets", "chat_irc", "code")
POSITIVES = ("forum_qa", "medical_qa")
HELD_OUT = ("wiki_en", "news", "general_balanced", "science_papers")

claim = Claim(
    title="The tenth that a classifier prefers",
    paper=Paper(
        title="DataComp-LM: In search of the next generation of training sets for language models",
        authors="Li et al.",
        year=2024,
        url="https://arxiv.org/abs/2406.11794",
        section="4.4, table 4",
    ),
    statement="Of a pool that was filtered by heuristics and deduplicated, the tenth with the highest scores of a fastText "
    "classifier, trained on instructions and explained answers against the pool, makes a better model than the pool.",
    arms={
        "raw": "web pages, articles, menus, tweets, chat and code",
        "cleaned": "the recipe `dclm-heuristics` without its deduplication, then exact and MinHash deduplication",
        "random tenth": "a tenth of the documents of cleaned, drawn at random",
        "best tenth": "as many, those with the highest scores of a classifier of explained answers (forums and medical "
        "questions) against documents of cleaned",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, news, Brown, science), lower is better",
    expected="random tenth > best tenth",
    rule="Holds if best tenth is decided better than random tenth on the mean over domains. Does not hold if it is decided "
    "worse. Undecided otherwise.",
    cost=ClaimCost(trials=12, trial_minutes=4),
    data=(*CLEAN, *DIRTY, *POSITIVES, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    # Of what the heuristics leave, a tenth should still last for a few epochs.
    unit = int(2.7 * context.scale.tokens)
    documents = context.pool((*CLEAN, *DIRTY))
    parts = []
    for name in (*CLEAN, *DIRTY):
        own = documents.filter(pc.equal(documents["domain"], name))
        parts.append(draw(own, unit if name in CLEAN else int(0.4 * unit), seed=0))
    pool = pa.concat_tables(parts)
    tables = {"raw": pool, **refined(context, pool, recipes(Path(str(context.data))))}
    evaluation = held_out(context, split(context.pool(HELD_OUT), unit // 4, seed=1)[0], tables)
    lab = context.lab(pool["text"].to_pylist())
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    measures = score_arms(context, lab, train_arms(context, lab, stores), [evaluation])
    verdict = compare(measures, "random tenth", scale_floors(lab.scale, measures["random tenth"]))
    best = verdict.headline("best tenth")
    passed = {"better": True, "worse": False}.get(best.verdict)
    return ClaimOutcome(
        passed=passed,
        verdict=f"{verdict.sentence('best tenth')}. {verdict.sentence('cleaned')}. {verdict.sentence('raw')}.",
        effect=best.relative or 0.0,
        unit="of bits per byte, best tenth against random tenth",
        interval=as_interval(best),
        sections=(arms_section(tables, stores, context.scale.tokens), verdict_section(verdict, "Verdict")),
    )


def recipes(data: Path) -> dict[str, Recipe]:
    """The recipe of each arm but the raw one."""
    built_in = Recipe.load("dclm-heuristics").to_dict()
    steps = [step for step in built_in["steps"] if step != "minhash" and "minhash" not in step]
    cleaned: list[Any] = [*steps, "exact", "minhash"]
    positives = [str(data / "pool" / f"{name}.jsonl.zst") for name in POSITIVES]
    chosen = {
        "cleaned": cleaned,
        "random tenth": [*cleaned, {"sample": {"budget": "10%"}}],
        "best tenth": [
            *cleaned,
            {"quality-classifier": {"positives": positives}},
            {"percentile": {"by": "quality", "at_least": 90}},
        ],
    }
    return {
        name: Recipe.from_dict({"name": f"claim-{number}", "steps": list(steps)})
        for number, (name, steps) in enumerate(chosen.items())
    }
