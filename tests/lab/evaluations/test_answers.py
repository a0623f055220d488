"""Answers are scored to the token, whatever stands around them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from cupel.corpus.parts import PARTS, Part
from cupel.errors import BadInput
from cupel.lab.data.documents import as_documents
from cupel.lab.evaluations.answers import AnswerBits, Answers
from cupel.lab.evaluations.evaluation import EvaluationContext
from cupel.lab.evaluations.held_out import HeldOutOptions
from tests.lab import tokens

torch = pytest.importorskip("torch", reason="needs the extra lab")

from cupel.lab.training.trainer import Trainer  # noqa: E402
from cupel.models.checkpoint import load_checkpoint  # noqa: E402


def documents(*chats: list[Part] | None) -> pa.Table:
    table = pa.table({"text": ["plain text"] * len(chats), "parts": pa.array(chats, PARTS)})
    return as_documents(table, chats=True)


def user(text: str) -> Part:
    return Part("text", "user", text)


def assistant(text: str) -> Part:
    return Part("text", "assistant", text)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial")
    return Trainer().train(tokens.job(tokens.store(folder, tokens.texts(120)), folder / "trial", steps=20))


def test_bits_of_answers_are_those_of_the_model(trial: Path) -> None:
    """Against the logits of the whole chat, token by token."""
    model, tokenizer = load_checkpoint(trial)
    chat = [user("Café"), assistant("東京"), user("b"), assistant("it was")]
    held = documents(chat, None, [user("nobody answers")])
    (measure,) = Answers(held).measure(model, tokenizer, EvaluationContext())
    assert measure.name == "answer_bits_per_byte "
    assert measure.items == ("0", "1")
    assert measure.weight.tolist() == [len("東京it was".encode()), len("plain text")]
    made = tokens.Tokenizer.load(trial)
    end = made.end_of_text
    pieces = [
        ("<|user|>\nCafé\n<|assistant|>\n", False),
        ("東京", True),
        ("\n<|user|>\nb\n<|assistant|>\n", False),
        ("it was", True),
    ]
    ids, scored = [end], []
    for text, answers in pieces:
        own = made.encode(text)
        scored += [len(ids) + place for place in range(len(own)) if answers]
        ids += [*own, end] if answers else own
    context = model.config.max_position_embeddings
    assert len(ids) > context, "the chat takes several windows"
    short = documents([user("a"), assistant("it was")])
    (measure,) = Answers(short).measure(model, tokenizer, EvaluationContext())
    before, said = made.encode("<|user|>\na\n<|assistant|>\n"), made.encode("it was")
    row = torch.tensor([[end, *before, *said]])
    assert row.shape[1] <= context
    with torch.no_grad():
        log_probs = model(input_ids=row).logits.float().log_softmax(-1)[0]
    bits = -sum(float(log_probs[len(before) + place, token]) for place, token in enumerate(said)) / torch.log(
        torch.tensor(2.0)
    )
    assert measure.amount.tolist() == pytest.approx([float(bits)], rel=1e-4)


def test_what_users_say_is_not_scored_but_read(trial: Path) -> None:
    model, tokenizer = load_checkpoint(trial)
    held = documents([user("a"), assistant("it was")], [user("his they at be"), assistant("it was")])
    (measure,) = Answers(held).measure(model, tokenizer, EvaluationContext())
    assert measure.weight.tolist() == [6.0, 6.0]
    assert measure.amount[0] != pytest.approx(measure.amount[1], rel=1e-6)


def test_an_answer_that_is_cut_is_scored_as_far_as_it_goes() -> None:
    held = documents([user("a"), assistant("0123456789")])
    cut = len("<|user|>\na\n<|assistant|>\n0123")
    answers = Answers(held, HeldOutOptions(max_document_bytes=cut))
    assert answers.documents["text"].to_pylist()[0].endswith("\n0123")
    with pytest.raises(BadInput, match="none holds an answer"):
        Answers(documents([user("a")]))
    with pytest.raises(BadInput, match="no column 'answers'"):
        AnswerBits().on(held.drop_columns(["answers"]))


def test_a_chat_without_an_answer_as_far_as_it_goes_is_left_out() -> None:
    """Else a domain that has no other weighs nothing, and its value is no number."""
    question = user("long " * 100)
    whole = documents([question, assistant("yes")], [user("a"), assistant("it was")])
    held = whole.set_column(whole.schema.get_field_index("domain"), "domain", pa.array(["x", "y"]))
    assert Answers(held).documents["domain"].to_pylist() == ["x", "y"]
    options = HeldOutOptions(max_document_bytes=64)
    assert Answers(held, options).documents["domain"].to_pylist() == ["y"]
    with pytest.raises(BadInput, match="in its first 64 bytes"):
        Answers(held.slice(0, 1), options)


def test_the_digest_follows_the_answers() -> None:
    first, other = documents([user("a"), assistant("b")]), documents([user("a"), assistant("c")])
    assert Answers(first).digest == Answers(first).digest != Answers(other).digest
    moved = first.set_column(first.schema.get_field_index("answers"), "answers", pa.array([[0, 1]]))
    assert Answers(moved).digest != Answers(first).digest
