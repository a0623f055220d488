from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Json
from cupel.cli._options import SHOWN_CHARACTERS


def why(
    output: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    id: Annotated[
        str, typer.Argument(help="Id of a document, or the end of the path that it was read from.")
    ],
    json: Json = False,
    full: Annotated[bool, typer.Option("--full", help="Print the texts whole.")] = False,
) -> None:
    """Tell the whole story of one document, with its text before and after."""
    from cupel import api
    from cupel.cli._console import out, print_json
    from cupel.cli._stories import story_page
    from cupel.report.terminal import show

    stories = api.why(output, id)
    if json:
        print_json(stories)
        return
    for story in stories:
        show(story_page(story), out, characters=sys.maxsize if full else SHOWN_CHARACTERS)
