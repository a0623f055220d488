from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from cupel.errors import BadInput, UnknownName
from cupel.lab.evaluations.evaluation import EvaluationContext
from cupel.lab.evaluations.tasks import TaskOptions, Tasks, accuracy_by_file
from cupel.verdict.measures import Measure
from tests.conftest import prose
from tests.models import tiny

torch = pytest.importorskip("torch")
pytest.importorskip("lm_eval", reason="tasks run through lm-evaluation-harness, which is not installed")


def _write(path: Path, *rows: dict[str, Any]) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def _measures(tasks: Tasks, model: Any) -> dict[str, Measure]:
    measures = tasks.measure(model, tiny.tokenizer(), EvaluationContext())
    return {measure.name: measure for measure in measures}


def _expected(model: Any, context: str, ending: str) -> float:
    encode = tiny.tokenizer().encode
    prefix = encode(context.rstrip())
    whole = encode(context + ending)
    ids = [0, *whole]
    cut = len(ids) - max(0, len(ids) - tiny.CONTEXT - 1)
    kept = ids[-cut:]
    scored = min(len(whole) - len(prefix), tiny.CONTEXT)
    return tiny.log_probability(model, kept[:-scored], kept[-scored:])


def _sentence(rng: random.Random) -> str:
    return prose(rng, rng.randint(3, 6)).splitlines()[0]


def test_accuracy_is_what_plain_log_probabilities_say(tmp_path: Path) -> None:
    rng = random.Random(0)
    model = tiny.model(spread=0.3)
    rows = [
        {
            "query": _sentence(rng) + rng.choice(["", " ", "\n"]),
            "choices": [_sentence(rng)[: rng.randint(4, 30)].strip() for _ in range(rng.randint(2, 5))],
            "gold": rng.randint(0, 1),
        }
        for _ in range(25)
    ]
    tasks = Tasks([_write(tmp_path / "choice.jsonl", *rows)])
    measures = _measures(tasks, model)
    right, right_by_byte = [], []
    for row in rows:
        space = "" if row["query"][-1].isspace() else " "
        values = np.array([_expected(model, row["query"], space + choice) for choice in row["choices"]])
        sizes = np.array([len(choice.encode()) for choice in row["choices"]])
        right.append(float(values.argmax() == row["gold"]))
        right_by_byte.append(float((values / sizes).argmax() == row["gold"]))
    assert measures["accuracy choice"].amount.tolist() == right
    assert measures["accuracy_per_byte choice"].amount.tolist() == right_by_byte
    assert right != right_by_byte
    assert 0 < sum(right) < 25
    assert measures["accuracy choice"].items == tuple(f"choice/{row}" for row in range(1, 26))
    assert measures["accuracy choice"].better == "higher"


def test_pairs_and_contexts_by_plain_log_probabilities(tmp_path: Path) -> None:
    rng = random.Random(1)
    model = tiny.model(spread=0.3)
    pairs = [{"sentence_good": _sentence(rng), "sentence_bad": _sentence(rng)} for _ in range(20)]
    contexts = [
        {"context_options": [_sentence(rng), _sentence(rng)], "continuation": "was long.", "gold": row % 2}
        for row in range(20)
    ]
    files = [_write(tmp_path / "pairs.jsonl", *pairs), _write(tmp_path / "schema.jsonl", *contexts)]
    measures = _measures(Tasks(files), model)
    assert set(measures) == {"accuracy pairs", "accuracy schema"}
    assert measures["accuracy pairs"].amount.tolist() == [
        float(_expected(model, "", row["sentence_good"]) > _expected(model, "", row["sentence_bad"]))
        for row in pairs
    ]
    assert measures["accuracy schema"].amount.tolist() == [
        float(
            np.argmax([_expected(model, context, " was long.") for context in row["context_options"]])
            == row["gold"]
        )
        for row in contexts
    ]


def test_a_model_that_tells_nothing_scores_chance_wherever_the_right_one_stands(tmp_path: Path) -> None:
    model = tiny.model()
    with torch.no_grad():
        model.lm_head.weight.zero_()
    pairs = _write(tmp_path / "pairs.jsonl", {"sentence_good": "a b", "sentence_bad": "b a"})
    same = {"query": "q", "choices": ["a", "b", "c"]}
    choice = _write(tmp_path / "choice.jsonl", same | {"gold": 0}, same | {"gold": 2})
    tasks = Tasks([pairs, choice])
    for measure in _measures(tasks, model).values():
        assert measure.value == pytest.approx(measure.chance)


def test_chance_and_majority_come_from_the_data(tmp_path: Path) -> None:
    rows = [
        {"query": "q", "choices": ["a", "b"], "gold": 1},
        {"query": "q", "choices": ["a", "b", "c", "d"], "gold": 1},
        {"query": "q", "choices": ["a", "b", "c", "d"], "gold": 3},
        {"query": "q", "choices": ["a", "b", "c", "d"], "gold": 1},
    ]
    pair = {"sentence_good": "a b", "sentence_bad": "b a"}
    tasks = Tasks([_write(tmp_path / "choice.jsonl", *rows), _write(tmp_path / "pairs.jsonl", pair)])
    choice, pairs = tasks.facts
    assert (choice.chance, choice.majority) == (pytest.approx((1 / 2 + 3 / 4) / 4), 0.75)
    assert (pairs.chance, pairs.majority) == (0.5, None)
    assert _measures(tasks, tiny.model())["accuracy choice"].chance == choice.chance


def test_the_limit_is_seeded_and_the_same_for_every_model(tmp_path: Path) -> None:
    folder = tmp_path / "blimp"
    for file in ("one", "two"):
        rows = [
            {"sentence_good": f"a {file} {row}", "sentence_bad": f"b {row} {file}", "pairID": str(row)}
            for row in range(30)
        ]
        _write(folder / f"{file}.jsonl", *rows)
    tasks = Tasks([str(folder)], TaskOptions(limit=8, seed=5))
    (first,) = _measures(tasks, tiny.model(0)).values()
    (second,) = _measures(tasks, tiny.model(1)).values()
    assert first.items == second.items
    assert [fact.asked for fact in tasks.facts] == [8]
    assert set(accuracy_by_file(first)) == {"one", "two"}
    everything = {
        item: amount
        for measure in _measures(Tasks([str(folder)]), tiny.model(0)).values()
        for item, amount in zip(measure.items, measure.amount, strict=True)
    }
    assert [everything[item] for item in first.items] == first.amount.tolist()
    assert Tasks([str(folder)], TaskOptions(limit=8, seed=6)).digest != tasks.digest
    assert Tasks([str(folder)], TaskOptions(limit=8, seed=5)).digest == tasks.digest


@pytest.mark.slow
def test_names_that_are_no_task_get_a_suggestion() -> None:
    """The harness reads the YAML files of all its tasks first, for twenty seconds."""
    with pytest.raises(UnknownName, match="no task is called 'helaswag'; did you mean 'hellaswag'"):
        Tasks(["helaswag"])


def test_files_that_are_not_there_are_named() -> None:
    with pytest.raises(BadInput, match=r"missing\.jsonl: no such file"):
        Tasks(["missing.jsonl"])
    with pytest.raises(BadInput, match="no task is named"):
        Tasks([])


def test_a_yaml_file_of_the_harness_runs_on_local_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    rows = [
        {"ask": "The river is", "offered": ["long and cold", "seven"], "right": row % 2} for row in range(6)
    ]
    data = _write(tmp_path / "data.jsonl", *rows)
    (tmp_path / "own.yaml").write_text(
        f"""task: own
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{ask}}}}"
doc_to_choice: offered
doc_to_target: right
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""
    )
    tasks = Tasks([str(tmp_path / "own.yaml")], TaskOptions(limit=4))
    model = tiny.model(spread=0.3)
    measures = _measures(tasks, model)
    values = [_expected(model, "The river is", f" {choice}") for choice in rows[0]["offered"]]
    rights = [int(item.split("/")[1]) - 1 for item in measures["accuracy own"].items]
    assert measures["accuracy own"].amount.tolist() == [float(np.argmax(values) == row % 2) for row in rights]
    assert measures["accuracy own"].chance == 0.5
    assert "accuracy_per_byte own" in measures


def test_a_task_that_is_not_scored_by_likelihood_is_refused(tmp_path: Path) -> None:
    data = _write(tmp_path / "data.jsonl", {"ask": "a", "right": "b"})
    (tmp_path / "free.yaml").write_text(
        f"""task: free
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}, cache_dir: {tmp_path / "cache"}}}
test_split: test
output_type: generate_until
doc_to_text: ask
doc_to_target: right
"""
    )
    with pytest.raises(BadInput, match="'free' is scored by generate_until"):
        Tasks([str(tmp_path / "free.yaml")])


def test_two_tasks_of_one_name_are_refused(tmp_path: Path) -> None:
    row = {"query": "q", "choices": ["a", "b"], "gold": 1}
    files = [_write(tmp_path / folder / "same.jsonl", row) for folder in ("a", "b")]
    with pytest.raises(BadInput, match="two tasks are called 'same'"):
        Tasks(files)


def test_the_harness_says_nothing_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tasks = Tasks([_write(tmp_path / "t.jsonl", {"query": "q", "choices": ["a", "b"], "gold": 1})])
    tasks.measure(tiny.model(), tiny.tokenizer(), EvaluationContext())
    assert capfd.readouterr() == ("", "")


def test_real_task_files_are_read_and_scored(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "eval"
    foundry = tmp_path / "arc"
    foundry.mkdir()
    with (folder / "llm_foundry_tasks.tar.zst").open("rb") as file:
        import tarfile

        data = zstandard.ZstdDecompressor().stream_reader(file).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for name in ("arc_easy", "winogrande"):
            member = next(path for path in archive.getnames() if path.endswith(f"{name}.jsonl"))
            content = archive.extractfile(member)
            assert content is not None
            (foundry / f"{name}.jsonl").write_bytes(content.read())
    paths = [str(folder / "blimp.tar.zst"), str(folder / "hellaswag_val_subset.jsonl.zst"), str(foundry)]
    tasks = Tasks(paths, TaskOptions(limit=50))
    available = {fact.name: fact.available for fact in tasks.facts}
    assert available == {"blimp": 50_000, "hellaswag_val_subset": 600, "arc_easy": 2376, "winogrande": 1267}
    measures = _measures(tasks, tiny.model())
    assert {name: len(measure.items) for name, measure in measures.items()} == {
        "accuracy blimp": 50,
        "accuracy hellaswag_val_subset": 50,
        "accuracy_per_byte hellaswag_val_subset": 50,
        "accuracy arc_easy": 50,
        "accuracy_per_byte arc_easy": 50,
        "accuracy winogrande": 50,
    }
    # One pair of each of the fifty paradigms.
    assert len(accuracy_by_file(measures["accuracy blimp"])) == 50


@pytest.mark.parametrize("template", ["own.yaml", "_template_yaml", "template.txt"])
@pytest.mark.parametrize("included", [False, True])
def test_python_of_a_task_file_runs_only_when_allowed(tmp_path: Path, template: str, included: bool) -> None:
    (tmp_path / "code.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\ndef text(row): return ''\n"
    )
    (tmp_path / template).write_text("task: own\ndoc_to_text: !function code.text\n")
    path = tmp_path / "task.yaml"
    path.write_text(f"include: {template}\ntask: deeper\n" if included else (tmp_path / template).read_text())
    with pytest.raises(BadInput, match=r", line 2: !function code\.text runs Python code"):
        Tasks([str(path)])
    assert not (tmp_path / "ran").exists()
    with pytest.raises(BadInput, match="cannot be read"):  # it has no data, as shows only after its code ran
        Tasks([str(path)], TaskOptions(run_functions=True))
    assert (tmp_path / "ran").exists()
