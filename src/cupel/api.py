"""What `import cupel` offers: each command of the command line as a function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cupel.contract import FindingMethod, KeptFinding, TrialProgress
from cupel.corpus import Corpus
from cupel.corpus.read import ReadOptions
from cupel.corpus.remote import IOOptions
from cupel.engine import Engine
from cupel.errors import NotAccepted, RunFailed
from cupel.examination import annotation
from cupel.examination import examine as carry_out
from cupel.findings import Page
from cupel.lab.options import AssayOptions
from cupel.lab.progress import Quiet
from cupel.lab.result import Assay
from cupel.lab.scale import Scale
from cupel.models.budget import Budget
from cupel.recipe import run
from cupel.recipe.asking import Asking
from cupel.recipe.clusters import Cluster, Difference, clusters, difference
from cupel.recipe.fitting import FittedArtifact, fit
from cupel.recipe.history import Comparison, Story, compare, sample, why
from cupel.recipe.job import OutputOptions
from cupel.recipe.options import RunOptions
from cupel.recipe.profile import Profile, inspect
from cupel.recipe.progress import Progress
from cupel.recipe.recipe import Recipe, built_in_recipes
from cupel.recipe.run import Result
from cupel.recipe.verify import Verification, verify
from cupel.report import warm_up, write

if TYPE_CHECKING:
    from cupel.lab.plan import AssayPlan

__all__ = [
    "Asking",
    "Budget",
    "Assay",
    "AssayOptions",
    "Cluster",
    "Comparison",
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
    "built_in_recipes",
    "clusters",
    "compare",
    "difference",
    "examine",
    "fit",
    "inspect",
    "refine",
    "sample",
    "verify",
    "why",
]


def refine(
    recipe: Recipe | str | Path,
    *,
    input: str | Path | Sequence[str | Path],
    output: str | Path,
    overrides: Iterable[str] = (),
    reading: ReadOptions | None = None,
    writing: OutputOptions | None = None,
    engine: Engine | None = None,
    target_shard_bytes: int | None = None,
    progress: Progress | None = None,
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
        Files, folders, globs, URLs or Hugging Face data set names.
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
        Who is told how far it is.
    asking
        What models may cost, and how many requests wait at once.
    restart
        Discard an unfinished or other run in the output folder first.
    accept
        Go on where a deduplication would take away more than its bounds allow.
    report
        Draw `report.html`, which takes a second or two. The same call with `report=True`
        draws it later.

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
            progress=progress,
            begun=warm_up if report else _nothing,
        )
    except NotAccepted as asked:
        page = Path(output) / "_work" / "before-duplicates-go.html"
        write(asked.page, page)
        raise NotAccepted(f"{asked.what} ({page})", asked.page) from None
    if report and not result.report.exists():
        write(result.page(), result.report)
    return result


def _nothing() -> None:
    """Nothing is drawn, so nothing is warmed up."""


def assay(
    arms: Sequence[str | Path],
    *,
    scale: Scale | str | Path = "nano",
    output: str | Path | None = None,
    options: AssayOptions | None = None,
    progress: TrialProgress | None = None,
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

    found = run_assay(arms, scale=scale, options=options or AssayOptions(), progress=progress)
    if output is not None:
        try:
            folder = Path(output)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "assay.json").write_text(json.dumps(found.to_json(), indent=1), "utf-8")
            write(_with_worth(found), folder / "report.html")
        except OSError as error:
            raise RunFailed(f"{output}: {error}; trials are kept, and the same command resumes") from error
    return found


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
    progress: TrialProgress | None = None,
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
        What is told how far it is.
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
        progress=progress or Quiet(),
        cache=cache,
        device=device,
        workers=workers,
        restart=restart,
    )
    if report and not kept.report.exists():
        write(kept.page(), kept.report)
    return kept


def annotate(
    finding: str | Path,
    *,
    input: str | Path | Sequence[str | Path],
    output: str | Path,
    reading: ReadOptions | None = None,
    writing: OutputOptions | None = None,
    engine: Engine | None = None,
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
        restart=restart,
        report=report,
    )
