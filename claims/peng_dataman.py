"""DataMan: ratings of a sample are enough to rate a corpus, and what is rated best trains better."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cupel.contract import Paper, find_method
from cupel.findings import Section, Table
from cupel.lab.assay import scale_floors
from cupel.recipe.fitting import fit
from cupel.reproduction.arms import (
    arms_section,
    as_interval,
    held_out,
    score_arms,
    train_arms,
    verdict_section,
)
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.graded import graded, noisy_ratings
from cupel.reproduction.pool import draw, head, shuffled, split
from cupel.verdict.verdict import compare

DATA = ("wiki_simple", "news", "forum_qa", "medical_qa", "books_eltec", "web_crawl")
HELD_OUT = ("wiki_en", "general_balanced", "science_papers")
SAMPLE, JUDGES, NOISE = 2000, ("first", "second"), 0.6

claim = Claim(
    title="Rated best, balanced over domains",
    paper=Paper(
        title="DataMan: Data Manager for Pre-training Large Language Models",
        authors="Peng et al.",
        year=2025,
        url="https://arxiv.org/abs/2502.19363",
        section="sections 2 and 3",
    ),
    statement="A small model that learns a strong one's ratings of a sample by several criteria rates a corpus as the "
    "strong one would, and documents that it rates best, drawn evenly over domains, train a better model than "
    "documents drawn at random.",
    arms={
        "uniform": "six domains whose documents are spoiled by degrees (letters in a wrong order, words of other "
        "documents), drawn at random",
        "rated best": "of each domain the documents that a rater puts first by `overall_score`, which was learned "
        "from 2,000 ratings of two simulated judges",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, Brown, science), lower is better; the "
    "rater's rank "
    "correlation with ratings kept back, and its kappa",
    expected="rated best is better than uniform; kappa of every criterion above 0.6",
    rule="Holds if rated best is decided to be better than uniform and every criterion has a kappa above 0.6. "
    "Does not hold if "
    "it is decided to be worse, or a kappa is at most 0.6. Undecided otherwise.",
    cost=ClaimCost(trials=6, trial_minutes=3),
    data=(*DATA, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    budget = context.scale.tokens
    source = context.pool(DATA)
    # Four times the budget, so that a quarter is chosen: more than a fifth of the planted scores are 4 or 5.
    unit = int(4 * 2.8 * budget / len(DATA))
    pool, planted = graded(_even(source, unit), seed=0)
    ratings, quality = rate(context, pool, planted)
    lab = context.lab(pool["text"].to_pylist())
    tables = {
        "uniform": head(shuffled(pool, seed=1), budget, lab.tokenizer),
        "rated best": head(best_of_each(pool, ratings), budget, lab.tokenizer),
    }
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    held, _ = split(context.pool(HELD_OUT), context.scale.evaluation.held_out_bytes // len(HELD_OUT), seed=1)
    measures = score_arms(context, lab, train_arms(context, lab, stores), [held_out(context, held, tables)])
    verdict = compare(measures, "uniform", scale_floors(lab.scale, measures["uniform"]))
    comparison = verdict.headline("rated best")
    lowest = min(values["kappa"] for values in quality["criteria"].values())
    decided = {"better": True, "worse": False}.get(comparison.verdict)
    return ClaimOutcome(
        passed=False if lowest <= 0.6 else decided,
        verdict=f"{verdict.sentence('rated best')}. The lowest kappa of a criterion is {lowest:.2f}.",
        effect=comparison.relative or 0.0,
        unit="of bits per byte, rated best against uniform",
        interval=as_interval(comparison),
        sections=(
            _rater_section(quality),
            arms_section(tables, stores, budget),
            verdict_section(verdict, "Verdict"),
        ),
    )


def rate(
    context: Context, pool: pa.Table, planted: dict[str, np.ndarray[Any, Any]]
) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """The overall score of each document by a rater, and how well the rater does."""
    rng = np.random.default_rng(2)
    sample = np.sort(rng.permutation(pool.num_rows)[:SAMPLE])
    texts = pool["text"].to_pylist()
    said = {
        (judge, name): noisy_ratings(values[sample], NOISE, rng)
        for judge in JUDGES
        for name, values in planted.items()
    }
    with tempfile.TemporaryDirectory(prefix="cupel-claim-") as folder:
        path = Path(folder) / "ratings.jsonl"
        rows = [
            {"text": texts[row], "judge": judge, **{name: said[judge, name][place] for name in planted}}
            for judge in JUDGES
            for place, row in enumerate(sample.tolist())
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        options = {"ratings": str(path), "held_out": 0.5}
        fitted = fit("rater", output=Path(folder) / "rater", options=options, cache=context.cache)
        rater = find_method("rater").from_options({"artifact": str(fitted.folder)})
        batch = pa.record_batch({"text": pool["text"].combine_chunks()})
        scores = rater.measure(batch)["rating_overall_score"]  # type: ignore[attr-defined]
    return scores.to_numpy(zero_copy_only=False), dict(fitted.about["about"])


def best_of_each(pool: pa.Table, ratings: np.ndarray[Any, Any]) -> pa.Table:
    """The pool with the best of every domain first, as large a share of each at any place."""
    domains = np.array(pool["domain"].to_pylist(), object)
    place = np.zeros(pool.num_rows)
    for name in np.unique(domains):
        rows = np.flatnonzero(domains == name)
        order = rows[np.argsort(-np.nan_to_num(ratings[rows], nan=-1.0), kind="stable")]
        place[order] = (np.arange(len(rows)) + 0.5) / len(rows)
    return pool.take(pa.array(np.argsort(place, kind="stable")))


def _even(documents: pa.Table, unit: int) -> pa.Table:
    domains = np.array(documents["domain"].to_pylist(), object)
    parts = []
    for name in DATA:
        own = documents.filter(pa.array(domains == name))
        size = sum(map(len, own["text"].to_pylist()))
        parts.append(draw(own, min(unit, size), seed=0))
    return pa.concat_tables(parts)


def _rater_section(quality: dict[str, Any]) -> Section:
    rows = tuple(
        (
            name,
            values["held_out"],
            values["rank_correlation"],
            values["kappa"],
            quality["agreement"][name]["krippendorff_alpha"],
        )
        for name, values in quality["criteria"].items()
    )
    table = Table(
        columns=("criterion", "held out", "rank correlation", "kappa", "alpha of the judges"),
        rows=rows,
        formats=("text", "count", "number", "number", "number"),
    )
    return Section(title="Rater", blocks=(table,))
