"""Fitting before a pass: the artifact comes from the Store, from the recipe's folder, or is learned now."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cupel.contract import Documents, Resources, is_whole, learn, read_about
from cupel.errors import Damaged
from cupel.findings import Section
from cupel.recipe.folder import Folder, disk_errors
from cupel.recipe.plan import Plan
from cupel.recipe.seals import Seals, fit_marker, seal_fit, sealed_files
from cupel.recipe.steps import FitStep
from cupel.store import Store, make

__all__ = ["artifact_seals", "fit", "fitted_sections", "write_artifacts"]


def fit(
    folder: Folder,
    step: FitStep,
    documents: Documents,
    resources: Resources,
    store: Store,
    plan: str,
    note: Callable[[str], None],
) -> None:
    """Bring a method's artifact into the run's folder; an existing one is left as it is.

    The Store keeps it for other runs that begin in the same way.

    Parameters
    ----------
    documents
        What the pass before left.
    plan
        The seal of the run's plan.
    note
        Called with what is done.
    """
    if fit_marker(folder, step.label).exists():
        return
    target = folder.artifact(step.label)
    artifact = step.method.given
    if artifact is not None:
        if not is_whole(artifact):
            raise Damaged(
                artifact, "is not what was written", f"make it again with `cupel fit {step.method.name}`"
            )
        note(f"{step.label}: uses {artifact}")
        source = artifact
    else:
        source = _learned(step, documents, resources, store, note)
    with disk_errors(target):
        shutil.rmtree(target, ignore_errors=True)
        make(target, lambda unfinished: shutil.copytree(source, unfinished))
        seal_fit(folder, plan, step.label)


def _learned(
    step: FitStep,
    documents: Documents,
    resources: Resources,
    store: Store,
    note: Callable[[str], None],
) -> Path:
    key = step.method.key(documents)
    kept = store.get(key, whole=is_whole)
    note(f"{step.label}: learned before, taken from the cache" if kept else f"{step.label}: learns")

    def build(unfinished: Path) -> None:
        with tempfile.TemporaryDirectory(dir=resources.scratch) as scratch:
            learn(step.method, documents, unfinished, replace(resources, scratch=scratch))

    with disk_errors(store.folder):
        return store.make(key, build, whole=is_whole)


def artifact_seals(folder: Folder, plan: Plan) -> Seals:
    """Seals of all files of the run's artifacts."""
    seals: Seals = {}
    for step in plan.fits:
        seals |= sealed_files(fit_marker(folder, step.label))
    return seals


def write_artifacts(folder: Folder, plan: Plan) -> dict[str, object]:
    """What the manifest says of the run's artifacts, by label."""
    shown = ("learner", "version", "options", "inputs", "files", "about")
    about = {step.label: read_about(folder.artifact(step.label)) for step in plan.fits}
    return {label: {name: entry[name] for name in shown} for label, entry in about.items()}


def fitted_sections(folder: Folder, plan: Plan) -> list[Section]:
    """What methods found out about what they learned."""
    return [
        Section.model_validate(section)
        for step in plan.fits
        for section in read_about(folder.artifact(step.label))["findings"]
    ]
