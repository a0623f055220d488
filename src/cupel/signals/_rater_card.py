"""What is said of a rater: how well it does on documents kept back, what else it measures, and how far judges agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from cupel.findings import Alarm, Block, Facts, Section, Table
from cupel.signals._rater import SMALLEST, RaterEvaluation
from cupel.signals._ratings import Rated, RatingScale
from cupel.units import write_count
from cupel.verdict.agreement import correlation_interval, krippendorff_alpha, weighted_kappa
from cupel.verdict.auroc import rank_correlation

__all__ = ["agreement_section", "quality_section"]

LENGTH_ALARM = 0.5
SAME_ALARM = 0.9
"""Rank correlation of two criteria above which they measure one thing."""

Floats = npt.NDArray[np.float64]


def quality_section(
    evaluations: Sequence[RaterEvaluation], facts: tuple[tuple[str, str], ...]
) -> tuple[Section, dict[str, Any]]:
    """How good a rater is on documents kept back, as a section of a report and as values for `about`."""
    rows, alarms, about = [], [], {}
    for each in evaluations:
        values = _assessed(each)
        about[each.scale.name] = values
        rows.append(_row(each, values))
        alarms += [Alarm(text=text) for text in _alarms(each.scale.name, values)]
    together, names = (
        _together(evaluations),
        [each.scale.name for each in evaluations if not each.scale.labels],
    )
    alarms += [
        Alarm(
            text=f"'{first}' and '{second}' order documents alike (rank correlation {value:.2f}): they are one criterion."
        )
        for (first, second), value in together.items()
        if value > SAME_ALARM
    ]
    blocks: list[Block] = [Facts(facts=facts)] if facts else []
    blocks += [*alarms, _table(rows)]
    if len(names) > 1:
        blocks.append(_matrix(names, together))
    section = Section(
        title="Rater",
        key="fitted",
        lead="On rated documents that were kept back: how well the rater orders them as their ratings do.",
        blocks=tuple(blocks),
    )
    pairs = {f"{first} {second}": _rounded(value) for (first, second), value in together.items()}
    return section, {"criteria": about, **({"rank_correlations": pairs} if pairs else {})}


def agreement_section(rated: Rated, title: str, lead: str, key: str) -> tuple[Section, dict[str, Any]] | None:
    """How far judges agree on the documents that more than one of them rated; None where there are none."""
    rows, about = [], {}
    for scale in rated.scales:
        ratings = rated.values[scale.name]
        shared = int(((~np.isnan(ratings)).sum(axis=0) > 1).sum())
        if not shared:
            continue
        alpha = krippendorff_alpha(ratings, "nominal" if scale.labels else "interval")
        kappas, correlations = _pairwise(ratings, scale)
        rows.append((scale.name, len(ratings), shared, _cell(alpha), _mean(kappas), _mean(correlations)))
        about[scale.name] = {
            "documents": shared,
            "krippendorff_alpha": _rounded(alpha),
            "mean_kappa": _rounded(_mean(kappas)),
            "mean_rank_correlation": _rounded(_mean(correlations)),
        }
    if not rows:
        return None
    table = Table(
        columns=("criterion", "judges", "documents", "alpha", "kappa", "rank correlation"),
        rows=tuple(rows),
        formats=("text", "count", "count", "number", "number", "number"),
        caption="Krippendorff's alpha over all judges; Cohen's kappa with quadratic weights and Spearman's correlation, "
        "means over pairs of judges.",
    )
    return Section(title=title, key=key, lead=lead, blocks=(table,)), about


def _assessed(each: RaterEvaluation) -> dict[str, Any]:
    target, predicted, lengths = each.target, each.predicted, each.lengths
    valid = ~np.isnan(predicted)
    target, predicted, lengths = target[valid], predicted[valid], lengths[valid]
    values: dict[str, Any] = {"learned": each.learned, "held_out": len(target)}
    if each.scale.labels:
        values["accuracy"] = _rounded(float((target == predicted).mean()) if len(target) else math.nan)
        values["kappa"] = _rounded(weighted_kappa(target, predicted, "nominal"))
        return values
    correlation = rank_correlation(predicted, target) if len(target) else 0.0
    values["constant"] = each.constant
    values["rank_correlation"] = _rounded(correlation)
    values["interval"] = [_rounded(end) for end in correlation_interval(correlation, len(target))]
    values["kappa"] = _rounded(weighted_kappa(_on_steps(predicted, target), target))
    values["rank_correlation_with_length"] = _rounded(_with_length(predicted, lengths))
    values["rank_correlation_of_ratings_with_length"] = _rounded(_with_length(target, lengths))
    return values


def _with_length(values: Floats, lengths: Floats) -> float:
    return rank_correlation(values, lengths) if len(values) else 0.0


def _on_steps(predicted: Floats, target: Floats) -> Floats:
    """Predictions as whole numbers where all ratings are."""
    return np.round(predicted) if len(target) and (target == np.round(target)).all() else predicted


def _alarms(name: str, values: dict[str, Any]) -> list[str]:
    if values["learned"] < SMALLEST:
        return [f"'{name}' has {values['learned']} ratings to learn from: it is not rated."]
    if "rank_correlation" not in values:
        return []
    if values["constant"]:
        return [f"'{name}': all ratings that were learned from are equal, so all documents have this rating."]
    alarms = []
    own, length = values["rank_correlation"], values["rank_correlation_with_length"]
    of_ratings = values["rank_correlation_of_ratings_with_length"]
    if values["interval"][0] <= 0:
        alarms.append(f"'{name}' may be ordered by chance: its rank correlation with the ratings may be 0.")
    if abs(length) > LENGTH_ALARM:
        more = "longer" if length > 0 else "shorter"
        alarms.append(
            f"'{name}' goes with length (rank correlation {length:.2f}; of the ratings themselves {of_ratings:.2f}): {more} "
            "texts score higher."
        )
    if values["interval"][0] > 0 and abs(of_ratings) >= own:
        alarms.append(f"'{name}': length alone orders the documents as well as the rater does.")
    return alarms


def _row(each: RaterEvaluation, values: dict[str, Any]) -> tuple[Any, ...]:
    interval = values.get("interval")
    spelled = f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else ""
    agreement = values.get("rank_correlation", values.get("accuracy"))
    return (
        each.scale.name,
        each.learned,
        values["held_out"],
        agreement,
        spelled if interval else "share of labels that are right",
        values["kappa"],
        values.get("rank_correlation_with_length"),
    )


def _table(rows: list[tuple[Any, ...]]) -> Table:
    return Table(
        columns=(
            "criterion",
            "learned from",
            "held out",
            "rank correlation",
            "95 % interval",
            "kappa",
            "with length",
        ),
        rows=tuple(rows),
        formats=("text", "count", "count", "number", "text", "number", "number"),
        caption="Spearman's correlation with the ratings; kappa has quadratic weights; the last column is the correlation "
        "of the rater with the length of a text.",
    )


def _together(evaluations: Sequence[RaterEvaluation]) -> dict[tuple[str, str], float]:
    """Rank correlations of the criteria, as they are rated here, on documents that have both."""
    correlations = {}
    numbers = [each for each in evaluations if not each.scale.labels]
    for first, second in combinations(numbers, 2):
        _, left, right = np.intersect1d(first.places, second.places, return_indices=True)
        values = first.predicted[left], second.predicted[right]
        valid = ~(np.isnan(values[0]) | np.isnan(values[1]))
        if valid.any():
            correlations[first.scale.name, second.scale.name] = rank_correlation(
                values[0][valid], values[1][valid]
            )
    return correlations


def _matrix(names: list[str], together: dict[tuple[str, str], float]) -> Table:
    rows = []
    for row in names:
        cells = [together.get((row, column), together.get((column, row))) for column in names]
        rows.append(
            (row, *(1.0 if row == column else cell for column, cell in zip(names, cells, strict=True)))
        )
    return Table(
        columns=("criterion", *names),
        rows=tuple(rows),
        formats=("text", *("number" for _ in names)),
        caption="Rank correlations between the criteria, as the rater gives them.",
    )


def _pairwise(ratings: Floats, scale: RatingScale) -> tuple[list[float], list[float]]:
    kappas, correlations = [], []
    for first, second in combinations(ratings, 2):
        both = ~(np.isnan(first) | np.isnan(second))
        if not both.any():
            continue
        kappas.append(weighted_kappa(first, second, "nominal" if scale.labels else "interval"))
        if not scale.labels:
            correlations.append(rank_correlation(first[both], second[both]))
    return kappas, correlations


def _mean(values: list[float]) -> float | None:
    finite = [value for value in values if not math.isnan(value)]
    return sum(finite) / len(finite) if finite else None


def _cell(value: float) -> float | None:
    return None if math.isnan(value) else value


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 6)


def counted(documents: int, judges: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Facts that begin the section of a rater."""
    named = [judge for judge in judges if judge]
    return (
        ("rated documents", write_count(documents)),
        *((("judges", write_count(len(named))),) if len(named) > 1 else ()),
    )
