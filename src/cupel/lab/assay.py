"""An assay: the same small recipe trained on each arm, scored on the same text, and compared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from cupel.contract import TrialProgress
from cupel.engine import Engine
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.lab.base import WEIGHTS, base_arm, finished_trial, named_base, train_base
from cupel.lab.data.arms import Arm, check_names
from cupel.lab.data.documents import without
from cupel.lab.data.overlap import Overlap, OverlapSearch
from cupel.lab.data.spool import Spool
from cupel.lab.data.survey import Survey, held_out_table, read_held_out, survey
from cupel.lab.evaluations.evaluation import Evaluation
from cupel.lab.evaluations.tasks import TaskOptions, Tasks
from cupel.lab.lab import Lab, TrialPlan, cached_tokenizer
from cupel.lab.options import AssayOptions
from cupel.lab.progress import Quiet
from cupel.lab.result import Assay
from cupel.lab.scale import Scale
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import Trial, by_arm, machine
from cupel.models.tokenizer import Tokenizer
from cupel.store import Key, Store
from cupel.verdict.floor import Floor, recorded_floor
from cupel.verdict.measures import Measure
from cupel.verdict.verdict import compare

__all__ = ["assay", "evaluation_on", "scale_floors"]


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
    recipe = named_base(scale if isinstance(scale, Scale) else Scale.load(scale), options.base)
    chats = recipe.chats != "text"
    trial = finished_trial(Path(recipe.base.trial)) if recipe.base and recipe.base.trial else None
    if trial is not None:
        if options.tokenizer is not None:
            raise BadOption("tokenizer: the tokenizer is that of the base; leave one of the two out")
        recipe = trial.scale(recipe)
    parsed = [arm if isinstance(arm, Arm) else Arm.parse(arm) for arm in arms]
    check_names(parsed)
    names = [arm.name for arm in parsed]
    seeds = options.each_seed
    baseline = options.baseline or names[0]
    if baseline not in names:
        raise UnknownName("arm", baseline, names, where="baseline")
    if len(parsed) < 2:
        raise BadOption(f"one arm ({names[0]}): expected two or more to compare")
    on = machine(options.device, options.workers, options.engine)
    asked = TaskOptions(limit=recipe.evaluation.task_items, run_functions=options.run_task_functions)
    tasks = [Tasks(options.tasks, asked)] if options.tasks else []
    # More than is scored, since what an arm was trained on will be left out.
    max_bytes = 4 * recipe.evaluation.held_out_bytes
    given = read_held_out(options.held_out, max_bytes, chats=chats) if options.held_out else None
    cache = Store.of(options.cache)
    parsed = [_refined(arm, cache, options.engine, tell) for arm in parsed]
    with Spool(cache.folder, chats=chats) as spool:
        start = None if recipe.base is None or trial is not None else base_arm(recipe.base, parsed)
        if start is not None:
            start = _refined(start, cache, options.engine, tell)
        makes_tokenizer = trial is None and options.tokenizer is None
        surveys = _survey(parsed, baseline if makes_tokenizer else None, recipe, options, spool, tell)
        sample = surveys[baseline]
        if makes_tokenizer and recipe.base is not None and recipe.base.arm is not None and start is not None:
            sample = survey(
                start, sample_bytes=recipe.tokenizer.sample_bytes, held_out_bytes=0, seed=0, read=spool.read
            )
        path = trial.folder if trial is not None else options.tokenizer
        lab = Lab(recipe, _tokenizer(sample, recipe, path, cache, tell), cache, on)
        held_out, held_out_ids = _held_out(given, surveys, chats)
        stores, overlap = _tokenize(lab, parsed, start, held_out, held_out_ids, spool, tell)
        initial = None if trial is None else trial.folder / WEIGHTS
        if start is not None:
            initial = train_base(lab, start, held_out_ids, tell, spool.read).folder / WEIGHTS
    if not overlap.kept.num_rows:
        raise BadInput("all held-out text stands in the training data of an arm: nothing is left to score")
    evaluations: list[Evaluation] = [evaluation_on(overlap.kept, recipe), *tasks, *options.evaluations]
    trials = _train(lab, stores, seeds, initial, tell)
    tell.note(f"score {len(names) * len(seeds)} trials on {overlap.kept.num_rows:,} held-out documents")
    measures = {
        name: {seed: lab.score(trial, evaluations) for seed, trial in by_seed.items()}
        for name, by_seed in trials.items()
    }
    verdict = compare(measures, baseline, scale_floors(recipe, measures[baseline]))
    return Assay(
        recipe, tuple(parsed), options, on, verdict, measures, trials, stores, surveys, overlap, lab.tokenizer,
        _notes(given, trials, recipe, options),
    )  # fmt: skip


def _refined(arm: Arm, cache: Store, engine: Engine | None, tell: TrialProgress) -> Arm:
    """The arm with its recipes carried out."""
    from cupel.recipe.options import RunOptions
    from cupel.recipe.recipe import Recipe
    from cupel.recipe.run import refine

    parts = []
    for part in arm.parts:
        if part.recipe is None:
            parts.append(part)
            continue
        recipe = Recipe.load(part.recipe)
        source = Arm("", (replace(part, recipe=None, share=None),)).identity()
        key = Key("refined", recipe.name, inputs={"recipe": recipe.digest, "documents": source})
        output = cache.place(key)
        if not (output / "manifest.json").is_file():
            tell.note(f"refine {part.path} with {part.recipe} for arm {arm.name}")
            refine(recipe, input=part.path, output=output, options=RunOptions(engine=engine or Engine()))
        parts.append(replace(part, path=str(output), recipe=None))
    return Arm(arm.name, tuple(parts))


def _survey(
    arms: Sequence[Arm],
    sampled: str | None,
    scale: Scale,
    options: AssayOptions,
    spool: Spool,
    tell: TrialProgress,
) -> dict[str, Survey]:
    """A first look at every arm; of the one called `sampled`, also the text that a tokenizer is trained on."""
    surveys = {}
    for arm in arms:
        tell.note(f"read {arm.name}")
        surveys[arm.name] = survey(
            arm,
            sample_bytes=scale.tokenizer.sample_bytes if arm.name == sampled else 0,
            held_out_bytes=0 if options.held_out else scale.evaluation.held_out_bytes // len(arms),
            seed=0,
            read=spool.read,
        )
    return surveys


def _tokenizer(
    base: Survey, scale: Scale, path: str | Path | None, cache: Store, tell: TrialProgress
) -> Tokenizer:
    """The tokenizer of `path`; without one, it is trained on the sample that a survey drew."""
    if path is not None:
        loaded = Tokenizer.load(path, composing=True)
        if notice := loaded.notice():
            tell.note(notice)
        return loaded
    size = sum(len(text.encode("utf-8", "replace")) for text in base.sample)
    tell.note(f"a tokenizer of {scale.tokenizer.vocabulary:,} from {size / 1e6:.1f} MB of {base.arm}")
    return cached_tokenizer(base.sample, scale.tokenizer.vocabulary, cache)


def _held_out(
    given: pa.Table | None, surveys: Mapping[str, Survey], chats: bool
) -> tuple[pa.Table, frozenset[str]]:
    """Held-out text, and the ids that no arm may be trained on."""
    if given is not None:
        return given, frozenset()
    rows = [
        document._replace(domain=f"text of {name}")
        for name, arm_survey in surveys.items()
        for document in arm_survey.held_out
    ]
    if not rows:
        raise BadInput("the arms are too small to hold text out of them; name some with held_out")
    return held_out_table(rows, chats=chats), frozenset(document.id for document in rows)


def _tokenize(
    lab: Lab,
    arms: Sequence[Arm],
    base: Arm | None,
    held_out: pa.Table,
    held_out_ids: frozenset[str],
    spool: Spool,
    tell: TrialProgress,
) -> tuple[dict[str, TokenStore], Overlap]:
    """Every arm's tokens, and which held-out text it or the base holds: both from one pass over its documents."""
    search = OverlapSearch(held_out)
    stores = {}
    for arm in arms:
        tell.note(f"tokenize {arm.name}")
        searched: set[str] = set()

        def documents(path: str) -> Iterator[pa.RecordBatch]:
            searched.add(path)  # noqa: B023 - called before the next arm
            for batch in without(spool.read(path), held_out_ids):
                search.add(arm.name, batch.column("text"))  # noqa: B023
                yield batch

        stores[arm.name] = lab.tokens(arm, arm.name, without_ids=held_out_ids, read=documents)
        # Tokens that the cache holds are not made again, and nothing has been read for them.
        for part in arm.parts:
            if part.path not in searched:
                for _ in documents(part.path):
                    pass
    known = {part.path for arm in arms for part in arm.parts}
    for part in base.parts if base is not None else ():
        if part.path not in known:
            for batch in without(spool.read(part.path), held_out_ids):
                search.add("the base", batch.column("text"))
    return stores, search.result()


def evaluation_on(documents: pa.Table, scale: Scale) -> Evaluation:
    """What the scale scores trials by, on as much of each domain of these documents as it looks at."""
    domains = len(set(documents.column("domain").to_pylist()))
    method = scale.evaluation_method(max(1, scale.evaluation.held_out_bytes // domains))
    return method.on(documents)  # type: ignore[no-any-return]


def _train(
    lab: Lab,
    stores: Mapping[str, TokenStore],
    seeds: Sequence[int],
    initial: Path | None,
    tell: TrialProgress,
) -> dict[str, dict[int, Trial]]:
    # Seed by seed, so that after a stop every arm is as far as the others.
    plans = [TrialPlan(name, stores[name], seed, initial=initial) for seed in seeds for name in stores]
    return by_arm(lab.train(plans, tell))


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


def _notes(
    given: pa.Table | None, trials: Mapping[str, Mapping[int, Trial]], scale: Scale, options: AssayOptions
) -> tuple[str, ...]:
    notes = []
    if given is None:
        notes.append(
            "No held-out text was given. It was drawn from every arm in equal parts, and no arm was trained on any of "
            "it; each arm is at home on its own part. Name text that stands for what the model is for "
            "(--held-out) to judge by."
        )
    for name, by_seed in trials.items():
        seen = next(iter(by_seed.values())).record["epochs"]
        if seen > 4:
            notes.append(
                f"{name} is seen {seen:.1f} times: beyond about four, repeated text is worth much less than fresh text "
                "(Muennighoff et al. 2023)."
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
