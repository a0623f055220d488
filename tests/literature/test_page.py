"""docs/literature.md is what the cards, recipes, claims and surveys say, and leads only to what there is."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from cupel.cli._app import app
from cupel.contract import STAGES, UTILITIES, Dedup, Generator, all_methods
from cupel.literature.catalog import gather
from cupel.literature.page import NO_METHOD, empty_cells, literature_markdown
from cupel.literature.surveys import SurveyItem, read_surveys
from cupel.recipe.recipe import built_in_recipes
from cupel.reproduction.folder import find_claims
from tests.conftest import ROOT
from tests.reproduction.world import CLAIMS

PAGE = ROOT / "docs" / "literature.md"


def test_the_page_of_the_docs_is_up_to_date() -> None:
    page = literature_markdown(gather(CLAIMS), read_surveys())
    assert PAGE.read_text("utf-8") == page, "cupel papers --write docs/literature.md"


def test_the_page_leads_only_to_what_there_is() -> None:
    page = PAGE.read_text("utf-8")
    methods = set(re.findall(r"\(methods/([^)]+)\.md\)", page)) | set(
        re.findall(r"`cupel methods ([a-z][\w-]*)`", page)
    )
    assert "minhash" in methods
    assert methods <= all_methods().keys()
    assert set(re.findall(r"`cupel claims run (\w+)`", page)) <= find_claims(CLAIMS).keys()
    for name in re.findall(r"\((\w+\.md)\)", page):
        assert (ROOT / "docs" / name).is_file(), name
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)", page, re.M)
    }
    assert set(re.findall(r"\(#([^)]+)\)", page)) <= anchors


@pytest.mark.parametrize(
    "item", [item for survey in read_surveys() for item in survey.items], ids=lambda item: item.item
)
def test_an_item_of_a_survey_leads_to_commands_and_methods_that_exist(item: SurveyItem) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for command in item.commands:
        program, name, *words = shlex.split(command)
        assert program == "cupel"
        known[name].make_context(name, list(words))
        if name == "refine":
            assert words[0] in built_in_recipes() or words[0].endswith(".yaml")
        if name == "claims":
            assert words[1] in find_claims(CLAIMS)
    assert set(item.methods) <= all_methods().keys()
    assert item.methods or item.commands or item.missing


def test_the_surveys_are_those_that_the_page_promises() -> None:
    headings = {survey.heading: [item.item for item in survey.items] for survey in read_surveys()}
    assert len(headings["Four scenarios of data-centric work"]) == 4
    assert len(headings["Synthesis, by stage of the life cycle"]) == 6
    with pytest.raises(ValueError, match="'Nothing' leads nowhere"):
        SurveyItem(item="Nothing")


def test_every_generator_names_its_stages_and_limits() -> None:
    for name, method in all_methods().items():
        if issubclass(method, Generator):
            assert method.stages, name
            assert method.limits, name


def test_every_cell_is_filled_or_has_a_reason() -> None:
    methods = list(all_methods().values())
    empty = empty_cells(methods)
    filled = {(method.utility, stage) for method in methods for stage in method.stages}
    assert len(empty) + len(filled) == len(UTILITIES) * len(STAGES)
    assert not empty.keys() & filled
    assert all(reason.startswith(NO_METHOD) for reason in empty.values())
    only_copies = empty_cells([method for method in methods if issubclass(method, Dedup)])
    assert ("quality", "pretraining") in only_copies
    assert ("deduplication", "pretraining") not in only_copies
