"""Na et al.: the average of models of two partitions ranks their unions as training on the unions does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.trials import Trial
from cupel.reproduction.arms import held_out
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import head, shuffled, split
from cupel.store import Key, Store
from cupel.surgery.weights import average as average_weights

SEED = "wiki_simple"
PARTITIONS = ("arxiv_abstracts", "legal_dc", "reviews_imdb", "forum_qa", "code", "medical_qa")
ELSEWHERE = ("wiki_en", "books_eltec", "news", "science_papers")
UNIONS = tuple(combinations(PARTITIONS, 2))

claim = Claim(
    title="Averaged models rank unions of partitions",
    paper=Paper(
        title="Scalable Data Ablation Approximations for Language Models through Modular Training and Merging",
        authors="Na et al.",
        year=2024,
        url="https://arxiv.org/abs/2410.15661",
        section="sections 2 to 4",
    ),
    statement="The perplexity of the parameter average of models that were each trained on one partition of the data "
    "correlates strongly with that of a model trained on the union of these partitions.",
    arms={
        "seed": "one model of simple articles, from which all others go on",
        "partitions": "six domains, a quarter of the budget of each",
        "unions": "each pair of domains, twice as many tokens; beside it the average of the two partitions' weights",
    },
    metric="Spearman's rank correlation, over the fifteen unions, of bits per byte of the average and of the union's own "
    "model, on held-out text of domains in no partition; the mean over these domains",
    expected="a correlation above 0.8",
    rule="Holds if the correlation is above 0.8 and its 95 % interval (unions drawn again, 2,000 times) above 0.5. Does not "
    "hold if the interval is below 0.8. Undecided otherwise.",
    cost=ClaimCost(trials=44, trial_minutes=1.9),
    data=(SEED, *PARTITIONS, *ELSEWHERE),
    seeds=2,
)


def run(context: Context) -> ClaimOutcome:
    documents = shuffled(context.pool((SEED, *PARTITIONS)), seed=0)
    lab = context.lab(documents["text"].to_pylist())
    held, _ = split(
        context.pool(ELSEWHERE), context.scale.evaluation.held_out_bytes // len(ELSEWHERE), seed=1
    )
    tables = arms(documents, lab)
    evaluation = held_out(context, held, tables)
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    first = lab.train([TrialPlan(SEED, stores[SEED], seed) for seed in context.seeds], context.progress)
    averaged: list[NDArray[np.float64]] = []
    trained: list[NDArray[np.float64]] = []
    names = [name for name in tables if name != SEED]
    for start in first:
        plans = [
            TrialPlan(name, stores[name], start.seed, _changes(lab, name), start.folder / "model.safetensors")
            for name in names
        ]
        trials = dict(zip(names, lab.train(plans, context.progress), strict=True))
        context.progress.note(f"average and score the models of seed {start.seed}")
        both = [
            (average([trials[partition] for partition in union], context.cache), trials["+".join(union)])
            for union in UNIONS
        ]
        values = [
            [[measure.value for measure in lab.score(trial, [evaluation])] for trial in pair] for pair in both
        ]
        averaged.append(np.array([pair[0] for pair in values]))
        trained.append(np.array([pair[1] for pair in values]))
    guess, truth = np.mean(averaged, axis=0), np.mean(trained, axis=0)
    value, low, high = correlation(guess, truth)
    return ClaimOutcome(
        passed=True if value > 0.8 and low > 0.5 else False if high < 0.8 else None,
        verdict=f"Over {len(UNIONS)} unions the averages rank as training does with a correlation of {value:.2f} "
        f"(95 % interval {low:.2f} to {high:.2f}).",
        effect=value,
        unit="Spearman's rank correlation",
        interval=(low, high),
        sections=(_section(guess, truth),),
    )


def arms(documents: pa.Table, lab: Lab) -> dict[str, pa.Table]:
    """Documents of the seed (half the budget), of each partition (a quarter), and of each union of two."""
    domains = documents["domain"]
    budget = lab.scale.tokens

    def part(name: str, tokens: int) -> pa.Table:
        return head(documents.filter(pc.equal(domains, name)), tokens, lab.tokenizer)

    partitions = {name: part(name, budget // 4) for name in PARTITIONS}
    unions = {
        "+".join(union): pa.concat_tables([partitions[partition] for partition in union]) for union in UNIONS
    }
    return {SEED: part(SEED, budget // 2), **partitions, **unions}


def average(trials: Sequence[Trial], cache: Store) -> Trial:
    """A checkpoint whose weights are the means of those of `trials`, kept in the cache."""
    folders = [trial.folder for trial in trials]

    def build(unfinished: Path) -> None:
        average_weights(folders, [1 / len(folders)] * len(folders), unfinished)

    members = {str(number): trial.folder.name for number, trial in enumerate(trials)}
    folder = cache.make(Key("averages", inputs=members), build)
    return Trial("+".join(trial.arm for trial in trials), trials[0].seed, folder, {}, False)


def correlation(
    guess: NDArray[np.float64], truth: NDArray[np.float64], replicates: int = 2000
) -> tuple[float, float, float]:
    """Spearman's correlation over the rows, its mean over the columns, and a 95 % interval.

    >>> rows = np.arange(12.0).reshape(6, 2)
    >>> [round(one, 3) for one in correlation(rows, rows * 2)]
    [1.0, 1.0, 1.0]
    """
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(guess), len(guess)) for _ in range(replicates)]
    correlations = [_spearman(guess[rows], truth[rows]) for rows in drawn if len(set(rows.tolist())) > 2]
    low, high = np.quantile(correlations, [0.025, 0.975])
    return _spearman(guess, truth), float(low), float(high)


def _spearman(guess: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=0) for values in (guess, truth)]
    ranks = [values - values.mean(axis=0) for values in ranks]
    norm = np.sqrt((ranks[0] ** 2).sum(axis=0) * (ranks[1] ** 2).sum(axis=0))
    return float(((ranks[0] * ranks[1]).sum(axis=0) / np.maximum(norm, 1e-12)).mean())


def _changes(lab: Lab, name: str) -> Mapping[str, float]:
    """A quarter of the budget for each domain, at a quarter of the peak rate: weights that went far apart
    have no average worth having."""
    parts = name.count("+") + 1
    return {
        "tokens": lab.scale.tokens // 4 * parts,
        "training.learning_rate": lab.scale.training.learning_rate / 4,
    }


def _section(guess: NDArray[np.float64], truth: NDArray[np.float64]) -> Section:
    rows = tuple(
        (" + ".join(union), float(guess[place].mean()), float(truth[place].mean()))
        for place, union in enumerate(UNIONS)
    )
    table = Table(
        columns=("union", "average of two models", "trained on both"),
        rows=tuple(sorted(rows, key=lambda row: row[2])),
        formats=("text", "number", "number"),
        caption=f"Bits per byte, the mean over {', '.join(ELSEWHERE)}",
    )
    return Section(title="Unions", blocks=(table,))
