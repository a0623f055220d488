"""Commands in the running text of the docs, which no test carries out: each has the form that `cupel` takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from cupel.cli._app import app
from cupel.recipe.recipe import Recipe
from cupel.recipe.repetition import dedup_recipe

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
INLINE = re.compile(r"`(cupel [^`…]+)`")
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


def test_there_are_commands() -> None:
    assert len(commands()) > 30


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_in_the_text_is_one(page: str, command: str) -> None:
    _, name, *arguments = shlex.split(command.partition(" > ")[0])
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
    if name == "dedup":
        dedup_recipe(settings["by"], settings["set_"] or (), settings["index"], settings["key"] or ())
