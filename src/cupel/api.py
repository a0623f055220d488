"""What `import cupel` offers: each command of the command line as a function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cupel.contract import (
    Attribution,
    Audit,
    FindingMethod,
    KeptFinding,
    Method,
    Study,
    TrialProgress,
    Update,
    all_methods,
    load_methods,
)
from cupel.corpus import Corpus
from cupel.corpus.convert import Conversion, convert
from cupel.corpus.frames import Source, paths_of
from cupel.corpus.read import ReadOptions
from cupel.corpus.remote import IOOptions
from cupel.engine import Engine
from cupel.errors import NotAccepted, RunFailed, UnknownName
from cupel.examination import annotation
from cupel.examination import examine as carry_out
from cupel.findings import Page
from cupel.lab.options import AssayOptions
from cupel.lab.progress import Quiet
from cupel.lab.result import Assay
from cupel.lab.scale import Scale, built_in_scales
from cupel.models.budget import Budget
from cupel.recipe import check as checking
from cupel.recipe import profile, run
from cupel.recipe.asking import Asking
from cupel.recipe.check import Check
from cupel.recipe.clusters import Cluster, Difference, clusters, difference
from cupel.recipe.fitting import FittedArtifact, fit
from cupel.recipe.history import Comparison, Story, compare, sample, why
from cupel.recipe.job import OutputOptions
from cupel.recipe.options import RunOptions
from cupel.recipe.profile import Profile
from cupel.recipe.progress import Progress
from cupel.recipe.recipe import Recipe, built_in_recipes
from cupel.recipe.repetition import dedup_recipe
from cupel.recipe.run import Result
from cupel.recipe.verify import Verification, verify
from cupel.report import write
from cupel.report.progress import ProgressBar
from cupel.reproduction.run import claims, run_claim
from cupel.store.cleaning import CacheContent, cache

if TYPE_CHECKING:
    from cupel.lab.plan import AssayPlan

__all__ = [
    "Asking",
    "Assay",
    "AssayOptions",
    "Budget",
    "CacheContent",
    "Check",
    "Cluster",
    "Comparison",
    "Conversion",
    "Corpus",
    "Difference",
    "Engine",
    "FittedArtifact",
    "IOOptions",
    "KeptFinding",
    "OutputOptions",
    "Profile",
    "ReadOptions",
    "Recipe",
    "Result",
    "Scale",
    "Story",
    "Verification",
    "annotate",
    "assay",
    "attribute",
    "audit",
    "cache",
    "check",
    "claims",
    "clusters",
    "compare",
    "convert",
    "dedup",
    "difference",
    "examine",
    "fit",
    "inspect",
    "load_methods",
    "methods",
    "recipes",
    "refine",
    "run_claim",
    "sample",
    "scales",
    "study",
    "update",
    "verify",
    "why",
]


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
            progress=_run_progress(progress),
        )
    except NotAccepted as asked:
        page = Path(output) / "_work" / "before-duplicates-go.html"
        write(asked.page, page)
        raise NotAccepted(f"{asked.what} ({page})", asked.page) from None
    if report and not result.report.exists():
        write(result.page(), result.report)
    return result


def _run_progress(progress: Progress | bool | None) -> Progress | None:
    return (ProgressBar() if progress else None) if isinstance(progress, bool) else progress


def _trial_progress(progress: TrialProgress | bool | None) -> TrialProgress | None:
    return (ProgressBar() if progress else None) if isinstance(progress, bool) else progress


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
    shown = _run_progress(progress)
    paths = paths_of(input, note=shown.note if shown else None)
    return profile.inspect(paths, reading=reading, engine=engine, progress=shown, scratch=scratch)


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


def methods(kind: str | None = None) -> dict[str, type[Method]]:
    """The methods there are, by name: ours and those of installed packages.

    Parameters
    ----------
    kind
        Only those of this kind, such as `signal` or `deduplication`.

    Returns
    -------
    dict
        Name → class, with `title()`, the documentation, and `Options`, whose fields are what a recipe can set.

    Raises
    ------
    UnknownName
        No such kind.

    Examples
    --------
    >>> import cupel
    >>> cupel.methods()["exact"].title()
    'Exact duplicates, on normalized text or on fields'
    """
    known = dict(all_methods())
    if kind is None:
        return known
    kinds = {method.kind for method in known.values()}
    if kind not in kinds:
        raise UnknownName("kind of method", kind, sorted(kinds))
    return {name: method for name, method in known.items() if method.kind == kind}


def recipes() -> dict[str, str]:
    """The built-in recipes: name → YAML text, to read, copy and edit. `Recipe.load(name)` loads one.

    >>> import cupel
    >>> "fineweb" in cupel.recipes()
    True
    """
    return built_in_recipes()


def scales() -> dict[str, str]:
    """The built-in scales that arms are trained at: name → YAML text, the smallest first. `Scale.load(name)` loads one.

    >>> import cupel
    >>> "nano" in cupel.scales()
    True
    """
    return built_in_scales()


def assay(
    arms: Sequence[str | Path],
    *,
    scale: Scale | str | Path = "nano",
    output: str | Path | None = None,
    options: AssayOptions | None = None,
    progress: TrialProgress | bool | None = None,
) -> Assay:
    """Train the same small recipe on each data variant, and say which is better.

    Parameters
    ----------
    arms
        Refined outputs, corpora, `RECIPE@PATH`, mixtures `A:0.7,B:0.3`; `NAME=…` names one.
    scale
        A built-in scale's name, a YAML file, or a `Scale`.
    output
        Folder for `report.html` and `assay.json`; nothing is written without one.
    options
        Seeds, baseline, held-out text, tasks, device: see `AssayOptions`.
    progress
        True: a bar, in a notebook or a terminal. An object with the methods of `cupel.contract.TrialProgress` hears how
        far it is.

    Raises
    ------
    BadInput
        An arm without text or with less than one batch.
    BadOption, UnknownName
        Options, names or a device that do not hold.
    MissingExtra
        PyTorch is not installed.
    RunFailed
        A trial failed, or the disk is full; the same call resumes.
    """
    import json

    from cupel.lab.assay import assay as run_assay

    result = run_assay(
        arms, scale=scale, options=options or AssayOptions(), progress=_trial_progress(progress)
    )
    if output is not None:
        try:
            folder = Path(output)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "assay.json").write_text(json.dumps(result.to_json(), indent=1), "utf-8")
            write(_with_worth(result), folder / "report.html")
        except OSError as error:
            raise RunFailed(f"{output}: {error}; trials are kept, and the same command resumes") from error
    return result


def plan_assay(
    arms: Sequence[str | Path],
    *,
    scale: Scale | str | Path = "nano",
    options: AssayOptions | None = None,
    progress: TrialProgress | None = None,
) -> AssayPlan:
    """What an assay of these arms would train and what that would take; nothing is trained.

    Arms are refined and tokenized and stay in the cache; a few steps are timed and thrown away. Raises what `assay` raises
    before it trains.
    """
    from cupel.lab.assay import plan_assay as plan

    return plan(arms, scale=scale, options=options or AssayOptions(), progress=progress)


def _with_worth(assay: Assay) -> Page:
    from cupel.scaling.pages import worth_section

    records = {name: next(iter(trials.values())).record for name, trials in assay.trials.items()}
    worth = worth_section(
        {name: (record["tokens"] / record["epochs"], record["epochs"]) for name, record in records.items()}
    )
    page = assay.page
    return page if worth is None else page.model_copy(update={"sections": (*page.sections, worth)})


def examine(
    method: str,
    subjects: Sequence[str | Path],
    *,
    output: str | Path,
    options: Mapping[str, Any] | None = None,
    kind: type[FindingMethod] = FindingMethod,
    progress: TrialProgress | bool | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
    report: bool = True,
) -> KeptFinding:
    """Carry out a method above the recipe (an attribution, audit, study or update), and keep its finding.

    Parameters
    ----------
    method
        Its name.
    subjects
        What it examines: folders of trials, references of models, pools of documents, by its kind.
    output
        Folder for the tables, artifacts, `finding.json` and `report.html`. The same call again takes the finding from
        the Store.
    options
        Of the method.
    kind
        The kind that the method must be of.
    progress
        True: a bar, in a notebook or a terminal. An object with the methods of `cupel.contract.TrialProgress` hears how
        far it is.
    cache
        Where findings, tokens and trials are kept.
    device, workers
        `auto`, `cpu` or `cuda`; trials at a time.
    restart
        Replace another finding in `output`.
    report
        Draw `report.html`.

    Raises
    ------
    UnknownName, BadOption
        No such method or option, or a value that does not hold.
    BadInput
        What is examined is not there, or is too little.
    OutputInUse
        The folder holds something else.
    MissingExtra
        PyTorch is not installed.
    RunFailed
        A trial failed, or the disk is full; the same call resumes.
    """
    kept = carry_out(
        method,
        [str(subject) for subject in subjects],
        output=output,
        options=options,
        kind=kind,
        progress=_trial_progress(progress) or Quiet(),
        cache=cache,
        device=device,
        workers=workers,
        restart=restart,
    )
    if report and not kept.report.exists():
        write(kept.page(), kept.report)
    return kept


def attribute(
    method: str,
    trials: Sequence[str | Path] | str | Path,
    *,
    output: str | Path,
    options: Mapping[str, Any] | None = None,
    progress: TrialProgress | bool | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
    report: bool = True,
) -> KeptFinding:
    """Say what trained models learned from which document.

    Parameters
    ----------
    method
        An attribution, such as `cartography`.
    trials
        Folders of trials, or arms of an assay (`assay#web`).
    output, options, progress, cache, device, workers, restart, report
        As `examine` takes them.

    Returns
    -------
    KeptFinding
        Tables, sections and artifacts, in `output`.

    Raises
    ------
    CupelError
        As `examine`.
    """
    return examine(
        method,
        [trials] if isinstance(trials, str | Path) else trials,
        output=output,
        options=options,
        kind=Attribution,
        progress=progress,
        cache=cache,
        device=device,
        workers=workers,
        restart=restart,
        report=report,
    )


def audit(
    method: str,
    subjects: Sequence[str | Path] | str | Path,
    *,
    output: str | Path,
    options: Mapping[str, Any] | None = None,
    progress: TrialProgress | bool | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
    report: bool = True,
) -> KeptFinding:
    """Find what a model or a corpus gives away.

    Parameters
    ----------
    method
        An audit, such as `verbatim`.
    subjects
        References of models, or folders of trials.
    output, options, progress, cache, device, workers, restart, report
        As `examine` takes them.

    Returns
    -------
    KeptFinding
        Tables, sections and artifacts, in `output`.

    Raises
    ------
    CupelError
        As `examine`.
    """
    return examine(
        method,
        [subjects] if isinstance(subjects, str | Path) else subjects,
        output=output,
        options=options,
        kind=Audit,
        progress=progress,
        cache=cache,
        device=device,
        workers=workers,
        restart=restart,
        report=report,
    )


def study(
    method: str,
    arms: Sequence[str | Path] | str | Path,
    *,
    output: str | Path,
    options: Mapping[str, Any] | None = None,
    progress: TrialProgress | bool | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
    report: bool = True,
) -> KeptFinding:
    """Train round after round, and say what follows.

    Parameters
    ----------
    method
        A study, such as `random-mixtures`.
    arms
        Pools of documents, by the study; `NAME=PATH` names one.
    output, options, progress, cache, device, workers, restart, report
        As `examine` takes them.

    Returns
    -------
    KeptFinding
        Tables, sections and artifacts, in `output`.

    Raises
    ------
    CupelError
        As `examine`.
    """
    return examine(
        method,
        [arms] if isinstance(arms, str | Path) else arms,
        output=output,
        options=options,
        kind=Study,
        progress=progress,
        cache=cache,
        device=device,
        workers=workers,
        restart=restart,
        report=report,
    )


def update(
    method: str,
    models: Sequence[str | Path] | str | Path,
    *,
    output: str | Path,
    options: Mapping[str, Any] | None = None,
    progress: TrialProgress | bool | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
    report: bool = True,
) -> KeptFinding:
    """Make a model of models.

    Parameters
    ----------
    method
        An update, such as `uniform-soup`.
    models
        References of models.
    output, options, progress, cache, device, workers, restart, report
        As `examine` takes them.

    Returns
    -------
    KeptFinding
        Tables, sections and artifacts, in `output`.

    Raises
    ------
    CupelError
        As `examine`.
    """
    return examine(
        method,
        [models] if isinstance(models, str | Path) else models,
        output=output,
        options=options,
        kind=Update,
        progress=progress,
        cache=cache,
        device=device,
        workers=workers,
        restart=restart,
        report=report,
    )


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
