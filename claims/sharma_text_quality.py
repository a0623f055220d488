"""Text quality by weighted heuristics: its best 60 % train a better model than a random 60 %."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa

from cupel.contract import Paper
from cupel.findings import Section, Table
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
from cupel.verdict.comparison import ArmComparison
from cupel.verdict.verdict import compare

CLEAN = ("web_crawl", "wiki_simple")
JUNK = "web_boilerplate"
HELD_OUT = ("wiki_en", "news", "general_balanced", "science_papers")
KEPT = 0.6
SPOILED = 0.15
"""The share of clean documents of which a spoiled copy is planted, for each of two kinds."""

claim = Claim(
    title="Weighted heuristics choose better text",
    paper=Paper(
        title="Text Quality-Based Pruning for Efficient Training of Language Models",
        authors="Sharma et al.",
        year=2024,
        url="https://arxiv.org/abs/2405.01582",
        section="section 4",
    ),
    statement="Models trained on the 60 % of a corpus that score highest are as good as or better than those trained on all "
    "of it, and better than those trained on a random 60 %.",
    arms={
        "all": "web pages and articles with menus of web pages, shuffled words and text full of symbols among them",
        "best 60 %": "the same, the 60 % of the documents of the highest `text_quality`",
        "random 60 %": "the same, a random 60 % of the documents",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, news, Brown, science), lower is better",
    expected="random 60 % ≈ all > best 60 %",
    rule="Holds if the best 60 % are decided better than a random 60 % on the mean over domains (Holm), at the same number "
    "of training tokens. Does not hold if they are decided worse. Undecided otherwise.",
    cost=ClaimCost(trials=9, trial_minutes=4),
    data=(*CLEAN, JUNK, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    pool = raw_pool(context.pool((*CLEAN, JUNK)), int(2.5 * context.scale.tokens), seed=0)
    tables = {"all": pool, **refined(context, pool, recipes(pool.num_rows))}
    evaluation_pool, _ = split(
        context.pool(HELD_OUT), context.scale.evaluation.held_out_bytes // len(HELD_OUT), 1
    )
    evaluation = held_out(context, evaluation_pool, tables)
    lab = context.lab(pool["text"].to_pylist())
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    measures = score_arms(context, lab, train_arms(context, lab, stores), [evaluation])
    verdict = compare(measures, "random 60 %", scale_floors(lab.scale, measures["random 60 %"]))
    best = verdict.headline("best 60 %")
    return ClaimOutcome(
        passed=decide(best),
        verdict=f"{verdict.sentence('best 60 %')}. {verdict.sentence('all')}.",
        effect=best.relative or 0.0,
        unit="of bits per byte, the best 60 % against a random 60 %",
        interval=as_interval(best),
        sections=(
            arms_section(tables, stores, context.scale.tokens),
            kinds_section(tables),
            verdict_section(verdict, "Verdict"),
        ),
    )


def raw_pool(documents: pa.Table, unit: int, seed: int) -> pa.Table:
    """`unit` bytes of clean text in equal parts, three tenths of that of menus, and spoiled copies."""
    rng = np.random.default_rng(seed)
    domains = np.array(documents["domain"].to_pylist(), object)
    sizes = {**dict.fromkeys(CLEAN, unit // 2), JUNK: int(0.3 * unit)}
    parts = {
        name: draw(documents.filter(pa.array(domains == name)), size, seed) for name, size in sizes.items()
    }
    clean = pa.concat_tables([parts[name] for name in CLEAN])
    number = max(1, int(SPOILED * clean.num_rows))
    chosen = rng.choice(clean.num_rows, (2, number), replace=False)
    rows = []
    for kind, places in zip(("shuffled", "symbols"), chosen, strict=True):
        for row in clean.take(pa.array(np.sort(places))).to_pylist():
            text = shuffled_words(row["text"], rng) if kind == "shuffled" else with_symbols(row["text"], rng)
            rows.append(row | {"id": f"{row['id']}/{kind}", "text": text, "domain": kind})
    return pa.concat_tables([clean, parts[JUNK], pa.Table.from_pylist(rows, clean.schema)])


def shuffled_words(text: str, rng: np.random.Generator) -> str:
    """The text with the words of each line in another order.

    >>> shuffled_words("one two three", np.random.default_rng(1))
    'one three two'
    """
    return "\n".join(" ".join(rng.permutation(line.split())) for line in text.split("\n"))


def with_symbols(text: str, rng: np.random.Generator) -> str:
    """The text with a third of its letters replaced by symbols and digits."""
    symbols = list("#%&*{}[]|<>@$0123456789")
    return re.sub(r"\w", lambda letter: str(rng.choice(symbols)) if rng.random() < 1 / 3 else letter[0], text)


def recipes(documents: int) -> dict[str, Recipe]:
    """The recipes of the two arms that keep a part."""
    budget = f"{round(KEPT * documents)}-documents"
    steps: dict[str, list[Any]] = {
        "best 60 %": ["text-quality", {"sample": {"by": "text_quality", "temperature": 0, "budget": budget}}],
        "random 60 %": [{"sample": {"budget": budget}}],
    }
    return {
        name: Recipe.from_dict({"name": f"claim-text-quality-{number}", "steps": own})
        for number, (name, own) in enumerate(steps.items())
    }


def decide(best: ArmComparison) -> bool | None:
    """The rule."""
    return {"better": True, "worse": False}.get(best.verdict)


def kinds_section(tables: dict[str, pa.Table]) -> Section:
    """How many documents of each kind each arm keeps."""
    kinds = {name: [kind(id_) for id_ in table["id"].to_pylist()] for name, table in tables.items()}
    names = list(dict.fromkeys(kinds["all"]))
    rows = tuple(
        (arm, *(own.count(name) / max(1, kinds["all"].count(name)) for name in names))
        for arm, own in kinds.items()
    )
    table = Table(columns=("arm", *names), rows=rows, formats=("text", *["percent"] * len(names)))
    return Section(title="Documents kept, of those in the pool", blocks=(table,))


def kind(id_: str) -> str:
    """What a document is, by its id."""
    last = id_.rpartition("/")[2]
    return last if last in ("shuffled", "symbols") else "menus" if id_.endswith(".html") else "clean"
