"""Comparisons in words and written numbers."""

from __future__ import annotations

from cupel.verdict.comparison import Comparison

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


def measure_text(one: Comparison) -> str:
    """Metric and subset as words."""
    subset = f"mean of {one.parts}" if one.parts else one.subset
    return f"{metric_text(one.metric)}, {subset}"


def sentence(one: Comparison) -> str:
    """A comparison in one sentence: who is better, by how much, how surely, or what would tell."""
    numbers = (
        f"{value_text(one, one.value)} against {value_text(one, one.baseline_value)} "
        f"{metric_text(one.metric)} ({difference_text(one)}{_interval(one)})"
    )
    if one.verdict == "undecided":
        return f"{one.arm} against {one.baseline} is undecided: {numbers}; needed: {one.needed}"
    return f"{one.arm} is {one.verdict} than {one.baseline}: {numbers}"


def value_text(one: Comparison, value: float) -> str:
    """A value as its metric is written: per cent where there is a level of chance."""
    return (
        f"{100 * value:.1f} %" if in_points(one) else f"{value:.4g}" if abs(value) >= 10 else f"{value:.3f}"
    )


def difference_text(one: Comparison) -> str:
    """The difference with its sign: relative, or in percentage points where there is a level of chance."""
    size = shown_difference(one, one.difference)
    if size is None:
        return _signed(one.difference, 4)
    return f"{_signed(size, 1 if abs(size) >= 0.1 else 2)} {'points' if in_points(one) else '%'}"


def interval_text(one: Comparison) -> str:
    """The 95 % interval in the unit of `difference_text`; a dash where it cannot be told."""
    if one.low is None or one.high is None:
        return "–"
    ends = [shown_difference(one, end) for end in (one.low, one.high)]
    if ends[0] is None or ends[1] is None:
        return f"{_signed(one.low, 4)} to {_signed(one.high, 4)}"
    digits = 1 if max(abs(ends[0]), abs(ends[1])) >= 1 else 2
    return f"{_signed(ends[0], digits)} to {_signed(ends[1], digits)}"


def shown_difference(one: Comparison, difference: float) -> float | None:
    """A difference in per cent of the baseline, or in points; None where the baseline is zero."""
    if in_points(one):
        return 100 * difference
    return 100 * difference / abs(one.baseline_value) if one.baseline_value else None


def in_points(one: Comparison) -> bool:
    """Whether the metric is a share of right answers, whose differences are percentage points."""
    return one.chance is not None


def _interval(one: Comparison) -> str:
    return "; no interval from one seed" if one.low is None else f", 95 % interval {interval_text(one)}"


def _signed(value: float, digits: int) -> str:
    """With a sign that is a minus and not a hyphen; a value rounded to zero has none."""
    written = f"{abs(value):.{digits}f}"
    if float(written) == 0:
        return written
    return f"{'−' if value < 0 else '+'}{written}"
