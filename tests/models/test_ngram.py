"""N-gram models: what they say, beside KenLM, and what is left of them after saving and loading."""

from __future__ import annotations

import math
import random
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.errors import BadInput, BadOption
from cupel.models.ngram import FILE, Ngram
from cupel.store import digest_file
from tests.conftest import examples

from .kneser_ney import KneserNey

VOCABULARY = ["".join(letters) for letters in ("abc", "bcd", "cde", "def", "efg", "fgh", "ghi", "hij", "ijk")]
texts_of_words = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=9), min_size=1, max_size=9)


def drawn(count: int, words: int, seed: int) -> list[list[str]]:
    """Texts in which words depend on the word before, some words much more common than others."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices("bdklmnrstaeiou", k=6)) for _ in range(300)]
    texts = []
    for _ in range(count):
        text = [0]
        for _ in range(rng.randrange(words)):
            text.append(int(rng.paretovariate(1.6) * (1 + text[-1] % 7)) % len(vocabulary))
        texts.append([vocabulary[word] for word in text])
    return texts


def column(texts: list[list[str]]) -> pa.Array:
    return pa.array([" ".join(words) for words in texts], pa.large_string())


@pytest.mark.parametrize("order", [2, 3, 5])
def test_kenlm_gives_the_same_scores(order: int, tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm", reason="the query of KenLM is the peer")
    seen, unseen = drawn(400, 40, seed=1), drawn(100, 40, seed=1)[::-1] + drawn(60, 30, seed=2)
    mixed = [[*a[:9], "unheardof", *b[:9]] for a, b in zip(unseen, seen[50:], strict=False)]
    seen += seen[::3]  # as in any corpus, some long n-grams occur more than once
    reference = KneserNey(seen, order)
    assert all(0.1 < discount < 0.9 for discount in reference.discounts)
    (tmp_path / "model.arpa").write_text("\n".join(reference.arpa()) + "\n")
    peer = kenlm.Model(str(tmp_path / "model.arpa"))
    asked = [text for text in (*seen[:100], *unseen, *mixed) if text]
    answers = Ngram.fit([column(seen)], order=order).log_probs(column(asked))
    assert answers.tokens.tolist() == [len(text) for text in asked]
    for text, log_prob in zip(asked, answers.nats, strict=True):
        expected = peer.score(" ".join(text), bos=True, eos=False)
        assert log_prob / math.log(10) == pytest.approx(expected, abs=1e-4)


def test_perplexity_and_bits_are_those_of_the_log_probability() -> None:
    model = Ngram.fit([column(drawn(50, 30, seed=3))], order=3)
    texts = pa.array(["Der Igel trank — naß.", "東京", None, "", "… — …"])
    answers = model.log_probs(texts)
    assert answers.tokens.tolist() == [4, 2, 0, 0, 0]
    assert answers.bytes.tolist() == [len((text or "").encode()) for text in texts.to_pylist()]
    for row in (0, 1):
        log_prob = answers.nats[row]
        words, size = answers.tokens[row], answers.bytes[row]
        assert answers.mean()[row] == log_prob / words
        assert answers.perplexity()[row] == pytest.approx(math.exp(-log_prob / words))
        assert answers.bits_per_byte()[row] == pytest.approx(-log_prob / math.log(2) / size)
    for values in (answers.nats, answers.mean(), answers.perplexity(), answers.bits_per_byte()):
        assert np.isnan(values).tolist() == [False, False, True, True, True]


def test_a_model_of_no_words_says_nothing() -> None:
    for batches in ([], [pa.array([None, "…"], pa.string())]):
        model = Ngram.fit(batches, order=3)
        assert np.isnan(model.log_probs(pa.array(["words"])).nats).all()


@settings(max_examples=examples(30), deadline=None)
@given(texts=texts_of_words, cut=st.integers(0, 9), order=st.integers(2, 8))
def test_the_same_texts_give_the_same_file(
    texts: list[list[str]], cut: int, order: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("models")
    whole = Ngram.fit([column(texts)], order=order)
    parts = Ngram.fit([column(texts[cut:]), column(texts[:cut][::-1])], order=order, threads=3)
    whole.save(folder / "whole")
    parts.save(folder / "parts")
    assert (folder / "whole" / FILE).read_bytes() == (folder / "parts" / FILE).read_bytes()
    loaded = Ngram.load(folder / "whole", threads=2)
    assert whole.digest == loaded.digest == digest_file(folder / "whole" / FILE)
    assert (loaded.order, loaded.entries) == (order, whole.entries)
    asked = pa.array(["abc bcd cde def", "ijk unheardof abc", ""])
    assert np.array_equal(
        loaded.log_probs(asked).nats, whole.log_probs(asked, threads=2).nats, equal_nan=True
    )


def test_other_texts_have_another_digest() -> None:
    digests = {Ngram.fit([pa.array([text])], order=3).digest for text in ("a b c", "a b d", "a b c c")}
    assert len(digests | {Ngram.fit([pa.array(["a b c"])], order=4).digest}) == 4


def test_a_model_that_is_not_there_or_is_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"model\.ngram: No such file or directory; expected the file of an n-gram model"
    ):
        Ngram.load(tmp_path / "nowhere")
    Ngram.fit([column(drawn(5, 30, seed=3))], order=3).save(tmp_path)
    file = tmp_path / FILE
    whole = file.read_bytes()
    for damaged, message in (
        (b"", "memory map an empty file|too short"),
        (whole[:-1], "the file ends inside its n-grams of order 3"),
        (
            whole[:100] + bytes([whole[100] ^ 1]) + whole[101:],
            "its n-grams of order 1: .* the file is damaged",
        ),
        (b"CUPELNGM" + struct.pack("<I", 9) + whole[12:], "its version is 9, expected 1"),
        (whole + b"\0", "1 bytes stand behind its end"),
        (b"{}" * 100, "it does not begin as one"),
    ):
        file.write_bytes(damaged)
        with pytest.raises(BadInput, match=f"{FILE}: .*({message}).*; save the model again"):
            Ngram.load(tmp_path)


def test_what_cannot_be_asked_is_said() -> None:
    with pytest.raises(BadOption, match="n-gram model: order: expected 2 to 8, got 9"):
        Ngram.fit([], order=9)
    with pytest.raises(BadOption, match="n-gram model"):
        Ngram.fit([], order=-1)
    with pytest.raises(BadInput, match="expected a text column, got Int64"):
        Ngram.fit([pa.array([1])], order=3)
    with pytest.raises(BadInput, match="expected a text column, got Int64"):
        Ngram.fit([], order=3).log_probs(pa.array([1]))
