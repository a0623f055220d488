"""What an assay would do, before it does it: arms, scale, trials, and what they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc
import yaml

from cupel.corpus import Corpus
from cupel.findings import Alarm, Code, Facts, Page, Section, Table
from cupel.lab.basis import Basis, basis_facts, domain_texts, epochs_text
from cupel.lab.data.arms import Arm
from cupel.lab.estimate import CostEstimate, Workload
from cupel.lab.evaluations.evaluation import Evaluation
from cupel.lab.options import AssayOptions
from cupel.lab.preparation import Prepared
from cupel.lab.trials import Machine
from cupel.units import write_bytes, write_count

__all__ = ["AssayPlan"]


@dataclass(frozen=True)
class AssayPlan:
    """An assay that was prepared and not trained.

    Attributes
    ----------
    prepared
        Arms, tokens and held-out text.
    options
        As they were given.
    work
        What there is to train.
    evaluation
        What trials will be scored by, besides tasks.
    estimate
        How long it takes; None where there is nothing to train, or a cluster to train on.
    """

    prepared: Prepared
    options: AssayOptions
    work: Workload
    evaluation: Evaluation
    estimate: CostEstimate | None

    @property
    def basis(self) -> Basis:
        """What the verdict will rest on: its alarms can be answered before anything is trained."""
        scale = self.prepared.lab.scale
        floor = scale.noise_floor
        return Basis(
            epochs=self.work.epochs,
            tokens=scale.steps * scale.training.sequences * scale.model.context,
            domains=domain_texts(_scored(self.evaluation), self.prepared.overlap.counts.to_pylist()),
            named=bool(self.options.held_out),
            tasks=bool(self.options.tasks or self.options.evaluations),
            seeds=len(self.options.each_seed),
            floor=None if floor is None else floor.measured or f"over {floor.seeds} seeds",
            machine=machine_text(self.prepared.lab.on),
            scale=scale.name,
        )

    @property
    def page(self) -> Page:
        """For the terminal: alarms, arms, what it takes, and the scale in full."""
        scale = self.prepared.lab.scale
        names = ", ".join(arm.name for arm in self.prepared.arms)
        options = yaml.safe_dump(scale.model_dump(mode="json", exclude_none=True), sort_keys=False)
        alarms = tuple(Alarm(text=text) for text in self.basis.alarms)
        sections = [
            Section(title="Arms", blocks=(self._arms(),)),
            Section(title="What it takes", blocks=(Facts(facts=tuple(self._takes())),)),
            Section(
                title="What the verdict will rest on", blocks=(Facts(facts=tuple(basis_facts(self.basis))),)
            ),
            Section(title=f"Scale {scale.name}", blocks=(Code(text=options),)),
        ]
        essentials = tuple(sections[:-1])
        if alarms:
            sections.insert(0, Section(title="Needs a look", blocks=alarms))
        return Page(
            title=f"Plan of an assay of {names}",
            subtitle="nothing was trained; tokens are kept for the assay itself",
            sections=tuple(sections),
            summary=essentials,
        )

    def _arms(self) -> Table:
        rows = []
        for arm in self.prepared.arms:
            survey, store = self.prepared.surveys[arm.name], self.prepared.stores[arm.name]
            rows.append(
                (
                    arm.name,
                    _files(arm),
                    survey.documents,
                    survey.bytes,
                    len(store.tokens),
                    epochs_text(self.work.epochs[arm.name]),
                    ", ".join(part.path for part in arm.parts),
                )
            )
        return Table(
            columns=("arm", "files", "documents", "text", "tokens", "seen", "from"),
            rows=tuple(rows),
            formats=("text", "count", "count", "bytes", "count", "text", "text"),
        )

    def _takes(self) -> Sequence[tuple[str, str]]:
        arms, seeds = len(self.prepared.arms), len(self.options.each_seed)
        base = " + the base" if self.prepared.base is not None else ""
        cached = f", of which {self.work.cached} are in the cache" if self.work.cached else ""
        facts = [
            ("trials", f"{arms} arms × {seeds} seeds{base} = {self.work.trials}{cached}"),
            ("to train", self.work.line(self.prepared.lab.on.workers)),
            ("disk", f"{write_bytes(self.work.disk_bytes)} in {self.prepared.lab.cache.folder}"),
        ]
        if self.estimate is not None:
            facts += self.estimate.facts()
        elif self.work.jobs:
            facts.append(("time", "not estimated: the nodes of a cluster cannot be timed from here"))
        else:
            facts.append(("time", "only what scoring takes, where scores are not in the cache too"))
        if self.options.tasks:
            facts.append(
                ("tasks", f"{write_count(len(self.options.tasks))}, whose time is not part of the estimate")
            )
        return facts


def machine_text(on: Machine) -> str:
    """The machine in a few words.

    >>> machine_text(Machine("cpu", False, True, 2))
    'cpu, 2 trials at a time'
    """
    where = "a cluster, " if on.cluster else ""
    return f"{where}{on.device}, {on.workers} trial{'s' if on.workers > 1 else ''} at a time"


def _scored(evaluation: Any) -> dict[str, tuple[int, int]]:
    """Documents and bytes that will be scored, by domain."""
    sizes: dict[str, tuple[int, int]] = {}
    documents = evaluation.documents
    lengths = pc.binary_length(documents["text"].cast("large_binary")).to_pylist()
    for domain, length in zip(documents["domain"].to_pylist(), lengths, strict=True):
        count, size = sizes.get(domain, (0, 0))
        sizes[domain] = (count + 1, size + length)
    return sizes


def _files(arm: Arm) -> int:
    return sum(len(Corpus.read([part.path]).files) for part in arm.parts)
