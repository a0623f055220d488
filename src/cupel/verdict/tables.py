"""The tables and figures of a verdict."""

from __future__ import annotations

from collections.abc import Mapping

from cupel import charts
from cupel.findings import Figure, Table
from cupel.verdict.comparison import ArmComparison
from cupel.verdict.floor import Floor
from cupel.verdict.verdict import Verdict
from cupel.verdict.words import (
    difference_text,
    in_points,
    interval_text,
    measure_text,
    metric_text,
    shown_difference,
    value_text,
)

__all__ = ["chance_table", "domains_table", "floor_table", "forest_figures", "verdict_table"]


def verdict_table(verdict: Verdict, arm: str) -> Table:
    """All measures of one arm."""
    rows = []
    for comparison in verdict.of(arm):
        rows.append(
            (
                measure_text(comparison),
                comparison.verdict,
                difference_text(comparison),
                interval_text(comparison),
                value_text(comparison, comparison.value),
                value_text(comparison, comparison.baseline_value),
                _p_text(comparison.p_holm),
                comparison.needed,
            )
        )
    return Table(
        columns=(
            "measure",
            "verdict",
            "difference",
            "95 % interval",
            arm,
            verdict.baseline,
            "p (Holm)",
            "needed to decide",
        ),
        rows=tuple(rows),
        formats=("text",) * 8,
        caption=f"{arm} against {verdict.baseline}" if len(verdict.arms) > 1 else "",
    )


def forest_figures(verdict: Verdict) -> list[Figure]:
    """One figure per arm and metric: differences of two metrics do not share an axis."""
    figures = []
    for arm in verdict.arms:
        for metric in dict.fromkeys(comparison.metric for comparison in verdict.of(arm)):
            rows = [comparison for comparison in verdict.of(arm) if comparison.metric == metric]
            points = in_points(rows[0])
            figures.append(
                Figure(
                    spec=charts.forest(
                        [_difference(comparison) for comparison in rows],
                        title=f"{metric_text(metric).capitalize()}: {arm} against {verdict.baseline}",
                        unit=f"{rows[0].better_is} is better",
                        x_title="percentage points" if points else f"% of {verdict.baseline}'s value",
                    )
                )
            )
    return figures


def domains_table(verdict: Verdict) -> Table:
    """For each arm and metric the subsets it wins, loses, and those nobody can tell."""
    rows = []
    for arm in verdict.arms:
        for metric in dict.fromkeys(comparison.metric for comparison in verdict.of(arm)):
            parts = [
                comparison
                for comparison in verdict.of(arm)
                if comparison.metric == metric and not comparison.parts
            ]
            if len(parts) < 2:
                continue
            subsets = [
                ", ".join(comparison.subset for comparison in parts if comparison.verdict == decision) or "–"
                for decision in ("better", "worse", "undecided")
            ]
            rows.append((arm, metric_text(metric), *subsets))
    return Table(
        columns=("arm", "metric", "better", "worse", "undecided"), rows=tuple(rows), formats=("text",) * 5
    )


def chance_table(verdict: Verdict) -> Table:
    """Accuracies beside what guessing gives."""
    rows = [
        (
            comparison.arm,
            measure_text(comparison),
            comparison.chance,
            value_text(comparison, comparison.value),
            comparison.centred,
            comparison.baseline_centred,
            "no better than guessing" if comparison.at_chance else "",
        )
        for comparison in verdict.comparisons
        if comparison.chance is not None
    ]
    return Table(
        columns=("arm", "measure", "guessing", "accuracy", "centered", f"centered, {verdict.baseline}", ""),
        rows=tuple(rows),
        formats=("text", "text", "percent", "text", "number", "number", "text"),
    )


def floor_table(floors: Mapping[str, Floor]) -> Table:
    """The noise floor of each measure."""
    rows = tuple(
        (
            name.replace("_", " "),
            floor.mean,
            floor.deviation,
            floor.relative,
            f"{floor.low:.3g} to {floor.high:.3g}",
            floor.seeds,
        )
        for name, floor in floors.items()
    )
    return Table(
        columns=("measure", "mean", "deviation", "relative", "95 % interval of the deviation", "seeds"),
        rows=rows,
        formats=("text", "number", "number", "percent", "text", "count"),
    )


def _difference(comparison: ArmComparison) -> charts.ForestRow:
    def shown(difference: float | None) -> float | None:
        if difference is None:
            return None
        size = shown_difference(comparison, difference)
        return difference if size is None else size

    label = f"mean of {comparison.parts}" if comparison.parts else comparison.subset
    value = shown(comparison.difference)
    return charts.ForestRow(
        label=label,
        value=0.0 if value is None else value,
        low=shown(comparison.low),
        high=shown(comparison.high),
        decision=comparison.verdict,
        written=difference_text(comparison),
        about=f"{label}: {difference_text(comparison)}, 95 % interval {interval_text(comparison)}, {comparison.verdict}",
    )


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
