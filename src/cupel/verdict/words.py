"""Comparisons in words and written numbers."""

from __future__ import annotations

from cupel.verdict.comparison import ArmComparison

__all__ = [
    "difference_text",
    "in_points",
    "interval_text",
    "measure_text",
    "metric_text",
    "sentence",
    "shown_difference",
    "value_text",
]


def metric_text(metric: str) -> str:
    """`bits_per_byte` as words."""
    return metric.replace("_", " ")


def measure_text(comparison: ArmComparison) -> str:
    """Metric and subset as words."""
    subset = f"mean of {comparison.parts}" if comparison.parts else comparison.subset
    return f"{metric_text(comparison.metric)}, {subset}"


def sentence(comparison: ArmComparison) -> str:
    """A comparison in one sentence: who is better, by how much, how surely, or what would tell."""
    numbers = (
        f"{value_text(comparison, comparison.value)} against {value_text(comparison, comparison.baseline_value)} "
        f"{metric_text(comparison.metric)} ({difference_text(comparison)}{_interval(comparison)})"
    )
    if comparison.verdict == "undecided":
        return f"{comparison.arm} against {comparison.baseline} is undecided: {numbers}; needed: {comparison.needed}"
    return f"{comparison.arm} is {comparison.verdict} than {comparison.baseline}: {numbers}"


def value_text(comparison: ArmComparison, value: float) -> str:
    """A value as its metric is written: per cent where there is a level of chance."""
    return (
        f"{100 * value:.1f} %"
        if in_points(comparison)
        else f"{value:.4g}"
        if abs(value) >= 10
        else f"{value:.3f}"
    )


def difference_text(comparison: ArmComparison) -> str:
    """The difference with its sign: relative, or in percentage points where there is a level of chance."""
    size = shown_difference(comparison, comparison.difference)
    if size is None:
        return _signed(comparison.difference, 4)
    return f"{_signed(size, 1 if abs(size) >= 0.1 else 2)} {'points' if in_points(comparison) else '%'}"


def interval_text(comparison: ArmComparison) -> str:
    """The 95 % interval in the unit of `difference_text`; a dash where it cannot be told."""
    if comparison.low is None or comparison.high is None:
        return "–"
    ends = [shown_difference(comparison, end) for end in (comparison.low, comparison.high)]
    if ends[0] is None or ends[1] is None:
        return f"{_signed(comparison.low, 4)} to {_signed(comparison.high, 4)}"
    digits = 1 if max(abs(ends[0]), abs(ends[1])) >= 1 else 2
    return f"{_signed(ends[0], digits)} to {_signed(ends[1], digits)}"


def shown_difference(comparison: ArmComparison, difference: float) -> float | None:
    """A difference in per cent of the baseline, or in points; None where the baseline is zero."""
    if in_points(comparison):
        return 100 * difference
    return 100 * difference / abs(comparison.baseline_value) if comparison.baseline_value else None


def in_points(comparison: ArmComparison) -> bool:
    """Whether the metric is a share of right answers, whose differences are percentage points."""
    return comparison.chance is not None


def _interval(comparison: ArmComparison) -> str:
    return (
        "; no interval from one seed"
        if comparison.low is None
        else f", 95 % interval {interval_text(comparison)}"
    )


def _signed(value: float, digits: int) -> str:
    """With a sign that is a minus and not a hyphen; a value rounded to zero has none."""
    written = f"{abs(value):.{digits}f}"
    if float(written) == 0:
        return written
    return f"{'−' if value < 0 else '+'}{written}"
