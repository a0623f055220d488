"""Pythia: the order of training is reconstructible, and where in it a sequence stood does not decide
whether it is memorized."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel.auditing.recitation import Emitted
from cupel.contract import Paper
from cupel.errors import BadInput
from cupel.findings import Figure, Section, Table
from cupel.lab.evaluations.evaluation import EvaluationContext
from cupel.lab.lab import Lab
from cupel.lab.training.order import VISIT, Order
from cupel.lab.training.records import read_visit_losses
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import Trial
from cupel.models.checkpoint import load_checkpoint
from cupel.reproduction.arms import train_arms
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import shuffled
from cupel.verdict.special import special

DATA = ("code", "legal_dc", "medical_qa")
PROMPT, LENGTHS, BINS = 32, (32, 16, 8, 4), 20
ALPHA, EQUIVALENT = 0.05, 1.25

claim = Claim(
    title="Order is reconstructible, and no position is preferred",
    paper=Paper(
        title="Pythia: A Suite for Analyzing Large Language Models Across Training and Scaling",
        authors="Biderman et al.",
        year=2023,
        url="https://arxiv.org/abs/2304.01373",
        section="section 3.2",
    ),
    statement="Memorized sequences follow a Poisson process over the order of training: a sequence is not memorized "
    "more often because the model met it early or late.",
    arms={
        "one pass": "code, statutes and answers to patients, which repeat themselves by nature, in one seeded pass"
    },
    metric="documents whose tokens after the first 32 are given back greedily, to the letter, counted in twenty equal "
    "bins of training; the longest of 32, 16, 8 and 4 tokens for which five a bin are expected",
    expected="counts as a Poisson distribution with one rate gives them (chi-square over bins), and the last fifth "
    "of training at the rate of the rest",
    rule="Fails if a batch that is rebuilt from seed and store differs from what was trained on, or if the chi-square over "
    "bins rejects one rate at 5 %. Holds if it does not, and the 95 % interval of the rate of the last fifth over that "
    "of the rest lies between 1/1.25 and 1.25. Undecided otherwise.",
    cost=ClaimCost(trials=3, trial_minutes=4),
    data=DATA,
)


def run(context: Context) -> ClaimOutcome:
    documents = shuffled(context.pool(DATA), seed=0)
    lab = context.lab(documents["text"].to_pylist())
    store = lab.tokens(documents, "one pass")
    if len(store.tokens) < context.scale.tokens:
        raise BadInput(
            f"{len(store.tokens):,} tokens are fewer than the scale trains on; take a smaller scale"
        )
    trials = train_arms(context, lab, {"one pass": store})["one pass"]
    differing = sum(not rebuilt(trial, store, lab) for trial in trials.values())
    places, exact = [], []
    for trial in trials.values():
        context.progress.note(f"recite the documents of seed {trial.seed} in the order of training")
        place, recited_tokens = recited(trial, store, lab, documents)
        places.append(place)
        exact.append(recited_tokens)
    place, all_recited = np.concatenate(places), np.concatenate(exact)
    length = next((n for n in LENGTHS if all_recited[:, :n].all(axis=1).sum() >= 5 * BINS), LENGTHS[-1])
    memorized = all_recited[:, :length].all(axis=1)
    counts, seen = by_bin(place, memorized)
    p = chi_square(counts, seen)
    ratio, low, high = late_rate(counts, seen)
    few = counts.sum() < 5 * BINS
    passed = None
    if differing or (p < ALPHA and not few):
        passed = False
    elif not few and low >= 1 / EQUIVALENT and high <= EQUIVALENT:
        passed = True
    outcome = "every batch is rebuilt bit for bit" if not differing else f"{differing} trials are not rebuilt"
    return ClaimOutcome(
        passed=passed,
        verdict=f"{outcome}; {int(counts.sum()):,} of {int(seen.sum()):,} documents are given back for {length} tokens: "
        f"chi-square over {BINS} bins p = {p:.2g}, rate in the last fifth {ratio:.2f} times that of the rest.",
        effect=ratio,
        unit="times the rate of memorized documents, last fifth of training against the rest",
        interval=(low, high),
        sections=(_section(counts, seen),),
    )


def rebuilt(trial: Trial, store: TokenStore, lab: Lab) -> bool:
    """Whether order and batches come back from seed and store alone: to the byte the order that the trial was
    trained in, and of every step which documents, and how many tokens of each, it wrote down on the way."""
    training, context = lab.scale.training, lab.scale.model.context
    length = lab.scale.steps * training.sequences * context + 1
    with tempfile.TemporaryDirectory() as folder:
        order = Order(store, Path(folder) / "visits.bin", seed=trial.seed, length=length)
        if (trial.folder / "visits.bin").read_bytes() != (Path(folder) / "visits.bin").read_bytes():
            return False
        losses = read_visit_losses(trial.folder)
        ends = np.searchsorted(losses["step"], np.arange(lab.scale.steps + 1))
        for step in range(lab.scale.steps):
            batch = order.batch(step, training.sequences, context)
            visit_losses = losses[ends[step] : ends[step + 1]]
            lengths = np.diff(np.append(batch.starts, training.sequences * context))
            if not (
                np.array_equal(batch.visits, visit_losses["visit"].astype(np.int64))
                and np.array_equal(lengths, visit_losses["tokens"].astype(np.int64))
            ):
                return False
    return True


def recited(
    trial: Trial, store: TokenStore, lab: Lab, documents: pa.Table
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of each document met and long enough: where in training (0 to 1) its beginning stood, and which tokens are
    given back."""
    visits = np.fromfile(trial.folder / "visits.bin", VISIT)
    met = visits["document"].astype(np.int64)
    owners = store.owners(lab.tokenizer.end_of_text)
    begins = np.append(True, np.diff(owners) > 0)
    sizes = (store.offsets[met + 1] - store.offsets[met]).astype(np.int64) - 1
    whole = visits["start"].astype(np.int64) + PROMPT + LENGTHS[0] < trial.record["tokens"]
    chosen = np.flatnonzero((sizes >= PROMPT + LENGTHS[0]) & whole & begins[met])
    if not len(chosen):
        raise BadInput(f"no document of {PROMPT + LENGTHS[0]} tokens was trained on; take a larger scale")
    passages = documents.take(pa.array(owners[met[chosen]]))
    model, tokenizer = load_checkpoint(trial.folder, device=lab.on.device)
    exactly = Emitted(passages, PROMPT, LENGTHS[0]).exact(model, tokenizer, EvaluationContext(lab.on.device))
    return visits["start"][chosen] / trial.record["tokens"], exactly


def by_bin(
    place: NDArray[np.float64], memorized: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Documents memorized, and all of them, in each bin of training."""
    bins = np.minimum((place * BINS).astype(np.int64), BINS - 1)
    return np.bincount(bins[memorized], minlength=BINS), np.bincount(bins, minlength=BINS)


def chi_square(counts: Sequence[int] | NDArray[np.int64], seen: Sequence[int] | NDArray[np.int64]) -> float:
    """p of the counts if all bins have one Poisson rate for each document seen.

    >>> round(chi_square([8, 12], [100, 100]), 3)
    0.371
    """
    recited_counts, whole = np.asarray(counts, np.float64), np.asarray(seen, np.float64)
    if not recited_counts.sum():
        return 1.0
    expected = whole * recited_counts.sum() / whole.sum()
    used = expected > 0
    return float(
        special().chdtrc(used.sum() - 1, ((recited_counts - expected)[used] ** 2 / expected[used]).sum())
    )


def late_rate(counts: NDArray[np.int64], seen: NDArray[np.int64]) -> tuple[float, float, float]:
    """Rate in the last fifth over that of the rest, with the exact 95 % interval of two Poisson counts
    (conditional binomial, Clopper and Pearson 1934); a ratio that cannot be told is 1, from 0 to infinity."""
    last = len(counts) - len(counts) // 5
    late, early = int(counts[last:].sum()), int(counts[:last].sum())
    share = float(seen[last:].sum() / max(seen[:last].sum(), 1))
    if not late + early or not share:
        return 1.0, 0.0, float("inf")
    low = float(special().betaincinv(late, early + 1, 0.025)) if late else 0.0
    high = float(special().betaincinv(late + 1, early, 0.975)) if early else 1.0
    ends = [end / (1 - end) / share if end < 1 else float("inf") for end in (low, high)]
    return (late / early / share if early else float("inf")), ends[0], ends[1]


def _section(counts: NDArray[np.int64], seen: NDArray[np.int64]) -> Section:
    from cupel import charts

    rows = tuple(
        (f"{place / BINS:.0%} to {(place + 1) / BINS:.0%}", int(seen[place]), int(counts[place]))
        for place in range(BINS)
    )
    table = Table(
        columns=("of training", "documents", "memorized"), rows=rows, formats=("text", "count", "count")
    )
    middle = [(place + 0.5) / BINS for place in range(BINS)]
    spec = charts.line(
        middle,
        (counts / np.maximum(seen, 1)).tolist(),
        title="Memorized by position in training",
        x_title="share of training done",
        y_title="share of documents",
    )
    return Section(title="By position in training", blocks=(Figure(spec=spec), table))
