"""A classifier judged on documents that it was not trained on: what its card says, whatever kind it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Learned
from cupel.findings import Alarm, Block, Facts, Prose, Sample, Samples, Section, Table
from cupel.signals.language import Language
from cupel.units import write_count
from cupel.verdict.auroc import auroc, midranks, rank_correlation

__all__ = ["Score", "assess", "keywords"]

POSITIVE, NEGATIVE = "positive", "negative"
CORRELATION_ALARM = 0.5
"""Beyond this a score measures something else about as much as it measures quality."""
BINS = 5
KEPT_SHARES = (0.5, 0.2, 0.1, 0.05, 0.01)
LISTED_GROUPS = 12
SMALLEST_GROUP = 20
NEAREST = 3
EXCERPT = 400
LONGEST_WORD = 30
CONTEXT_WORDS, CONTEXTS = 30, 3
"""Words of the texts that a word is added to, and how many such texts."""
LANGUAGE_BYTES = 2000
"""Read of each document to identify its language."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Score = Callable[[pa.Array], pa.Array]
"""Texts to probabilities of the positive class (float64); null where a text has none."""


def assess(score: Score, held_out: pa.Table, positive: Bools, trained: tuple[int, int]) -> Learned:
    """Judge a classifier on held-out documents.

    Parameters
    ----------
    score
        The classifier.
    held_out
        Documents with `id`, `text` and `source`.
    positive
        Which of them are of the positive class.
    trained
        Positives and negatives in all, held-out documents included.

    Returns
    -------
    Figures as JSON values, and one section for the report.
    """
    texts = held_out["text"].combine_chunks()
    values = pc.fill_null(score(texts), 0.0).to_numpy(zero_copy_only=False)
    value, low, high = auroc(values, positive)
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype(np.float64)
    languages = Language.from_options({"max_bytes": LANGUAGE_BYTES}).measure(pa.record_batch({"text": texts}))
    groups = {
        "source": pc.fill_null(held_out["source"].combine_chunks(), ""),
        "language": pc.fill_null(languages.column("language"), "unknown"),
    }
    by_length = {
        label: rank_correlation(values[rows], lengths[rows])
        for label, rows in ((POSITIVE, positive), (NEGATIVE, ~positive))
    }
    explained = {name: _explained(values, column, positive) for name, column in groups.items()}
    calibration, error = _calibration(values, positive)
    facts = (
        ("positives", write_count(trained[0])),
        ("negatives", write_count(trained[1])),
        ("held out", write_count(len(positive))),
        ("AUROC", f"{value:.3f} ({low:.3f} to {high:.3f})"),
        ("calibration error", f"{error:.3f}"),
        *((f"by length, {label}s", f"{number:.2f}") for label, number in by_length.items()),
        *((f"by {name}", f"{share:.2f}") for name, share in explained.items()),
    )
    blocks: list[Block] = [Facts(facts=facts), *_alarms(low, by_length, explained), calibration]
    blocks.append(_thresholds(values, positive))
    blocks += [
        table
        for name, column in groups.items()
        if (table := _by_group(name, column, values, positive)) is not None
    ]
    blocks.append(_nearest(held_out, values, positive))
    about = {
        "positives": trained[0],
        "negatives": trained[1],
        "held_out": len(positive),
        "auroc": round(value, 6),
        "auroc_interval": [round(low, 6), round(high, 6)],
        "calibration_error": round(error, 6),
        "rank_correlation_with_length": {label: round(number, 6) for label, number in by_length.items()},
        "rank_variance_by": {name: round(share, 6) for name, share in explained.items()},
    }
    section = Section(
        title="Quality classifier",
        key="fitted",
        lead="On documents that were kept back. AUROC is the share of pairs, one of each class, that it orders correctly. "
        "What else the score goes with, within a class: by length, Spearman's rank correlation; by source and by language, "
        "the share of the variance of ranks.",
        blocks=tuple(blocks),
    )
    return Learned(about, (section,))


def keywords(score: Score, texts: pa.Array, *, shown: int = 15, min_documents: int = 20) -> Table:
    """The frequent words that move the score most, in texts of which the classifier is unsure.

    Parameters
    ----------
    texts
        Documents that the classifier was trained on, or a sample of them.
    shown
        Words of each class.
    min_documents
        Documents that a word must stand in.
    """
    documents: Counter[str] = Counter()
    beginnings = []
    for text in texts.to_pylist():
        words = (text or "").split()
        documents.update({word for word in words if len(word) <= LONGEST_WORD})
        beginnings.append(" ".join(words[:CONTEXT_WORDS]))
    frequent = sorted(word for word, count in documents.items() if count >= min_documents)
    sure = np.abs(_log_odds(score, beginnings))
    contexts = [beginnings[place] for place in np.argsort(sure, kind="stable")[:CONTEXTS]]
    effects = np.zeros(len(frequent))
    for context, before in zip(contexts, _log_odds(score, contexts), strict=True):
        effects += (_log_odds(score, [f"{context} {word}" for word in frequent]) - before) / len(contexts)
    order = np.argsort(-effects, kind="stable")
    upward, downward = order[effects[order] > 0][:shown], order[::-1][effects[order[::-1]] < 0][:shown]
    rows = []
    for place in range(max(len(upward), len(downward))):
        row: list[str | float | None] = []
        for side in (upward, downward):
            row += [frequent[side[place]], float(effects[side[place]])] if place < len(side) else ["", None]
        rows.append(tuple(row))
    return Table(
        columns=("toward positive", "log-odds", "toward negative", "log-odds "),
        rows=tuple(rows),
        formats=("text", "number", "text", "number"),
        caption=(
            f"What it keys on: how far one more word moves the log-odds of an undecided text of {CONTEXT_WORDS} words, for "
            f"words of at least {min_documents} documents."
        ),
    )


def _log_odds(score: Score, texts: list[str]) -> Floats:
    values = pc.fill_null(score(pa.array(texts, pa.large_string())), 0.5).to_numpy(zero_copy_only=False)
    clipped = np.clip(values, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _alarms(low: float, by_length: dict[str, float], explained: dict[str, float]) -> list[Block]:
    alarms: list[Block] = []
    strongest = max(by_length.values(), key=abs)
    if abs(strongest) > CORRELATION_ALARM:
        more = "longer" if strongest > 0 else "shorter"
        alarms.append(Alarm(text=f"The score goes with length: within a class, {more} texts score higher."))
    alarms += [
        Alarm(
            text=f"The score goes with the {name}: within a class it explains {100 * share:.0f} % of the variance of ranks."
        )
        for name, share in explained.items()
        if share > CORRELATION_ALARM
    ]
    if low <= 0.5:
        alarms.append(
            Alarm(text="The classifier does not tell the two sets apart: its AUROC may be that of chance.")
        )
    return alarms


def _explained(values: Floats, groups: pa.Array, positive: Bools) -> float:
    """The largest share, over both classes, of the variance of ranks that lies between groups (Kruskal and Wallis)."""
    codes = groups.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    shares = [0.0]
    for rows in (positive, ~positive):
        own = codes[rows]
        sizes = np.bincount(own)
        large = sizes[own] >= SMALLEST_GROUP
        if len(np.unique(own[large])) < 2:
            continue
        ranks = midranks(values[rows][large])
        total = float(((ranks - ranks.mean()) ** 2).sum())
        sums, counts = np.bincount(own[large], ranks), np.bincount(own[large])
        present = counts > 0
        means = sums[present] / counts[present]
        between = float((counts[present] * (means - ranks.mean()) ** 2).sum())
        shares.append(between / total if total else 0.0)
    return max(shares)


def _calibration(values: Floats, positive: Bools) -> tuple[Table, float]:
    """Scores in bins beside the share of positives in each, and the mean distance between them.

    Both classes weigh the same, as the scores assume.
    """
    weights = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())
    bins = np.minimum((values * BINS).astype(int), BINS - 1)
    rows, error = [], 0.0
    for place in range(BINS):
        own = bins == place
        weight = float(weights[own].sum())
        if not weight:
            continue
        mean = float((weights[own] * values[own]).sum()) / weight
        share = float(weights[own & positive].sum()) / weight
        error += weight * abs(mean - share)
        rows.append((f"{place / BINS:.1f} to {(place + 1) / BINS:.1f}", int(own.sum()), mean, share))
    table = Table(
        columns=("score", "documents", "mean score", "positives"),
        rows=tuple(rows),
        formats=("text", "count", "number", "bar"),
        caption="Calibration: the share of positives where both classes weigh the same.",
    )
    return table, error


def _thresholds(values: Floats, positive: Bools) -> Table:
    """What is kept of each class where the highest share of the negatives, the pool, is kept."""
    rows = []
    for share in KEPT_SHARES:
        threshold = float(np.quantile(values[~positive], 1 - share))
        rows.append((share, threshold, float((values[positive] >= threshold).mean())))
    return Table(
        columns=("negatives kept", "threshold", "positives kept"),
        rows=tuple(rows),
        formats=("percent", "number", "bar"),
        caption="Thresholds. A percentile of your corpus carries over better than a value.",
    )


def _by_group(name: str, groups: pa.Array, values: Floats, positive: Bools) -> Table | None:
    """Scores of each source or language; None where there is only one."""
    counted = Counter(groups.to_pylist())
    if len(counted) < 2:
        return None
    rows = []
    for group, documents in counted.most_common(LISTED_GROUPS):
        own = pc.equal(groups, group).to_numpy(zero_copy_only=False)
        classes = (own & positive, own & ~positive)
        means = [float(values[members].mean()) if members.any() else None for members in classes]
        rows.append((group or "unnamed", documents, *means))
    return Table(
        columns=(name, "documents", "mean score, positives", "mean score, negatives"),
        rows=tuple(rows),
        formats=("text", "count", "number", "number"),
    )


def _nearest(held_out: pa.Table, values: Floats, positive: Bools) -> Block:
    """The documents that the classifier is least sure of."""
    samples = []
    for above in (True, False):
        side = np.flatnonzero((values >= 0.5) == above)
        nearest = side[np.argsort(np.abs(values[side] - 0.5), kind="stable")][:NEAREST]
        for place in nearest:
            row = held_out.slice(int(place), 1).to_pylist()[0]
            label = POSITIVE if positive[place] else NEGATIVE
            note = f"score {values[place]:.3f}, {label}"
            samples.append(
                Sample(id=row["id"], source=row["source"] or "", note=note, text=row["text"][:EXCERPT])
            )
    if not samples:
        return Prose(text="There are no held-out documents to show.")
    return Samples(heading="Decisions nearest the threshold of 0.5", samples=tuple(samples))
