"""LongAttn: attention to distant tokens tells long documents from things put together, and picks better long text."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel.contract import Paper
from cupel.findings import Section, Table
from cupel.lab.lab import TrialPlan
from cupel.lab.trials import Trial
from cupel.models.load import load_model
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.long_texts import KINDS, joined, texts_of
from cupel.signals.long_range import LongRange
from cupel.verdict.auroc import auroc
from cupel.verdict.bootstrap import Resampled
from cupel.verdict.statistics import Estimate, single_value

DATA = ("books_eltec", "ietf_rfc", "court_speech")
HELD_OUT = 0.2
"""Share of the works that are in no training data."""
FACTOR = 4
"""The context, by that of the scale; as many tokens a step."""
VARIANCE_WEIGHT = 0.5
TEXTS = 120
"""Texts of each kind that attention is read of."""
MEASURED = 3.2
"""Bytes per token, to cut texts that fill a window."""

claim = Claim(
    title="Distant attention tells long documents",
    paper=Paper(
        title="LongAttn: Selecting Long-context Training Data via Token-level Attention",
        authors="Wu et al.",
        year=2025,
        url="https://arxiv.org/abs/2502.16860",
        section="sections 3 and 4",
    ),
    statement="The strength and uniformity of attention to distant tokens quantify how much a text depends on what stands "
    "far before, and training on the texts with the highest scores gives better models of long contexts.",
    arms={
        "reader": "a model of novels, RFCs and court speech with four times the scale's context, whose attention is read",
        "random": "windows drawn from true documents, concatenations of unrelated pieces, and documents whose pieces are "
        "shuffled, as many of each",
        "selected": "as much of the same, the windows with the highest LDS",
    },
    metric="AUROC of the reader's LDS (first layer) of held-out true documents against concatenations of unrelated pieces "
    "and against shuffled pieces; then bits per token in the last half of held-out true windows",
    expected="AUROCs above 0.8, and above those of length and compression; fewer bits of late tokens for selected",
    rule="Holds if both AUROCs are above 0.8 and above those of length and compression, and the 95 % interval of selected "
    "less random lies below 0. Does not hold if an AUROC lies below 0.8 with its whole 95 % interval, or the interval of "
    "the difference above 0. Undecided otherwise.",
    cost=ClaimCost(trials=9, trial_minutes=4),
    data=DATA,
)


def run(context: Context) -> ClaimOutcome:
    window = FACTOR * context.scale.model.context
    size = int(MEASURED * window)
    works = joined(context.pool(DATA))
    cut = max(2, int(HELD_OUT * len(works)))
    held, train = works[:cut], works[cut:]
    sequences = max(1, context.scale.training.sequences // FACTOR)
    lab = context.lab(train, {"model.context": window, "training.sequences": sequences})
    reader_store = lab.tokens(train, "reader")
    (reader, *_) = readers = lab.train(
        [TrialPlan("reader", reader_store, seed) for seed in context.seeds], context.progress
    )
    context.progress.note("read attention")
    kinds = texts_of(held, size, TEXTS, seed=1)
    separated = {kind: separation(readers, kinds, kind) for kind in KINDS[1:]}
    count = max(8, int(6 * context.scale.tokens / window) // len(KINDS))
    pool = [text for texts in texts_of(train, size, count, seed=2).values() for text in texts]
    scores = dependence(reader, pool)
    budget = len(pool) // 3
    rng = np.random.default_rng(3)
    chosen = {
        "random": rng.choice(len(pool), budget, replace=False),
        "selected": np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")[:budget],
    }
    stores = {
        name: lab.tokens([pool[place] for place in rng.permutation(places)], name)
        for name, places in chosen.items()
    }
    plans = [TrialPlan(name, store, seed) for seed in context.seeds for name, store in stores.items()]
    trials = lab.train(plans, context.progress)
    late = {
        name: np.stack([late_bits(trial, kinds["documents"]) for trial in trials if trial.arm == name])
        for name in stores
    }
    difference = _difference(late["selected"], late["random"])
    aurocs = [separated[kind]["attention"] for kind in KINDS[1:]]
    return ClaimOutcome(
        passed=decide(separated, difference.interval()),
        verdict=f"AUROC {aurocs[0][0]:.3f} against unrelated pieces and {aurocs[1][0]:.3f} against shuffled ones; of late "
        f"tokens the model of selected text needs {difference.value:+.4f} bits each.",
        effect=min(value for value, _, _ in aurocs),
        unit="AUROC of attention, the lower of both",
        interval=min(aurocs)[1:],
        sections=(_section(separated, late),),
    )


def dependence(reader: Trial, texts: Sequence[str]) -> NDArray[np.float64]:
    """LDS of each text under a model, over these texts; NaN where a text is too short."""
    window = _context(reader)
    method = LongRange.from_options(
        {"model": f"trial:{reader.folder}", "max_tokens": window, "min_tokens": window // 4}
    )
    measured = method.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    strength, variance = (
        _scaled(measured[name].to_numpy(zero_copy_only=False))
        for name in ("long_range_strength", "long_range_variance")
    )
    return strength - VARIANCE_WEIGHT * variance


def separation(
    readers: Sequence[Trial], kinds: Mapping[str, Sequence[str]], other: str
) -> dict[str, tuple[float, float, float]]:
    """AUROC, with its interval, of documents against another kind: of attention (the mean of the readers' LDS), length, and
    compression."""
    texts = [*kinds["documents"], *kinds[other]]
    true = np.arange(len(texts)) < len(kinds["documents"])
    scores = {
        "attention": np.mean([dependence(reader, texts) for reader in readers], axis=0),
        "length": np.array([len(text.encode()) for text in texts], np.float64),
        "compression": np.array(
            [len(zlib.compress(text.encode(), 9)) / len(text.encode()) for text in texts]
        ),
    }
    areas = {name: auroc(np.nan_to_num(values, nan=-1.0), true) for name, values in scores.items()}
    # Repetition over a distance compresses: a baseline may point either way.
    return {
        name: area if name == "attention" or area[0] >= 0.5 else (1 - area[0], 1 - area[2], 1 - area[1])
        for name, area in areas.items()
    }


def late_bits(trial: Trial, texts: Sequence[str]) -> NDArray[np.float64]:
    """Bits per token in the second half of each text's first window."""
    stats = load_model(f"trial:{trial.folder}", "token_stats").token_stats(pa.array(texts))
    window = _context(trial)
    return np.array(
        [stats.of(place).losses()[window // 2 : window].mean() / np.log(2) for place in range(len(texts))]
    )


def decide(
    separated: Mapping[str, Mapping[str, tuple[float, float, float]]], difference: tuple[float, float] | None
) -> bool | None:
    """The rule."""
    attention = [areas["attention"] for areas in separated.values()]
    if any(high < 0.8 for _, _, high in attention) or (difference is not None and difference[0] > 0):
        return False
    best = all(
        areas["attention"][0] > max(0.8, areas["length"][0], areas["compression"][0])
        for areas in separated.values()
    )
    return True if best and difference is not None and difference[1] < 0 else None


def _difference(selected: NDArray[np.float64], random: NDArray[np.float64]) -> Estimate:
    """Mean bits of late tokens, selected less random: rows are seeds, columns texts."""
    by_text = (selected - random)[:, np.isfinite(selected - random).all(axis=0)]
    drawn = np.random.default_rng(0).integers(0, by_text.shape[1], (1000, by_text.shape[1]))
    replicates = np.stack([by_text[:, places].mean(axis=1) for places in drawn])
    return single_value(Resampled(by_text.mean(axis=1), replicates, float(by_text.shape[1])))


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.nanmin(values), np.nanmax(values)
    return (values - low) / (high - low) if high > low else np.full_like(values, 0.5)


def _context(trial: Trial) -> int:
    return int(trial.record["job"]["model"]["context"])


def _section(
    separated: Mapping[str, Mapping[str, tuple[float, float, float]]], late: Mapping[str, NDArray[np.float64]]
) -> Section:
    scores = ("attention", "length", "compression")
    rows = [
        (f"documents against {kind}", *(own[name][0] for name in scores)) for kind, own in separated.items()
    ]
    areas = Table(
        columns=("AUROC", *scores), rows=tuple(rows), formats=("text", "number", "number", "number")
    )
    bits = [(name, float(np.nanmean(values))) for name, values in late.items()]
    late_table = Table(
        columns=("trained on", "bits per late token"), rows=tuple(bits), formats=("text", "number")
    )
    return Section(title="Attention and what it selects", blocks=(areas, late_table))
