from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cupel.errors import BadInput
from cupel.lab.evaluations.task_data import Question, choose, read_tasks

PAIR = {"sentence_good": "Cats sleep.", "sentence_bad": "Cats sleeps.", "pairID": "7"}
CHOICE = {"query": "Grass is", "choices": ["green", "loud", "sour"], "gold": 0}


def _lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _read_one(tmp_path: Path, row: dict[str, Any]) -> tuple[str, Question]:
    path = tmp_path / "file.jsonl"
    path.write_bytes(_lines(row))
    (task,) = read_tasks(path)
    return task.kind, task.questions[0]


@pytest.mark.parametrize(
    ("row", "kind", "question"),
    [
        (PAIR, "pairs", Question("file/7", ("", ""), ("Cats sleep.", "Cats sleeps."), 0)),
        (CHOICE, "choice", Question("file/1", ("Grass is",) * 3, (" green", " loud", " sour"), 0)),
        (
            {"query": "Answer: ", "choices": ["A", "B"], "gold": "B"},
            "choice",
            Question("file/1", ("Answer: ",) * 2, ("A", "B"), 1),
        ),
        (
            {"id": "M1", "question": {"stem": "Why?", "choices": []}, "choices": [], "answerKey": "A"},
            "",
            None,
        ),
        (
            {
                "id": "M1",
                "question": "Why?",
                "choices": {"text": ["so", "no"], "label": ["1", "2"]},
                "answerKey": "2",
            },
            "choice",
            Question("file/M1", ("Question: Why?\nAnswer:",) * 2, (" so", " no"), 1),
        ),
        (
            {"context_options": ["so Sarah", "so Maria"], "continuation": "left.", "gold": 1},
            "contexts",
            Question("file/1", ("so Sarah", "so Maria"), (" left.",) * 2, 1),
        ),
    ],
)
def test_layouts(tmp_path: Path, row: dict[str, Any], kind: str, question: Question | None) -> None:
    if question is None:
        with pytest.raises(BadInput, match="choices: expected a list of two or more"):
            _read_one(tmp_path, row)
    else:
        assert _read_one(tmp_path, row) == (kind, question)


def test_sentence_pairs_of_a_folder_are_one_task_and_other_files_their_own(tmp_path: Path) -> None:
    (tmp_path / "blimp").mkdir()
    (tmp_path / "blimp" / "b.jsonl").write_bytes(_lines(PAIR))
    (tmp_path / "blimp" / "a.jsonl.gz").write_bytes(gzip.compress(_lines(PAIR, PAIR | {"pairID": "8"})))
    (tmp_path / "blimp" / "arc.json").write_text(json.dumps([CHOICE]))
    (tmp_path / "blimp" / "notes.txt").write_text("no data")
    pairs, choice = read_tasks(tmp_path / "blimp")
    assert (pairs.name, pairs.kind) == ("blimp", "pairs")
    assert [question.name for question in pairs.questions] == ["a/7", "a/8", "b/7"]
    assert (choice.name, choice.kind) == ("arc", "choice")


def test_an_archive_reads_as_its_folder_does(tmp_path: Path) -> None:
    folder = tmp_path / "blimp"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(_lines(PAIR))
    (folder / "b.jsonl").write_bytes(_lines(PAIR))
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.add(folder, arcname="blimp")
    path = tmp_path / "packed" / "blimp.tar.zst"
    path.parent.mkdir()
    path.write_bytes(zstandard.compress(held.getvalue()))
    assert read_tasks(path) == read_tasks(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            _lines({"prompt": "a", "target": "b"}),
            r"row 1: columns not known: prompt, target; expected .*sentence_good",
        ),
        (_lines(CHOICE, CHOICE | {"gold": 3}), r"row 2: gold is 3; expected 0 to 2"),
        (_lines({"query": "a", "choices": ["b", "c"]}), "no column says which choice is right"),
        (_lines(CHOICE, PAIR), "mixes layouts: choice, pairs"),
        (b'{"query": \n', "not a .jsonl file"),
        (b"[1]\n", "expected an object, found list"),
        (b"", "holds no question"),
        (_lines(PAIR | {"sentence_bad": ""}), "sentence_bad: expected text"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "task.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_tasks(path)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "task.parquet"
    rows = [{name: f"{value} {row}" for name, value in PAIR.items()} for row in range(2000)]
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd")
    whole = path.read_bytes()
    for data in (whole[:-9], whole[:100] + bytes(600) + whole[700:]):
        path.write_bytes(data)
        with pytest.raises(BadInput, match=r"task\.parquet: not a \.parquet file"):
            read_tasks(path)


def test_ids_that_repeat_give_way_to_row_numbers(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_bytes(_lines(PAIR, PAIR))
    (task,) = read_tasks(path)
    assert [question.name for question in task.questions] == ["task/1", "task/2"]


def test_the_choice_of_items_is_seeded_and_even_over_files() -> None:
    names = [f"{file}/{row}" for file in "abc" for row in range(40)] + ["small/1"]
    chosen = choose(names, 31, seed=3)
    counts = {
        file: sum(names[place].startswith(f"{file}/") for place in chosen)
        for file in ("a", "b", "c", "small")
    }
    assert counts == {"a": 10, "b": 10, "c": 10, "small": 1}
    assert chosen == choose(names, 31, seed=3) == sorted(chosen)
    assert chosen != choose(names, 31, seed=4)
    turned = choose(names[::-1], 31, seed=3)
    assert {names[::-1][place] for place in turned} == {names[place] for place in chosen}
    assert choose(names, None, 0) == choose(names, 9999, 0) == list(range(121))


ARC_CHOICES = [{"text": " yes", "label": "1"}, {"text": "no ", "label": "2"}]


@pytest.mark.parametrize(
    ("row", "text", "endings", "gold"),
    [
        (
            {"question": {"stem": "Rain?", "choices": ARC_CHOICES}, "answerKey": "2"},
            "Question: Rain?\nAnswer:",
            ("yes", "no"),
            1,
        ),
        (
            {"question": "Rain?", "choices": ["yes", "no"], "answerKey": "1"},
            "Question: Rain?\nAnswer:",
            ("yes", "no"),
            0,
        ),
        (
            {"question": "Rain?", "choices": ["yes", "no"], "answerKey": "B"},
            "Question: Rain?\nAnswer:",
            ("yes", "no"),
            1,
        ),
        (
            {"question": "Rain? (A) yes (B) no", "AnswerKey": "B"},
            "Question: Rain?\nAnswer:",
            ("yes", "no"),
            1,
        ),
        (
            {
                "ctx_a": "A man sits.",
                "ctx_b": "he",
                "endings": ["naps. ", " [substeps] flies."],
                "activity_label": "Rest",
                "label": "1",
            },
            "Rest: A man sits. He",
            ("naps.", "flies."),
            1,
        ),
    ],
)
def test_arc_and_hellaswag_are_read_as_published(
    tmp_path: Path, row: dict[str, Any], text: str, endings: tuple[str, ...], gold: int
) -> None:
    _, question = _read_one(tmp_path, row)
    assert question.contexts == (text,) * 2
    assert question.endings == tuple(f" {ending}" for ending in endings)
    assert question.gold == gold


@pytest.mark.parametrize("space", [" A", "A ", "\tA\n", "\u00a0A"])
def test_white_space_around_a_choice_changes_nothing(tmp_path: Path, space: str) -> None:
    _, question = _read_one(tmp_path, {"query": "Say", "choices": [space, "B"], "gold": 0})
    assert question.endings == (" A", " B")


def test_blank_choices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"row 1: choices: number 2 of 3 is blank"):
        _read_one(tmp_path, {**CHOICE, "choices": ["green", " \t", "sour"]})
