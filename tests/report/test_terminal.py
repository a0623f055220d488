"""The terminal: the same blocks, and no document steers it."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from cupel.charts import bars, histogram
from cupel.findings import Alarm, Code, Facts, Figure, Prose, Sample, Samples, Section, Table
from cupel.report.page import Page
from cupel.report.terminal import show
from tests.report.pages import page_of


def shown(page: Page | Section, width: int = 100, colors: bool = False) -> str:
    out = io.StringIO()
    show(
        page,
        Console(file=out, width=width, force_terminal=colors, color_system="truecolor" if colors else None),
    )
    return out.getvalue()


def hostile_page(text: str) -> Page:
    blocks = (
        Prose(text=text),
        Alarm(text=text),
        Code(text=text),
        Facts(facts=((text, text),)),
        Table(columns=(text, "n"), rows=((text, 1), (text, text)), formats=("text", "bar"), caption=text),
        Figure(
            spec=histogram([0, 1, 2], [1, 2], [3, 4], title=text, unit=text, thresholds=[(1, text)]),
            caption=text,
        ),
        Figure(spec=bars([text], [1], title=text)),
        Figure(spec={"mark": "bar", "title": text}),
        Samples(
            heading=text, samples=(Sample(id=text, source=text, note=text, text=text * 40, marks=((2, 4),)),)
        ),
    )
    return page_of(text, text, ((text, text),), (Section(title=text, lead=text, blocks=blocks),), text)


def test_hostile_text_steers_nothing(hostile: str) -> None:
    out = shown(hostile_page(hostile))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out)


def test_only_our_own_colors_are_sent(hostile: str) -> None:
    """Every escape code is a color that we chose; markup in documents makes none."""
    codes = set(re.findall(r"\x1b[^m]*m", shown(hostile_page(hostile), colors=True)))
    ours = set(re.findall(r"\x1b[^m]*m", shown(hostile_page("harmless"), colors=True)))
    assert codes <= ours
    assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", shown(hostile_page(hostile), colors=True))


@pytest.mark.parametrize("width", [30, 80, 200])
def test_every_line_fits(sample_page: Page, width: int) -> None:
    from rich.cells import cell_len

    for line in shown(sample_page, width).splitlines():
        assert cell_len(line) <= width


def test_all_there_is_to_see_is_shown(sample_page: Page) -> None:
    out = shown(sample_page, 140)
    for section in sample_page.sections:
        assert section.title in out
    for words in (
        "198,668",
        "gopher-quality",
        "↑ min 50",
        "27.4 % ██▊",
        "2 more rows",
        "the highest bar is cut: ",
    ):
        assert words in out


def test_a_table_keeps_all_its_columns_at_80() -> None:
    table = Table(
        columns=("rule", "set", "alone drops", "share"),
        rows=(("max_duplicate_10gram_character_fraction", "gopher-repetition", 123_456, 0.5),),
        formats=("text", "text", "count", "bar"),
    )
    out = shown(Section(title="Rules", blocks=(table,)), 80)
    for words in ("max_duplicate_10gram", "gopher", "123,456", "50.0 %"):
        assert words in out


def test_a_table_too_wide_names_the_columns_it_leaves_out() -> None:
    columns = ("source", *(f"column-{i:02}" for i in range(12)))
    table = Table(columns=columns, rows=(("a" * 40, *range(1000, 1012)),), formats=("text", *("count",) * 12))
    out = shown(Section(title="Sources", blocks=(table,)), 80)
    assert "1,000" in out
    assert all(column in out for column in columns), "shown, or said to be left out"
    assert "too narrow for: " in out
    assert "too narrow" not in shown(Section(title="Sources", blocks=(table,)), 200)


def test_as_many_documents_and_characters_as_asked_for() -> None:
    documents = tuple(Sample(id=f"id-{i}", text="x" * 900) for i in range(5))
    section = Section(title="s", blocks=(Samples(heading="h", samples=documents),))
    assert "2 more on the page" in shown(section)
    assert "500 characters more" in shown(section)
    out = io.StringIO()
    show(section, Console(file=out, width=80), samples=5, characters=900)
    assert out.getvalue().count("x") == 4500


def test_a_section_or_several_are_shown_too() -> None:
    sections = (Section(title="One", blocks=(Prose(text="first"),)), Section(title="Two"))
    out = io.StringIO()
    show(sections, Console(file=out, width=60))
    assert "One" in out.getvalue()
    assert "Two" in out.getvalue()
    assert "first" in out.getvalue()


def test_alarms_come_first_and_the_summary_instead_of_the_sections() -> None:
    page = Page(
        title="Refined",
        facts=(("time", "3 s"),),
        sections=(
            Section(title="Funnel", blocks=(Prose(text="all of it"), Alarm(text="nothing was kept"))),
            Section(title="Only an alarm", blocks=(Alarm(text="much in quarantine"),)),
        ),
        summary=(Section(title="", blocks=(Prose(text="the essential"),)),),
    )
    short = shown(page)
    assert (
        short.index("! nothing was kept") < short.index("! much in quarantine") < short.index("the essential")
    )
    assert "all of it" not in short
    out = io.StringIO()
    show(page, Console(file=out, width=80), full=True)
    whole = out.getvalue()
    assert whole.index("! nothing was kept") < whole.index("all of it")
    assert whole.count("nothing was kept") == 1
    assert "Only an alarm" not in whole.replace("much in quarantine", "")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_lines_of_a_table_are_cut_to_the_width(width: int) -> None:
    rows = (("id", "string", "東京 " * 200), ("a_very_long_name_of_a_field_in_a_pool", "int64", "7"))
    table = Table(columns=("field", "type", "example"), rows=rows, formats=("line", "line", "line"))
    lines = shown(Section(title="Fields", blocks=(table,)), width).splitlines()
    assert len(lines) == 6
    assert "a_very_long" in lines[-1]
