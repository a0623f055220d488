"""Charts as data: Vega-Lite specifications, built as plain dictionaries.

Every chart carries its numbers in `datasets` and, under `usermeta.cupel`, which chart it
is and its legend, so that a terminal can draw the same numbers and a page can print one
legend for a whole grid. Colors are the named ones below; a page gives each of them a
light and a dark value.

Source of the grammar: Satyanarayan et al., "Vega-Lite: A Grammar of Interactive
Graphics", 2017.
"""

from __future__ import annotations

from cupel.charts.band import band
from cupel.charts.curve import Bar, line
from cupel.charts.fitted import fitted
from cupel.charts.flow import funnel
from cupel.charts.forest import ForestRow, forest
from cupel.charts.parts import COLORS, is_whole, share
from cupel.charts.ranking import bars
from cupel.charts.scatter import scatter
from cupel.charts.spread import histogram

__all__ = [
    "Bar",
    "COLORS",
    "ForestRow",
    "band",
    "bars",
    "fitted",
    "forest",
    "funnel",
    "histogram",
    "is_whole",
    "line",
    "scatter",
    "share",
]
