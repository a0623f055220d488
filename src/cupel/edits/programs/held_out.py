"""How good a classifier of lines is on pages that taught it nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.contract import Learned
from cupel.edits.programs.classifier import LineClassifier, labeled_lines
from cupel.edits.programs.smoothing import line_f1
from cupel.edits.programs.teacher import Lesson
from cupel.findings import Alarm, Block, Facts, Section, Table
from cupel.units import write_count
from cupel.verdict.auroc import auroc

__all__ = ["calibration", "line_measures", "report"]

LOW_F1 = 0.7
BINS = 5


def line_measures(
    predicted: npt.NDArray[np.bool_], removed: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Precision, recall and F1 of removed lines; 1 where there is nothing to divide by.

    >>> line_measures(np.array([True, True, False]), np.array([True, False, False]))
    (0.5, 1.0, 0.6666666666666666)
    """
    both = int((predicted & removed).sum())
    precision = both / int(predicted.sum()) if predicted.any() else 1.0
    recall = both / int(removed.sum()) if removed.any() else 1.0
    return precision, recall, line_f1(predicted, removed)


def calibration(
    probabilities: npt.NDArray[np.float64], outcomes: npt.NDArray[np.bool_]
) -> list[tuple[float, float, int, float, float]]:
    """Bins of equal width that hold something: bounds, number, mean probability, share of positives.

    >>> calibration(np.array([0.05, 0.15, 0.95]), np.array([False, False, True]))[-1]
    (0.8, 1.0, 1, 0.95, 1.0)
    """
    places = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    return [
        (
            place / BINS,
            (place + 1) / BINS,
            int(own.sum()),
            float(probabilities[own].mean()),
            float(outcomes[own].mean()),
        )
        for place in range(BINS)
        if (own := places == place).any()
    ]


def report(
    classifier: LineClassifier, taught: Sequence[Lesson], held_out: Sequence[Lesson], refused: int
) -> Learned:
    """What an artifact says of itself."""
    lines, removed = labeled_lines(held_out)
    judged = classifier.judge(pa.array([lesson.text for lesson in held_out], pa.large_string()))
    dropped = np.array([lesson.dropped for lesson in held_out], np.bool_)
    usable = ~dropped[lines.owners]
    stages = (
        ("words of the line", judged.words_alone > 0),
        ("in context", judged.in_context > 0),
        ("best sequence", judged.removed),
    )
    measures = [(name, *line_measures(predicted[usable], removed[usable])) for name, predicted in stages]
    _, precision, recall, f1 = measures[-1]
    about: dict[str, Any] = {
        "pages": len(taught) + len(held_out),
        "held_out_pages": len(held_out),
        "held_out_lines": int(usable.sum()),
        "removed_lines_fraction": round(float(removed[usable].mean()), 6) if usable.any() else None,
        "line_precision": round(precision, 6),
        "line_recall": round(recall, 6),
        "line_f1": round(f1, 6),
        "refused_programs": refused,
        "learns_to_drop": classifier.pages is not None,
    }
    facts = [
        ("pages", write_count(about["pages"])),
        ("held out", f"{write_count(len(held_out))} pages, {write_count(about['held_out_lines'])} lines"),
        ("F1 of removed lines", f"{f1:.3f}"),
        ("precision", f"{precision:.3f}"),
        ("recall", f"{recall:.3f}"),
    ]
    if refused:
        facts.append(("programs that could not be read", write_count(refused)))
    table = Table(
        columns=("lines are judged by", "precision", "recall", "F1"),
        rows=tuple(measures),
        formats=("text", "number", "number", "number"),
    )
    blocks: list[Block] = [Facts(facts=tuple(facts)), table]
    if f1 < LOW_F1:
        blocks.append(
            Alarm(text="On pages of other sites it removes other lines than the teacher: name more pairs.")
        )
    if judged.drop is None:
        facts_of_drop = "The teacher dropped too few documents to learn from: none is dropped."
        blocks.append(Facts(facts=(("documents", facts_of_drop),)))
    else:
        about |= _drop(judged.drop, dropped, blocks)
    section = Section(
        title="Programs",
        key="fitted",
        lead="On pages of sites that were kept back, against what the teacher removes.",
        blocks=tuple(blocks),
    )
    return Learned(about, (section,))


def _drop(
    probabilities: npt.NDArray[np.float64], dropped: npt.NDArray[np.bool_], blocks: list[Block]
) -> dict[str, Any]:
    """How good the probabilities of dropping are; adds a table."""
    rows = calibration(probabilities, dropped)
    error = sum(number * abs(mean - share) for _, _, number, mean, share in rows) / len(dropped)
    brier = float(np.mean((probabilities - dropped) ** 2))
    about: dict[str, Any] = {
        "held_out_dropped": int(dropped.sum()),
        "drop_brier": round(brier, 6),
        "drop_calibration_error": round(error, 6),
    }
    facts = [("Brier score of dropping", f"{brier:.3f}"), ("calibration error", f"{error:.3f}")]
    if dropped.any() and not dropped.all():
        value, low, high = auroc(probabilities, dropped)
        about |= {"drop_auroc": round(value, 6), "drop_auroc_interval": [round(low, 6), round(high, 6)]}
        facts.append(("AUROC", f"{value:.3f} ({low:.3f} to {high:.3f})"))
    blocks.append(Facts(facts=tuple(facts)))
    blocks.append(
        Table(
            columns=("probability of dropping", "documents", "mean", "dropped by the teacher"),
            rows=tuple(
                (f"{low:.1f} to {high:.1f}", number, mean, share) for low, high, number, mean, share in rows
            ),
            formats=("text", "count", "percent", "percent"),
            caption="Calibration: the last two columns are equal where probabilities are right.",
        )
    )
    return about
