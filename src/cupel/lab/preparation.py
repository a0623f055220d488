"""Everything an assay needs before it trains: arms read and tokenized, held-out text, what of it an arm holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from cupel.contract import TrialProgress
from cupel.engine import Engine
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.lab.base import WEIGHTS, base_arm, base_plan, finished_trial, named_base
from cupel.lab.data.arms import Arm, check_names
from cupel.lab.data.documents import without
from cupel.lab.data.overlap import Overlap, OverlapSearch
from cupel.lab.data.spool import Spool
from cupel.lab.data.survey import Survey, held_out_table, read_held_out, survey
from cupel.lab.evaluations.tasks import TaskOptions, Tasks
from cupel.lab.lab import Lab, TrialPlan, cached_tokenizer
from cupel.lab.options import AssayOptions
from cupel.lab.scale import Scale
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import machine
from cupel.models.tokenizer import Tokenizer
from cupel.store import Key, Store

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """An assay that only has to be trained and scored.

    Attributes
    ----------
    lab
        Scale, tokenizer, cache and machine.
    arms
        With their recipes carried out.
    baseline
        The arm that the others are compared with.
    stores, surveys
        Tokens and a first look, by arm.
    overlap
        The held-out text, and what of it an arm or the base holds.
    tasks
        What is scored besides held-out text.
    initial
        Weights of a finished trial that every trial starts from.
    base
        The trial that they start from otherwise, and the bench that it is trained on; None where trials start from nothing.
    """

    lab: Lab
    arms: tuple[Arm, ...]
    baseline: str
    stores: Mapping[str, TokenStore]
    surveys: Mapping[str, Survey]
    overlap: Overlap
    tasks: Sequence[Tasks]
    initial: Path | None
    base: tuple[Lab, TrialPlan] | None


def prepare(
    arms: Sequence[str | os.PathLike[str] | Arm],
    scale: Scale | str | Path,
    options: AssayOptions,
    tell: TrialProgress,
) -> Prepared:
    """Check what was asked for, read and tokenize the arms, and set held-out text aside.

    Raises
    ------
    BadInput
        An arm without text, or held-out text that the arms were all trained on.
    BadOption, UnknownName
        Options, names or a device that do not hold.
    """
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
    options.each_seed  # noqa: B018 - refuses seeds that are none
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
    own_held_out = read_held_out(options.held_out, max_bytes, chats=chats) if options.held_out else None
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
        held_out, held_out_ids = _held_out(own_held_out, surveys, chats)
        stores, overlap = _tokenize(lab, parsed, start, held_out, held_out_ids, spool, tell)
        initial = None if trial is None else trial.folder / WEIGHTS
        base = None if start is None else base_plan(lab, start, held_out_ids, spool.read)
    if not overlap.kept.num_rows:
        raise BadInput("all held-out text stands in the training data of an arm: nothing is left to score")
    return Prepared(lab, tuple(parsed), baseline, stores, surveys, overlap, tasks, initial, base)


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
    own_held_out: pa.Table | None, surveys: Mapping[str, Survey], chats: bool
) -> tuple[pa.Table, frozenset[str]]:
    """Held-out text, and the ids that no arm may be trained on."""
    if own_held_out is not None:
        return own_held_out, frozenset()
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
