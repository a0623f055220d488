"""Items of lm-evaluation-harness's layouts are found, whatever their fields are called; clean documents stay."""

from __future__ import annotations

import importlib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cupel.deduplication.contamination.choices import Choices, split_listed
from cupel.deduplication.contamination.items import items_of_rows
from cupel.deduplication.decontaminate import Decontaminate
from cupel.findings import Alarm
from tests.conftest import prose
from tests.deduplication.conftest import Resolve

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
MIN_DETECTED = 0.94
"""Of the items planted in the walk; the others hold fewer than ten words, and the report says so of most."""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def walker() -> Iterator[ModuleType]:
    """`benchmarks/contamination_layouts.py`, which imports its neighbors."""
    pytest.importorskip("lm_eval", reason="the walk reads the tasks of lm-evaluation-harness")
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("contamination_layouts")
    sys.path.remove(str(BENCHMARKS))


def test_items_of_the_harness_are_found(walker: ModuleType, thorough: bool) -> None:
    folder = walker.tasks_folder()
    outcomes = [outcome for outcome in walker.walk(folder, every=1 if thorough else 50) if outcome.planted]
    planted = sum(outcome.planted for outcome in outcomes)
    assert planted > (3000 if thorough else 50)
    assert [outcome.task for outcome in outcomes if outcome.fault] == []
    assert [(outcome.task, outcome.names) for outcome in outcomes if outcome.dropped] == []
    assert sum(outcome.detected for outcome in outcomes) >= MIN_DETECTED * planted
    assert sum(outcome.missed for outcome in outcomes) <= 0.01 * planted


def sentence(rng: random.Random, words: int, end: str = ".") -> str:
    return (
        " ".join(
            prose(rng, 3 * words + 30).replace(".", "").replace("?", "").replace("!", "").split()[:words]
        )
        + end
    )


def in_odd_fields(rng: random.Random, number: int) -> dict[str, tuple[Row, str, str]]:
    """By kind: a row, what a page that leaks it says, and what a clean document may say."""
    short, long = sentence(rng, 7, "?"), sentence(rng, 14, "?")
    statement, other, read = (
        sentence(rng, 13),
        sentence(rng, 12),
        " ".join(sentence(rng, 12) for _ in range(7)),
    )
    a, b, c = (sentence(rng, 4, "") for _ in "abc")
    return {
        "another language": (
            {"id": number, "pregunta": short, "opciones": [a, b, c], "respuesta": "B"},
            f"{short}\nRespuesta: {b}",
            sentence(rng, 30),
        ),
        "unknown names": (
            {"zeile": statement, "folge": other, "wert": number % 2},
            f"{statement} / {other}",
            sentence(rng, 30),
        ),
        "instruction": (
            {
                "task": "Read the two statements below with care and say which of them holds for all people.",
                "zeile": statement,
            },
            f"Read the two statements below with care and say which of them holds for all people. {statement}",
            f"Read the two statements below with care and say which of them holds for all people. {other}",
        ),
        "passage": ({"lesson": read, "ask": short, "verdict": "yes"}, f"{read}\n\nTask: {short} yes", read),
        "passage by name": ({"contexto": read, "pregunta": short, "gold": 1}, f"{read}\n{short}", read),
        "one-based": (
            {
                "stem": short,
                "mc_answer1": a,
                "mc_answer2": b,
                "mc_answer3": c,
                "correct_answer_num": number % 3 + 1,
            },
            f"{short} {(a, b, c)[number % 3]}",
            sentence(rng, 30),
        ),
        "by field": (
            {"ask": short, "sol1": a, "sol2": b, "right": "sol2"},
            f"{short} {b}",
            sentence(rng, 30),
        ),
        "wrong ones": (
            {"problem": short, "correct_answer": a, "distractor1": b, "distractor2": c},
            f"{short} Answer: {a}",
            sentence(rng, 30),
        ),
        "inside": (
            {"question": f"{short} (A) {a} (B) {b} (C) {c}", "answer": "C"},
            f"{short} {c}",
            sentence(rng, 30),
        ),
        "nested": (
            {
                "paragraphs": [
                    {
                        "context": read,
                        "qas": [{"question": long, "answers": [{"text": a}]}, {"question": short}],
                    }
                ]
            },
            f"{long} {a}",
            read,
        ),
        "written out": (
            {"article": read, "problems": repr([{"question": short, "options": [a, b], "answer": "A"}])},
            f"{short}\n{a}",
            read,
        ),
        "scores": ({"input": short, "target_scores": {a: 0, b: 1, c: 0}}, f"{short} {b}", sentence(rng, 30)),
        "about": (
            {"source": statement, "target": other, "language": "German to English"},
            f"{statement}\n{other}",
            sentence(rng, 30),
        ),
        "tokens": ({"tokens": statement.split(), "ner_tags": [0] * 13}, statement, sentence(rng, 30)),
        "several turns": ({"turns": [long, other]}, f"{long}\n{other}", sentence(rng, 30)),
    }


@pytest.mark.parametrize("kind", in_odd_fields(random.Random(0), 0))
@pytest.mark.parametrize("items", [1, 6])
def test_items_in_odd_fields_are_found(resolve: Resolve, tmp_path: Path, kind: str, items: int) -> None:
    if items == 1 and kind in ("instruction", "one-based"):
        pytest.skip("one row does not show what is constant, or from where it counts")
    rng = random.Random(kind)
    cases = [in_odd_fields(rng, number)[kind] for number in range(items)]
    path = tmp_path / "quiz.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row, _, _ in cases))
    leaks = [f"{prose(rng, 60)}\n{leak}\n{prose(rng, 60)}" for _, leak, _ in cases]
    clean = [f"{prose(rng, 60)}\n{text}\n{prose(rng, 60)}" for _, _, text in cases]
    clusters = resolve(Decontaminate.from_options({"against": [str(path)]}), [*leaks, *clean])
    assert clusters.members["doc"].to_pylist() == list(range(items))


@pytest.mark.parametrize("items", [1, 2, 5, 8, 10, 12])
@pytest.mark.parametrize("clean", [1, 3, 10])
def test_a_shared_instruction_marks_no_document(
    resolve: Resolve, tmp_path: Path, items: int, clean: int
) -> None:
    if items == 1 and clean < 10:
        pytest.skip("one item and few documents: nothing tells an instruction from a question")
    rng = random.Random(items)
    frame = (
        "Consider the short report below, decide with care whether it holds, and reply with a single word: "
    )
    rows = [{"question": frame + sentence(rng, 9), "answer": "yes"} for _ in range(items)]
    path = tmp_path / "quiz.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = [f"{prose(rng, 60)} {frame} {prose(rng, 60)}" for _ in range(clean)]
    clusters = resolve(
        Decontaminate.from_options({"against": [str(path)]}),
        [*texts, f"{prose(rng, 50)} {rows[0]['question']}"],
    )
    assert clusters.members["doc"].to_pylist() == [clean]


def test_items_of_unspaced_scripts_that_are_too_short_are_counted(resolve: Resolve, tmp_path: Path) -> None:
    path = tmp_path / "quiz.jsonl"
    # Twelve characters are six words.
    rows = [
        {"text": "東京の古い鐘の高さは何か"},
        {"text": "京都の新しい橋の長さは市の人が知っている何メートルですか"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    clusters = resolve(Decontaminate.from_options({"against": [str(path)]}), ["x"])
    (alarm,) = [
        block
        for block in clusters.findings[0].blocks
        if isinstance(block, Alarm) and "cannot be found" in block.text
    ]
    assert "1 of 2 in quiz" in alarm.text


def test_a_row_with_several_questions_is_one_item_of_the_report(resolve: Resolve, tmp_path: Path) -> None:
    questions = [
        "How many boats left the harbor before the storm of that year?",
        "Who built the first mill on the long river of the north?",
    ]
    row = {
        "title": "Boats",
        "paragraphs": [{"context": "The sea.", "qas": [{"question": text} for text in questions]}],
    }
    path = tmp_path / "quiz.jsonl"
    path.write_text(json.dumps(row) + "\n")
    clusters = resolve(
        Decontaminate.from_options({"against": [str(path)]}), [*questions, " ".join(questions)]
    )
    assert clusters.members["doc"].to_pylist() == [0, 1, 2]
    assert clusters.outside is not None
    assert clusters.outside["id"].to_pylist() == ["quiz:1"]


def test_numbers_count_from_where_the_set_shows() -> None:
    rows = [
        {"question": "Sky?", "op1": "red", "op2": "blue", "op3": "gray", "cop": place} for place in (1, 2, 3)
    ]
    from_one = [
        items[0].answer for items in items_of_rows([("", {**row, "answer": row["cop"]}) for row in rows])
    ]
    assert from_one == ["red", "blue", "gray"]
    from_zero = [
        items[0].answer for items in items_of_rows([("", {**row, "answer": row["cop"] - 1}) for row in rows])
    ]
    assert from_zero == ["red", "blue", "gray"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Which? A. red B. blue", ("Which?", ("A", "B"), ("red", "blue"))),
        ("Which?\na) red\nb) blue\nc) gray", ("Which?", ("a", "b", "c"), ("red", "blue", "gray"))),
        ("a ) 38 , b ) 27 , c ) 28", ("", ("a", "b", "c"), ("38", "27", "28"))),
        ("I have a dog. It barks.", ("I have a dog. It barks.", (), ())),
    ],
)
def test_choices_in_a_text(text: str, expected: tuple[str, tuple[str, ...], tuple[str, ...]]) -> None:
    assert split_listed(text) == expected


def test_an_answer_that_names_no_choice() -> None:
    choices = Choices(("red", "blue"))
    assert [choices.place(answer) for answer in (None, "", "C", 5, -1, {}, [], "green")] == [None] * 8
