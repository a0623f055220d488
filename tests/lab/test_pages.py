"""The page and the summary say what the verdict says, and nothing in them acts."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from cupel.errors import BadInput
from cupel.findings import Page
from cupel.lab.curves import Curve, curve_figure
from cupel.lab.pages import ArmFacts, AssayReport, Continuation, Cost, assay_page, summary_page
from cupel.report.page import render
from cupel.report.terminal import show
from cupel.verdict.floor import noise_floor
from cupel.verdict.verdict import compare
from tests.verdict.test_verdict import answers, bits, clear, trials

HOSTILE = "\x00</svg><script>alert(1)</script>\x1b[31m"


def text_of(page: Page, width: int = 110) -> str:
    out = io.StringIO()
    show(page, Console(file=out, width=width, color_system=None))
    return out.getvalue()


@pytest.fixture(scope="module")
def assay() -> AssayReport:
    trials = clear()
    for arm in trials.values():
        for seed, measures in arm.items():
            measures.append(answers(110 + seed))
    floors = noise_floor({seed: [bits(1.9 + seed / 500), bits(1.6, "code")] for seed in range(5)})
    return AssayReport(
        compare(trials, "raw", floors),
        title="Assay at nano",
        curves=[
            Curve(arm, seed, [0, 10, 20], [9, 4, 3 + seed / 10]) for arm in ("raw", "junk") for seed in (0, 1)
        ],
        costs=[Cost("raw", 3, 1, 3_000_000, 3.2e13, 75.0, 0.5), Cost("junk", 3, 0, 3_000_000, 3.2e13, 75.0)],
        data=[ArmFacts("raw", "pool/", 1_234, 4_000_000, 0.75, 12)],
        generations=[Continuation("The river", arm, f"of {arm}") for arm in ("raw", "junk")],
        price="0.05 USD a core and hour",
        notes=("A proxy is a proxy.",),
    )


def test_everything_is_on_the_page(assay: AssayReport) -> None:
    page = assay_page(assay)
    assert [section.title for section in page.sections] == [
        "Verdict",
        "Differences",
        "Wins and losses",
        "Training",
        "Against guessing",
        "Generations",
        "Data",
        "Cost",
        "Noise floor",
        "Notes",
    ]
    assert [value for label, value in page.facts if label == "verdict"] == [
        assay.verdict.sentence("refined"),
        assay.verdict.sentence("junk"),
    ]
    document = render(page)
    assert "could not be drawn" not in document
    for said in (
        "32 TFLOP",
        "1 min 15 s",
        "0.05 USD a core and hour",
        "of junk",
        "1,234",
        "A proxy is a proxy.",
    ):
        assert said in document


def test_every_comparison_has_its_row(assay: AssayReport) -> None:
    section = assay_page(assay).sections[0]
    rows = [row for table in section.blocks for row in table.rows]  # type: ignore[union-attr]
    assert [row[1] for row in rows] == [comparison.verdict for comparison in assay.verdict.comparisons]
    assert [row[7] for row in rows] == [comparison.needed for comparison in assay.verdict.comparisons]


def test_an_assay_with_nothing_but_a_verdict_has_a_page(assay: AssayReport) -> None:
    bare = compare(trials(raw=[[bits(1.9)]], refined=[[bits(1.8)]]), "raw")
    page = assay_page(AssayReport(bare))
    assert [section.title for section in page.sections] == ["Verdict", "Differences"]
    assert "One seed only: nothing is known of the scatter" in render(page)
    assert "could not be drawn" not in render(page)


def test_seeds_that_scatter_too_much_raise_an_alarm() -> None:
    floors = noise_floor({seed: [bits(1.9 + seed / 5_000)] for seed in range(10)})
    wild = trials(raw=[[bits(v)] for v in (1.9, 1.9, 1.9)], refined=[[bits(v)] for v in (1.8, 2.2, 2.6)])
    assert "Did a trial diverge?" in render(assay_page(AssayReport(compare(wild, "raw", floors))))


def test_the_summary_is_short(assay: AssayReport) -> None:
    single = replace(
        assay,
        verdict=compare({arm: seeds for arm, seeds in clear().items() if arm != "junk"}, "raw"),
        subtitle="2 arms",
    )
    lines = [line for line in text_of(summary_page(single)).splitlines() if line.strip()]
    assert len(lines) <= 12
    assert lines[3].split(maxsplit=1)[1].startswith(single.verdict.sentence("refined")[:60])
    assert any("better on wiki; worse on code" in line for line in lines)


def test_the_terminal_draws_both_charts(assay: AssayReport) -> None:
    shown = text_of(assay_page(assay))
    assert "(a chart; see the page)" not in shown
    wiki = next(line for line in shown.splitlines() if line.startswith("wiki") and "better" in line)
    assert wiki.index("●") < wiki.index("│")


def test_hostile_names_stay_text() -> None:
    trials = clear()
    named = {HOSTILE if arm == "refined" else arm: seeds for arm, seeds in trials.items()}
    verdict = compare(named, "raw")
    page = assay_page(
        AssayReport(
            verdict,
            title=HOSTILE,
            curves=[Curve(HOSTILE, 0, [0, 1], [2, 1])],
            generations=[Continuation(HOSTILE, HOSTILE, HOSTILE)],
            notes=(HOSTILE,),
        )
    )
    assert "<script" not in render(page)
    assert "\x1b" not in text_of(page)


def test_long_curves_are_averaged_and_the_first_fall_is_cut() -> None:
    tokens = np.arange(1, 1_001) * 1e3
    curves = [Curve("raw", seed, tokens, 3 + 30 * np.exp(-tokens / 3e4) + seed * 0.1) for seed in (0, 1, 2)]
    spec = curve_figure(curves)
    points = spec["datasets"]["points"]
    assert len(points) == 120
    assert points[-1]["low"] == pytest.approx(3, abs=1e-6)
    assert points[-1]["middle"] == pytest.approx(3.1, abs=1e-6)
    assert points[-1]["high"] == pytest.approx(3.2, abs=1e-6)
    low, high = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low == pytest.approx(3, abs=1e-6)
    assert 3.2 < high < 5


def test_curves_that_stop_early_end_where_all_do() -> None:
    curves = [Curve("raw", 0, [0, 10, 20], [3, 2, 1]), Curve("raw", 1, [0, 10], [3, 2])]
    assert [point["x"] for point in curve_figure(curves)["datasets"]["points"]] == [0, 10]


def test_a_curve_without_losses_is_named() -> None:
    with pytest.raises(BadInput, match="raw, seed 3: 2 points and 1 losses"):
        curve_figure([Curve("raw", 3, [0, 1], [2])])
