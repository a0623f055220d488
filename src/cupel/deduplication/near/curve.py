"""The S-curve: how likely MinHash-LSH is to see a pair, by its similarity."""

from __future__ import annotations

import pyarrow as pa

from cupel import charts
from cupel.findings import Figure, Table
from cupel.units import write_count

__all__ = ["candidate_probability", "curve_figure", "curve_table", "midpoint"]

BIN_WIDTH = 0.02
SHOWN_SIMILARITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def candidate_probability(similarity: float, bands: int, rows: int) -> float:
    """The probability that two documents of this Jaccard similarity share a band.

    1 - (1 - s^r)^b for *b* bands of *r* rows.

    >>> round(candidate_probability(0.8, bands=14, rows=8), 3)
    0.924
    """
    return 1 - (1 - similarity**rows) ** bands


def midpoint(bands: int, rows: int) -> float:
    """The similarity at which about 63 % of pairs are seen: (1/b)^(1/r).

    >>> round(midpoint(bands=14, rows=8), 3)
    0.719
    """
    return (1 / bands) ** (1 / rows)


def curve_table(bands: int, rows: int) -> Table:
    """The S-curve in figures."""
    return Table(
        columns=("similarity", "pairs seen"),
        rows=tuple((s, candidate_probability(s, bands, rows)) for s in SHOWN_SIMILARITIES),
        formats=("number", "percent"),
        caption=f"Probability that a pair shares one of {bands} bands of {rows} rows.",
    )


def curve_figure(bands: int, rows: int, threshold: float | None, histogram: pa.RecordBatch | None) -> Figure:
    """The S-curve, the threshold, and the similarities of the compared pairs.

    Parameters
    ----------
    threshold, histogram
        None where pairs are not verified. The histogram has `similarity` (lower edge),
        `verified` and `rejected`.
    """
    steps = [step / 100 for step in range(101)]
    bars = [] if histogram is None else _bars(histogram)
    legend = {"probability of being seen": "kept", "pairs rejected": "dropped", "pairs joined": "blue"}
    spec = charts.line(
        steps,
        [candidate_probability(s, bands, rows) for s in steps],
        title="Which pairs are seen",
        x_title="Jaccard similarity",
        y_title="probability of being seen",
        thresholds=[] if threshold is None else [(threshold, f"joined from {threshold:g}")],
        bars=bars,
        bars_title="pairs compared",
        legend=list(legend.items()) if bars else [],
    )
    return Figure(spec=spec, caption=_caption(bands, rows, threshold, bool(bars)))


def _bars(histogram: pa.RecordBatch) -> list[charts.Bar]:
    """One bar for each bin and outcome; the verified stand on the rejected."""
    bars = []
    for row in histogram.to_pylist():
        low, bottom = row["similarity"], 0
        high = round(low + BIN_WIDTH, 6)
        for outcome, role in (("rejected", "dropped"), ("verified", "blue")):
            pairs = row[outcome]
            if pairs:
                about = f"{low:.2f} to {high:.2f}: {write_count(pairs)} {outcome}"
                bars.append(charts.Bar(low, high, bottom, bottom + pairs, role, about))
            bottom += pairs
    return bars


def _caption(bands: int, rows: int, threshold: float | None, bars: bool) -> str:
    parts = [f"The line: the probability that a pair shares one of {bands} bands of {rows} rows."]
    if threshold is not None:
        parts.append(f"Dashed: pairs are joined from a similarity of {threshold:g}.")
    if bars:
        parts.append("Bars: the pairs that were compared, by their true similarity.")
    return " ".join(parts)
