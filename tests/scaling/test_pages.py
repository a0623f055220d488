"""The report says what the fit says."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from cupel.findings import Alarm, Figure, Page, Table
from cupel.report.page import render
from cupel.report.terminal import show
from cupel.scaling.law import Law
from cupel.scaling.pages import answer, repeats_sections
from cupel.scaling.repeats import Repeats, fit_repeats
from tests.scaling.grids import PAPER, PROXY, cells


@pytest.fixture(scope="module")
def fit() -> Repeats:
    return fit_repeats(cells(PROXY, seeds=2, noise=0.003), replicates=10)


def test_every_section_is_there_and_draws(fit: Repeats) -> None:
    page = Page(title="Scaling", sections=repeats_sections(fit, 1_200_000))
    assert [section.title for section in page.sections] == [
        "What the corpus is worth",
        "Fit",
        "Constants",
        "Error on cells left out",
    ]
    out = io.StringIO()
    show(page, Console(file=out, width=120, color_system=None))
    drawn = render(page)
    for said in ("1.2 M unique", "R* of data", "one number of epochs", "E holds the term of size"):
        assert said in out.getvalue() or said in drawn
    assert "<svg " in drawn
    assert "R* is finite" in drawn


def test_the_numbers_are_those_of_the_fit(fit: Repeats) -> None:
    worth, curves, constants, held_out = repeats_sections(fit, 1_200_000)
    table = next(block for block in worth.blocks if isinstance(block, Table))
    tokens, share = fit.worth(1_200_000, 4)
    assert table.rows[2][1] == tokens.value
    assert table.rows[2][3] == share.value
    assert [row[4] for row in table.rows] == ["measured"] * 4 + ["extrapolated"] * 2
    figure = curves.blocks[0]
    assert isinstance(figure, Figure)
    assert len(figure.spec["datasets"]["measured"]) == len(fit.cells)
    ends = {row["curve"]: row for row in figure.spec["datasets"]["points"]}
    assert ends["1.2 M unique"]["middle"] == pytest.approx(float(fit.law.loss(1e6, 1.2e6, 1.44e7)))
    dashes = {row["curve"]: row for row in figure.spec["datasets"]["dashed"]}
    assert dashes["1.2 M unique"]["middle"] == pytest.approx(float(fit.chinchilla.loss(1e6, 1.2e6, 1.44e7)))
    rows = constants.blocks[0].rows  # type: ignore[union-attr]
    assert [row[0] for row in rows] == ["E", "B", "β", "R* of data"]
    assert rows[3][3] == "∞"
    assert held_out.blocks[1].rows[0][2] == fit.held_out[0].repeats  # type: ignore[union-attr]


def test_the_answer_in_a_sentence() -> None:
    laws = [Law(E=1, B=10, beta=0.3, repeats=limit) for limit in (2.0, 3.0, 4.0, math.inf)]
    known = Repeats((), laws[1], laws[3], tuple(laws[:3]))
    assert answer(known, 1_200_000).startswith(
        "This corpus of 1.2 M tokens is worth up to about 3.1 epochs (95 % interval 2.4 to 3.8): beyond, one more token "
        "adds less than 50.0 % of what a fresh one would. 4 epochs are worth 3.48 M fresh tokens"
    )
    half = Repeats((), laws[1], laws[3], tuple(laws))
    assert "3.1 epochs, 2.4 at least and perhaps without limit" in answer(half, 1_200_000)
    none = Repeats((), laws[3], laws[3], tuple(laws))
    assert answer(none, 1_200_000).startswith(
        "No limit to what epochs of this corpus of 1.2 M tokens are worth"
    )


def test_what_the_law_cannot_follow_is_an_alarm(fit: Repeats) -> None:
    assert not any(isinstance(block, Alarm) for block in repeats_sections(fit, 1e6)[0].blocks)
    risen = [
        replace(cell, loss=cell.loss * 1.1) if cell.unique_tokens == 3e5 and cell.epochs == 12 else cell
        for cell in fit.cells
    ]
    alarms = [
        b.text
        for b in repeats_sections(replace(fit, cells=tuple(risen)), 1e6)[0].blocks
        if isinstance(b, Alarm)
    ]
    assert any("With 300 k unique tokens the loss rises again" in text for text in alarms)
    short = replace(fit, cells=tuple(cell for cell in fit.cells if cell.epochs < 3))
    alarms = [b.text for b in repeats_sections(short, 1e6)[0].blocks if isinstance(b, Alarm)]
    assert any("No cell was seen more than 2 times" in text for text in alarms)


def test_several_sizes_have_constants_of_their_own() -> None:
    grid_cells = cells(PAPER, sizes=(1e8, 1e10), unique=(1e9, 6e10), epochs=(1, 30), noise=0.003)
    fit = fit_repeats(grid_cells, replicates=2)
    _, curves, constants, _ = repeats_sections(fit, 1e9, unit="nats per token")
    rows = constants.blocks[0].rows  # type: ignore[union-attr]
    assert [row[0] for row in rows] == ["E", "A", "α", "B", "β", "R* of data", "R* of parameters"]
    names = {row["curve"] for row in curves.blocks[0].spec["datasets"]["points"]}  # type: ignore[union-attr]
    assert "1 G unique, 10 G parameters" in names
