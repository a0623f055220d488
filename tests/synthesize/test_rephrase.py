"""Rephrasings: what is asked, what is read from an answer, and what is refused."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.contract import Resources, find_method
from cupel.errors import BadOption, UnknownName
from cupel.models.model import Answer, Request
from cupel.synthesize.rephrase import STYLES, SYSTEM, Rephrase, pieces_of, without_preamble

TEXT = "Tōkyō is the capital of Japan. It has some fourteen million inhabitants.\n\nKyōto was it before."


def _write(answers: list[Answer], texts: list[str], **options: object) -> tuple[object, list[Request]]:
    asked: list[Request] = []

    def ask_of(reference: str, device: str):  # type: ignore[no-untyped-def]
        def ask(requests):  # type: ignore[no-untyped-def]
            asked.extend(requests)
            return answers[: len(requests)]

        return ask

    method = Rephrase.from_options({"model": "openai:http://127.0.0.1:1/v1#m", **options})
    write = method.prepare(Resources(ask=ask_of))
    return write(pa.record_batch({"text": pa.array(texts, pa.large_string())})), asked


def test_the_prompt_is_that_of_the_paper() -> None:
    births, asked = _write([Answer(TEXT)] * 4, [TEXT], styles=list(STYLES))
    assert [document.fields["style"] for document in births.documents] == list(STYLES)  # type: ignore[attr-defined]
    for request, prompt in zip(asked, STYLES.values(), strict=True):
        assert [message.content for message in request.messages] == [SYSTEM, f"{prompt}\n{TEXT}"]


def test_pieces_are_asked_each_and_joined() -> None:
    births, asked = _write([Answer("First part."), Answer("Second part.")], [TEXT], max_characters=80)
    assert len(asked) == 2
    assert asked[1].messages[1].content.endswith("\nKyōto was it before.")
    (document,) = births.documents  # type: ignore[attr-defined]
    assert document.text == "First part.\n\nSecond part."
    assert document.parents == (0,)


def test_what_is_refused() -> None:
    answers = [Answer(None, "HTTP status 500"), Answer("No."), Answer("x" * 400), Answer(TEXT)]
    births, _ = _write(answers, [TEXT] * 4)
    assert [(refusal.parents, refusal.reason, refusal.answer) for refusal in births.refused] == [  # type: ignore[attr-defined]
        ((0,), "no-answer", ""),
        ((1,), "out-of-proportion", "No."),
        ((2,), "out-of-proportion", "x" * 400),
    ]
    assert "HTTP status 500" in births.refused[0].detail  # type: ignore[attr-defined]
    assert [document.parents for document in births.documents] == [(3,)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Sure! Here's a paraphrase of the paragraph:\n\nTea.", "Tea."),
        ("Here is the rewritten version of the paragraph: Tea.", "Tea."),
        ("Paraphrase: Tea.", "Tea."),
        ("Okay, here are some questions and answers about it:\nQuestion: Tea?", "Question: Tea?"),
        ("Sure, I like tea.", "Sure, I like tea."),
        ("Here are the steps: boil water.", "Here are the steps: boil water."),
        ("Here is tea. It is a version of: nothing", "Here is tea. It is a version of: nothing"),
        ("  Tea.\n", "Tea."),
    ],
)
def test_what_a_model_says_before_it_begins(answer: str, text: str) -> None:
    assert without_preamble(answer) == text


@given(st.text(alphabet="ab .\n東。", max_size=200), st.integers(1, 40))
def test_pieces_hold_the_whole_text(text: str, max_characters: int) -> None:
    pieces = pieces_of(text, max_characters)
    assert all(piece and len(piece) <= max_characters for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_pieces_end_where_paragraphs_do() -> None:
    assert pieces_of("One. Two.\n\nThree.\nFour.\n\nFive.", 22) == ["One. Two.", "Three.\nFour.\n\nFive."]
    assert pieces_of("One two three. Four five six.\n\nSeven", 16) == [
        "One two three.",
        "Four five six.",
        "Seven",
    ]


def test_options() -> None:
    model = {"model": "openai:http://127.0.0.1:1/v1#m"}
    with pytest.raises(BadOption, match="each style can be named once"):
        Rephrase.from_options({**model, "styles": ["easy", "easy"]})
    with pytest.raises(BadOption, match="styles"):
        Rephrase.from_options({**model, "styles": ["plain"]})
    with pytest.raises(UnknownName, match="did you mean 'styles'"):
        Rephrase.from_options({**model, "style": ["easy"]})
    with pytest.raises(BadOption, match="ngram"):
        Rephrase.from_options({"model": "ngram:folder"})
    assert find_method("rephrase").kind == "generator"
