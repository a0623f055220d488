"""lm-evaluation-harness: its tasks, run on a loaded model with our scoring.

Measured on 2,000 pairs of BLiMP, 600 questions of HellaSwag and 500 of ARC with a model of one million
parameters, the harness's own model class (`HFLM`) spends most of its time on logits that nobody reads: it
takes them at every position of every alternative. Here alternatives share what they have in common, and
logits are taken where they are scored. Requests, prompts, few-shot examples and filters are the harness's.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cupel.errors import BadInput, MissingExtra, UnknownName
from cupel.lab.evaluations.task_data import LocalTask, Question
from cupel.models.checkpoint import prefix_token, text_encoder
from cupel.models.likelihood import TokenRow, continuations, score_rows
from cupel.models.windows import context_length

__all__ = ["local_task", "named_tasks", "run_tasks"]

OUTPUTS = ("multiple_choice", "loglikelihood")


def named_tasks(name: str, seed: int, *, run_functions: bool = False) -> dict[str, Any]:
    """The harness's tasks of one name (task, group or tag) or YAML file, by name.

    A YAML file may name Python functions in files beside it (`!function`). Loading the task runs that code, so such
    a file is refused unless `run_functions` is set. The harness's own tasks run the functions that it ships.

    Raises
    ------
    UnknownName
        No task, group or tag is called so.
    BadInput
        The task's data cannot be loaded, it scores generated text, or its file names Python functions that may
        not run.
    """
    _require()
    is_file = Path(name).suffix in (".yaml", ".yml")
    if is_file and not run_functions:
        _refuse_functions(Path(name))
    with _quiet():
        manager = _manager(not is_file)
        if not is_file and name not in manager.all_tasks:
            raise UnknownName("task", name, manager.all_tasks)
        try:
            tasks: dict[str, Any] = manager.load([name])["tasks"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
            raise BadInput(
                f"task '{name}': cannot be read: {str(error) or type(error).__name__}; "
                "without a network, give a local file of its data instead"
            ) from None
    for task_name, task in tasks.items():
        if task.OUTPUT_TYPE not in OUTPUTS:
            raise BadInput(
                f"task '{task_name}' is scored by {task.OUTPUT_TYPE}; expected one that is scored by likelihood: "
                f"{' or '.join(OUTPUTS)}"
            )
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
        task.set_fewshot_seed(seed=seed)
    return tasks


def local_task(task: LocalTask, chosen: Sequence[int]) -> Any:
    """The harness's task of the `chosen` questions, read from a local file, in that order."""
    _require()
    import datasets
    from lm_eval.api.task import ConfigurableTask

    rows = [_row(task, question) for question in map(task.questions.__getitem__, chosen)]
    config = {
        "task": task.name,
        "output_type": "multiple_choice",
        "test_split": "test",
        "custom_dataset": lambda: {"test": datasets.Dataset.from_list(rows)},
        # With several contexts of one ending, the harness takes the gold number for the text.
        "doc_to_text": lambda row: row["gold"] if task.kind == "contexts" else row["text"],
        "doc_to_target": lambda row: row["text"] if task.kind == "contexts" else row["gold"],
        "doc_to_choice": lambda row: row["choices"],
        "target_delimiter": "",
        "num_fewshot": 0,
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    with _quiet():
        return ConfigurableTask(config=config)


def run_tasks(
    tasks: Mapping[str, Any],
    chosen: Mapping[str, Sequence[int]],
    model: Any,
    tokenizer: Any,
    batch_tokens: int,
) -> dict[str, list[dict[str, Any]]]:
    """The harness's record of each item (`doc_id`, `doc`, `target`, `filtered_resps`, metrics), by task.

    Parameters
    ----------
    tasks
        As `named_tasks` and `local_task` give them.
    chosen
        Places of the items to run.
    """
    from lm_eval import evaluator

    scoring = _scoring_model()(model, tokenizer, batch_tokens)
    with _quiet():
        results = evaluator.evaluate(
            scoring,
            {"tasks": dict(tasks)},
            samples={name: list(places) for name, places in chosen.items()},
            bootstrap_iters=0,
            log_samples=True,
        )
    samples: dict[str, list[dict[str, Any]]] = results["samples"]
    return samples


@cache
def _manager(with_names: bool) -> Any:
    """The harness's own list of tasks; with their names it reads some thousand files."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_defaults=with_names)


def _refuse_functions(path: Path) -> None:
    """Refuse a task file that names Python code, itself or in a file that it includes."""
    import yaml

    todo, done = [path], set()
    while todo:
        file = todo.pop().resolve()
        if file in done:
            continue
        done.add(file)
        try:
            root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadInput(f"{file}: cannot be read as YAML: {error}") from None
        nodes, seen = [root], set()
        while nodes:
            node = nodes.pop()
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            if node.tag.startswith("!"):
                line = node.start_mark.line + 1
                raise BadInput(
                    f"{file}, line {line}: {node.tag} {node.value if isinstance(node.value, str) else ''} runs Python "
                    "code when the task is loaded; read that code, then allow it with "
                    "--run-task-functions, or TaskOptions(run_functions=True) in Python"
                )
            if isinstance(node, yaml.SequenceNode):
                nodes += node.value
            elif isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    nodes += [key, value]
                    if key.value in ("include", "task"):
                        todo += _named_files(value, file.parent)


def _named_files(node: Any, folder: Path) -> list[Path]:
    """The files that a node names, by itself or in a list; an included file may have any ending, or none."""
    values = node.value if isinstance(node.value, list) else [node]
    names = [value.value for value in values if isinstance(getattr(value, "value", None), str)]
    return [path for path in (folder / name for name in names) if path.is_file()]


def _row(task: LocalTask, question: Question) -> dict[str, Any]:
    if task.kind == "contexts":
        return {"text": question.endings[0], "choices": list(question.contexts), "gold": question.gold}
    return {"text": question.contexts[0], "choices": list(question.endings), "gold": question.gold}


def _require() -> None:
    try:
        import lm_eval  # noqa: F401
    except ImportError:
        raise MissingExtra("scoring tasks", "tasks") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the harness's progress bars and log messages; its errors still come as exceptions."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


@cache
def _scoring_model() -> type[Any]:
    """The harness's model class on top of `score_rows`."""
    from lm_eval.api.model import TemplateLM

    class ScoringModel(TemplateLM):  # type: ignore[misc]
        """A causal model in memory. Every text begins after the prefix token, as documents do in training."""

        def __init__(self, model: Any, tokenizer: Any, batch_tokens: int) -> None:
            super().__init__()
            self.model, self.tokenizer, self.batch_tokens = model, tokenizer, batch_tokens
            self.encoder, self.prefix = text_encoder(tokenizer), prefix_token(tokenizer)

        @property
        def eot_token_id(self) -> int:
            return self.prefix

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
            return list(self.encoder.encode(string, add_special_tokens=False).ids)

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            encoded = self._encode([request.args for request in requests])
            groups: dict[tuple[Any, ...], list[int]] = {}
            for place, request in enumerate(requests):
                groups.setdefault((request.task_name, request.doc_id), []).append(place)
            answers: list[Any] = [None] * len(requests)
            rows, owners = self._rows(groups, encoded)
            scored = score_rows(self.model, rows, batch_tokens=self.batch_tokens)
            for (places, own), (log_probs, likeliest) in zip(owners, scored, strict=True):
                for place, targets in zip(places, own, strict=True):
                    answers[place] = (float(log_probs[targets].sum()), bool(likeliest[targets].all()))
            return answers

        def _encode(self, pairs: list[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
            """Tokens of context and ending, as the harness splits them: spaces between go to the ending."""
            texts = []
            for context, ending in pairs:
                kept = context.rstrip()
                texts += [kept, context + ending]
            ids = [item.ids for item in self.encoder.encode_batch_fast(texts, add_special_tokens=False)]
            split = []
            for number, (context, ending) in enumerate(pairs):
                before, whole = ids[2 * number], ids[2 * number + 1]
                # A token across the border would leave nothing to score: then each part is encoded by itself.
                scored = whole[len(before) :] or self.tok_encode(context[len(context.rstrip()) :] + ending)
                split.append(([self.prefix, *before], scored))
            return split

        def _rows(
            self, groups: Mapping[tuple[Any, ...], list[int]], encoded: list[tuple[list[int], list[int]]]
        ) -> tuple[list[TokenRow], list[tuple[list[int], list[Any]]]]:
            """Alternatives of one item in one row, unless that grows beyond a batch."""
            size = context_length(self.model)
            rows, owners = [], []
            for (task, item, *_), places in groups.items():
                together = sum(
                    len(context) + len(ending) for context, ending in map(encoded.__getitem__, places)
                )
                for part in [places] if together <= self.batch_tokens else [[place] for place in places]:
                    contexts, endings = zip(*(encoded[place] for place in part), strict=True)
                    row, own = continuations(
                        contexts, endings, max_tokens=size, name=f"item {item} of task '{task}'"
                    )
                    rows.append(row)
                    owners.append((part, own))
            return rows, owners

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> Any:
            raise NotImplementedError("`loglikelihood` takes all requests at once")

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> Any:
            raise NotImplementedError("`named_tasks` refuses tasks of this kind")

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> Any:
            raise NotImplementedError("`named_tasks` refuses tasks of this kind")

    return ScoringModel
