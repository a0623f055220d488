from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._options import Cores, Full, IdColumn, Layout, MaxDocumentBytes, TextColumn, reading_options


def inspect(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, URLs or Hugging Face names.")],
    page: Annotated[
        Path | None, typer.Option("--page", help="Also write the profile as an HTML page.")
    ] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    layout: Layout = None,
    max_document_bytes: MaxDocumentBytes = "64MiB",
    full: Full = False,
    cores: Cores = None,
) -> None:
    """Profile a pool: sizes, languages, duplicates, signal histograms."""
    from cupel.cli._progress import TerminalProgress, announce

    announce(f"inspect {', '.join(paths)}")
    from cupel import api
    from cupel.cli._console import out, say
    from cupel.report import write
    from cupel.report.terminal import show

    profile = api.inspect(
        paths,
        reading=reading_options(text_column, id_column, layout, max_document_bytes),
        engine=api.Engine(cores=cores),
        progress=TerminalProgress(keeping=False),
    )
    show(profile.page, out, full=full)
    if page is not None:
        write(profile.page, page)
        say(f"page  {page}")
