"""Evaluation sets in: every layout that is about, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cupel.deduplication.contamination.evaluations import read_sets
from cupel.deduplication.contamination.items import Fields, Item, items_of_rows
from cupel.errors import BadInput

LISTED = "A. Red\nB. Blue"

LAYOUTS: list[tuple[dict[str, Any], Item]] = [
    ({"question": "Who?", "answer": "Me"}, Item("Who?", "Me")),  # GSM8K
    ({"query": "Question: Sky?\n", "choices": ["Red", "Blue"], "gold": 1}, Item("Sky?", "Blue", LISTED)),
    (
        {"query": "Question: Sky?\nChoices:\nA. Red\nB. Blue\nAnswer:", "choices": ["A", "B"], "gold": 1},
        Item("Sky?", "Blue", LISTED),
    ),
    (
        {"query": "Passage: It is noon.\nQuestion: is it?\n", "choices": ["no", "yes"], "gold": 1},
        Item("is it?", "yes", "A. no\nB. yes", "It is noon."),
    ),
    ({"context": "The sky is", "continuation": " blue"}, Item("The sky is", "blue")),  # LAMBADA
    (
        {"context_options": ["so Tom", "so Ann"], "continuation": "won.", "gold": 1},
        Item("so Ann", "won."),
    ),
    ({"goal": "Sky?", "sol1": "Red", "sol2": "Blue", "label": 1}, Item("Sky?", "Blue", LISTED)),  # PIQA
    ({"ctx": "The sky", "endings": ["Red", "Blue"], "label": "1"}, Item("The sky", "Blue", LISTED)),
    (
        {"question": "Sky?", "choices": {"text": ["Red", "Blue"], "label": ["1", "2"]}, "answerKey": "2"},
        Item("Sky?", "Blue", LISTED),
    ),
    (
        {"sentence": "The _ is blue", "option1": "Red", "option2": "Blue", "answer": "1"},
        Item("The _ is blue", "Red", LISTED),
    ),
    ({"prompt": "def f():", "canonical_solution": "  return 1"}, Item("def f():", "return 1")),  # HumanEval
    (
        {"passage": "Noon.", "question": "When?", "answer": True},
        Item("When?", "True", "", "Noon."),
    ),
    (
        {
            "context": "At noon.",
            "question": "When?",
            "answers": {"text": ["noon", "12"], "answer_start": [3, 3]},
        },
        Item("When?", "noon", "", "At noon."),
    ),
    (
        {"article": "Noon.", "question": "When?", "options": ["Red", "Blue"], "answer": "B"},
        Item("When?", "Blue", LISTED, "Noon."),
    ),
    ({"doc": {"input": "Sky?", "target": "Blue"}, "arguments": []}, Item("Sky?", "Blue")),
    ({"Question": "Sky?", "Best Answer": "Blue", "Source": "x"}, Item("Sky?", "Blue")),
    ({"instruction": "Name it.", "input": "Sky", "output": "Blue"}, Item("Name it.\nSky", "Blue")),
    ({"text": "The sky."}, Item("The sky.")),
    (  # COPA: what is asked is a label, and the premise is the item
        {
            "premise": "The sky turned red.",
            "question": "cause",
            "choice1": "Red",
            "choice2": "Blue",
            "label": 1,
        },
        Item("The sky turned red.", "Blue", LISTED),
    ),
    (  # Social IQa: a short question about a short context
        {"context": "Ann saw it.", "question": "Why?", "answerA": "Red", "answerB": "Blue", "label": "B"},
        Item("Ann saw it.\nWhy?", "Blue", LISTED),
    ),
    (  # BIG-bench
        {"input": "What is the sky?", "target_scores": {"Red": 0, "Blue": 1}},
        Item("What is the sky?", "Blue", LISTED),
    ),
    (  # ARC as published
        {
            "question": {
                "stem": "Sky?",
                "choices": [{"text": "Red", "label": "A"}, {"text": "Blue", "label": "B"}],
            },
            "answerKey": "B",
        },
        Item("Sky?", "Blue", LISTED),
    ),
    (  # TruthfulQA
        {"question": "What is the sky?", "mc1_targets": {"choices": ["Red", "Blue"], "labels": [1, 0]}},
        Item("What is the sky?", "Red", LISTED),
    ),
    (  # premise and hypothesis
        {"premise": "The sky is red.", "hypothesis": "The sky has a color.", "label": 0},
        Item("The sky is red.\nThe sky has a color."),
    ),
    (  # conversations
        {"messages": [{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": "Blue"}]},
        Item("Sky?", "Blue"),
    ),
    ({"tweet": "The sky is red today.", "label": 2}, Item("The sky is red today.")),  # no known field
    (
        {"question": "This question refers to the following information.\nOnce.\nWhen?", "answer": "x"},
        Item("When?", "x", "", "Once."),
    ),
]


@pytest.mark.parametrize(
    ("row", "expected"), LAYOUTS, ids=lambda value: ",".join(value)[:40] if isinstance(value, dict) else ""
)
def test_layouts_are_known_by_their_fields(row: dict[str, Any], expected: Item) -> None:
    assert items_of_rows([("", row)]) == [[expected]]


def test_fields_can_be_named() -> None:
    row = {"ask": "Sky?", "a1": "Red", "a2": "Blue", "right": 1, "read": "Noon."}
    fields = Fields("ask", "right", ("a1", "a2"), "read")
    assert items_of_rows([("", row)], fields) == [[Item("Sky?", "Blue", LISTED, "Noon.")]]
    with pytest.raises(BadInput, match="no field 'asked'; the row has: ask, a1"):
        items_of_rows([("", row)], Fields("asked"))


def test_formats_and_names(tmp_path: Path) -> None:
    rows = [{"question": "Café?", "answer": "1"}, {"question": "東京?", "answer": "2"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "c.json").write_text(json.dumps({"canary": "x", "examples": rows}))
    (tmp_path / "d.csv").write_text("question,answer\nCafé?,1\n東京?,2\n")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    (tmp_path / "f.json").write_text(json.dumps(rows))
    # MMLU as published: no header.
    (tmp_path / "mmlu.csv").write_text('"Café?",1,2,3,4,A\n"東京?",1,2,3,4,B\n')
    sets = read_sets([str(tmp_path)], Fields())
    assert sets.names == ("a", "b", "c", "d", "e", "f", "mmlu")
    assert sets.sizes == (2,) * 7
    assert sets.items.column("question").to_pylist() == ["Café?", "東京?"] * 7
    assert sets.items.column("answer").to_pylist() == ["1", "2"] * 7


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.jsonl", "\n", "without items protects nothing"),
        ("empty.csv", "question,answer\n", "without items protects nothing"),
        ("broken.jsonl", '{"question": "a"}\n{"question": \n', r"broken\.jsonl, line 2: not JSON"),
        ("list.jsonl", "[1]\n", r"list\.jsonl, row 1: expected a JSON object"),
        (
            "odd.jsonl",
            '{"foo": 1, "bar": 2}\n',
            "line 1: no field is known to hold a question; the row has: foo, bar",
        ),
        ("half.json", '[{"question": "a"}', r"half\.json: not JSON"),
        ("page.html", "<html></html>", "read from JSON, CSV, Parquet or text, not html"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=message):
        read_sets([str(tmp_path / name)], Fields())


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    for name, content in (
        ("a.jsonl", b"\xff\xfe\x00"),
        ("b.jsonl.gz", b"\x1f\x8b\x08broken"),
        ("c.parquet", b"PAR1"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=name):
            read_sets([str(tmp_path / name)], Fields())
    with pytest.raises(BadInput, match="no such file or folder"):
        read_sets([str(tmp_path / "missing.jsonl")], Fields())
