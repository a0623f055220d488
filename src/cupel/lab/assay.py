"""An assay: the same small recipe trained on each arm, scored on the same text, and compared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pyarrow as pa

from cupel.contract import TrialProgress
from cupel.lab.base import WEIGHTS
from cupel.lab.basis import MAX_EPOCHS
from cupel.lab.curves import Curve
from cupel.lab.data.arms import Arm
from cupel.lab.estimate import estimate, workload
from cupel.lab.evaluations.evaluation import Evaluation
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.options import AssayOptions
from cupel.lab.plan import AssayPlan
from cupel.lab.preparation import Prepared, prepare
from cupel.lab.progress import Quiet
from cupel.lab.result import Assay
from cupel.lab.scale import Scale
from cupel.lab.trials import Trial, by_arm
from cupel.verdict.floor import Floor, recorded_floor
from cupel.verdict.measures import Measure
from cupel.verdict.verdict import compare

__all__ = ["assay", "evaluation_on", "plan_assay", "scale_floors"]


def assay(
    arms: Sequence[str | os.PathLike[str] | Arm],
    *,
    scale: Scale | str | Path = "nano",
    options: AssayOptions = AssayOptions(),
    progress: TrialProgress | None = None,
) -> Assay:
    """Train every arm with every seed, score and compare them.

    Trials, tokens and scores that the cache holds are not made again.

    Raises
    ------
    BadInput
        An arm without text or with less than one batch, or held-out text that the arms were all trained on.
    BadOption, UnknownName
        Options, names or a device that do not hold.
    RunFailed
        A trial failed; the same call resumes.
    """
    tell = progress or Quiet()
    prepared = prepare(arms, scale, options, tell)
    lab, overlap, seeds = prepared.lab, prepared.overlap, options.each_seed
    evaluations: list[Evaluation] = [
        evaluation_on(overlap.kept, lab.scale),
        *prepared.tasks,
        *options.evaluations,
    ]
    plans = _plans(prepared, options)
    tell.note(workload(lab, plans, prepared.base).line(lab.on.workers))
    if prepared.base is not None:
        bench, base = prepared.base
        initial = bench.train([base], tell)[0].folder / WEIGHTS
        plans = [replace(plan, initial=initial) for plan in plans]
    trials = by_arm(lab.train(plans, tell))
    tell.note(
        f"score {len(prepared.arms) * len(seeds)} trials on {overlap.kept.num_rows:,} held-out documents"
    )
    measures = {
        name: {seed: lab.score(trial, evaluations) for seed, trial in by_seed.items()}
        for name, by_seed in trials.items()
    }
    curves = [
        _held_out_curve(lab, trial, evaluations[0], measures[trial.arm][trial.seed], options)
        for by_seed in trials.values()
        for trial in by_seed.values()
        if options.curve > 1
    ]
    verdict = compare(measures, prepared.baseline, scale_floors(lab.scale, measures[prepared.baseline]))
    return Assay(
        lab.scale, prepared.arms, options, lab.on, verdict, measures, trials, prepared.stores, prepared.surveys,
        overlap, lab.tokenizer, _notes(trials, lab.scale, options), tuple(curves),
    )  # fmt: skip


def plan_assay(
    arms: Sequence[str | os.PathLike[str] | Arm],
    *,
    scale: Scale | str | Path = "nano",
    options: AssayOptions = AssayOptions(),
    progress: TrialProgress | None = None,
) -> AssayPlan:
    """What an assay of these arms would train, and what that would take; nothing is trained.

    Arms are refined and tokenized, as the assay itself would, and what that makes stays in the cache. A few steps are timed
    on this machine and thrown away. Whatever the assay would refuse before it trains is refused here.

    Raises
    ------
    BadInput, BadOption, UnknownName, RunFailed
        As `assay`.
    """
    tell = progress or Quiet()
    prepared = prepare(arms, scale, options, tell)
    lab = prepared.lab
    work = workload(lab, _plans(prepared, options), prepared.base)
    for job in work.jobs:
        lab.cache.withdraw(Path(job.output))
    evaluation = evaluation_on(prepared.overlap.kept, lab.scale)
    if work.jobs and not lab.on.cluster:
        tell.note("time a few steps on this machine")
    return AssayPlan(prepared, options, work, evaluation, estimate(lab, work, evaluation))


def evaluation_on(documents: pa.Table, scale: Scale) -> Evaluation:
    """What the scale scores trials by, on as much of each domain of these documents as it looks at."""
    domains = len(set(documents.column("domain").to_pylist()))
    method = scale.evaluation_method(max(1, scale.evaluation.held_out_bytes // domains))
    return method.on(documents)  # type: ignore[no-any-return]


def _plans(prepared: Prepared, options: AssayOptions) -> list[TrialPlan]:
    # Seed by seed, so that after a stop every arm is as far as the others.
    checkpoints = options.checkpoints(prepared.lab.scale.steps)
    return [
        TrialPlan(name, store, seed, initial=prepared.initial, checkpoints=checkpoints)
        for seed in options.each_seed
        for name, store in prepared.stores.items()
    ]


def _held_out_curve(
    lab: Lab, trial: Trial, evaluation: Evaluation, final: Sequence[Measure], options: AssayOptions
) -> Curve:
    """What a trial scores at its checkpoints and at its end: the mean over domains of held-out text."""
    steps = options.checkpoints(trial.steps)
    scored = [lab.score(replace(trial, folder=trial.checkpoint(step)), [evaluation]) for step in steps]
    metric = final[0].metric  # the scale's own evaluation comes first
    values = [
        fmean(measure.value for measure in measures if measure.metric == metric)
        for measures in (*scored, final)
    ]
    tokens = [trial.record["tokens"] * step / trial.steps for step in (*steps, trial.steps)]
    return Curve(trial.arm, trial.seed, tokens, values)


def scale_floors(scale: Scale, measures: Mapping[int, Sequence[Measure]]) -> dict[str, Floor]:
    """The scale's noise floor for each measure of bits per byte, around what the baseline scored."""
    if scale.noise_floor is None:
        return {}
    first = [measure for measure in next(iter(measures.values())) if measure.metric == "bits_per_byte"]
    floors = {}
    for measure in first:
        floors[measure.name] = recorded_floor(
            measure.value, scale.noise_floor.domain, scale.noise_floor.seeds
        )
    if len(first) > 1:
        mean = sum(measure.value for measure in first) / len(first)
        floors["bits_per_byte mean"] = recorded_floor(mean, scale.noise_floor.mean, scale.noise_floor.seeds)
    return floors


def _notes(trials: Mapping[str, Mapping[int, Trial]], scale: Scale, options: AssayOptions) -> tuple[str, ...]:
    notes = []
    if not options.held_out:
        notes.append(
            "Held-out text was drawn from every arm in equal parts, and no arm was trained on any of it."
        )
    epochs = [next(iter(by_seed.values())).record["epochs"] for by_seed in trials.values()]
    if min(epochs) > MAX_EPOCHS:
        notes.append(
            f"Every arm is repeated more than {MAX_EPOCHS:g} times: beyond about that, repeated text is worth much less "
            "than fresh text (Muennighoff et al. 2023), for all arms alike."
        )
    if scale.base is not None and scale.base.trial is None and scale.base.arm is None:
        notes.append(
            "No base was named. It was trained on the text of all arms in equal parts, held-out text aside; name a finished "
            "trial, or text to train one on (--base), to start from what you will tune."
        )
    if options.tokenizer is None and (scale.base is None or scale.base.trial is None):
        notes.append(
            f"The tokenizer was trained on a sample of the baseline, {scale.tokenizer.sample_bytes / 1e6:.0f} MB at most; "
            "bits per byte do not depend on how many tokens a text has, but a tokenizer is better on text like its own."
        )
    if scale.noise_floor is None:
        notes.append(
            "This scale has no recorded noise floor, so few seeds must speak for themselves, with wide intervals."
        )
    return tuple(notes)
