"""Blakeney et al.: a domain is worth more at the end of training than spread evenly over it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.assay import scale_floors
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.trials import Trial
from cupel.models.tokenizer import Tokenizer
from cupel.reproduction.arms import as_interval, held_out, score_arms, train_plans, verdict_section
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import head, shuffled, split
from cupel.verdict.verdict import compare

DOMAIN = "arxiv_abstracts"
BASE = ("wiki_simple", "news", "reviews_imdb", "forum_qa")
SHARE, END, MOVED = 0.1, 0.2, 0.8
"""The domain's share of all tokens; the share of training that is its end; the share of the domain that is there."""

claim = Claim(
    title="Upsample a domain at the end",
    paper=Paper(
        title="Does your data spark joy? Performance gains from domain upsampling at the end of training",
        authors="Blakeney et al.",
        year=2024,
        url="https://arxiv.org/abs/2406.03476",
        section="sections 3 and 4",
    ),
    statement="Upsampling domain-specific data in the last tenth or fifth of training makes a model better at what "
    "these domains are for than the mixture that it was trained with until then.",
    arms={
        "even": "articles, news, reviews and forums with a tenth of arXiv abstracts, in one random order",
        "end": "the very same documents, four fifths of the abstracts among the last fifth of all tokens",
    },
    metric="bits per byte on held-out abstracts, lower is better; on the other domains beside it, as the price",
    expected="end is better than even on abstracts",
    rule="Holds if end is decided to be better than even on held-out abstracts, does not hold if it is decided to be worse, "
    "and is undecided otherwise. Both arms are trained on the same documents as often: only the order differs.",
    cost=ClaimCost(trials=6, trial_minutes=4),
    data=(DOMAIN, *BASE),
)


def run(context: Context) -> ClaimOutcome:
    documents = shuffled(context.pool((DOMAIN, *BASE)), seed=0)
    size = context.scale.evaluation.held_out_bytes // (1 + len(BASE))
    held, rest = split(documents, size, seed=1)
    lab = context.lab(rest["text"].to_pylist())
    chosen = mixture(rest, lab.scale.tokens, lab.tokenizer)
    evaluation = held_out(context, held, {"both": chosen})
    measures = score_arms(context, lab, _trained(context, lab, chosen), [evaluation])
    floors = scale_floors(lab.scale, measures["even"])
    own = {
        name: {
            seed: [measure for measure in scored if measure.subset == DOMAIN]
            for seed, scored in by_seed.items()
        }
        for name, by_seed in measures.items()
    }
    verdict = compare(own, "even", floors)
    comparison = verdict.headline("end")
    price = compare(measures, "even", floors)
    return ClaimOutcome(
        passed={"better": True, "worse": False}.get(comparison.verdict),
        verdict=f"{verdict.sentence('end')}, on abstracts. On all five domains: {price.sentence('end')}.",
        effect=comparison.relative or 0.0,
        unit="of bits per byte on abstracts, end against even",
        interval=as_interval(comparison),
        sections=(_shares(chosen, lab.tokenizer), verdict_section(price, "All domains")),
    )


def mixture(documents: pa.Table, budget: int, tokenizer: Tokenizer) -> pa.Table:
    """As many tokens as are trained on, `SHARE` of them of the domain."""
    own = pc.equal(documents["domain"], DOMAIN)
    taken = int(SHARE * budget)
    parts = [(own, taken), (pc.invert(own), budget - taken + 1)]
    return pa.concat_tables([head(documents.filter(which), tokens, tokenizer) for which, tokens in parts])


def even(documents: pa.Table, seed: int) -> pa.Table:
    """One random order."""
    return shuffled(documents, seed)


def end(documents: pa.Table, seed: int, tokenizer: Tokenizer) -> pa.Table:
    """The same documents, `MOVED` of the domain's tokens among the last `END` of all tokens."""
    mixed = even(documents, seed)
    sizes = _sizes(mixed, tokenizer)
    own = np.array(mixed["domain"].to_pylist(), object) == DOMAIN
    budget = END * sizes.sum()
    late = np.zeros(len(own), bool)
    late[own] = np.cumsum(sizes[own]) <= MOVED * sizes[own].sum()
    late[~own] = np.cumsum(sizes[~own]) <= budget - sizes[late].sum()
    last = mixed.take(pa.array(np.flatnonzero(late)))
    return pa.concat_tables([mixed.take(pa.array(np.flatnonzero(~late))), shuffled(last, seed + 1)])


def _trained(context: Context, lab: Lab, documents: pa.Table) -> dict[str, dict[int, Trial]]:
    plans = []
    for seed in context.seeds:
        for name, table in (("even", even(documents, seed)), ("end", end(documents, seed, lab.tokenizer))):
            plans.append(TrialPlan(name, lab.tokens(table, name, ordered=True), seed))
    return train_plans(context, lab, plans)


def _sizes(documents: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
    _, offsets = tokenizer.encoder.encode(documents["text"].combine_chunks())
    return np.diff(offsets)


def _shares(documents: pa.Table, tokenizer: Tokenizer) -> Section:
    """The domain's share of each fifth of training."""
    rows = []
    for name, table in (("even", even(documents, 0)), ("end", end(documents, 0, tokenizer))):
        sizes = _sizes(table, tokenizer)
        own = np.where(np.array(table["domain"].to_pylist(), object) == DOMAIN, sizes, 0)
        fifth = np.minimum(5 * (np.cumsum(sizes) - sizes) // sizes.sum(), 4)
        rows.append(
            (name, *(float(own[fifth == number].sum() / sizes[fifth == number].sum()) for number in range(5)))
        )
    table = Table(
        columns=("arm", *(f"fifth {number + 1}" for number in range(5))),
        rows=tuple(rows),
        formats=("text", *["percent"] * 5),
        caption="The domain's share of each fifth of training (seed 0)",
    )
    return Section(title="Order", blocks=(table,))
