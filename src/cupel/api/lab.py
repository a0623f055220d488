"""What trains: assays, and methods that examine what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cupel.contract import Attribution, Audit, FindingMethod, KeptFinding, Study, TrialProgress, Update
from cupel.errors import RunFailed
from cupel.examination import examine as carry_out
from cupel.findings import Page
from cupel.lab.options import AssayOptions
from cupel.lab.plan import AssayPlan
from cupel.lab.progress import Quiet
from cupel.lab.result import Assay
from cupel.lab.scale import Scale
from cupel.report import write
from cupel.report.progress import as_progress

__all__ = ["assay", "attribute", "audit", "examine", "plan_assay", "study", "update"]


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

    result = run_assay(arms, scale=scale, options=options or AssayOptions(), progress=as_progress(progress))
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
    progress: TrialProgress | bool | None = None,
) -> AssayPlan:
    """What an assay of these arms would train and what that would take; nothing is trained.

    Arms are refined and tokenized and stay in the cache; a few steps are timed and thrown away.

    Parameters
    ----------
    arms, scale, options, progress
        As `assay` takes them.

    Returns
    -------
    AssayPlan
        `page` to look at: arms, trials, epochs, disk, memory and minutes.

    Raises
    ------
    CupelError
        What `assay` raises before it trains.
    """
    from cupel.lab.assay import plan_assay as plan

    return plan(arms, scale=scale, options=options or AssayOptions(), progress=as_progress(progress))


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
    subjects: Sequence[str | Path] | str | Path,
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
        What it examines: one or more folders of trials, references of models or pools of documents, by its kind.
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
        [str(subject) for subject in ([subjects] if isinstance(subjects, str | Path) else subjects)],
        output=output,
        options=options,
        kind=kind,
        progress=as_progress(progress) or Quiet(),
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
        trials,
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
        subjects,
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
        arms,
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
        models,
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
