"""What a verdict rests on: alarms where it misleads, each with what to do, and none otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cupel.lab.basis import Basis, DomainText, basis_facts, basis_section
from cupel.lab.pages import AssayReport, assay_page, summary_page
from cupel.report.page import render
from cupel.verdict.verdict import compare
from tests.lab.test_pages import text_of
from tests.verdict.test_verdict import clear

WIKI = DomainText("wiki", 200, 300_000, 300_000, 0)
SOUND = Basis(
    epochs={"raw": 0.3, "refined": 0.9},
    tokens=1_000_000,
    domains=(WIKI,),
    named=True,
    tasks=False,
    seeds=3,
    floor="six domains, two cores",
    machine="x86 CPU",
    scale="nano",
)


def test_a_sound_assay_raises_no_alarm() -> None:
    assert SOUND.alarms == ()
    assert [block.block for block in basis_section(SOUND).blocks] == ["table"]


@pytest.mark.parametrize(
    ("change", "said", "remedy"),
    [
        ({"named": False}, "No text stands for what you want", "--held-out FILE"),
        ({"epochs": {"raw": 0.004, "refined": 0.5}}, "raw 0.4 %", "--set tokens=2600000"),
        ({"epochs": {"raw": 1.5, "refined": 8.0}}, "refined was repeated 8.0 times, raw 1.5", "tokens=500000"),
        ({"domains": (replace(WIKI, overlap_bytes=60_000),)}, "20.0 % of the held-out text", "`decontaminate`"),
        ({"domains": (WIKI, DomainText("code", 3, 9_000, 9_000, 0))}, "code (3 documents, 9.00 kB)", "add text"),
        ({"domains": (WIKI, DomainText("code", 3, 9_000, 99_000, 0))}, "code (3", "evaluation.held_out_bytes"),
    ],
)  # fmt: skip
def test_what_misleads_raises_one_alarm_that_says_what_to_do(
    change: dict[str, object], said: str, remedy: str
) -> None:
    (alarm,) = replace(SOUND, **change).alarms  # type: ignore[arg-type]
    assert said in alarm
    assert remedy in alarm


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": {"raw": 0.01, "refined": 0.01}},
        {"epochs": {"raw": 0.1, "refined": 3.9}},
        {"epochs": {"raw": 5.0, "refined": 8.0}},
        {"domains": (replace(WIKI, overlap_bytes=59_000),)},
        {"named": False, "tasks": True},
    ],
)
def test_what_does_not_mislead_raises_none(change: dict[str, object]) -> None:
    assert replace(SOUND, **change).alarms == ()  # type: ignore[arg-type]


def test_what_it_rests_on_is_said() -> None:
    facts = dict(basis_facts(replace(SOUND, domains=(replace(WIKI, overlap_bytes=30_000),), floor=None)))
    assert facts["seen of each arm"] == "raw 30 %; refined 90 %"
    assert facts["held-out text"] == "200 documents, 300 kB; named by you"
    assert facts["left out of it"] == "10.0 % for overlap with an arm"
    assert facts["noise floor"] == "not known for this scale"
    assert (facts["tokens per trial"], facts["seeds per arm"]) == ("1,000,000", "3")


def test_page_and_terminal_show_alarms_before_the_verdict() -> None:
    verdict = compare(clear(), "raw")
    report = AssayReport(verdict, title="Assay", basis=replace(SOUND, named=False))
    document = render(assay_page(report))
    # The summary at the top of the page names it; the section says it whole.
    assert document.count("No text stands for what you want") == 2
    shown = text_of(summary_page(report), width=80)
    assert shown.index("No text stands") < shown.index("Verdict ─")
    assert shown.index("Verdict ─") < shown.index("seen of each arm") < shown.index("--held-out FILE, text")
    assert max(map(len, shown.splitlines())) <= 80
