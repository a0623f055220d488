"""GneissWeb: an ensemble of mild filters makes better data than raw pages, and than each filter alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cupel.contract import Paper
from cupel.lab.assay import scale_floors
from cupel.models.tokenizer import Tokenizer
from cupel.recipe.fitting import fit
from cupel.recipe.recipe import Recipe
from cupel.reproduction.arms import (
    arms_section,
    as_interval,
    catch_section,
    held_out,
    score_arms,
    train_arms,
    verdict_section,
)
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import copies, draw, gibberish, split
from cupel.reproduction.refined import keep_tokenizer, pool_file, refined
from cupel.store import Key
from cupel.verdict.verdict import Verdict, compare

CLEAN = ("wiki_simple", "web_crawl")
DIRTY = ("web_boilerplate", "tweets", "chat_irc")
CATEGORY = "science_papers"
"""Its documents stand for the categories with wider bounds; half of them teach their classifier."""
HELD_OUT = ("wiki_en", "news", "general_balanced")
FILTERS = ("classifier", "readability", "tokenization")
GIBBERISH = 0.2
"""Gibberish for each byte of a clean domain."""
TOKENIZER = "tokenizer.json"

claim = Claim(
    title="An ensemble of mild filters",
    paper=Paper(
        title="GneissWeb: Preparing High Quality Data for LLMs at Scale",
        authors="Emami Gohari et al.",
        year=2025,
        url="https://arxiv.org/abs/2502.14907",
        section="section 4.2, single filters and their ensemble",
    ),
    statement="Models learn more from pages that pass an ensemble of classifiers, readability and tokens per character, "
    "with bounds by category, than from raw pages and than from those that pass any of the filters alone.",
    arms={
        "raw": "articles, web pages, science, menus, tweets, chat and gibberish, with planted repeats",
        "classifier": "what a classifier of clean against raw text calls good",
        "readability": "what lies within the bounds of EFLAW for its category",
        "tokenization": "what lies within the bounds of tokens per character for its category",
        "ensemble": "repeated passages removed, then the rules `gneissweb`: the classifier, and one of the other two",
    },
    metric="bits per byte on clean text that is in no arm (encyclopedia, news, Brown), lower is better",
    expected="raw > each filter > ensemble",
    rule="Holds if the ensemble is decided better than raw, and better than the best of the single filters, on the mean "
    "over domains (Holm). Does not hold if it is decided worse than raw or than the best filter. Undecided otherwise.",
    cost=ClaimCost(trials=15, trial_minutes=4),
    data=(*CLEAN, *DIRTY, CATEGORY, *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    documents = context.pool((*CLEAN, *DIRTY, CATEGORY))
    teaching, rest = halves(documents)
    pool = raw_pool(rest, int(1.2 * context.scale.tokens), seed=0)
    models = fitted(context, teaching)
    lab = context.lab(pool["text"].to_pylist())
    models[TOKENIZER] = keep_tokenizer(context, clean_half(context, teaching))
    tables = {
        "raw": pool,
        **refined(context, pool, recipes(models, ratios(Tokenizer.load(models[TOKENIZER]), teaching))),
    }
    size = context.scale.evaluation.held_out_bytes // len(HELD_OUT)
    evaluation = held_out(context, split(context.pool(HELD_OUT), size, 1)[0], tables)
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    measures = score_arms(context, lab, train_arms(context, lab, stores), [evaluation])
    against_raw = compare(measures, "raw", scale_floors(lab.scale, measures["raw"]))
    best = best_filter(against_raw)
    against_best = compare(measures, best, scale_floors(lab.scale, measures[best]))
    ensemble = against_raw.headline("ensemble")
    return ClaimOutcome(
        passed=decide(ensemble.verdict, against_best.headline("ensemble").verdict),
        verdict=f"{against_raw.sentence('ensemble')}. {against_best.sentence('ensemble')}.",
        effect=ensemble.relative or 0.0,
        unit="of bits per byte, the ensemble against raw",
        interval=as_interval(ensemble),
        sections=(
            arms_section(tables, stores, context.scale.tokens),
            catch_section(tables, FILTERS),
            verdict_section(against_raw, "Verdict"),
        ),
    )


def halves(documents: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Every second document teaches classifiers; the others are the pool."""
    even = np.arange(documents.num_rows) % 2 == 0
    return documents.filter(pa.array(even)), documents.filter(pa.array(~even))


def raw_pool(documents: pa.Table, unit: int, seed: int) -> pa.Table:
    """`unit` bytes of each clean domain, half of it of science and of each dirty one, repeats and gibberish."""
    rng = np.random.default_rng(seed)
    domains = np.array(documents["domain"].to_pylist(), object)
    parts = [
        draw(documents.filter(pa.array(domains == name)), unit if name in CLEAN else int(0.4 * unit), seed)
        for name in (*CLEAN, CATEGORY, *DIRTY)
    ]
    clean = pa.concat_tables(parts[: len(CLEAN)])
    repeated = clean.take(
        pa.array(np.sort(rng.choice(clean.num_rows, -(-clean.num_rows // 20), replace=False)))
    )
    rows = [
        {"id": f"gibberish/{number}", "text": gibberish(rng), "domain": "gibberish", "weight": 1.0}
        for number in range(max(1, int(GIBBERISH * unit) // 2000))
    ]
    return pa.concat_tables([*parts, copies(repeated, 10), pa.Table.from_pylist(rows, clean.schema)])


def fitted(context: Context, documents: pa.Table) -> dict[str, Path]:
    """Classifiers of clean against dirty text, and of science against the other clean text."""
    domains = np.array(documents["domain"].to_pylist(), object)
    sides = {
        "quality": (np.isin(domains, (*CLEAN, CATEGORY)), np.isin(domains, DIRTY)),
        "science": (domains == CATEGORY, np.isin(domains, CLEAN)),
    }
    models = {}
    for name, masks in sides.items():
        paths = [pool_file(context, documents.filter(pa.array(mask)))[0] for mask in masks]
        key = Key("refined", f"gneissweb-{name}", inputs={"pools": ",".join(str(path) for path in paths)})
        output = context.cache.place(key)
        options = {"positives": [str(paths[0])], "negatives": [str(paths[1])], "dim": 32}
        fit("quality-classifier", output=output, options=options, cache=context.cache)
        models[name] = output
    return models


def clean_half(context: Context, documents: pa.Table) -> pa.Table:
    """Clean text that is in no arm, as many bytes as the budget has tokens."""
    domains = np.array(documents["domain"].to_pylist(), object)
    return draw(
        documents.filter(pa.array(np.isin(domains, (*CLEAN, CATEGORY)))), context.scale.tokens, seed=0
    )


def ratios(tokenizer: Tokenizer, documents: pa.Table) -> dict[str, tuple[float, float]]:
    """Bounds of tokens per character, which depend on the tokenizer: of 80 % of clean text, and of 99 % of the category."""
    domains = np.array(documents["domain"].to_pylist(), object)
    bounds = {}
    for name, mask, share in (("narrow", np.isin(domains, CLEAN), 0.8), ("wide", domains == CATEGORY, 0.99)):
        texts = documents.filter(pa.array(mask))["text"].to_pylist()[:1000]
        own = [len(tokenizer.encode(text)) / len(text) for text in texts]
        low, high = np.quantile(own, [(1 - share) / 2, (1 + share) / 2])
        bounds[name] = (round(float(low), 4), round(float(high), 4))
    return bounds


def recipes(models: dict[str, Path], bounds: dict[str, tuple[float, float]]) -> dict[str, Recipe]:
    """The recipes of the filters and of their ensemble."""
    signals = {
        "tokens": {"tokenizer": str(models[TOKENIZER])},
        "quality": {"classifier-score": {"scorer": str(models["quality"])}},
        "science": {"classifier-score": {"scorer": str(models["science"])}},
    }
    (low, high), (lowest, highest), ratio = bounds["narrow"], bounds["wide"], "token_to_character_ratio"
    narrow, wide = f"{ratio} between {low} and {high}", f"{ratio} between {lowest} and {highest}"
    rules: dict[str, Any] = {
        "quality": {"quality": 0.5},
        "categories": ["science"],
        "tokens_per_character": [low, high],
    }
    rules["tokens_per_character_in_category"] = [lowest, highest]
    steps: dict[str, list[Any]] = {
        "classifier": [{"where": "quality > 0.5"}],
        "readability": [{"where": "mcalpine_eflaw < 30 or (science > 0.5 and mcalpine_eflaw < 70)"}],
        "tokenization": [{"where": f"{narrow} or (science > 0.5 and {wide})"}],
        "ensemble": [{"substring": {"min_tokens": 50, "action": "cut"}}, {"gneissweb": rules}],
    }
    return {
        name: Recipe.from_dict({"name": f"claim-gneissweb-{name}", "signals": signals, "steps": own})
        for name, own in steps.items()
    }


def best_filter(verdict: Verdict) -> str:
    """The single filter with the lowest bits per byte."""
    return min(FILTERS, key=lambda name: (verdict.headline(name).relative or 0.0, name))


def decide(against_raw: str, against_best: str) -> bool | None:
    """The rule."""
    if "worse" in (against_raw, against_best):
        return False
    return True if (against_raw, against_best) == ("better", "better") else None
