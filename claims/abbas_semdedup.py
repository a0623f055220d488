"""SemDeDup: half of the documents, without those that say the same, train as good a model as all."""

from __future__ import annotations

import pyarrow as pa

from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.assay import scale_floors
from cupel.recipe.recipe import Recipe
from cupel.reproduction.arms import as_interval, held_out, score_arms, train_arms, verdict_section
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import shuffled, split
from cupel.reproduction.refined import refined
from cupel.reproduction.semantic import reworded_pool, semantic_recipe
from cupel.verdict.comparison import ArmComparison
from cupel.verdict.verdict import compare

DATA = ("web_crawl", "forum_qa", "wiki_simple")
HELD_OUT = ("wiki_en", "news", "general_balanced", "science_papers")
REWORDED, EVERY = 0.4, 8
NEARLY = 0.01

claim = Claim(
    title="Half the documents keep the quality",
    paper=Paper(
        title="SemDeDup: Data-efficient learning at web-scale through semantic deduplication",
        authors="Abbas et al.",
        year=2023,
        url="https://arxiv.org/abs/2303.09540",
        section="abstract and sections 4 and 6",
    ),
    statement="Half of the data can go, where it says what other data says, at hardly any loss of quality.",
    arms={
        "all": "web pages, forum threads and articles, of two in five a second version with one word in eight replaced",
        "half": "what SemDeDup leaves with the ε that keeps half (all-MiniLM-L6-v2)",
        "random half": "as many documents, drawn evenly",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, news, Brown, science), lower is better; all arms "
    "are trained on as many tokens",
    expected="half is within 1 % of all, and better than random half",
    rule="Holds if the 95 % interval of half lies below 1 % more than all. Does not hold if half is decided to be worse "
    "than all with an interval above 1 %. Undecided otherwise.",
    cost=ClaimCost(trials=9, trial_minutes=3),
    data=(*DATA, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    # As much text as is trained on, about: half of it is seen twice.
    unit = int(2.8 * context.scale.tokens / (1 + REWORDED) / len(DATA))
    pool = reworded_pool(context.pool(DATA), DATA, unit, REWORDED, EVERY, seed=0)
    recipe = Recipe.from_dict(semantic_recipe("claim-semdedup", 0.5, 1.0))
    half = refined(context, pool, {"half": recipe})["half"]
    tables = {"all": pool, "half": half, "random half": shuffled(pool, seed=2).slice(0, half.num_rows)}
    lab = context.lab(pool["text"].to_pylist())
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    held, _ = split(context.pool(HELD_OUT), context.scale.evaluation.held_out_bytes // len(HELD_OUT), seed=1)
    evaluation = held_out(context, held, tables)
    measures = score_arms(context, lab, train_arms(context, lab, stores), [evaluation])
    verdict = compare(measures, "all", scale_floors(lab.scale, measures["all"]))
    comparison = verdict.headline("half")
    rows = tuple(
        (
            name,
            table.num_rows,
            reworded_share(table),
            context.scale.tokens / len(stores[name].tokens),
        )
        for name, table in tables.items()
    )
    held_table = Table(
        columns=("arm", "documents", "reworded", "epochs"),
        rows=rows,
        formats=("text", "count", "percent", "number"),
    )
    return ClaimOutcome(
        passed=decide(comparison),
        verdict=f"{verdict.sentence('half')}. {verdict.sentence('random half')}.",
        effect=comparison.relative or 0.0,
        unit="of bits per byte, half against all",
        interval=as_interval(comparison),
        sections=(Section(title="Arms", blocks=(held_table,)), verdict_section(verdict, "Verdict")),
    )


def decide(half: ArmComparison) -> bool | None:
    """The rule."""
    interval = as_interval(half)
    if interval is None:
        return None
    if half.verdict == "worse" and interval[0] > NEARLY:
        return False
    return True if interval[1] < NEARLY else None


def reworded_share(documents: pa.Table) -> float:
    """The share of documents whose other version is in the arm too."""
    ids = set(documents["id"].to_pylist())
    both = sum(f"{id_}/reworded-0" in ids for id_ in ids)
    return 2 * both / max(len(ids), 1)
