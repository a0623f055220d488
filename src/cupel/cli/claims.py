from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cupel.cli._options import Cache, Device, Workers

if TYPE_CHECKING:
    from cupel.findings import Table


def claims(
    action: Annotated[str, typer.Argument(help="list, run or table.")] = "list",
    id: Annotated[Optional[str], typer.Argument(help="The claim to run.")] = None,  # noqa: UP045
    seeds: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Trials of each arm; the claim's own number by default."),
    ] = None,
    scale: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="A built-in scale or a YAML file; the claim's own by default."),
    ] = None,
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder of the real data; ../shared/data beside the project by default."),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Folder of the claims and of their results.")] = Path("claims"),
    write: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="table: write the page of the docs to this file."),
    ] = None,
    device: Device = "auto",
    workers: Workers = None,
    cache: Cache = None,
) -> None:
    """List what papers claim, run the experiment behind a claim, or show what came out."""
    from cupel import api
    from cupel.cli._console import out, say
    from cupel.cli._training import TrainingProgress
    from cupel.errors import BadOption, UnknownName
    from cupel.findings import Page
    from cupel.report.terminal import show
    from cupel.reproduction.result import result_path
    from cupel.reproduction.table import result_section

    if action not in ("list", "run", "table"):
        raise UnknownName("action", action, ("list", "run", "table"))
    if action != "run":
        return _list(folder) if action == "list" else _table(folder, write)
    if id is None:
        raise BadOption("cupel claims run: which one? `cupel claims list` names them")
    with TrainingProgress() as progress:
        result = api.run_claim(
            id,
            folder=folder,
            seeds=seeds,
            scale=scale,
            data=data,
            device=device,
            workers=workers,
            cache=cache,
            progress=progress,
        )
    claim = api.claims(folder)[id]
    show(Page(title=id, sections=(result_section(claim, result), *result.sections)), out)
    say(f"recorded  {result_path(id, folder)}")
    return None


def _list(folder: Path) -> None:
    from cupel import api
    from cupel.findings import Table

    rows = tuple(
        (source.id, source.claim.statement, str(source.claim.cost)) for source in api.claims(folder).values()
    )
    _show(Table(columns=("claim", "what the paper says", "cost"), rows=rows, formats=("text",) * 3))


def _table(folder: Path, write: Path | None) -> None:
    from cupel.errors import RunFailed
    from cupel.reproduction.folder import find_claims
    from cupel.reproduction.result import read_results
    from cupel.reproduction.table import claims_markdown, claims_table

    sources, results = find_claims(folder), read_results(folder)
    if write is not None:
        try:
            write.write_text(claims_markdown(sources, results), "utf-8")
        except OSError as error:
            raise RunFailed(f"{write}: {error.strerror}") from error
    _show(claims_table(sources, results))


def _show(table: Table) -> None:
    from cupel.cli._console import out
    from cupel.findings import Page, Section
    from cupel.report.terminal import show

    show(Page(title="Claims", sections=(Section(title="", blocks=(table,)),)), out)
