from __future__ import annotations

from typing import Annotated

import typer

from cupel.cli._inputs import Json


def recipes(
    name: Annotated[str | None, typer.Argument(help="A built-in recipe to print, to copy and edit.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of recipe files.")] = False,
    as_json: Json = False,
) -> None:
    """List the built-in recipes, or print one."""
    import json

    from cupel import api
    from cupel.cli._console import out, print_json
    from cupel.errors import UnknownName
    from cupel.findings import Page, Section, Table
    from cupel.report.terminal import show

    if schema:
        typer.echo(json.dumps(api.Recipe.json_schema(), indent=1))
        return
    known = api.recipes()
    if name is not None:
        if name not in known:
            raise UnknownName("recipe", name, known)
        if as_json:
            print_json(api.Recipe.load(name).to_dict())
        else:
            typer.echo(known[name], nl=False)
        return
    loaded = [api.Recipe.load(each) for each in known]
    if as_json:
        print_json([recipe.to_dict() for recipe in loaded])
        return
    rows = tuple((recipe.name, recipe.title, ", ".join(s.label for s in recipe.steps)) for recipe in loaded)
    show(
        Page(
            title="Built-in recipes",
            sections=(Section(title="", blocks=(Table(columns=("recipe", "", "steps"), rows=rows),)),),
        ),
        out,
    )
