"""Zhang et al.: the ratio of a tuned model and its base tells the domain from others better than the tuned model alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.trials import Trial
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import draw, shuffled, split
from cupel.signals.likelihood_ratio import LikelihoodRatio
from cupel.signals.perplexity import Perplexity
from cupel.verdict.auroc import auroc
from cupel.verdict.bootstrap import Resampled
from cupel.verdict.statistics import Estimate, single_value

DOMAIN = "medical_qa"
BASE = ("wiki_simple", "news", "forum_qa", "science_papers", "tweets", "code")
SETTINGS: Mapping[str, tuple[str, ...]] = {"near": ("science_papers",), "far": ("tweets", "code")}
TUNED = 0.24
"""Tokens that are tuned on, by those of the base: the share of the scale nano-sft."""
RATE = 0.5
"""Learning rates of tuning, by those of the base."""
CHARACTERS = 600
"""Of a document that is scored: its beginning, so that length says little."""
SCORED = 300
"""Documents of the domain, and of each setting."""
REPLICATES = 1000

claim = Claim(
    title="A tuned model beside its base knows its domain",
    paper=Paper(
        title="Your Finetuned Large Language Model is Already a Powerful Out-of-distribution Detector",
        authors="Zhang et al.",
        year=2024,
        url="https://arxiv.org/abs/2404.08679",
        section="sections 3, 5.1 and 5.2",
    ),
    statement="The likelihood of a text under a tuned model, less that under its base, detects texts outside of the tuned "
    "domain, far from it and near to it, better than the likelihood under the tuned model alone.",
    arms={
        "base": "a model of six domains in equal parts: simple articles, news, forums, abstracts of science, tweets, code",
        "tuned": "the base, trained on pages of medical questions and answers, a quarter as many tokens at half the rates",
    },
    metric="AUROC of held-out medical pages against abstracts of science (near), and against tweets and code (far): of the "
    "signal likelihood-ratio per token, less that of the tuned model's perplexity, in a beginning of 600 characters",
    expected="a difference above 0 in both settings",
    rule="Holds if the 95 % interval of the difference (over seeds and documents) lies above 0 in both settings. Does not "
    "hold if it lies below 0 in one of them. Undecided otherwise.",
    cost=ClaimCost(trials=6, trial_minutes=1.9),
    data=(*BASE, DOMAIN),
)


def run(context: Context) -> ClaimOutcome:
    names = (*BASE, DOMAIN)
    pool = context.pool(names)
    held, rest = split(pool, pc.sum(pc.binary_length(pool["text"])).as_py(), seed=1)  # a fifth of each domain
    train = {name: rest.filter(pc.equal(rest["domain"], name)) for name in names}
    unit = int(3.2 * context.scale.tokens / len(BASE))  # bytes; a little more than is trained on
    mixture = shuffled(pa.concat_tables([_some(train[name], unit) for name in BASE]), seed=0)
    tuning = _some(train[DOMAIN], int(3.2 * TUNED * context.scale.tokens))
    lab = context.lab([*mixture["text"].to_pylist(), *tuning["text"].to_pylist()])
    stores = {"base": lab.tokens(mixture, "base"), "tuned": lab.tokens(tuning, "tuned")}
    bases = lab.train([TrialPlan("base", stores["base"], seed) for seed in context.seeds], context.progress)
    plans = [
        TrialPlan("tuned", stores["tuned"], base.seed, _changes(lab), base.folder / "model.safetensors")
        for base in bases
    ]
    texts = scored_texts(held)
    aurocs: list[dict[str, NDArray[np.float64]]] = []
    for base, tuned in zip(bases, lab.train(plans, context.progress), strict=True):
        context.progress.note(f"score the models of seed {base.seed}")
        scores = {name: score(tuned, base, documents) for name, documents in texts.items()}
        aurocs.append({setting: compare(scores, SETTINGS[setting]) for setting in SETTINGS})
    estimates = {setting: _estimate([by[setting] for by in aurocs], texts, setting) for setting in SETTINGS}
    means = {setting: np.mean([by[setting][0] for by in aurocs], axis=0) for setting in SETTINGS}
    least = min(SETTINGS, key=lambda setting: estimates[setting].value)
    return ClaimOutcome(
        passed=decide([estimate.interval() for estimate in estimates.values()]),
        verdict=" ".join(
            f"{setting.capitalize()}: AUROC {means[setting][0]:.3f} of the ratio and {means[setting][1]:.3f} of the tuned "
            f"model's perplexity."
            for setting in SETTINGS
        ),
        effect=estimates[least].value,
        unit=f"AUROC of the ratio less that of perplexity, {least} domains",
        interval=estimates[least].interval(),
        sections=(_section(means, estimates),),
    )


def scored_texts(held: pa.Table) -> dict[str, list[str]]:
    """Beginnings of held-out documents, as many of the domain as of the domains of each setting together."""
    texts = {}
    for name in (DOMAIN, *(name for names in SETTINGS.values() for name in names)):
        share = next((len(names) for names in SETTINGS.values() if name in names), 1)
        own = shuffled(held.filter(pc.equal(held["domain"], name)), seed=2)
        texts[name] = [text[:CHARACTERS] for text in own.slice(0, SCORED // share)["text"].to_pylist()]
    return texts


def score(tuned: Trial, base: Trial, texts: list[str]) -> NDArray[np.float64]:
    """Of each text the ratio per token, and the tuned model's log-probability per token."""
    documents = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    named = {"model": f"trial:{tuned.folder}"}
    ratio = LikelihoodRatio.from_options({**named, "base": f"trial:{base.folder}"}).measure(documents)
    perplexity = Perplexity.from_options(named).measure(documents)["perplexity"]
    columns = (ratio["likelihood_ratio_per_token"], pc.negate(pc.ln(perplexity)))
    return np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])


def compare(scores: Mapping[str, NDArray[np.float64]], others: tuple[str, ...]) -> NDArray[np.float64]:
    """AUROC of both scores; the first row of all documents, the others of documents drawn again."""
    positives = scores[DOMAIN]
    negatives = np.concatenate([scores[name] for name in others])
    rng = np.random.default_rng(0)  # the same draws for every seed of training
    rows = [_aurocs(positives, negatives)]
    for _ in range(REPLICATES):
        drawn = (group[rng.integers(0, len(group), len(group))] for group in (positives, negatives))
        rows.append(_aurocs(*drawn))
    return np.array(rows)


def decide(intervals: list[tuple[float, float] | None]) -> bool | None:
    """The rule.

    >>> decide([(0.01, 0.2), (0.001, 0.1)]), decide([(0.01, 0.2), (-0.1, -0.01)]), decide([(0.01, 0.2), None])
    (True, False, None)
    """
    if any(interval is not None and interval[1] < 0 for interval in intervals):
        return False
    if all(interval is not None and interval[0] > 0 for interval in intervals):
        return True
    return None


def _aurocs(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> tuple[float, ...]:
    labels = np.arange(len(positives) + len(negatives)) < len(positives)
    both = np.concatenate([positives, negatives])
    return tuple(auroc(both[:, column], labels)[0] for column in range(both.shape[1]))


def _estimate(by_seed: list[NDArray[np.float64]], texts: Mapping[str, list[str]], setting: str) -> Estimate:
    differences = np.stack([rows[:, 0] - rows[:, 1] for rows in by_seed], axis=1)
    items = min(len(texts[DOMAIN]), sum(len(texts[name]) for name in SETTINGS[setting]))
    return single_value(Resampled(differences[0], differences[1:], float(items)))


def _some(documents: pa.Table, size: int) -> pa.Table:
    """Documents of `size` bytes, or all where there are fewer."""
    whole = pc.sum(pc.binary_length(documents["text"])).as_py()
    return draw(documents, min(size, whole), seed=0)


def _changes(lab: Lab) -> dict[str, float]:
    training = lab.scale.training
    rates = {
        f"training.{name}": RATE * value
        for name in ("learning_rate", "embedding_learning_rate", "head_learning_rate")
        if (value := getattr(training, name, None)) is not None
    }
    return {"tokens": int(TUNED * lab.scale.tokens), **rates}


def _section(means: Mapping[str, NDArray[np.float64]], estimates: Mapping[str, Estimate]) -> Section:
    rows = []
    for setting, (ratio, perplexity) in means.items():
        low, high = estimates[setting].interval() or (None, None)
        rows.append(
            (f"{setting}: {', '.join(SETTINGS[setting])}", float(ratio), float(perplexity), low, high)
        )
    table = Table(
        columns=("against", "ratio", "tuned perplexity", "difference from", "to"),
        rows=tuple(rows),
        formats=("text", "number", "number", "number", "number"),
        caption=f"AUROC of held-out {DOMAIN}, the mean over seeds; 95 % interval of the difference",
    )
    return Section(title="Domains", blocks=(table,))
