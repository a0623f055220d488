"""`refine`: runs a recipe on a pool; an interrupted run resumes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cupel import errors
from cupel.contract import NO_DOCUMENTS, Resources
from cupel.corpus import Corpus
from cupel.corpus.files import InputFile, LeftOut, scan
from cupel.corpus.frames import Source, paths_of
from cupel.corpus.remote import local_path
from cupel.corpus.shards import plan_shards
from cupel.engine import read_tables, wait_for_results
from cupel.errors import (
    BadInput,
    BadOption,
    CupelError,
    Damaged,
    InputChanged,
    NotAccepted,
    OutputInUse,
    RunFailed,
    Stopped,
)
from cupel.findings import Page
from cupel.notebook import page_html
from cupel.recipe import task as tasks
from cupel.recipe.asking import asks_remotely, stop_asking
from cupel.recipe.births import PassReader, reader_of
from cupel.recipe.changes import differences, kept_settings, settings, written
from cupel.recipe.data_card import CARD, write_card
from cupel.recipe.decide import decide, decision_sections, too_much
from cupel.recipe.finish import finish
from cupel.recipe.fit import fit
from cupel.recipe.folder import Folder, disk_errors, read_sealed, write_sealed
from cupel.recipe.input_fields import check_fields, explaining_signals
from cupel.recipe.job import Job
from cupel.recipe.needs import check_needs
from cupel.recipe.options import RunOptions
from cupel.recipe.output import decide_fields
from cupel.recipe.plan import Pass, Plan
from cupel.recipe.planner import make_plan
from cupel.recipe.progress import Progress, Silent
from cupel.recipe.publish import RESTART, remember
from cupel.recipe.recipe import Recipe
from cupel.recipe.resume import discard_all, discard_run, groups_of, groups_path, take_up
from cupel.recipe.seals import check_sizes
from cupel.recipe.survivors import Survivors, digest_before
from cupel.store import digest, digest_json, make_folder

__all__ = ["Prospect", "Result", "prospect", "refine"]

STOP_WAIT_SECONDS = 0.1
UNITS_ASKING = 2
"""Units that ask a server concurrently on a cluster; each has many requests in flight."""
SMALLEST_SHARE = 16 << 20
"""Bytes that a group of the last pass may always have: a small corpus is one file on any machine."""


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes
    ----------
    output
        The folder.
    manifest
        Counts, hashes, versions: what `manifest.json` holds.
    up_to_date
        Whether the folder already held this finished run.
    """

    output: Path
    manifest: dict[str, Any]
    up_to_date: bool = False

    @property
    def report(self) -> Path:
        return self.output / "report.html"

    @property
    def alarms(self) -> tuple[str, ...]:
        """Warnings to check before using the output: nothing kept, much in quarantine, a step without effect."""
        return tuple(self.manifest.get("alarms", ()))

    def page(self) -> Page:
        """What there is to look at, as data."""
        return Page.model_validate_json((self.output / "report.json").read_bytes())

    def ledger(self) -> Any:
        """The ledger as a Daft DataFrame: one row per input document."""
        return read_tables(self.output / "ledger")

    def corpus(self) -> Corpus:
        """The refined corpus, in the columns of its files; its `doc` is that of the ledger."""
        return Corpus.read([str(self.output)])

    def __repr__(self) -> str:
        counts = ", ".join(f"{what} {count:,}" for what, count in self.manifest["documents"].items())
        return f"Result({str(self.output)!r}, {self.manifest['recipe']}: {counts})"

    def _repr_html_(self) -> str:
        return page_html(self.page(), ("funnel", "quarantine", "left-out"))


def refine(
    recipe: Recipe | str | Path,
    *,
    input: Source | Sequence[Source],
    output: str | Path,
    overrides: Iterable[str] = (),
    options: RunOptions = RunOptions(),
    progress: Progress | None = None,
) -> Result:
    """Carry out a recipe, all but its report page; `cupel.api.refine` says what the parameters are.

    Raises
    ------
    CupelError
        As `cupel.api.refine` lists.
    """
    if isinstance(recipe, Recipe):
        if tuple(overrides):
            raise BadOption("overrides go with a recipe's name or file, not with a Recipe object")
    else:
        recipe = Recipe.load(recipe, overrides)
    inputs = paths_of(input, cache=options.cache, note=progress.note if progress else None)
    run = _Run(recipe, inputs, Folder(Path(output).absolute()), options, progress or Silent())
    return run.carry_out()


@dataclass(frozen=True)
class Prospect:
    """A planned run that has passed all checks.

    Attributes
    ----------
    recipe, plan
        With overrides, and its passes.
    files, left_out
        What would be read, and what of the input would not.
    job
        The run as its workers would see it.
    state
        What there is in the output folder, in a sentence.
    """

    recipe: Recipe
    plan: Plan
    files: list[InputFile]
    left_out: list[LeftOut]
    job: Job
    state: str


def prospect(
    recipe: Recipe, *, input: str | Path | Sequence[str | Path], output: str | Path, options: RunOptions
) -> Prospect:
    """Run all checks that `refine` makes before it begins. Nothing is written.

    Raises
    ------
    CupelError
        As `refine` would.
    """
    inputs = [str(input)] if isinstance(input, str | Path) else [str(place) for place in input]
    return _Run(recipe, inputs, Folder(Path(output).absolute()), options, Silent()).foresee()


class _Run:
    def __init__(
        self, recipe: Recipe, inputs: list[str], folder: Folder, options: RunOptions, progress: Progress
    ) -> None:
        self.recipe = recipe
        self.inputs = inputs
        self.folder = folder
        self.options = options
        self.engine = options.engine
        self.progress = progress
        self.left_out: list[LeftOut] = []

    def carry_out(self) -> Result:
        restart = self.options.restart
        files = self._scan()
        finished = None if restart else self._finished(files)
        if finished is not None and not self.folder.work.exists():
            self._remember(finished.manifest)
            if not (self.folder.root / CARD).exists():
                write_card(self.folder, finished.manifest, {})
            return finished
        with self.folder.locked(), self._resumable():
            tasks.allow_tasks(self.folder.root)
            if restart or self.folder.discarding.exists():
                discard_run(self.folder)
            finished = self._finished(files)
            if finished is not None:
                self._settle(finished.manifest)
                return finished
            job, plan, beginning = self._begin(files)
            self.engine.start()
            for notice in plan.notices():
                self.progress.note(notice)
            units = self._passes(plan, job)
            manifest = finish(
                self.folder,
                job,
                plan,
                units,
                beginning,
                inputs=self.inputs,
                left_out=self.left_out,
                engine=self.engine,
                seconds=time.monotonic() - self.started,
            )
            self._settle(manifest)
            if plan.fits or any(pass_.asking for pass_ in plan.passes):
                self._trim()
        return Result(self.folder.root, manifest)

    def foresee(self) -> Prospect:
        files = self._scan()
        work = self.folder.work
        self.folder.check_free()
        if self.options.restart:
            state = "what it holds of a run would be discarded"
        elif self._finished(files) is not None:
            state = "up to date: the run is finished"
        elif (begun := self._unfinished(files)) is not None:
            self._compare(begun["config_digest"], begun["input_digest"], files, "an unfinished run")
            done = sum(1 for _ in work.glob("pass-*/*.done"))
            state = f"an unfinished run would be resumed ({done:,} shards of its passes are done)"
        else:
            state = (
                "would be made" if not self.folder.root.exists() else "would be used; it holds no other run"
            )
        job, plan = self._new_job(files)
        return Prospect(self.recipe, plan, files, self.left_out, job, state)

    # -- beginning -----------------------------------------------------------------------------

    def _scan(self) -> list[InputFile]:
        """The input's files; refuses what can be refused before anything is touched."""
        reading = self.options.reading
        with explaining_signals(self.inputs, reading):
            plan = make_plan(self.recipe, _annotated(self.inputs))
        for pass_ in plan.passes:
            for method in pass_.methods:
                method.check_ready()
        inputs = [_documents_of(place) for place in self.inputs]
        scanned = scan(inputs, io=reading.io, text_columns=reading.text_columns)
        self.left_out = scanned.left_out
        self._refuse_own_input(scanned.files)
        self._refuse_foreign(restart=self.options.restart)
        return scanned.files

    def _new_job(self, files: list[InputFile]) -> tuple[Job, Plan]:
        annotated = _annotated(self.inputs)
        plan = make_plan(self.recipe, annotated)
        check_needs(plan, files, self.options.reading)
        check_fields(plan, files, self.options.reading, annotated)
        shards = plan_shards(files, target_bytes=self._shard_bytes(files), io=self.options.reading.io)
        reading, writing = self.options.reading, self.options.writing
        return Job(self.recipe, tuple(files), tuple(shards), reading, writing, annotated), plan

    def _refuse_own_input(self, files: list[InputFile]) -> None:
        root = str(self.folder.root) + os.sep
        if any(os.path.abspath(local_path(file.path)).startswith(root) for file in files):
            raise BadInput(f"the output folder {self.folder.root} holds input files; choose another")

    def _refuse_foreign(self, *, restart: bool) -> None:
        """Refuse to write among foreign files or, with `restart`, to mistake them for a run and remove them."""
        root, work = self.folder.root, self.folder.work
        files = [path for place in (root, work) if place.is_dir() for path in place.iterdir() if path != work]
        if files and not self.folder.holds_run():
            raise OutputInUse(f"{root}: not empty, and no run of Cupel; choose an empty or new folder")
        if files and not restart and not self.folder.begun() and not self.folder.manifest.exists():
            raise OutputInUse(
                f"{root}: holds a run that has lost its manifest.json; choose another folder, or discard it with "
                "--restart"
            )

    def _finished(self, files: list[InputFile]) -> Result | None:
        """The run that this folder already holds whole, if it is the same one."""
        if not self.folder.manifest.exists() or self.folder.discarding.exists():
            return None
        manifest = self.folder.read_manifest()
        self._compare(manifest["config_digest"], manifest["input_digest"], files, "a finished run")
        check_sizes(self.folder, manifest, "--restart does the run again")
        return Result(self.folder.root, manifest, up_to_date=True)

    def _settle(self, manifest: dict[str, Any]) -> None:
        """The last steps, after the manifest is written; a run that was killed before them is completed here."""
        self._remember(manifest)
        self.folder.clear_work()

    def _trim(self) -> None:
        """Trim the cache to its size limit after this run has added to it."""
        for artifact in self.options.cache.trim():
            self.progress.note(
                f"removed {artifact.kind}/{artifact.path.name} from the cache, to keep it within its bound"
            )

    def _remember(self, manifest: dict[str, Any]) -> None:
        for path in remember(self.folder, manifest):
            self.progress.note(
                f"{path}: is missing, so the index has forgotten this run; {RESTART} to add it again"
            )

    def _compare(self, config: str, input_digest: str, files: list[InputFile], what: str) -> None:
        if config != self._config_digest():
            changes = differences(kept_settings(self.folder), self._settings())
            raise OutputInUse(
                f"{self.folder.root}: holds {what} of another recipe or other options ({written(changes)}); "
                "choose another folder, or discard it with --restart"
            )
        if input_digest != _input_digest(files):
            raise InputChanged(
                f"{self.folder.root}: holds {what} on input that has changed since{self._changes(files)}; "
                "choose another folder, or discard it with --restart"
            )

    def _changes(self, files: list[InputFile]) -> str:
        if self.folder.plan.exists():
            begun = read_sealed(self.folder.plan)["job"]["files"]
        else:
            begun = self.folder.read_inputs()["files"]
        before = {file["path"]: file["digest"] for file in begun}
        now = {file.path: file.digest for file in files}
        changes = [f"{path} is new" for path in now.keys() - before.keys()]
        changes += [f"{path} is gone" for path in before.keys() - now.keys()]
        changes += [f"{path} differs" for path in now.keys() & before.keys() if now[path] != before[path]]
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        return " (" + "; ".join(sorted(changes)[:3]) + more + ")" if changes else ""

    def _settings(self) -> dict[str, Any]:
        return settings(self.recipe.to_dict(), asdict(self.options.reading), asdict(self.options.writing))

    def _config_digest(self) -> str:
        return digest_json([self.recipe.digest, repr(self.options.reading), repr(self.options.writing)])

    def _begin(self, files: list[InputFile]) -> tuple[Job, Plan, dict[str, Any]]:
        begun = self._unfinished(files)
        self.resumed = begun is not None
        if begun is not None:
            self._compare(begun["config_digest"], begun["input_digest"], files, "an unfinished run")
            job = Job.from_json(begun["job"])
        else:
            job, _ = self._new_job(files)
            discard_all(self.folder)
            begun = {
                "config_digest": self._config_digest(),
                "input_digest": _input_digest(files),
                "started": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds_before": 0.0,
                "job": job.to_json(),
            }
            write_sealed(self.folder.plan, begun)
            begun = read_sealed(self.folder.plan)
        self.seal = str(begun["seal"])
        self.started = time.monotonic()
        return job, make_plan(self.recipe, job.annotated), begun

    def _unfinished(self, files: list[InputFile]) -> dict[str, Any] | None:
        """What the plan of an unfinished run holds; None if there is none, or another one that finished no shard."""
        if not self.folder.plan.exists():
            return None
        try:
            begun = read_sealed(self.folder.plan)
        except Damaged as damaged:
            raise Damaged(damaged.path, damaged.fault, RESTART) from None
        same = begun["config_digest"] == self._config_digest() and begun["input_digest"] == _input_digest(
            files
        )
        if same or any(self.folder.work.glob("pass-*/*.done")):
            return begun
        self.progress.note(
            f"{self.folder.root} held an unfinished run of another kind, without a finished shard; it is replaced"
        )
        return None

    def _shard_bytes(self, files: list[InputFile]) -> int:
        if self.options.target_shard_bytes is not None:
            return self.options.target_shard_bytes
        share = sum(file.bytes for file in files) // (4 * self.engine.parallelism())
        return min(max(share, 4 << 20), 128 << 20)

    # -- passes --------------------------------------------------------------------------------

    def _passes(self, plan: Plan, job: Job) -> list[int]:
        """Carry out every pass; the units of the last one."""
        groups: list[list[int]] = []
        if self.resumed:
            self._take_up(plan, job)
        for pass_ in plan.passes:
            units = list(range(plan.units(len(job.shards), pass_.index)))
            groups = [[unit] for unit in units]
            before = self._left_by(plan, job, pass_.index - 1) if pass_.index else None
            if before is not None and pass_.index == len(plan.passes) - 1:
                groups = self._output_groups(before, units)
                decide_fields(self.folder, job, plan)
            self._fit(plan, job, pass_, before, units)
            self._one_pass(plan, job, pass_.index, groups, before)
            if pass_.decisions:
                memory, threads = self.engine.memory_bytes(), self.engine.parallelism()
                corpus = _input_digest(job.files)
                decide(self.folder, pass_, units, memory, threads, corpus, self.seal, self.progress.note)
                self._ask(pass_)
        return list(range(len(groups)))

    def _left_by(self, plan: Plan, job: Job, number: int) -> PassReader:
        return reader_of(self.folder, plan, number, len(job.files), len(job.shards))

    def _fit(self, plan: Plan, job: Job, pass_: Pass, before: PassReader | None, units: list[int]) -> None:
        """Fit what the pass uses, on what the pass before it left."""
        for step in pass_.fits:
            documents = NO_DOCUMENTS
            if step.method.given is None and step.method.reads_corpus and before is not None:
                inputs = digest_before(job, _input_digest(job.files), step)
                asked = any(earlier.asking for earlier in plan.passes[: pass_.index])
                documents = Survivors(before, units, inputs, asked)
            scratch = str(self.folder.work)
            asked_here = self.options.asking.asker(self.folder.root, self.options.cache.folder)
            memory, threads = self.engine.memory_bytes(), self.engine.parallelism()
            resources = Resources(scratch, memory, threads, ask=asked_here)
            fit(self.folder, step, documents, resources, self.options.cache, self.seal, self.progress.note)

    def _take_up(self, plan: Plan, job: Job) -> None:
        damaged = take_up(self.folder, plan, self.seal, len(job.shards), self.engine.parallelism())
        if damaged:
            more = f", and {len(damaged) - 1:,} more" if len(damaged) > 1 else ""
            self.progress.note(f"damaged since the run was stopped, and made again: {damaged[0]}{more}")

    def _ask(self, pass_: Pass) -> None:
        """Stop before dropping more than should be dropped without confirmation."""
        reasons = "; ".join(too_much(self.folder, pass_))
        if reasons and not self.options.accept:
            sections = tuple(decision_sections(self.folder, pass_))
            raise NotAccepted(
                reasons, Page(title="Before duplicates go", subtitle=reasons, sections=sections)
            )

    def _output_groups(self, before: PassReader, units: list[int]) -> list[list[int]]:
        """Neighboring shards that together give about one data file, or two to every core where there is less."""
        number = before.pass_.index
        path = groups_path(self.folder, number)
        if path.exists():
            return groups_of(self.folder, number, self.seal)
        sizes = {unit: before.path(unit).stat().st_size for unit in units}
        share = sum(sizes.values()) // (2 * self.engine.parallelism())
        limit = min(self.options.writing.shard_bytes, max(share, SMALLEST_SHARE))
        groups: list[list[int]] = [[]]
        filled = 0
        for unit, size in sizes.items():
            if groups[-1] and filled + size > limit:
                groups.append([])
                filled = 0
            groups[-1].append(unit)
            filled += size
        write_sealed(path, {"plan": self.seal, "groups": groups})
        return groups

    def _one_pass(
        self, plan: Plan, job: Job, number: int, groups: list[list[int]], before: PassReader | None
    ) -> None:
        waiting = [unit for unit in range(len(groups)) if not self.folder.done(number, unit)]
        with disk_errors(self.folder.work):
            make_folder(self.folder.pass_folder(number))
        threads = (
            max(1, self.engine.parallelism() // max(1, len(waiting))) if self.engine.name == "native" else 1
        )
        payloads = [
            json.dumps(
                {
                    "folder": str(self.folder.root),
                    "pass": number,
                    "unit": u,
                    "shards": groups[u],
                    "threads": threads,
                    "births": before.to_json(groups[u]) if before else {},
                    "asking": self.options.asking.to_json(),
                    "cache": str(self.options.cache.folder),
                }
            )
            for u in waiting
        ]
        count = len(job.shards)
        sizes = [sum(job.shards[unit % count].bytes for unit in group) for group in groups]
        title = f"pass {number + 1} of {len(plan.passes)}"
        with self.progress.following(title, self.folder.pass_folder(number), sizes):
            for result in self._results(plan.passes[number], payloads):
                _raise_from(json.loads(result))
        undone = sum(not self.folder.done(number, unit) for unit in range(len(groups)))
        if undone:  # an engine that was interrupted may end quietly
            raise RunFailed(
                f"{title}: the engine ended with {undone} of {len(groups)} units not done; the same command resumes"
            )

    def _results(self, pass_: Pass, payloads: list[str]) -> Iterator[str]:
        """What the tasks of a pass give. A server is asked by this process alone, so that limits hold for the run."""
        if self.engine.name == "native" or not any(map(asks_remotely, pass_.asking)):
            yield from self.engine.map(tasks.run_task, payloads, gpus=pass_.computes_on_gpus)
            return
        with ThreadPoolExecutor(UNITS_ASKING) as pool:
            for done in as_completed([pool.submit(tasks.run_task, payload) for payload in payloads]):
                yield done.result()

    @contextmanager
    def _resumable(self) -> Iterator[None]:
        """On interruption, let tasks end at their next batch, and report that the run can be resumed."""
        try:
            yield
        except KeyboardInterrupt:
            stop_asking(self.folder.root)
            tasks.stop_tasks(self.folder.root)
            raise Stopped("stopped; the same command resumes") from None
        except Exception:
            # Tasks of this run must not write alongside a run that starts next in this process.
            stop_asking(self.folder.root)
            tasks.stop_tasks(self.folder.root)
            wait_for_results()
            raise
        finally:
            stop_asking(self.folder.root)


def _raise_from(result: dict[str, Any]) -> None:
    if "error" in result:
        kind = getattr(errors, result["error"], CupelError)
        raised = CupelError.__new__(kind)
        Exception.__init__(raised, result["message"])
        raise raised


def _input_digest(files: Iterable[InputFile]) -> str:
    return digest("".join(json.dumps([file.relative, file.bytes, file.digest]) for file in files))


def _documents_of(place: str) -> str:
    """The data files of a finished run; anything else as it is."""
    folder = Folder(Path(place))
    if not folder.manifest.is_file() or not folder.data.is_dir():
        return place
    check_sizes(
        folder, folder.read_manifest(), "refine it again, or give its data files themselves", below="data/"
    )
    return str(folder.data)


def _annotated(inputs: list[str]) -> dict[str, dict[str, Any]]:
    """Signal columns that the input carries, and how they were measured: it is the output of one run of Cupel."""
    if len(inputs) != 1 or not Path(inputs[0]).is_dir() or not (Path(inputs[0]) / "manifest.json").exists():
        return {}
    manifest = Folder(Path(inputs[0])).read_manifest()
    described = manifest.get("signal_columns", {})
    return {column: dict(described.get(column, {})) for column in manifest.get("signals", {})}
