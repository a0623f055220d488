"""Programs that a model writes: what is read of an answer, and what it may do to a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cupel
from cupel.contract import Resources
from cupel.edits.program_edits import Bounds, ProgramEdits, carry_out, chunks_of, numbered, parse
from cupel.models.model import Answer
from tests.models.server import serving

PAGE = "Home | About | Login\nCafés serve coffee.\nThey also serve tea.\nFollow us!"


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        ("remove_lines(0, 0)\nremove_lines(3, 3)", ["remove_lines(0, 0)", "remove_lines(3, 3)"]),
        ("```\nremove_lines(line_start=0, line_end=1)\n```", ["remove_lines(0, 1)"]),
        ('- `normalize("a|", "")`', ["normalize('a|', '')"]),
        ("keep_chunk()", ["keep_doc()"]),
        ("keep_all()", ["keep_doc()"]),
        ("The text is spam:\ndrop_doc()", ["drop_doc()"]),
    ],
)
def test_calls_are_read(answer: str, calls: list[str]) -> None:
    assert [str(call) for call in parse(answer) or ()] == calls


@pytest.mark.parametrize(
    "answer",
    [
        "I would keep it.",
        "",
        "import os",
        "drop_doc(1)",
        "remove_lines(0)",
        "remove_lines('0', '1')",
        "remove_lines(0, True)",
        "remove_lines(open('x'), 1)",
        "__import__('os').system('true')",
        'normalize("a", "\\ud800")',
        "normalize(1, 2)",
        "remove_lines(" + "(" * 5000,
        "remove_lines(0, 9" + "9" * 5000 + ")",
    ],
)
def test_what_is_no_call(answer: str) -> None:
    assert parse(answer) is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("remove_lines(0, 0)\nremove_lines(3, 3)", "Cafés serve coffee.\nThey also serve tea."),
        ("remove_lines(3, 3)\nremove_lines(0, 0)", "Cafés serve coffee.\nThey also serve tea."),
        ('normalize("Cafés", "Shops")\nremove_lines(1, 1)', PAGE.replace("Cafés serve coffee.\n", "")),
        ('normalize(" serve", "")', PAGE.replace(" serve", "")),
        ("keep_doc()", PAGE),
        ("drop_doc()", ""),
        ("remove_lines(2, 9)", PAGE),  # lines that are not there
        ("remove_lines(-2, 1)", PAGE),
        ('normalize("", "x")', PAGE),
        ('normalize("nowhere", "x")', PAGE),
        (f'normalize("e", "{"x" * 300}")', PAGE),
        ("remove_lines(0, 3)", None),  # the whole, without saying so
        ("remove_lines(0, 2)", None),  # too much
    ],
)
def test_programs_within_bounds(answer: str, text: str | None) -> None:
    assert carry_out(parse(answer) or [], PAGE, Bounds(removed=0.8)) == text


@given(st.text(max_size=80), st.text(alphabet="remov_lins(0123, )drpcakeh\"'\n", max_size=60))
def test_no_answer_does_harm(text: str, answer: str) -> None:
    new = carry_out(parse(answer) or [], text, Bounds())
    assert new is None or new == "" or len(new) >= 0.2 * len(text)


@given(st.text(alphabet="ab\n", max_size=80), st.integers(1, 20))
def test_chunks_are_whole_lines(text: str, max_characters: int) -> None:
    chunks = chunks_of(text, max_characters)
    assert "\n".join(chunks) == text
    assert all("\n" not in chunk or len(chunk) <= max_characters for chunk in chunks)


def test_lines_are_numbered() -> None:
    assert numbered("a\n\nb") == "[000] a\n[001] \n[002] b"


def test_what_is_counted() -> None:
    answers = [
        Answer("remove_lines(0, 0)\nremove_lines(3, 3)"),
        Answer("Hm."),
        Answer(None, "HTTP status 500"),
        Answer("drop_doc()"),
        Answer("keep_doc()"),
    ]
    method = ProgramEdits.from_options({"model": "openai:http://127.0.0.1:1/v1#m"})
    edit = method.prepare(Resources(ask=lambda reference, device: lambda requests: answers))
    edited = edit(pa.record_batch({"text": pa.array([PAGE] * 5, pa.large_string())}))
    assert edited.text.to_pylist() == ["Cafés serve coffee.\nThey also serve tea.", PAGE, PAGE, "", PAGE]
    assert edited.columns["program"].to_pylist() == [
        "remove_lines(0, 0)\nremove_lines(3, 3)",
        None,
        None,
        "drop_doc()",
        "keep_doc()",
    ]
    assert edited.columns["program_removed_lines"].to_pylist() == [2, 0, 0, 4, 0]
    assert edited.columns["program_refused"].to_pylist() == [0, 1, 1, 0, 0]


def test_in_a_run(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    for number, text in enumerate([PAGE, "Buy now!", "Just a text."]):
        (pool / f"{number}.txt").write_text(text)

    def reply(prompt: str) -> str:
        return "drop_doc()" if "Buy" in prompt else "remove_lines(0, 0)" if "Home" in prompt else "keep_doc()"

    with serving() as server:
        server.reply = reply
        steps: list[Any] = [{"program-edits": {"model": f"openai:{server.base}#m"}}]
        recipe = cupel.Recipe.from_dict({"name": "r", "steps": steps})
        result = cupel.refine(recipe, input=pool, output=tmp_path / "out")
    texts = pq.read_table(tmp_path / "out/data").column("text").to_pylist()
    assert texts == [PAGE.partition("\n")[2], "Just a text."]
    rows = result.ledger().to_arrow().sort_by("doc").to_pylist()
    assert (rows[1]["step"], rows[1]["reason"]) == ("program-edits", "empty-text")
    assert [row["signals"]["program"] for row in rows] == ["remove_lines(0, 0)", "drop_doc()", "keep_doc()"]
    assert result.manifest["asked"]["program-edits"]["requests"] == 3


def test_a_text_that_is_kept_stays_to_the_letter() -> None:
    text = "x" * 70 + "\n\n" + "y" * 70 + "\n"
    method = ProgramEdits.from_options({"model": "openai:http://127.0.0.1:1/v1#m", "max_characters": 60})
    edit = method.prepare(
        Resources(ask=lambda reference, device: lambda requests: [Answer("keep_doc()")] * len(requests))
    )
    edited = edit(pa.record_batch({"text": pa.array([text], pa.large_string())}))
    assert edited.text.to_pylist() == [text]
