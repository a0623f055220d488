"""ProX: programs that a small model writes for each page make better data of raw pages than rules do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.assay import scale_floors
from cupel.lab.data.documents import DOCUMENTS
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
from cupel.reproduction.noise import Planted, planted_pages
from cupel.reproduction.pool import draw, split
from cupel.reproduction.refined import refined
from cupel.store import Key, digest_json
from cupel.verdict.comparison import ArmComparison
from cupel.verdict.verdict import compare

CLEAN = ("news", "wiki_en")
HELD_OUT = ("general_balanced", "science_papers", "web_crawl")
MIN_F1 = 0.9

claim = Claim(
    title="Programs refine pages better than rules",
    paper=Paper(
        title="Programming Every Example: Lifting Pre-training Data Quality like Experts at Scale",
        authors="Zhou et al.",
        year=2024,
        url="https://arxiv.org/abs/2409.17115",
        section="section 4.2, table 2, where programs are set against the rules of Gopher, C4 and FineWeb",
    ),
    statement="Models learn more from pages that are refined by the programs a small model writes for each than from raw "
    "pages, and than from those that rules refine.",
    arms={
        "raw": "articles and news with menus, links, notices and garbage of real web pages planted in them",
        "rules": "the same after the edit `refinedweb-lines`",
        "programs": "the same after the edit `line-programs`, fitted to other articles with noise of other sites",
        "clean": "the articles and news before the noise was planted",
    },
    metric="bits per byte on clean text that is in no arm (Brown, science, web pages), lower is better",
    expected="raw > rules > programs ≥ clean, and F1 of removed lines above 0.9 on the pages of the arms",
    rule=f"Holds if F1 of the lines that programs remove is above {MIN_F1} and programs are decided better than rules on "
    "the mean over domains (Holm). Does not hold if F1 is lower, or programs are decided worse than rules. "
    "Undecided otherwise.",
    cost=ClaimCost(trials=12, trial_minutes=4),
    data=(*CLEAN, "web_boilerplate", *HELD_OUT),
)


def run(context: Context) -> ClaimOutcome:
    pages = planted_pages(context.data, CLEAN, pages=12_000, seed=0)
    artifact = fitted(context, pages["train"][:2000])
    chosen, tables = arms(context, pages["test"], artifact)
    f1 = measured_f1(chosen, tables["programs"])
    evaluation_pool, _ = split(
        context.pool(HELD_OUT), context.scale.evaluation.held_out_bytes // len(HELD_OUT), 1
    )
    evaluation = held_out(context, evaluation_pool, tables)
    lab = context.lab(tables["raw"]["text"].to_pylist())
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    measures = score_arms(context, lab, train_arms(context, lab, stores), [evaluation])
    verdict = compare(measures, "rules", scale_floors(lab.scale, measures["rules"]))
    programs = verdict.headline("programs")
    return ClaimOutcome(
        passed=decide(f1, programs),
        verdict=f"F1 of removed lines is {f1:.3f}. {verdict.sentence('programs')}. {verdict.sentence('clean')}.",
        effect=programs.relative or 0.0,
        unit="of bits per byte, programs against rules",
        interval=as_interval(programs),
        sections=(
            arms_section(tables, stores, context.scale.tokens),
            Section(
                title="Removed lines",
                blocks=(Table(columns=("", "F1"), rows=(("programs", f1),), formats=("text", "number")),),
            ),
            verdict_section(verdict, "Verdict"),
        ),
    )


def fitted(context: Context, pages: Sequence[Planted]) -> Path:
    """The artifact of `line-programs`, fitted to pages with known noise."""
    rows = [{"id": str(place), "text": page.text, "clean": page.clean} for place, page in enumerate(pages)]
    key = Key("pools", "prox-pairs", inputs={"rows": digest_json(rows)})

    def write(unfinished: Path) -> None:
        unfinished.mkdir()
        (unfinished / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    pairs = context.cache.make(key, write) / "pairs.jsonl"
    output = context.cache.place(Key("refined", "prox-programs", inputs={"rows": digest_json(rows)}))
    fit("line-programs", output=output, options={"pairs": [str(pairs)]}, cache=context.cache)
    return output


def arms(
    context: Context, pages: Sequence[Planted], artifact: Path
) -> tuple[list[Planted], dict[str, pa.Table]]:
    """The pages that were drawn, and the documents of each arm: five bytes for each token of the budget."""
    whole = _table([page.text for page in pages], "raw")
    raw = draw(whole, 5 * context.scale.tokens, seed=0)
    chosen = [pages[int(name.rpartition("/")[2])] for name in raw["id"].to_pylist()]
    recipes = {name: Recipe.from_dict(recipe) for name, recipe in recipes_of(artifact).items()}
    clean = raw.set_column(
        raw.schema.get_field_index("text"),
        "text",
        pa.array([page.clean for page in chosen], pa.large_string()),
    )
    return chosen, {"raw": raw, **refined(context, raw, recipes), "clean": clean}


def recipes_of(artifact: Path) -> dict[str, dict[str, Any]]:
    """The recipes of the arms that are refined."""
    return {
        "rules": {"name": "claim-prox-rules", "steps": ["refinedweb-lines"]},
        "programs": {
            "name": "claim-prox-programs",
            "steps": [{"line-programs": {"artifact": str(artifact), "max_removed": 1.0}}],
        },
    }


def measured_f1(pages: Sequence[Planted], programs: pa.Table) -> float:
    """F1 of removed lines, blank ones left out; a page that is missing lost all of its lines."""
    from cupel.edits.programs.alignment import missing_lines
    from cupel.edits.programs.smoothing import line_f1

    new = dict(zip(programs["id"].to_pylist(), programs["text"].to_pylist(), strict=True))
    removed, planted = [], []
    for place, page in enumerate(pages):
        filled = np.array([bool(line.strip()) for line in page.text.split("\n")])
        removed.append(missing_lines(page.text, new.get(f"raw/{place}", ""))[filled])
        planted.append(np.array(page.planted)[filled])
    return line_f1(np.concatenate(removed), np.concatenate(planted))


def decide(f1: float, programs: ArmComparison) -> bool | None:
    """The rule."""
    if f1 <= MIN_F1 or programs.verdict == "worse":
        return False
    return True if programs.verdict == "better" else None


def _table(texts: Sequence[str], domain: str) -> pa.Table:
    """Documents, their place in the id."""
    rows = [
        {"id": f"{domain}/{place}", "text": text, "domain": domain, "weight": 1.0}
        for place, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, DOCUMENTS)
