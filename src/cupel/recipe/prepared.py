"""Functions that measure, edit, sketch and write documents: loaded once per process for all tasks of a pass."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cupel.contract import CorpusMethod, Edit, Generator, KernelSignal, Method, Resources, Signal
from cupel.recipe.asking import Asking
from cupel.recipe.folder import Folder
from cupel.recipe.job import Job
from cupel.recipe.outcome import Prepared
from cupel.recipe.steps import EditStep, StepGroup

__all__ = ["prepared"]

_ALONE = threading.Lock()


def prepared(folder: Folder, seal: str, number: int, asking: Asking, cache: Path) -> Mapping[str, Prepared]:
    """The prepared functions of a pass: of signals and of its other steps by label.

    Parameters
    ----------
    seal
        Of the run's plan.
    asking, cache
        How models are asked, and the folder that keeps their answers.
    """
    with _ALONE:  # tasks that begin at once load nothing twice
        return _prepare(folder, seal, number, asking, cache)


@lru_cache(maxsize=2)
def _prepare(folder: Folder, seal: str, number: int, asking: Asking, cache: Path) -> Mapping[str, Prepared]:
    _, plan, _ = Job.load(folder)
    pass_ = plan.passes[number]
    fitted = {step.label for step in plan.fits}
    methods: dict[str, Method] = {
        signal.label: signal
        for operation in pass_.operations
        if isinstance(operation, StepGroup)
        for signal in operation.signals
        if not isinstance(signal, KernelSignal)  # all of these share one pass over the text
    }
    methods |= {step.label: step.edit for step in pass_.operations if isinstance(step, EditStep)}
    methods |= {step.label: step.method for step in pass_.decisions}
    if pass_.generator is not None:
        methods[pass_.generator.label] = pass_.generator.method
    ask = asking.asker(folder.root, cache)
    return {
        label: method.prepare(
            Resources(artifact=folder.artifact(label) if label in fitted else None, ask=ask)
        )
        for label, method in methods.items()
        if isinstance(method, Signal | Edit | CorpusMethod | Generator)
    }
