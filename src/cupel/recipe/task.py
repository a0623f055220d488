"""One task: one shard through one pass, from files to files."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cupel.corpus.extraction import extract_batch
from cupel.corpus.part_rows import to_row
from cupel.corpus.read import DocumentBatch, Quarantined, read_shard
from cupel.errors import BadInput, CupelError, Stopped
from cupel.recipe import batches, ledger
from cupel.recipe.act import act
from cupel.recipe.asking import Asking
from cupel.recipe.births import PARENTS, PassReader, generate
from cupel.recipe.content import content_hash
from cupel.recipe.folder import Folder, disk_errors, is_refined, write_passing, write_text
from cupel.recipe.job import DOCUMENT, WEIGHT, Job, ledger_schema, signal_types
from cupel.recipe.outcome import Outcome, Refused, pick, sample_row, with_columns
from cupel.recipe.output import (
    carried_fields,
    fit,
    has_parts,
    output_batch,
    output_schema,
    with_weight,
    without_doc,
)
from cupel.recipe.pass_files import open_pass_file, read_pass_table
from cupel.recipe.plan import Pass
from cupel.recipe.prepared import prepared
from cupel.recipe.quarantine import quarantined_lines, refused_lines
from cupel.recipe.readback import compared
from cupel.recipe.seals import forget_unit, seal_unit
from cupel.recipe.sketches import doc_range, priority, sketch_schema
from cupel.recipe.steps import CorpusStep, StepGroup
from cupel.recipe.tally import Tally
from cupel.recipe.writers import ParquetWriter, RollingWriter
from cupel.store import make_folder
from cupel.threads import in_order

__all__ = ["Timed", "allow_tasks", "run_task", "stop_tasks", "time_sample"]

PROGRESS_SECONDS = 0.5
BATCH_ROWS = 8192
ASKING_ROWS = 256
"""Of a pass that asks a model: a run that is stopped waits for the batches that it is at."""

_CHANGED = threading.Condition()
_running: Counter[Path] = Counter()
"""Number of tasks of each run, by output folder, that this process is running."""
_stopped: set[Path] = set()


def allow_tasks(run: Path) -> None:
    """Let the tasks of the run in this output folder be carried out in this process, if they were stopped."""
    with _CHANGED:
        _stopped.discard(run)


def stop_tasks(run: Path) -> None:
    """Stop the tasks of a run at their next batch; returns once none is running in this process."""
    with _CHANGED:
        _stopped.add(run)
        _CHANGED.wait_for(lambda: not _running[run])


def _count(run: Path, change: int) -> None:
    with _CHANGED:
        _running[run] += change
        _CHANGED.notify_all()


def _check_running(run: Path) -> None:
    if run in _stopped:
        raise Stopped("stopped")


def run_task(payload: str) -> str:
    """Carry one shard (or group of shards, in the last pass) through one pass.

    Takes and gives JSON, so that it runs the same in a thread here and on a Ray worker.
    Errors come back as data: `{"error": class name, "message": text}`.
    """
    task = json.loads(payload)
    folder = Folder(Path(task["folder"]))
    number, unit = task["pass"], task["unit"]
    _count(folder.root, 1)
    try:
        _check_running(folder.root)
        if not folder.done(number, unit):
            with disk_errors(folder.work):
                _Task(folder, task).run()
        return json.dumps({"unit": unit})
    except CupelError as error:
        return json.dumps({"unit": unit, "error": type(error).__name__, "message": str(error)})
    finally:
        _count(folder.root, -1)


@dataclass(frozen=True)
class Timed:
    """What a part of the first pass took: documents, bytes of text, bytes of survivors, processor seconds, content read."""

    documents: int
    text_bytes: int
    survivors: int
    survivor_bytes: int
    content_bytes: int
    seconds: float
    quarantined: int


def time_sample(folder: Folder, shards: Sequence[int], seconds: float) -> Timed:
    """Carry the beginning of each of some shards through the first pass, without writing anything, and time it.

    Parameters
    ----------
    folder
        Holds the plan of a run, and nothing else.
    seconds
        Stop after this much processor time, spread evenly over the shards; a batch in progress is finished.
    """
    asking = Asking()
    documents = text = survivors = survivor_bytes = content = quarantined = 0
    spent = 0.0
    for number, shard in enumerate(shards, 1):
        payload = {"folder": str(folder.root), "pass": 0, "unit": shard, "shards": [shard], "threads": 1}
        task = _Task(folder, payload | {"births": {}, "asking": asking.to_json(), "cache": str(folder.root)})
        aside: list[Quarantined] = []
        started = time.process_time()
        for item in task._from_input(aside):
            outcome = task._process(item)
            documents += item[0].num_rows
            text += pc.sum(item[0].column("bytes_in")).as_py()
            survivors += outcome.survivors.num_rows
            survivor_bytes += pc.sum(pc.binary_length(outcome.survivors.column("text"))).as_py() or 0
            if spent + time.process_time() - started >= seconds * number / len(shards):
                break
        spent += time.process_time() - started
        content += task.content_read
        quarantined += len(aside)
    return Timed(documents, text, survivors, survivor_bytes, content, spent, quarantined)


class _Task:
    def __init__(self, folder: Folder, task: Mapping[str, Any]) -> None:
        number = task["pass"]
        self.folder = folder
        self.job, self.plan, self.plan_seal = Job.load(folder)
        self.pass_: Pass = self.plan.passes[number]
        self.unit: int = task["unit"]
        self.shards: list[int] = task["shards"]
        self.threads: int = task["threads"]
        self.births: Mapping[str, Any] = task["births"]
        asking = Asking.from_json(task["asking"])
        self.measures = prepared(folder, self.plan_seal, number, asking, Path(task["cache"]))
        self.tally = Tally()
        self.types = signal_types(self.plan)
        self.last = number == len(self.plan.passes) - 1
        self.refused: list[Refused] = []
        self.reported = 0.0
        self.content_read = 0
        self.batch_rows = ASKING_ROWS if self.pass_.asking else BATCH_ROWS

    def path(self, suffix: str) -> Path:
        return self.folder.unit(self.pass_.index, self.unit, suffix)

    @cached_property
    def refined(self) -> bool:
        """Whether all documents come from a finished run: their `doc` means nothing here."""
        paths = {part.file.path for shard in self.shards for part in self.job.shards[shard].parts}
        return all(map(is_refined, paths))

    def run(self) -> None:
        forget_unit(self.folder, self.pass_.index, self.unit)
        with ExitStack() as stack:
            self.rows = self._parquet(stack, "ledger.parquet", ledger_schema(self.plan))
            quarantine: list[Quarantined] = []
            self.sketches = (
                self._parquet(stack, "sketch.parquet", sketch_schema(self.pass_), passing=True)
                if self.pass_.decisions
                else None
            )
            if self.pass_.generator is not None:
                self.born = self._parquet(stack, "born.parquet", self._carried_schema())
            if self.last:
                self.carried = carried_fields(self.folder, self.job)
                schema = output_schema(self.plan, self.types, self.carried, parts=has_parts(self.folder))
                with disk_errors(self.folder.data):
                    make_folder(self.folder.data)
                self.data: ParquetWriter | RollingWriter = stack.enter_context(
                    RollingWriter(
                        self.folder.data,
                        f"part-{self.unit:05d}",
                        schema,
                        shard_bytes=self.job.output.shard_bytes,
                        jsonl=self.job.output.format == "jsonl",
                        layout=self.job.output.layout,
                        keep_empty=self.unit == 0,  # a corpus of no documents still has its columns
                        repeating=self.carried.columns,
                    )
                )
            else:
                self.data = self._parquet(stack, "parquet", self._carried_schema(), passing=True)
            source = self._from_input(quarantine) if self.pass_.index == 0 else self._from_pass()
            for outcome in in_order(self._process, source, self.threads):
                self._take(outcome)
            if quarantine:
                self._write_quarantine(quarantined_lines(quarantine), ledger.quarantined(quarantine))
            if self.refused:
                label = self.pass_.generator.label if self.pass_.generator else ""
                self._write_quarantine(refused_lines(self.refused), ledger.refused(self.refused, label))
        write_passing(self.path("tally.json"), self.tally.to_json())
        self.path("progress").unlink(missing_ok=True)
        data = self.data.files if isinstance(self.data, RollingWriter) else []
        seal_unit(self.folder, self.plan_seal, self.pass_.index, self.unit, self.shards, data)

    def _parquet(
        self, stack: ExitStack, suffix: str, schema: pa.Schema, *, passing: bool = False
    ) -> ParquetWriter:
        writer = ParquetWriter(self.path(suffix), schema, passing=passing)

        def finish(kind: object, *_: object) -> None:
            writer.close() if kind is None else writer.abort()

        stack.push(finish)
        return writer

    # -- reading ---------------------------------------------------------------------------

    def _from_input(self, quarantine: list[Quarantined]) -> Iterator[tuple[pa.RecordBatch, ...]]:
        """Batches as read: one candidate, or one per extractor if the batch holds HTML."""
        for index in self.shards:
            reader = iter(read_shard(self.job.shards[index], self.job.reading))
            while True:
                started = time.thread_time()
                batch = next(reader, None)
                self.tally.spend("read", time.thread_time() - started)
                if batch is None:
                    break
                _check_running(self.folder.root)
                self._account(batch, quarantine)
                if batch.documents.num_rows:
                    yield tuple(self._candidates(batch.documents, quarantine))

    def _account(self, batch: DocumentBatch, quarantine: list[Quarantined]) -> None:
        self.content_read += batch.bytes_read
        for kind, records in batch.skipped.items():
            self.tally.skipped[kind] = self.tally.skipped.get(kind, 0) + records
        self.tally.fields.declare(batch.declared)
        self._quarantine(batch.quarantined, quarantine)

    def _quarantine(self, entries: list[Quarantined], quarantine: list[Quarantined]) -> None:
        if entries and self.job.output.strict:
            first = entries[0]
            raise BadInput(
                f"{first.path}, {first.unit} {first.position}: {first.reason}: {first.detail} (--strict)"
            )
        for entry in entries:
            self.tally.quarantined[entry.reason] = self.tally.quarantined.get(entry.reason, 0) + 1
        self.tally.documents_in += len(entries)
        quarantine += entries

    def _candidates(self, documents: pa.RecordBatch, quarantine: list[Quarantined]) -> list[pa.RecordBatch]:
        if documents.column("html").null_count == documents.num_rows:
            return [self._prepare(documents)]
        texts, errors = extract_batch(documents, self.plan.extractors, self.plan.extraction_seconds)
        failed = np.array([error is not None for error in errors])
        self._quarantine([error for error in errors if error is not None], quarantine)
        good = pa.array(np.flatnonzero(~failed))
        return [self._prepare(with_columns(documents, {"text": text}).take(good)) for text in texts]

    def _prepare(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        text = pc.fill_null(documents.column("text"), "")  # a page without main text
        size = pc.cast(pc.binary_length(text), pa.int64())
        edits = pa.array([[]] * documents.num_rows, DOCUMENT["edits"])
        batch = with_columns(documents, {"text": text, "bytes_in": size, "edits": edits})
        if self.job.annotated:
            batch = with_columns(batch, self._annotations(documents))
        elif self.refined:
            batch = with_columns(batch, {"metadata": without_doc(batch.column("metadata"))})
        if self.plan.weighs:
            batch = with_columns(batch, with_weight(batch))
        if self.plan.generators:
            batch = with_columns(batch, {"parents": pa.nulls(batch.num_rows, PARENTS)})
        return batch.select([*DOCUMENT, *self._weight, *self._parents, *self.plan.reused])

    @property
    def _weight(self) -> tuple[str, ...]:
        return (WEIGHT,) if self.plan.weighs else ()

    @property
    def _parents(self) -> tuple[str, ...]:
        return ("parents",) if self.plan.generators else ()

    def _annotations(self, documents: pa.RecordBatch) -> dict[str, pa.Array]:
        """Signals that an annotated corpus carries, out of its metadata; what is not reused is let go."""
        rows = [orjson.loads(text) for text in documents.column("metadata").to_pylist()]
        signals = [row.pop("signals", None) or {} for row in rows]
        for row in rows:
            row.pop("doc", None)
        columns: dict[str, pa.Array] = {
            name: pa.array([values.get(name) for values in signals], self.types[name])
            for name in self.plan.reused
        }
        return columns | {
            "metadata": pa.array([orjson.dumps(row).decode() for row in rows], pa.large_string())
        }

    def _from_pass(self) -> Iterator[tuple[pa.RecordBatch, ...]]:
        before = self.plan.passes[self.pass_.index - 1]
        reader = PassReader.from_json(self.folder, before, self.births)
        for index in self.shards:
            clusters = []
            if before.decisions:
                with open_pass_file(reader.path(index)) as file:
                    docs = doc_range(file)
                clusters = [(step, self._members(before, step, docs)) for step in before.decisions]
            for batch in reader.batches(index, self.batch_rows):
                _check_running(self.folder.root)
                if batch.num_rows:
                    yield (batch, *clusters)  # type: ignore[misc]

    def _members(self, pass_: Pass, step: CorpusStep, docs: tuple[int, int]) -> pa.Table:
        path = self.folder.decided(pass_.index, step.label)
        return read_pass_table(path, filters=[("doc", ">=", docs[0]), ("doc", "<=", docs[1])])

    # -- the work on one batch (called from several threads) -----------------------------------

    def _process(self, item: tuple[pa.RecordBatch, ...]) -> Outcome:
        if self.pass_.index == 0:
            outcomes = [batches.process(batch, self.pass_, self.measures, "extract") for batch in item]
            outcome = outcomes[0] if len(outcomes) == 1 else batches.best_of(outcomes)
            outcome.documents_in = item[0].num_rows
        else:
            batch, *clusters = item
            begun = Outcome(batch)
            for step, members in clusters:
                act(begun, step, members)
            outcome = batches.process(begun.survivors, self.pass_, self.measures)
            outcome.dropped = begun.dropped + outcome.dropped
            outcome.edited = begun.edited + outcome.edited
            outcome.samples = begun.samples + outcome.samples
            for name, seconds in begun.seconds.items():
                outcome.seconds[name] = outcome.seconds.get(name, 0.0) + seconds
        if self.pass_.decisions and outcome.survivors.num_rows:
            outcome.sketch = self._sketch(outcome)
        if self.pass_.generator is not None:
            step = self.pass_.generator
            generate(outcome, step, self.measures[step.label], self._carried_schema())
        return outcome

    def _sketch(self, outcome: Outcome) -> pa.RecordBatch:
        batch = outcome.survivors
        columns: dict[str, pa.Array] = {name: batch.column(name) for name in ("doc", "id", "source")}
        for step in self.pass_.decisions:
            with outcome.spending(f"{step.label} (sketch)"):
                sketch = self.measures[step.label](compared(batch, step))
            columns |= {f"{step.label}.{name}": sketch.column(name) for name in sketch.schema.names}
            columns[f"{step.label}.priority"] = priority(step, batch)
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=sketch_schema(self.pass_))

    # -- writing ---------------------------------------------------------------------------

    def _take(self, outcome: Outcome) -> None:
        started = time.thread_time()
        if self.pass_.index == 0:
            self._count_input(outcome)
            self.tally.fields.count(outcome.survivors.column("metadata"))
            parts = outcome.survivors.column("parts")
            self.tally.with_parts += len(parts) - parts.null_count
            if self.job.output.layout is not None and parts.null_count < len(parts):
                self._check_layout(outcome.survivors.filter(parts.is_valid()), self.job.output.layout)
        batches.count(outcome, self.pass_, self.tally, self.plan.labels)
        schema = self.rows.schema
        for rows in outcome.dropped:
            self.rows.write(ledger.fit(rows, schema))
        survivors = outcome.survivors
        if survivors.num_rows:
            if self.last:
                self._keep(survivors)
            else:
                self.data.write(fit(survivors, self.data.schema))
            if outcome.sketch is not None and self.sketches is not None:
                self.sketches.write(outcome.sketch)
        if outcome.born is not None:
            self._take_births(outcome.born, outcome.refused)
        self.tally.documents_out += survivors.num_rows
        self.tally.text_bytes_out += pc.sum(pc.binary_length(survivors.column("text"))).as_py() or 0
        self.tally.spend("write", time.thread_time() - started)
        self._report_progress()

    def _take_births(self, born: pa.RecordBatch, refused: list[Refused]) -> None:
        tally = self.tally
        for name in ("doc", "position"):
            numbered = pc.add(born.column(name), tally.born)
            born = born.set_column(born.schema.get_field_index(name), name, numbered)
        self.born.write(born)
        tally.born += born.num_rows
        tally.bytes_born += pc.sum(born.column("bytes_in")).as_py() or 0
        tally.fields.count(born.column("metadata"))
        for entry in pc.value_counts(born.column("source")).to_pylist():
            tally.count_source(entry["values"], "in", entry["counts"])
        for entry in refused:
            reason = entry.refusal.reason
            tally.refused[reason] = tally.refused.get(reason, 0) + 1
        self.refused += refused

    def _count_input(self, outcome: Outcome) -> None:
        self.tally.documents_in += outcome.documents_in
        for rows in (outcome.survivors, *outcome.dropped):
            self.tally.bytes_in += pc.sum(rows.column("bytes_in")).as_py() or 0
            for entry in pc.value_counts(rows.column("source")).to_pylist():
                self.tally.count_source(entry["values"], "in", entry["counts"])

    @staticmethod
    def _check_layout(documents: pa.RecordBatch, layout: str) -> None:
        """Refuse conversations that the layout of the output cannot hold before anything is done for them."""
        for document in documents.select(["id", "source", "url", "metadata", "parts"]).to_pylist():
            to_row(document, layout)

    def _keep(self, survivors: pa.RecordBatch) -> None:
        from cupel import _kernels

        self.rows.write(ledger.fit(ledger.kept(survivors), self.rows.schema))
        batches.count_survivors(survivors, self.tally, self.plan.labels)
        for row in pick(survivors):
            self.tally.sample("kept", [sample_row(survivors, row, "")])
        for entry in pc.value_counts(survivors.column("source")).to_pylist():
            self.tally.count_source(entry["values"], "out", entry["counts"])
        content = content_hash(survivors, self._weight)
        added = _kernels.add_hashes(bytes.fromhex(self.tally.content_hash), content)
        self.tally.content_hash = added.hex()
        self.data.write(output_batch(survivors, self.data.schema, self.carried))

    def _write_quarantine(self, lines: list[bytes], entries: pa.RecordBatch) -> None:
        write_text(self.path("quarantine.jsonl"), b"\n".join(lines).decode() + "\n")
        writer = ParquetWriter(self.path("quarantine.ledger.parquet"), self.rows.schema)
        writer.write(ledger.fit(entries, self.rows.schema))
        writer.close()

    def _carried_schema(self) -> pa.Schema:
        """Columns of the survivors after this pass."""
        known: dict[str, pa.DataType] = dict(DOCUMENT) | dict.fromkeys(self._weight, pa.float64())
        known |= dict.fromkeys(self._parents, PARENTS)
        reached = set(self.plan.reused)
        for pass_ in self.plan.passes[: self.pass_.index + 1]:
            for operation in pass_.operations:
                names = operation.columns if isinstance(operation, StepGroup) else operation.edit.columns
                reached |= set(names)
        known |= {column: kind for column, kind in self.types.items() if column in reached}
        for pass_ in self.plan.passes[: self.pass_.index]:
            for step in pass_.decisions:
                known |= {f"{step.label}_{name}": kind for name, kind in step.marked.items()}
        return pa.schema(list(known.items()))

    def _report_progress(self) -> None:
        now = time.monotonic()
        if now - self.reported >= PROGRESS_SECONDS:
            self.reported = now
            tally = self.tally
            done = {
                "documents": tally.documents_in or tally.documents_out + tally.documents_dropped,
                "bytes": tally.bytes_in or tally.text_bytes_out,
                "kept": tally.documents_out,
            }
            write_passing(self.path("progress"), done)
