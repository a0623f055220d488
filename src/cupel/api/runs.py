"""Recipes carried out: a pool refined, deduplicated, profiled, checked or annotated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cupel.corpus.frames import Source, paths_of
from cupel.corpus.read import ReadOptions
from cupel.engine import Engine
from cupel.errors import NotAccepted
from cupel.examination import annotation
from cupel.recipe import check as checking
from cupel.recipe import profile, run
from cupel.recipe.asking import Asking
from cupel.recipe.check import Check
from cupel.recipe.job import OutputOptions
from cupel.recipe.options import RunOptions
from cupel.recipe.profile import Profile
from cupel.recipe.progress import Progress
from cupel.recipe.recipe import Recipe
from cupel.recipe.repetition import dedup_recipe
from cupel.recipe.run import Result
from cupel.report import write
from cupel.report.progress import as_progress

__all__ = ["annotate", "check", "dedup", "inspect", "refine"]


def refine(
    recipe: Recipe | str | Path,
    *,
    input: Source | Sequence[Source],
    output: str | Path,
    overrides: Iterable[str] = (),
    reading: ReadOptions | None = None,
    writing: OutputOptions | None = None,
    engine: Engine | None = None,
    target_shard_bytes: int | None = None,
    progress: Progress | bool | None = None,
    asking: Asking | None = None,
    restart: bool = False,
    accept: bool = False,
    report: bool = True,
) -> Result:
    """Carry out a recipe on a raw pool, and write its report page.

    Parameters
    ----------
    recipe
        A built-in recipe's name, a YAML file, or a `Recipe`.
    input
        Files, folders, globs, URLs or Hugging Face data set names; or tables in memory: pandas, Polars or Daft
        DataFrames, Arrow tables, data sets of the library `datasets`. A table is written to the cache as Parquet, named
        by its content, so the same table is the same input on every call.
    output
        Folder for the corpus, ledger, quarantine, manifest and report. A run that was
        stopped resumes.
    overrides
        `step.option=value`, as `--set` takes them.
    reading, writing
        How documents are read, and how the corpus is written.
    engine
        What carries it out: all cores of this machine by default.
    target_shard_bytes
        Input bytes of one shard: the unit of parallel work and of what a kill can undo. By
        default a quarter of each core's share, between 4 and 128 MiB.
    progress
        True: a bar, in a notebook or a terminal. An object with the methods of `cupel.recipe.progress.Progress` is told
        how far the run is. Nothing is drawn by default.
    asking
        What models may cost, and how many requests wait at once.
    restart
        Discard an unfinished or other run in the output folder first.
    accept
        Go on where a deduplication would take away more than its bounds allow.
    report
        Draw `report.html`. The same call with `report=True` draws it later.

    Raises
    ------
    BadRecipe, BadOption, UnknownName
        The recipe does not hold; nothing was written.
    BadInput
        Nothing readable there.
    InputChanged
        The run was begun on other input.
    OutputInUse
        The folder holds another run, or another process writes it.
    NotAccepted
        A deduplication found more than its bounds allow; nothing was dropped yet.
    RunFailed
        It stopped before its end (disk full, Ctrl-C, a budget spent); the same call resumes.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> import cupel
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> line = json.dumps({"id": "a", "text": "Café in 東京. " * 40})
    >>> _ = (folder / "pool.jsonl").write_text((line + "\\n") * 2)
    >>> recipe = cupel.Recipe.from_dict({"name": "once", "steps": ["exact"]})
    >>> done = cupel.refine(recipe, input=folder / "pool.jsonl", output=folder / "out")
    >>> done.manifest["documents"]
    {'in': 2, 'generated': 0, 'kept': 1, 'dropped': 1, 'quarantined': 0}
    """
    options = RunOptions(
        reading=reading or ReadOptions(),
        writing=writing or OutputOptions(),
        engine=engine or Engine(),
        target_shard_bytes=target_shard_bytes,
        asking=asking or Asking(),
        restart=restart,
        accept=accept,
    )
    try:
        result = run.refine(
            recipe,
            input=input,
            output=output,
            overrides=overrides,
            options=options,
            progress=as_progress(progress),
        )
    except NotAccepted as asked:
        page = Path(output) / "_work" / "before-duplicates-go.html"
        write(asked.page, page)
        raise NotAccepted(f"{asked.what} ({page})", asked.page) from None
    if report and not result.report.exists():
        write(result.page(), result.report)
    return result


def dedup(
    input: Source | Sequence[Source],
    *,
    output: str | Path,
    by: str | Sequence[str],
    overrides: Iterable[str] = (),
    index: str | Path | None = None,
    key: str | Sequence[str] = (),
    reading: ReadOptions | None = None,
    writing: OutputOptions | None = None,
    engine: Engine | None = None,
    progress: Progress | bool | None = None,
    restart: bool = False,
    accept: bool = False,
    report: bool = True,
) -> Result:
    """Deduplicate a pool: one kind of repetition after the other, and nothing else.

    Parameters
    ----------
    input
        As `refine` takes it.
    output
        Folder for the corpus, ledger, quarantine, manifest and report.
    by
        Kinds of repetition, in this order: `exact`, `minhash`, `substring`, … `cupel.methods()` lists them.
    overrides
        `step.option=value`, such as `substring.min_bytes=400`.
    index
        Folder of what earlier runs have seen: their copies are dropped too, and this run is remembered there.
    key
        Fields whose values are compared in place of the text, such as `url`; `exact` takes them.
    reading, writing, engine, progress, restart, accept, report
        As `refine` takes them.

    Raises
    ------
    UnknownName, BadOption
        No such deduplication, or one that keeps no index.
    CupelError
        As `refine`.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow, cupel
    >>> pool = pyarrow.table({"id": ["a", "b", "c"], "text": ["Café", "東京", "Café"]})
    >>> result = cupel.dedup(pool, output=tempfile.mkdtemp(), by="exact", report=False)
    >>> result.corpus().to_arrow()["id"].to_pylist()
    ['a', 'b']
    """
    return refine(
        dedup_recipe(by, overrides, index, key),
        input=input,
        output=output,
        reading=reading,
        writing=writing,
        engine=engine,
        progress=progress,
        restart=restart,
        accept=accept,
        report=report,
    )


def inspect(
    input: Source | Sequence[Source],
    *,
    reading: ReadOptions | None = None,
    engine: Engine | None = None,
    progress: Progress | bool | None = None,
    scratch: str | Path | None = None,
    signals: Iterable[str] = (),
    overrides: Iterable[str] = (),
) -> Profile:
    """Profile a pool: sizes, languages, duplicates and signal histograms.

    Everything is read once and measured; nothing is kept. While it runs it needs free disk of about the pool's
    compressed size.

    Parameters
    ----------
    input
        As `refine` takes it.
    reading, engine, progress
        As `refine` takes them.
    scratch
        Where temporary files lie; the temporary folder by default.
    signals
        Further signals to measure, each by its name, that of a column, the folder of what `fit` learned, or
        `NAME=CLASSIFIER`. The profile shows how they are spread, where they agree, and documents of each.
    overrides
        Options of signals, `perplexity.model=FOLDER` each.

    Returns
    -------
    Profile
        `page` to look at, `manifest` with the counts.

    Raises
    ------
    BadInput
        Nothing readable there.
    RunFailed
        There is no folder for temporary files, or no room in it.

    Examples
    --------
    >>> import pyarrow, cupel
    >>> profile = cupel.inspect(pyarrow.table({"text": ["Café in 東京", "Café in 東京"]}))
    >>> profile.manifest["documents"]["in"]
    2
    """
    shown = as_progress(progress)
    paths = paths_of(input, note=shown.note if shown else None)
    return profile.inspect(
        paths,
        reading=reading,
        engine=engine,
        progress=shown,
        scratch=scratch,
        signals=signals,
        overrides=overrides,
    )


def check(
    recipe: Recipe | str | Path,
    documents: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]],
    *,
    overrides: Iterable[str] = (),
) -> Check | list[Check]:
    """What a recipe would do to one document, or to each of a list, without a run.

    Its rules and edits are applied by the same code as in a run. Steps that need the whole corpus, a model or something
    to learn from are left out, and named in `not_applied`.

    Parameters
    ----------
    recipe
        A built-in recipe's name, a YAML file, or a `Recipe`.
    documents
        A text, a row (with a text column, or a conversation in a known layout), or a list of these.
    overrides
        `step.option=value`, as `--set` takes them.

    Returns
    -------
    Check or list of Check
        Kept or dropped, by which step, rule and threshold; the signals' values, and the edited text.

    Raises
    ------
    UnknownName, BadRecipe, BadOption
        The recipe does not hold.
    BadInput
        A document is neither a text nor a row.

    Examples
    --------
    >>> import cupel
    >>> recipe = cupel.Recipe.from_dict({"name": "long", "steps": [{"length": {"min_words": 3}}, "exact"]})
    >>> first, second = cupel.check(recipe, ["Café 東", "Café in 東京, today"])
    >>> first.status, first.reason, first.limit, second.kept
    ('dropped', 'min_words', 'word_count ≥ 3', True)
    """
    loaded = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe, overrides)
    if isinstance(documents, str | Mapping):
        return checking.check(loaded, [documents])[0]
    return checking.check(loaded, list(documents))


def annotate(
    finding: str | Path,
    *,
    input: Source | Sequence[Source],
    output: str | Path,
    reading: ReadOptions | None = None,
    writing: OutputOptions | None = None,
    engine: Engine | None = None,
    progress: Progress | bool | None = None,
    restart: bool = False,
    report: bool = True,
) -> Result:
    """Join a finding to a corpus: what it says of each document becomes signals for the next recipe.

    Parameters
    ----------
    finding
        Folder of a finding that says something of each document: an attribution, an audit.
    input
        The corpus that it is about. Documents are matched by `id`; those that the finding does not know have nulls.
    output
        Folder for the annotated corpus. It holds every document.
    reading, writing, engine, progress, restart, report
        As `refine` takes them.

    Raises
    ------
    BadInput
        There is no finding, or nothing readable.
    BadOption
        The finding says nothing of single documents.
    OutputInUse, RunFailed
        As `refine`.
    """
    return refine(
        annotation(finding),
        input=input,
        output=output,
        reading=reading,
        writing=writing,
        engine=engine,
        progress=progress,
        restart=restart,
        report=report,
    )
