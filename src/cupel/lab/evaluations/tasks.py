"""Minimal pairs and multiple choice: whether the right alternative is the most likely one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from cupel.contract import EvaluationMethod, Method, Paper
from cupel.errors import BadInput
from cupel.lab.evaluations.evaluation import EvaluationContext
from cupel.lab.evaluations.task_data import DATA_ENDINGS, LocalTask, choose, read_tasks
from cupel.verdict.measures import Measure

__all__ = ["TaskAccuracy", "TaskFacts", "TaskOptions", "Tasks", "accuracy_by_file"]


class TaskOptions(Method.Options):
    """How many questions of each task are asked."""

    limit: int | None = Field(
        default=None,
        ge=1,
        description="Maximum number of questions per task, the same number from each of its files.",
    )
    seed: int = Field(
        default=0, ge=0, lt=1 << 63, description="Which questions, and which few-shot examples."
    )
    run_functions: bool = Field(
        default=False,
        description="Run the Python functions that a task's YAML file names (`!function`); refused otherwise. "
        "Set it only for files whose code you have read.",
    )


@dataclass(frozen=True)
class TaskFacts:
    """Facts about a task that do not depend on the model.

    Attributes
    ----------
    asked, available
        How many questions are asked, and how many there are.
    chance
        The mean of 1 / number of alternatives: what guessing gives.
    majority
        Share of the most frequent position of the right alternative: what always naming that position gives.
        None for sentence pairs, which have no positions.
    """

    name: str
    asked: int
    available: int
    chance: float
    majority: float | None


class TaskAccuracy(EvaluationMethod):
    """Accuracy on tasks by likelihood, through lm-evaluation-harness.

    The alternative with the highest log-probability given the question is the model's answer (`accuracy`); for
    multiple choice also the one with the highest per byte of UTF-8 (`accuracy_per_byte`), since sums favor short
    ones. If n alternatives share the highest value, the right one counts 1/n, so a model that cannot tell them
    apart scores chance, wherever the right one is. For the minimal pairs of BLiMP this is the full-sentence method.
    """

    name = "tasks"
    papers: ClassVar = (
        Paper(
            "A framework for few-shot language model evaluation",
            "Gao et al.",
            2021,
            "https://doi.org/10.5281/zenodo.5371628",
        ),
        Paper(
            "BLiMP: The Benchmark of Linguistic Minimal Pairs for English",
            "Warstadt et al.",
            2020,
            "https://arxiv.org/abs/1912.00582",
            "Section 4",
        ),
    )
    limits = "Small models score near chance on most tasks; BLiMP tells them apart best."

    class Options(TaskOptions):
        """Which tasks, and how many questions of each."""

        tasks: tuple[str, ...] = Field(
            min_length=1, description="Names of the harness, its YAML files, or files of questions."
        )

    options: Options

    def on(self, documents: pa.Table) -> Tasks:
        return Tasks(self.options.tasks, TaskOptions(**self.options.model_dump(exclude={"tasks"})))


class Tasks:
    """Accuracy on tasks, as `TaskAccuracy` explains it.

    Parameters
    ----------
    tasks
        Each a task, group or tag of the harness by name; a YAML file of the harness; or local data: a file, a folder
        or an archive of BLiMP's pairs, llm-foundry's, HellaSwag's or ARC's questions, Winogrande's contexts.
        Tasks of the harness download their data from the hub; local data needs no network.
    options
        How many questions.

    Raises
    ------
    UnknownName
        Neither a path nor a name of the harness.
    BadInput
        A file that cannot be read or whose columns are not known; two tasks of one name.

    Examples
    --------
    >>> import json, tempfile
    >>> pair = {"sentence_good": "The cats sleep.", "sentence_bad": "The cats sleeps.", "pairID": "0"}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
    ...     _ = file.write(json.dumps(pair)), file.flush()
    ...     tasks = Tasks([file.name])
    >>> tasks.facts[0].chance
    0.5
    """

    name = TaskAccuracy.name
    version = TaskAccuracy.version

    def __init__(self, tasks: Sequence[str], options: TaskOptions = TaskOptions()) -> None:
        self.options = options
        self._local: dict[str, LocalTask] = {}
        self._named: dict[str, Any] = {}
        for task in tasks:
            path = Path(task)
            if path.suffix not in (".yaml", ".yml") and (path.exists() or _looks_like_path(task)):
                if not path.exists():
                    raise BadInput(f"{task}: no such file or folder")
                self._add({local.name: local for local in read_tasks(path)}, self._local)
            else:
                from cupel.lab.evaluations.harness import named_tasks

                if path.suffix in (".yaml", ".yml") and not path.exists():
                    raise BadInput(f"{task}: no such file")
                self._add(named_tasks(task, options.seed, run_functions=options.run_functions), self._named)
        if not self._local and not self._named:
            raise BadInput("no task is named; leave tasks out or name one")
        self._chosen = {
            name: choose([question.name for question in task.questions], options.limit, options.seed)
            for name, task in self._local.items()
        } | {
            name: choose([str(row) for row in range(len(task.eval_docs))], options.limit, options.seed)
            for name, task in self._named.items()
        }

    @property
    def facts(self) -> tuple[TaskFacts, ...]:
        """What each task is."""
        facts = []
        for name, chosen in self._chosen.items():
            sizes, golds = zip(*self._alternatives(name), strict=True)
            task = self._local.get(name)
            available = len(task.questions) if task else len(self._named[name].eval_docs)
            pairs = task is not None and task.kind == "pairs"
            majority = None if pairs or None in golds else max(Counter(golds).values()) / len(golds)
            chance = float(np.mean([1 / size for size in sizes]))
            facts.append(TaskFacts(name, len(chosen), available, chance, majority))
        return tuple(facts)

    @property
    def digest(self) -> str:
        """Changes with the questions asked and whatever else may change a value: the key for caches."""
        digest = hashlib.blake2b(str(self.version).encode(), digest_size=16)
        for name, chosen in self._chosen.items():
            digest.update(f"{name} {chosen}".encode())
            if name in self._local:
                digest.update(repr([self._local[name].questions[place] for place in chosen]).encode())
            else:
                digest.update(repr(sorted(self._named[name].dump_config().items())).encode())
        return digest.hexdigest()

    def measure(self, model: object, tokenizer: object, context: EvaluationContext) -> Sequence[Measure]:
        """`accuracy` and `accuracy_per_byte` of each task; items are questions, each of weight 1."""
        from cupel.lab.evaluations.harness import local_task, run_tasks

        tasks = {name: local_task(task, self._chosen[name]) for name, task in self._local.items()}
        # A local task holds only the questions that are asked.
        places = self._chosen | {name: list(range(len(self._chosen[name]))) for name in tasks}
        tasks |= self._named
        records = run_tasks(tasks, places, model, tokenizer, context.batch_tokens)
        measures = []
        for fact in self.facts:
            ordered = {record["doc_id"]: record for record in records[fact.name]}
            rows = [ordered[place] for place in places[fact.name]]
            if fact.name in self._local or tasks[fact.name].OUTPUT_TYPE == "multiple_choice":
                measures += self._accuracy(fact, rows)
            else:
                measures += self._reported(fact, rows)
        return measures

    def _add(self, new: Mapping[str, Any], to: dict[str, Any]) -> None:
        for name, task in new.items():
            if name in self._local or name in self._named:
                raise BadInput(f"two tasks are called '{name}'; rename a file or leave one out")
            to[name] = task

    def _alternatives(self, name: str) -> list[tuple[int, int | None]]:
        """For each question asked: the number of alternatives, and which one is right, if exactly one is."""
        if name in self._local:
            questions = [self._local[name].questions[place] for place in self._chosen[name]]
            return [(len(question.endings), question.gold) for question in questions]
        task = self._named[name]
        if task.OUTPUT_TYPE != "multiple_choice":
            return [(1, None) for _ in self._chosen[name]]
        alternatives = []
        for place in self._chosen[name]:
            doc = task.eval_docs[place]
            alternatives.append((len(task.doc_to_choice(doc)), _gold_of(task, doc)))
        return alternatives

    def _items(self, name: str) -> tuple[str, ...]:
        if name in self._local:
            return tuple(self._local[name].questions[place].name for place in self._chosen[name])
        return tuple(f"{name}/{place + 1}" for place in self._chosen[name])

    def _accuracy(self, fact: TaskFacts, rows: Sequence[Mapping[str, Any]]) -> list[Measure]:
        """By the sum and, where the alternatives' lengths differ, by the byte."""
        local = self._local.get(fact.name)
        summed, by_byte = [], []
        for place, row, (size, gold) in zip(
            self._chosen[fact.name], rows, self._alternatives(fact.name), strict=True
        ):
            values = np.array([answer[0] for answer in row["filtered_resps"][:size]])
            if gold is None:
                raise BadInput(f"task '{fact.name}': item {place + 1} does not have one right alternative")
            summed.append(_right(values, gold))
            if local is not None:
                endings = [ending.strip() for ending in local.questions[place].endings]
            else:
                endings = self._named[fact.name].doc_to_choice(self._named[fact.name].eval_docs[place])
            lengths = np.array([max(1, len(ending.encode())) for ending in endings])
            by_byte.append(_right(values / lengths, gold))
        measures = [self._measure("accuracy", fact, summed, fact.chance)]
        if local is None or local.kind == "choice":
            measures.append(self._measure("accuracy_per_byte", fact, by_byte, fact.chance))
        return measures

    def _reported(self, fact: TaskFacts, rows: Sequence[Mapping[str, Any]]) -> list[Measure]:
        """The harness's own metrics, if they are one number per item; none has a known chance level."""
        names = [name for name in rows[0]["metrics"] if isinstance(rows[0][name], (int, float))]
        return [
            self._measure({"acc": "accuracy"}.get(name, name), fact, [float(row[name]) for row in rows], None)
            for name in names
        ]

    def _measure(
        self, metric: str, fact: TaskFacts, amount: Sequence[float], chance: float | None
    ) -> Measure:
        items = self._items(fact.name)
        return Measure(
            metric,
            fact.name,
            "higher",
            items,
            np.array(amount, np.float64),
            np.ones(len(items)),
            chance,
            self.version,
        )


def accuracy_by_file(measure: Measure) -> dict[str, float]:
    """The value of each file of a task (of each paradigm, for BLiMP); its mean is the macro average.

    Examples
    --------
    >>> measure = Measure("accuracy", "blimp", "higher", ("a/1", "a/2", "b/1"), np.array([1.0, 0, 1]), np.ones(3))
    >>> accuracy_by_file(measure)
    {'a': 0.5, 'b': 1.0}
    """
    places: dict[str, list[int]] = {}
    for place, item in enumerate(measure.items):
        places.setdefault(item.rpartition("/")[0], []).append(place)
    return {
        file: float(measure.amount[rows].sum() / measure.weight[rows].sum()) for file, rows in places.items()
    }


def _right(values: np.ndarray[Any, np.dtype[np.float64]], gold: int) -> float:
    """1 if the right alternative alone is highest, 1/n if it is one of n."""
    highest = np.flatnonzero(values == values.max())
    return 1 / len(highest) if gold in highest else 0.0


def _gold_of(task: Any, doc: Any) -> int | None:
    """The index of the right alternative; None unless there is exactly one."""
    gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    if isinstance(gold, str):
        choices = task.doc_to_choice(doc)
        return choices.index(gold) if gold in choices else None
    return gold if isinstance(gold, int) else None


def _looks_like_path(name: str) -> bool:
    return "/" in name or name.endswith((*DATA_ENDINGS, ".zst", ".gz", ".tar", ".tgz"))
