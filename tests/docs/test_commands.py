"""Commands in the running text of the docs, which no test carries out: each has the form that `cupel` takes."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer

from cupel.cli._app import app
from cupel.cli._method_options import method_options
from cupel.contract import all_methods, find_method
from cupel.recipe.recipe import Recipe
from cupel.recipe.repetition import dedup_recipe

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
INLINE = re.compile(r"`(cupel [^`…]+)`")
NOT_RUN = re.compile(r"<!-- not run[^>]*-->\n```shell\n(.*?)^```", re.MULTILINE | re.DOTALL)
FORMS = re.compile(r"\b[A-Z]{2,}\b|\.\.\.")
"""A form such as `cupel why OUTPUT ID` names what to fill in; it is no command."""


def commands() -> list[tuple[str, str]]:
    """(page, command) of every command within text, but for fenced snippets, which are run."""
    return [
        (page.name, command)
        for page in PAGES
        for command in INLINE.findall(
            re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        )
    ]


def snippets() -> list[tuple[str, str]]:
    """(page or card, command) of every command in a snippet that is not run, for want of data or a model."""
    pages = [
        (page.name, line)
        for page in PAGES
        for block in NOT_RUN.findall(page.read_text("utf-8"))
        for line in block.replace("\\\n", " ").splitlines()
    ]
    cards = [
        (f"card of {name}", line.strip())
        for name, method in all_methods().items()
        for line in (inspect.getdoc(method) or "").splitlines()
    ]
    return [(where, line) for where, line in [*pages, *cards] if line.startswith("cupel ")]


def test_there_are_commands() -> None:
    assert len(commands()) > 30
    assert len(snippets()) > 15


@pytest.mark.parametrize(("page", "command"), [*commands(), *snippets()])
def test_a_command_in_the_text_is_one(page: str, command: str) -> None:
    _, name, *arguments = shlex.split(command.partition(" > ")[0], comments=True)
    if name.startswith("-"):
        return  # `cupel --help`
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert name in known, f"{page}: `{command}`: no such command"
    if not arguments or FORMS.search(re.sub(r"CC-MAIN|ID", "", command)):
        return
    try:
        settings = known[name].make_context(name, arguments).params
    except typer.BadParameter as error:
        # But for this page, the text may name a command without all that it needs.
        if type(error).__name__ == "MissingParameter" and page != "have.md":
            return
        raise
    if name == "refine" and not settings["recipe"].endswith(".yaml"):
        Recipe.load(settings["recipe"], settings["set_"] or ())
    if name == "fit":
        method_options(find_method(settings["method"]), settings["words"] or ())
    if name == "dedup":
        dedup_recipe(settings["by"], settings["set_"] or (), settings["index"], settings["key"] or ())
