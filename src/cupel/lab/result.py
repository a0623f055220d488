"""A finished assay, and how it is shown: as a page, as ten lines, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cupel.findings import Alarm, Block, Links, Page, Prose, Section, Table
from cupel.lab.basis import Basis, basis_facts, domain_texts
from cupel.lab.curves import Curve
from cupel.lab.data.arms import Arm
from cupel.lab.data.overlap import Overlap
from cupel.lab.data.survey import Survey
from cupel.lab.generate import GenerationOptions, generate
from cupel.lab.options import AssayOptions
from cupel.lab.pages import ArmFacts, AssayReport, Continuation, Cost, assay_page, summary_page
from cupel.lab.scale import Scale
from cupel.lab.training.records import read_curve
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import Machine, Trial
from cupel.models.checkpoint import load_checkpoint
from cupel.models.tokenizer import Tokenizer
from cupel.notebook import page_html
from cupel.release import version
from cupel.units import write_bytes
from cupel.verdict.measures import Measure
from cupel.verdict.verdict import Verdict

__all__ = ["Assay"]

_POINTS = 60


@dataclass(frozen=True)
class Assay:
    """A finished assay.

    Attributes
    ----------
    verdict
        Every arm against the baseline.
    measures
        What each trial scored, by arm and seed.
    trials
        By arm and seed.
    stores
        The tokens of each arm.
    surveys
        What each arm holds.
    overlap
        Held-out text that an arm was trained on.
    held_out_curves
        What each trial scored on the way; empty unless `AssayOptions.curve` asks for it.
    """

    scale: Scale
    arms: tuple[Arm, ...]
    options: AssayOptions
    on: Machine
    verdict: Verdict
    measures: Mapping[str, Mapping[int, tuple[Measure, ...]]]
    trials: Mapping[str, Mapping[int, Trial]]
    stores: Mapping[str, TokenStore]
    surveys: Mapping[str, Survey]
    overlap: Overlap
    tokenizer: Tokenizer
    notes: tuple[str, ...] = ()
    held_out_curves: tuple[Curve, ...] = ()

    @cached_property
    def basis(self) -> Basis:
        """What the verdict rests on, with its alarms."""
        return _basis(self)

    @cached_property
    def page(self) -> Page:
        """The report: verdict, differences, curves, generations, data, cost, and how it was made."""
        return assay_page(_report(self, whole=True))

    @cached_property
    def summary(self) -> Page:
        """The ten lines that say what came out."""
        return summary_page(_report(self, whole=False))

    def __repr__(self) -> str:
        return "\n".join(self.verdict.sentence(arm) for arm in self.verdict.arms)

    def _repr_html_(self) -> str:
        return page_html(self.summary)

    def to_json(self) -> dict[str, Any]:
        """Everything a machine may want, as plain data."""
        return {
            "cupel": version(),
            "scale": self.scale.model_dump(mode="json"),
            "machine": {"device": self.on.device, "workers": self.on.workers},
            "tokenizer": {"path": str(self.tokenizer.path), "vocabulary": self.tokenizer.vocabulary},
            "arms": {
                arm.name: {
                    "parts": [{"path": part.path, "share": part.share} for part in arm.parts],
                    "documents": self.surveys[arm.name].documents,
                    "bytes": self.surveys[arm.name].bytes,
                    "tokens": len(self.stores[arm.name].tokens),
                    "digest": self.stores[arm.name].meta["digest"],
                }
                for arm in self.arms
            },
            "trials": [
                {
                    "arm": trial.arm,
                    "seed": trial.seed,
                    "folder": str(trial.folder),
                    "cached": trial.cached,
                    **{name: trial.record[name] for name in ("tokens", "epochs", "seconds", "flops")},
                    "measures": {
                        measure.name: measure.value for measure in self.measures[trial.arm][trial.seed]
                    },
                }
                for trials in self.trials.values()
                for trial in trials.values()
            ],
            "held_out_curves": [asdict(curve) for curve in self.held_out_curves],
            "overlap": self.overlap.counts.to_pylist(),
            "verdict": self.verdict.to_json(),
            "basis": {**dict(basis_facts(self.basis)), "left_out_share": self.basis.left_out},
            "alarms": list(self.basis.alarms),
            "notes": list(self.notes),
        }


def curve_of(folder: Path, step_tokens: int, points: int = _POINTS) -> tuple[list[float], list[float]]:
    """A trial's loss curve with at most so many points, each the mean of its steps: tokens and loss."""
    curve = read_curve(folder)
    pieces = np.array_split(np.arange(len(curve)), min(points, len(curve)))
    tokens = [float((curve["step"][piece[-1]] + 1) * step_tokens) for piece in pieces]
    return tokens, [float(curve["loss"][piece].mean()) for piece in pieces]


def _report(assay: Assay, *, whole: bool) -> AssayReport:
    names = ", ".join(arm.name for arm in assay.arms)
    price = assay.options.price
    return AssayReport(
        verdict=assay.verdict,
        title=f"Assay of {names}",
        subtitle=f"scale {assay.scale.name}, {len(assay.options.each_seed)} seeds, against {assay.verdict.baseline}",
        footer=f"cupel {version()} · {_machine(assay)}",
        basis=assay.basis,
        curves=_curves(assay) if whole else (),
        held_out_curves=assay.held_out_curves,
        costs=[_cost(assay, arm.name) for arm in assay.arms],
        data=[_facts(assay, place) for place in range(len(assay.arms))],
        generations=_generations(assay) if whole else (),
        price="" if price is None else f"{price:g} {assay.options.currency} an hour of the machine",
        notes=assay.notes,
        more=(*_funnels(assay), _recipe(assay), assay.overlap.section, _trials(assay)) if whole else (),
    )


def _basis(assay: Assay) -> Basis:
    first = {arm: next(iter(trials.values())).record for arm, trials in assay.trials.items()}
    scored = next(iter(assay.measures[assay.verdict.baseline].values()))
    sizes = {
        measure.subset: (len(measure.items), int(measure.weight.sum()))
        for measure in scored
        if measure.metric.endswith("bits_per_byte")
    }
    floor = assay.scale.noise_floor
    return Basis(
        epochs={arm: record["epochs"] for arm, record in first.items()},
        tokens=next(iter(first.values()))["tokens"],
        domains=domain_texts(sizes, assay.overlap.counts.to_pylist()),
        named=bool(assay.options.held_out),
        tasks=bool(assay.options.tasks or assay.options.evaluations),
        seeds=len(assay.verdict.seeds),
        floor=None if floor is None else floor.measured or f"over {floor.seeds} seeds",
        machine=_machine(assay),
        scale=assay.scale.name,
    )


def _curves(assay: Assay) -> list[Curve]:
    step = assay.scale.training.sequences * assay.scale.model.context
    return [
        Curve(arm, seed, *curve_of(trial.folder, step))
        for arm, trials in assay.trials.items()
        for seed, trial in trials.items()
    ]


def _cost(assay: Assay, arm: str) -> Cost:
    records = [trial.record for trial in assay.trials[arm].values()]
    seconds = sum(record["seconds"] for record in records)
    return Cost(
        arm=arm,
        trials=len(records),
        cached=sum(trial.cached for trial in assay.trials[arm].values()),
        tokens=sum(record["tokens"] for record in records),
        flops=sum(record["flops"] for record in records),
        seconds=seconds,
        # Trials share the machine, so that an hour of it holds several hours of trials.
        money=None
        if assay.options.price is None
        else seconds / 3600 / assay.on.workers * assay.options.price,
    )


def _facts(assay: Assay, place: int) -> ArmFacts:
    arm = assay.arms[place]
    store = assay.stores[arm.name]
    record = next(iter(assay.trials[arm.name].values())).record
    return ArmFacts(
        arm=arm.name,
        source=", ".join(f"{part.path}:{part.share:g}" if part.share else part.path for part in arm.parts),
        documents=store.meta["whole_documents"],
        tokens=len(store.tokens),
        epochs=record["epochs"],
        overlap=int(assay.overlap.seen[place].sum()),
    )


def _generations(assay: Assay) -> list[Continuation]:
    """The same openings, continued by the first trial of each arm."""
    context = assay.scale.model.context
    options = GenerationOptions(
        prompts=3, prompt_tokens=min(24, context // 4), new_tokens=min(48, context // 2), temperatures=(0.8,)
    )
    generations = []
    for arm in assay.arms:
        trial = next(iter(assay.trials[arm.name].values()))
        model, tokenizer = load_checkpoint(trial.folder, device=assay.on.device)
        for sample in generate(model, tokenizer, assay.overlap.kept, options):
            generations.append(Continuation(sample.prompt, arm.name, sample.text))
    return generations


def _funnels(assay: Assay) -> list[Section]:
    """How each refined arm came about: the funnel of its own report, and where that lies."""
    sections = []
    for arm in assay.arms:
        for part in arm.parts:
            path = Path(part.path) / "report.json"
            if not path.is_file():
                continue
            try:
                page = Page.model_validate_json(path.read_bytes())
            except (OSError, ValueError):
                continue  # written by another version; the arm's documents do not depend on it
            # What is odd about the recipe is raised on its own report; here it would read as an alarm of the assay.
            blocks = [
                block
                for section in page.sections
                if section.key == "funnel"
                for block in section.blocks
                if not isinstance(block, Alarm)
            ]
            of = arm.name if len(arm.parts) == 1 else f"{arm.name}, {part.path}"
            whole = path.with_suffix(".html")
            if whole.is_file():
                blocks.append(Links(links=(("The whole report of this arm", str(whole.absolute())),)))
            sections.append(Section(title=f"Funnel of {of}", lead=f"{page.title}.", blocks=tuple(blocks)))
    return sections


def _trials(assay: Assay) -> Section:
    """Where the trained models lie."""
    links = [
        (f"{arm}, seed {seed}", str(trial.folder.absolute()))
        for arm, trials in assay.trials.items()
        for seed, trial in trials.items()
    ]
    lead = "Each is an ordinary Hugging Face checkpoint with its loss of every step, and what it saw when."
    return Section(title="Trials", lead=lead, blocks=(Links(links=tuple(links)),))


def _recipe(assay: Assay) -> Section:
    scale = assay.scale
    held = assay.overlap.kept
    size = sum(len(text.encode()) for text in held.column("text").to_pylist())
    facts = [*scale.describe(), ("held-out text", f"{held.num_rows:,} documents, {write_bytes(size)}")]
    blocks: list[Block] = [Table(columns=("what", "value"), rows=tuple(facts), formats=("text", "text"))]
    return Section(
        title=f"The recipe: scale {scale.name}",
        lead="The same for every arm; only the data varies.",
        blocks=(*blocks, Prose(text=scale.notes)) if scale.notes else tuple(blocks),
    )


def _machine(assay: Assay) -> str:
    record: Mapping[str, Any] = next(iter(next(iter(assay.trials.values())).values())).record
    return f"{record['machine']} · torch {record['torch']}"
