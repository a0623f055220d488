"""The tables and figures of a verdict."""

from __future__ import annotations

from collections.abc import Mapping

from cupel import charts
from cupel.findings import Figure, Table
from cupel.verdict.comparison import Comparison
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
    for one in verdict.of(arm):
        rows.append(
            (
                measure_text(one),
                value_text(one, one.value),
                value_text(one, one.baseline_value),
                difference_text(one),
                interval_text(one),
                _p_text(one.p_holm),
                one.verdict,
                one.needed,
            )
        )
    return Table(
        columns=(
            "measure",
            arm,
            verdict.baseline,
            "difference",
            "95 % interval",
            "p (Holm)",
            "verdict",
            "needed to decide",
        ),
        rows=tuple(rows),
        formats=("text",) * 8,
        caption=f"{arm} against {verdict.baseline}" if len(verdict.arms) > 1 else "",
    )


def forest_figures(verdict: Verdict) -> list[Figure]:
    """One figure an arm and metric: differences of two metrics do not share an axis."""
    figures = []
    for arm in verdict.arms:
        for metric in dict.fromkeys(one.metric for one in verdict.of(arm)):
            rows = [one for one in verdict.of(arm) if one.metric == metric]
            points = in_points(rows[0])
            figures.append(
                Figure(
                    spec=charts.forest(
                        [_difference(one) for one in rows],
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
        for metric in dict.fromkeys(one.metric for one in verdict.of(arm)):
            parts = [one for one in verdict.of(arm) if one.metric == metric and not one.parts]
            if len(parts) < 2:
                continue
            found = [
                ", ".join(one.subset for one in parts if one.verdict == decision) or "–"
                for decision in ("better", "worse", "undecided")
            ]
            rows.append((arm, metric_text(metric), *found))
    return Table(
        columns=("arm", "metric", "better", "worse", "undecided"), rows=tuple(rows), formats=("text",) * 5
    )


def chance_table(verdict: Verdict) -> Table:
    """Accuracies beside what guessing gives."""
    rows = [
        (
            one.arm,
            measure_text(one),
            one.chance,
            value_text(one, one.value),
            one.centred,
            one.baseline_centred,
            "no better than guessing" if one.at_chance else "",
        )
        for one in verdict.comparisons
        if one.chance is not None
    ]
    return Table(
        columns=("arm", "measure", "guessing", "accuracy", "centred", f"centred, {verdict.baseline}", ""),
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


def _difference(one: Comparison) -> charts.Difference:
    def shown(difference: float | None) -> float | None:
        if difference is None:
            return None
        size = shown_difference(one, difference)
        return difference if size is None else size

    label = f"mean of {one.parts}" if one.parts else one.subset
    value = shown(one.difference)
    return charts.Difference(
        label=label,
        value=0.0 if value is None else value,
        low=shown(one.low),
        high=shown(one.high),
        decision=one.verdict,
        written=difference_text(one),
        about=f"{label}: {difference_text(one)}, 95 % interval {interval_text(one)}, {one.verdict}",
    )


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
