"""The `cupel` command, put together from the files of this folder."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._examine import KINDS, CommandGroup, add_kind
from cupel.cli._help import Command

__all__ = ["app"]

ORDER = (
    "refine",
    "inspect",
    "why",
    "sample",
    "compare",
    "clusters",
    "verify",
    "convert",
    "dedup",
    "fit",
    "assay",
    "attribute",
    "audit",
    "study",
    "update",
    "annotate",
    "claims",
    "methods",
    "papers",
    "recipes",
    "scales",
    "cache",
)
EXAMPLES = {
    name: "\b\n"
    + "\n".join(["Examples:", *(f"  {line}" if "| cupel" in line else f"  cupel {line}" for line in lines)])
    for name, lines in {
        "refine": (
            "refine fineweb pool -o refined",
            "refine fineweb pool -o lenient --set gopher-quality.min_words=20",
            "refine mine.yaml pool -o refined --format jsonl --cores 8",
            "zcat pool.jsonl.gz | cupel refine fineweb - -o refined",
            "refine fineweb s3://bucket/crawl -o /shared/refined --engine ray",
        ),
        "inspect": ("inspect pool", "inspect pool --page pool.html"),
        "why": ("why refined some-id", "why refined some-id --full"),
        "sample": (
            "sample refined -n 3",
            "sample refined --dropped-by gopher-quality --reason min_words",
            "sample refined --json > kept.jsonl",
        ),
        "compare": ("compare refined lenient", "compare refined lenient --write differing.parquet"),
        "clusters": (
            "clusters refined",
            "clusters refined --step minhash --by score",
            "clusters refined --diff 1",
        ),
        "verify": ("verify refined",),
        "convert": (
            "convert alpaca.jsonl -o chats.parquet --to messages",
            "convert refined -o samples.tar",
        ),
        "dedup": (
            "dedup pool -o unique --by minhash",
            "dedup pool -o cut --by substring --set substring.min_bytes=400",
            "dedup pool -o marked --by exact --by lines --set lines.action=mark",
        ),
        "fit": (
            "fit ngram-perplexity clean.jsonl -o clean-ngrams --order 5",
            "fit quality-classifier --positives good.jsonl -o good pool",
        ),
        "assay": (
            "assay pool refined --scale nano --seeds 3",
            "assay pool c4@pool fineweb@pool --held-out clean.jsonl --task blimp",
            "assay web=crawl mixed=crawl:0.7,books:0.3 --set tokens=3000000",
        ),
        "attribute": ("attribute cartography assay#web -o map",),
        "audit": ("audit verbatim trial:assay-trial --documents pool -o memorized",),
        "study": ("study random-mixtures web=crawl books=gutenberg code=stack -o mixtures --scale nano",),
        "update": ("update uniform-soup trial:one trial:two -o soup --held-out clean.jsonl",),
        "annotate": ("annotate map pool -o mapped",),
        "claims": ("claims list", "claims run lee_duplicates", "claims table --write docs/claims.md"),
        "scales": ("scales", "scales nano > mine.yaml"),
        "methods": ("methods", "methods gopher-quality"),
        "papers": ("papers", "papers minhash", "papers dedup 2022"),
        "recipes": ("recipes", "recipes gopher > mine.yaml"),
        "cache": (
            "cache",
            "cache --kind trials",
            "cache --remove --unused-for 30d",
            "cache --remove --keep 20GB",
        ),
    }.items()
}

app = typer.Typer(
    name="cupel",
    cls=CommandGroup,
    help="Refine training data and assay what it is worth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        from cupel.release import version

        typer.echo(f"cupel {version()}")
        raise typer.Exit


@app.callback()
def _cupel(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Refine training data and assay what it is worth."""


def _commands() -> None:
    names = [
        info.name
        for info in pkgutil.iter_modules([str(Path(__file__).parent)])
        if not info.name.startswith("_")
    ]
    for name in sorted(
        [*names, *KINDS], key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)
    ):
        if name in KINDS:
            add_kind(app, name, KINDS[name], EXAMPLES.get(name))
            continue
        module = importlib.import_module(f"cupel.cli.{name}")
        settings = getattr(module, "CONTEXT", None)
        app.command(name, cls=Command, epilog=EXAMPLES.get(name), context_settings=settings)(
            getattr(module, name)
        )


_commands()
