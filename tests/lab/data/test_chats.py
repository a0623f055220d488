"""Chats are written by one template, and it is known to the token what their answers are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cupel.corpus.parts import PARTS, Part, details_json
from cupel.errors import BadInput
from cupel.lab.data.chats import encode_chats, render, render_column
from cupel.lab.data.documents import as_documents, read_documents
from cupel.lab.data.pack import pack
from cupel.lab.training.order import Order
from cupel.lab.training.tokens import TokenStore
from tests.lab import tokens

CHAT = [
    Part("layout", extra=details_json({"layout": "messages", "fields": []})),
    Part("text", "system", "Be brief."),
    Part("text", "user", "Café?"),
    Part("text", "assistant", "Oui."),
    Part("text", "user", "東京?"),
    Part("text", "assistant", "A city."),
]


def answers_of(text: str, spans: list[int]) -> list[str]:
    return [text[start:end] for start, end in zip(spans[::2], spans[1::2], strict=True)]


def test_the_template() -> None:
    text, spans = render(CHAT)
    assert text == (
        "<|system|>\nBe brief.\n<|user|>\nCafé?\n<|assistant|>\nOui.\n<|user|>\n東京?\n<|assistant|>\nA city."
    )
    assert answers_of(text, spans) == ["Oui.", "A city."]


def test_the_chosen_answer_of_a_pair_is_taken_and_media_are_left_out() -> None:
    text, spans = render(
        [
            Part("text", "user", "Look:\r\n"),
            Part("image", "user", extra=details_json({"continues": True})),
            Part("text", "assistant", "A cat.", extra=details_json({"branch": "chosen"})),
            Part("text", "assistant", "A dog.", extra=details_json({"branch": "rejected"})),
        ]
    )
    assert answers_of(text, spans) == ["A cat."]
    assert "dog" not in text
    assert text.startswith("<|user|>\nLook:\n\n<|assistant|>")


def test_where_nobody_speaks_all_counts() -> None:
    assert render([Part("image"), Part("text", None, "A caption.")]) == ("A caption.", None)
    texts, answers = render_column(pa.array(["plain"], pa.large_string()), pa.nulls(1, PARTS))
    assert (texts.to_pylist(), answers.to_pylist()) == (["plain"], [None])


def test_only_answers_count_and_each_is_closed(tmp_path: Path) -> None:
    tokenizer = tokens.tokenizer(tmp_path)
    text, spans = render(CHAT)
    question = "<|user|>\nNobody answers."
    encoded = encode_chats(tokenizer.encoder, [text, "plain", question], [spans, None, []])
    end = tokenizer.end_of_text
    first = slice(int(encoded.offsets[0]), int(encoded.offsets[1]))
    counted = encoded.tokens[first][encoded.counts[first]].tolist()
    assert counted == [*tokenizer.encode("Oui."), end, *tokenizer.encode("A city."), end]
    assert tokenizer.decode(t for t in encoded.tokens[first].tolist() if t != end) == text
    said = encoded.tokens[first][encoded.answers[first]].tolist()
    assert said == [*tokenizer.encode("Oui."), *tokenizer.encode("A city.")]
    assert encoded.counts[int(encoded.offsets[1]) : int(encoded.offsets[2])].all()
    assert not encoded.counts[int(encoded.offsets[2]) :].any()
    assert [int(encoded.tokens[offset - 1]) for offset in encoded.offsets[1:]] == [end] * 3


def test_plain_texts_are_packed_to_the_byte_as_without_a_mask(tmp_path: Path) -> None:
    """A store has a mask only where something does not count."""
    tokenizer = tokens.tokenizer(tmp_path)
    table = as_documents(tokens.texts(30))
    pack([(None, table.to_batches())], tokenizer, tmp_path / "plain", name="plain")
    chats = as_documents(tokens.texts(30), chats=True)
    pack([(None, chats.to_batches())], tokenizer, tmp_path / "chats", name="chats")
    names = sorted(path.name for path in (tmp_path / "plain").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "chats").iterdir())
    assert "mask.bin" not in names
    for name in names:
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "chats" / name).read_bytes(), name


def chat_table(number: int) -> pa.Table:
    questions, replies = tokens.texts(number, seed=1), tokens.texts(number, seed=2)
    parts = [
        [Part("text", "user", question), Part("text", "assistant", reply)]
        for question, reply in zip(questions, replies, strict=True)
    ]
    return pa.table({"text": questions, "parts": pa.array(parts, PARTS)})


def test_a_batch_knows_which_targets_count(tmp_path: Path) -> None:
    tokenizer = tokens.tokenizer(tmp_path)
    table = as_documents(chat_table(40), chats=True)
    store = pack([(None, table.to_batches())], tokenizer, tmp_path / "tokens", name="chats")
    assert TokenStore.is_whole(store.folder)
    order = Order(store, tmp_path / "visits", seed=3, length=8 * 4 * 32 + 1)
    stream = np.concatenate([store.document(int(d)) for d in order.visits["document"]])
    counts = np.concatenate([store.counts(int(d)) for d in order.visits["document"]])
    for step in range(8):
        batch = order.batch(step, 4, 32)
        first = step * 4 * 32
        assert batch.tokens[:, :-1].ravel().tolist() == stream[first : first + 128].tolist()
        assert batch.mask is not None
        assert batch.mask.ravel().tolist() == counts[first + 1 : first + 129].tolist()
        half = order.batch(step, 4, 32, slice(2, 4))
        assert half.mask is not None
        assert half.mask.tolist() == batch.mask[2:].tolist()


def test_a_long_chat_is_counted_as_one_document(tmp_path: Path) -> None:
    """An end of text inside of a chat, where a piece would end, does not end the chat."""
    tokenizer = tokens.tokenizer(tmp_path)
    reply = Part("text", "assistant", "a")
    parts = [[Part("text", "user", "b"), reply] * 30, [Part("text", "user", "c"), reply]]
    table = as_documents(pa.table({"text": ["", ""], "parts": pa.array(parts, PARTS)}), chats=True)
    for piece_tokens in range(20, 40):
        folder = tmp_path / str(piece_tokens)
        store = pack([(None, table.to_batches())], tokenizer, folder, name="long", piece_tokens=piece_tokens)
        assert set(store.owners(tokenizer.end_of_text).tolist()) == {0, 1}


def test_chats_without_an_answer_are_refused(tmp_path: Path) -> None:
    parts = pa.array([[Part("text", "user", "Anybody?")]], PARTS)
    table = as_documents(pa.table({"text": ["Anybody?"], "parts": parts}), chats=True)
    with pytest.raises(BadInput, match="arm 'mute' holds no answer"):
        pack([(None, table.to_batches())], tokens.tokenizer(tmp_path), tmp_path / "tokens", name="mute")


def test_files_of_chats_are_read_with_their_answers(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.jsonl"
    row = {"instruction": "Translate.", "input": "東京", "output": "Tokyo", "weight": 2}
    path.write_text(json.dumps(row) + "\n")
    (document,) = next(read_documents(str(path), chats=True)).to_pylist()
    assert document["text"] == "<|user|>\nTranslate.\n\n東京\n<|assistant|>\nTokyo"
    assert answers_of(document["text"], document["answers"]) == ["Tokyo"]
    assert document["weight"] == 2.0
    (plain,) = next(read_documents(str(path))).to_pylist()
    assert "answers" not in plain
    assert plain["text"] == "Translate.\n\n東京\n\nTokyo"
