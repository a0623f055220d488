"""Charts are plain data, draw without complaint, and carry their own numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.charts import ForestRow, band, bars, fitted, forest, funnel, histogram, line, scatter
from cupel.report.figure import draw, rendered

DRAWERS = (draw, rendered)
"""What the page draws, and what the renderer makes of the same specification."""
HOSTILE = "\x00</svg><script>alert(1)</script>\"']}\u202e"


def specs() -> dict[str, dict]:
    ten = list(range(11))
    return {
        "histogram": histogram(ten, ten[:10], ten[:10], title="a", unit="words", thresholds=[(3, "min 3")]),
        "histogram, log from zero": histogram([0, 1, 10, 100], [5, 6, 7], [0, 0, 1], title="a", log=True),
        "histogram, log": histogram([0.01, 0.1, 1], [5, 6], [0, 0], title="a", log=True),
        "histogram, one bin cut": histogram([0, 1, 2, 3], [900, 5, 6], [100, 1, 1], title="a"),
        "histogram, last bin cut": histogram([0, 1, 2, 3], [5, 6, 900], [1, 1, 2], title="a"),
        "histogram, all empty": histogram([0, 1, 2], [0, 0], [0, 0], title="a", thresholds=[(9, "max 9")]),
        "histogram, no bins": histogram([0], [], [], title="a"),
        "histogram, one point": histogram([5, 5], [3], [0], title="a", log=True),
        "histogram, many thresholds": histogram(
            [0, 1], [3], [4], title="a", thresholds=[(i / 7, f"t{i}") for i in range(-2, 9)]
        ),
        "scatter": scatter(
            {"a": [(0.1, 0.2)], HOSTILE: [(0, 1), (1, 0)]}, title="a", x_title="x", y_title="y"
        ),
        "scatter, empty": scatter({}, title="a", x_title="", y_title=""),
        "funnel": funnel([("input", 100, 9000), ("gopher", 60, 7000), ("none left", 0, 0)]),
        "funnel that grows": funnel(
            [("input", 100, 9000), ("rephrase", 300, 40_000), ("exact", 250, 30_000)]
        ),
        "funnel of nothing": funnel([("input", 0, 0)]),
        "funnel, empty": funnel([]),
        "bars": bars(["en", "de"], [90, 10], [1, 5], title="language"),
        "bars, labels twice": bars(["en", "en", HOSTILE], [90, 10, 1], title="language"),
        "bars, empty": bars([], [], title="language"),
        "line": line([0, 0.5, 1], [0, 0.5, 1], title="S", thresholds=[(0.7, "here")]),
        "lines": line([1, 10, 100], {"a": [1, 2, 3], "b": [3, 2, 1]}, title="sweep", log=True),
        "line, empty": line([], [], title="S"),
        "band": band({"raw": [(0, 3, 4, 5), (1, 2, 3, 4)], HOSTILE: [(0, 1, 1, 1)]}, title="Loss"),
        "band, cut": band({"raw": [(0, 3, 4, 5), (1, 2, 3, 4)]}, title="Loss", y_low=2, y_high=3.5),
        "band, empty": band({}, title="Loss"),
        "fitted": fitted(
            {"1 M": [(1e6, 2), (4e6, 1.8)], HOSTILE: [(1e6, 2.1)]},
            {"1 M": [(1e6, 2), (2e6, 1.9), (4e6, 1.8)]},
            dashed={"1 M": [(1e6, 2), (4e6, 1.7)]},
            title="Loss",
        ),
        "fitted, empty": fitted({}, {}, title="Loss"),
        "forest": forest(
            [
                ForestRow("wiki", -3.3, -3.9, -2.7, "better", "−3.3 %"),
                ForestRow("wiki", 1, 0.5, 1.5, "worse", "+1.0 %"),
                ForestRow(HOSTILE, 0.1, -1, 1.2, "undecided", "+0.1 %"),
                ForestRow("one seed", 0.1, None, None, "undecided", "+0.1 %"),
            ],
            title="Differences",
        ),
        "forest, no difference": forest([ForestRow("a", 0, 0, 0, "undecided", "0 %")], title="Differences"),
        "forest, empty": forest([], title="Differences"),
    }


@pytest.mark.parametrize("name", specs())
def test_every_chart_is_json_and_draws(name: str) -> None:
    spec = specs()[name]
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    for drawer in DRAWERS:
        assert drawer(spec, "f", 300).startswith("<svg ")


def test_counts_are_all_there() -> None:
    spec = histogram([0, 1, 2, 3], [900, 5, 6], [100, 1, 1], title="a")
    assert sum(b["kept"] for b in spec["datasets"]["bins"]) == 911
    assert sum(b["dropped"] for b in spec["datasets"]["bins"]) == 102
    for drawer in DRAWERS:
        assert "1,000" in drawer(spec, "f", 300), "a bar that is cut must bear its true count"


def test_numpy_numbers_are_plain_numbers_in_the_chart() -> None:
    three = np.arange(3)
    effect, low, high = three - 1.0
    for spec in (
        histogram(np.arange(4), three, three, title="a"),
        bars(["a", "b", "c"], three, three, title="a"),
        line(three, three / 2, title="a"),
        band({"a": list(zip(three, three, three, three, strict=True))}, title="a"),
        fitted({"a": list(zip(three, three, strict=True))}, {}, title="a"),
        forest([ForestRow("a", effect, low, high, "worse", "0")], title="a"),
    ):
        assert json.loads(json.dumps(spec))["datasets"] == spec["datasets"]


@pytest.mark.parametrize("drawer", DRAWERS)
def test_thresholds_stand_where_they_belong(drawer: Callable[..., str]) -> None:
    def place(value: float) -> float:
        spec = histogram([0, 50, 100], [1, 1], [1, 1], title="a", thresholds=[(value, "here")])
        rule = re.search(r"<(?:line|path) [^>]*stroke-dasharray[^>]*>", drawer(spec, "f", 300))
        assert rule
        moved = re.search(r"(?:translate\(|d=\"M)([\d.]+),", rule[0])
        return float(moved[1]) if moved else 0.0

    assert place(0) < place(25) < place(75) < place(100)
    assert place(50) - place(25) == pytest.approx(place(75) - place(50), abs=1)


def test_differences_stand_on_their_side_of_zero() -> None:
    rows = [
        ForestRow("a", -3, -4, -1, "better", "−3 %"),
        ForestRow("b", 3, 2.5, 4, "worse", "+3 %"),
        ForestRow("c", 0, -1, 1, "undecided", "0 %"),
    ]
    spec = forest(rows, title="Differences")
    drawn = draw(spec, "f", 300)
    assert spec["usermeta"]["cupel"]["legend"][0] == ["better", "#4f7f93"]
    points = [
        float(x) for x in re.findall(r'<path [^>]*translate\(([\d.]+),[\d.]+\)[^>]*d="M[\d.]+,0A', drawn)
    ]
    assert len(points) == 3
    better, worse, undecided = points
    assert better < undecided < worse
    assert undecided - better == pytest.approx(worse - undecided, abs=0.5)


@pytest.mark.parametrize("drawer", DRAWERS)
def test_bins_of_whole_numbers_bear_whole_numbers(drawer: Callable[..., str]) -> None:
    spec = histogram([-0.5, 0.5, 1.5, 2.5], [1, 2, 3], [0, 0, 0], title="a", unit="lines")
    drawn = drawer(spec, "f", 300)
    assert spec["datasets"]["bins"][1]["about"] == "1 lines: 2 kept, 0 dropped"
    ticks = re.findall(r"<text[^>]*>([^<]+)</text>", drawn)
    assert {"0", "1", "2"} <= set(ticks)
    assert "-0.5" not in drawn
    assert "\u22120.5" not in drawn


def test_a_unit_that_the_title_says_is_not_said_again() -> None:
    assert (
        "subtitle" not in histogram([0, 1], [1], [1], title="short line fraction", unit="fraction")["title"]
    )
    assert bars(["a"], [1], title="Documents by language")["title"] == {"text": "Documents by language"}
    assert bars(["a"], [1], title="Language")["title"]["subtitle"] == "documents"


def test_a_bar_for_each_label_even_when_labels_repeat() -> None:
    spec = bars(["en", "en", "en"], [3, 2, 1], title="language")
    assert len({row["label"] for row in spec["datasets"]["bars"]}) == 3


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 edges need 2 counts"):
        histogram([0, 1, 2], [1], [1, 2], title="a")


@pytest.mark.parametrize("drawer", DRAWERS)
def test_hostile_labels_stay_text(drawer: Callable[..., str]) -> None:
    spec = bars([HOSTILE], [1], title=HOSTILE)
    drawn = drawer(spec, "f", 300)
    assert "<script" not in drawn
    assert "⟨NUL⟩" in drawn


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_can_stand_in_a_chart(label: str, title: str) -> None:
    spec = histogram([0, 1, 2], [1, 2], [3, 4], title=title, unit=label, thresholds=[(1, label)])
    for drawer in DRAWERS:
        assert ElementTree.fromstring(drawer(spec, "f", 300)).tag == "svg"


def test_charts_need_no_altair_and_no_renderer() -> None:
    code = (
        "import sys, cupel.charts; print([m for m in ('altair', 'vl_convert', 'daft') if m in sys.modules])"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"


def test_a_funnel_that_grows_is_drawn_by_its_most() -> None:
    rows = funnel([("input", 100, 10), ("rephrase", 400, 40), ("exact", 200, 20)])["datasets"]["steps"]
    assert [row["documents_share"] for row in rows] == [0.25, 1, 0.5]
    assert [row["documents_before"] for row in rows] == [0.25, 1, 1]
    assert rows[1]["about"].endswith("300 more written here")
    assert "(400.0 %)" in rows[1]["about"]


def test_the_charts_of_a_run_start_no_renderer() -> None:
    code = (
        "import sys\n"
        "from cupel import charts\n"
        "from cupel.report.figure import draw\n"
        "bar = charts.Bar(0, 1, 0, 5, 'blue', 'five')\n"
        "draw(charts.histogram([0, 1, 2], [1, 2], [3, 4], title='a', thresholds=[(1, 'min 1')]), 'f', 300)\n"
        "draw(charts.funnel([('input', 10, 100), ('exact', 5, 50)]), 'f', 300)\n"
        "draw(charts.bars(['en'], [90], [10], title='language'), 'f', 300)\n"
        "draw(charts.line([0, 1], [0, 1], title='S-curve', bars=[bar], bars_title='pairs'), 'f', 300)\n"
        "print('vl_convert' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_bars_are_as_long_as_their_values() -> None:
    drawn = draw(bars(["a", "b"], [10, 40], [30, 0], title="a"), "f", 300)
    widths = {
        (role, round(float(width)))
        for width, role in re.findall(r'<rect [^>]*width="([\d.]+)" height="17.0" class="fill-(\w+)"', drawn)
    }
    (whole,) = (width for role, width in widths if role == "kept" and width > 100)
    assert widths == {("kept", whole), ("kept", round(whole / 4)), ("dropped", round(whole * 3 / 4))}


def test_a_chart_of_others_under_a_name_of_ours_is_rendered() -> None:
    spec = {
        "data": {"values": [{"a": 1}]},
        "mark": "point",
        "encoding": {"x": {"field": "a", "type": "quantitative"}},
    }
    named = spec | {"usermeta": {"cupel": {"chart": "histogram"}}}
    assert draw(named, "f", 300) == rendered(named, "f", 300)
    assert 'aria-label="Chart"' in draw(named, "f", 300)


def test_values_that_are_no_numbers_break_no_curve() -> None:
    drawn = draw(line([0, 1, 2], [0.0, float("nan"), 1.0], title="a"), "f", 300)
    assert "nan" not in drawn
    assert drawn.count('stroke-width="2.25"') == 1
