"""QuRating: quality from judgments of pairs; drawing by it beats both chance and taking only the top."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cupel.contract import Paper, find_method
from cupel.findings import Prose, Section
from cupel.lab.assay import scale_floors
from cupel.recipe.fitting import fit
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
from cupel.reproduction.graded import graded
from cupel.reproduction.pool import draw, head, shuffled, split
from cupel.reproduction.refined import refined
from cupel.signals._judgments import draw_pairs
from cupel.verdict.auroc import rank_correlation
from cupel.verdict.verdict import compare

DATA = ("wiki_simple", "news", "forum_qa", "medical_qa", "books_eltec", "web_crawl")
HELD_OUT = ("wiki_en", "general_balanced", "science_papers")
COMPARED, PAIRS, TEMPERATURE = 2000, 10_000, 2.0
SCALE = 2.0
"""Log odds per point of planted quality: a judge is wrong about one pair in eight that differs by a point."""

claim = Claim(
    title="Draw by quality, do not take the top",
    paper=Paper(
        title="QuRating: Selecting High-Quality Data for Training Language Models",
        authors="Wettig et al.",
        year=2024,
        url="https://arxiv.org/abs/2402.09739",
        section="sections 3 and 5",
    ),
    statement="Judgments of pairs give a rating of quality; documents drawn with softmax of the rating over a "
    "temperature, without "
    "replacement, train a better model than documents drawn evenly, and than those rated best alone.",
    arms={
        "uniform": "six domains whose documents are spoiled by degrees, drawn evenly",
        "drawn by rating": "as many tokens, drawn by softmax of the rating over τ = 2, without replacement",
        "top": "as many tokens of the documents rated best",
        "by rating, in order": "the documents that were drawn by rating, from the lowest rating to the highest",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, Brown, science), lower is better; the rank "
    "correlation of the ratings with the planted quality of documents that were not compared",
    expected="drawn by rating is better than uniform and than top; rank correlation above 0.9",
    rule="Holds if drawn by rating is decided to be better than uniform and than top, and the rank correlation is "
    "above 0.9. Does "
    "not hold if it is decided to be worse than one of them, or if the correlation is at most 0.9. Undecided "
    "otherwise.",
    cost=ClaimCost(trials=12, trial_minutes=3),
    data=(*DATA, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    budget = context.scale.tokens
    unit = int(4 * 2.8 * budget / len(DATA))
    pool, planted = graded(_even(context.pool(DATA), unit), seed=0)
    with tempfile.TemporaryDirectory(prefix="cupel-claim-") as folder:
        artifact = judge(context, pool, planted["overall_score"], Path(folder))
        rated = find_method("pairwise-rating").from_options({"artifact": artifact})
        batch = pa.record_batch({"text": pool["text"].combine_chunks()})
        ratings = rated.measure(batch).column(0).to_numpy(zero_copy_only=False)  # type: ignore[attr-defined]
        chosen = refined(context, pool, {name: _recipe(artifact, name, tau) for name, tau in CHOICES.items()})
    valid = ~np.isnan(ratings) & ~np.isin(np.arange(len(ratings)), compared_of(pool))
    correlation = rank_correlation(ratings[valid], planted["overall_score"][valid])
    lab = context.lab(pool["text"].to_pylist())
    by_id = dict(zip(pool["id"].to_pylist(), ratings.tolist(), strict=True))
    drawn = head(shuffled(chosen["drawn by rating"], seed=1), budget, lab.tokenizer)
    order = np.argsort([by_id[name] for name in drawn["id"].to_pylist()], kind="stable")
    tables = {
        "uniform": head(shuffled(pool, seed=1), budget, lab.tokenizer),
        "drawn by rating": drawn,
        "top": head(shuffled(chosen["top"], seed=1), budget, lab.tokenizer),
        "by rating, in order": drawn.take(pa.array(order)),
    }
    stores = {
        name: lab.tokens(table, name, ordered=name == "by rating, in order") for name, table in tables.items()
    }
    held, _ = split(context.pool(HELD_OUT), context.scale.evaluation.held_out_bytes // len(HELD_OUT), seed=1)
    measures = score_arms(context, lab, train_arms(context, lab, stores), [held_out(context, held, tables)])
    verdict = compare(measures, "drawn by rating", scale_floors(lab.scale, measures["drawn by rating"]))
    others = [verdict.headline(name).verdict for name in ("uniform", "top")]
    passed = None
    if correlation <= 0.9 or "better" in others:
        passed = False
    elif others == ["worse", "worse"]:
        passed = True
    comparison = verdict.headline("uniform")
    found_again = f"The rank correlation of ratings with planted quality is {correlation:.3f}."
    return ClaimOutcome(
        passed=passed,
        verdict=f"{verdict.sentence('uniform')}. {verdict.sentence('top')}. {found_again}",
        effect=comparison.relative or 0.0,
        unit="of bits per byte, uniform against drawn by rating",
        interval=as_interval(comparison),
        sections=(
            Section(title="Ratings", blocks=(Prose(text=found_again),)),
            arms_section(tables, stores, budget),
            verdict_section(verdict, "Verdict"),
        ),
    )


CHOICES = {"drawn by rating": TEMPERATURE, "top": 0.0}


def compared_of(pool: pa.Table) -> np.ndarray[Any, Any]:
    """The documents that the judge compares: half of them at most, so that others are left to measure on."""
    drawn = np.random.default_rng(2).permutation(pool.num_rows)
    return np.sort(drawn[: min(COMPARED, pool.num_rows // 2)])


def judge(context: Context, pool: pa.Table, quality: np.ndarray[Any, Any], folder: Path) -> str:
    """The artifact of a rating that is learned from 10,000 judgments of pairs, by Bradley and Terry's model."""
    rng = np.random.default_rng(3)
    compared = compared_of(pool)
    names = pool["id"].to_pylist()
    rows = []
    for first, second in zip(*draw_pairs(len(compared), PAIRS, rng), strict=True):
        a, b = compared[first], compared[second]
        odds = 1 / (1 + np.exp(SCALE * (quality[a] - quality[b])))
        preference = "b" if rng.random() < odds else "a"
        rows.append(json.dumps({"a": names[a], "b": names[b], "preference": preference}))
    path = folder / "judgments.jsonl"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    options = {"judgments": str(path)}
    documents = pool.select(["id", "text"])
    fitted = fit(
        "pairwise-rating", output=folder / "rater", input=documents, options=options, cache=context.cache
    )
    return str(fitted.folder)


def _recipe(artifact: str, name: str, temperature: float) -> Recipe:
    sample = {"by": "pairwise_preference", "temperature": temperature, "budget": "25%-bytes"}
    steps = [{"pairwise-rating": {"artifact": artifact}}, {"sample": sample}]
    return Recipe.from_dict({"name": f"claim-{name.replace(' ', '-')}", "steps": steps})


def _even(documents: pa.Table, unit: int) -> pa.Table:
    domains = np.array(documents["domain"].to_pylist(), object)
    parts = []
    for name in DATA:
        own = documents.filter(pa.array(domains == name))
        size = sum(map(len, own["text"].to_pylist()))
        parts.append(draw(own, min(unit, size), seed=0))
    return pa.concat_tables(parts)
