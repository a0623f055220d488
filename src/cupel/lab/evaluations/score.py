"""Scores of finished trials, kept beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cupel.lab.evaluations.evaluation import Evaluation, EvaluationContext, evaluate
from cupel.store import digest
from cupel.verdict.measures import Measure, read_measures, write_measures

__all__ = ["score"]


def score(
    trial: Path, evaluations: Sequence[Evaluation], context: EvaluationContext = EvaluationContext()
) -> tuple[Measure, ...]:
    """The measures of a trial; those of an evaluation with a `digest` are kept, and not made twice.

    Raises
    ------
    BadInput
        No checkpoint, no finite probabilities, or two measures of one name.
    """
    measures: list[Measure] = []
    for evaluation in evaluations:
        known = getattr(evaluation, "digest", None)
        if known is None:
            measures += evaluate(trial, [evaluation], context)
            continue
        key = f"{evaluation.name} {evaluation.version} {known} {context.device} {context.dtype}"
        path = trial / f"measures-{digest(key)[:16]}.npz"
        if not path.is_file():
            write_measures(evaluate(trial, [evaluation], context), path)
        measures += read_measures(path)
    return tuple(measures)
